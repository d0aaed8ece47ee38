// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The place of a match among those for one host: the lesser is asked first.
struct MatchRank: Comparable {
    /// In the order in which they decide.
    private let keys: [Int]

    /// `age`: the place of its route among all, oldest first; `rule` and `place`: those of the rule and of the match in
    /// it.
    init(_ match: CompiledMatch, age: Int, rule: Int, place: Int) {
        keys =
            (match.call.map(Self.keys) ?? Self.keys(of: match))
            + [-match.headers.count, -match.queryParameters.count, age, rule, place]
    }

    private static func keys(of match: CompiledMatch) -> [Int] {
        let (kind, length) =
            switch match.path {
            case .exact: (0, 0)
            case .expression(let expression): (1, expression.length)
            case .prefix(let prefix): (2, prefix.utf8.count)
            case .call: (3, 0)
            }
        return [kind, -length, match.method == nil ? 1 : 0]
    }

    /// Of a call the service decides, then the method: named, then by the longest expression, then any. What the Gateway
    /// API counts, the characters that match, is equal for all that name the service.
    private static func keys(of call: CallMatch) -> [Int] {
        [call.service, call.method].flatMap { part in
            guard let part else { return [2, 0] }
            return call.isExpression ? [1, -part.utf8.count] : [0, 0]
        }
    }

    static func < (left: MatchRank, right: MatchRank) -> Bool { left.keys.lexicographicallyPrecedes(right.keys) }
}
