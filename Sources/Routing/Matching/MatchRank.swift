// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The place of a match among those for one host: the lesser is asked first.
struct MatchRank: Comparable {
    /// In the order in which they decide.
    private let keys: [Int]

    /// `age`: the place of its route among all, oldest first; `rule` and `place`: those of the rule and of the match in
    /// it.
    init(_ match: CompiledMatch, age: Int, rule: Int, place: Int) {
        let (kind, length) =
            switch match.path {
            case .exact: (0, 0)
            case .expression(let expression): (1, expression.length)
            case .prefix(let prefix): (2, prefix.utf8.count)
            }
        keys = [
            kind, -length, match.method == nil ? 1 : 0, -match.headers.count, -match.queryParameters.count, age, rule,
            place,
        ]
    }

    static func < (left: MatchRank, right: MatchRank) -> Bool { left.keys.lexicographicallyPrecedes(right.keys) }
}
