// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Patterns
internal import ResourceDocuments

/// Makes routes of a file, of which the first one that matches counts, say the same in Weft, where the most specific one
/// does (docs/http-route.md, "Which rule").
///
/// Two matches that some request fits both, and of which Weft would ask the later one first, are made right in one of
/// these ways, in this order:
///
/// - the earlier one asks for a header, method or parameter besides: its rule gets another match, with the path of the
///   later one and what both ask for, which is more specific than the later one alone. `x-canary` at `/` before `/api`
///   becomes `x-canary` at `/` and at `/api`;
/// - both are expressions, of which the longer is asked first: the earlier one gets brackets around it, which mean nothing;
/// - else it is an error that names both. Where the earlier one takes everything of the later one, Envoy never asks the
///   later one, and most likely nobody meant that.
struct RouteOrder {
    struct Placed {
        let route: Int
        var path: PathShape
        var method: String?
        var headers: [EnvoyMatch.Condition]
        var query: [EnvoyMatch.Condition]
        /// Made here, from those of two routes.
        let isDerived: Bool

        /// As `MatchRank` has it: the lesser is asked first.
        var rank: [Int] {
            let (type, value) = path.written
            let kind = type == "Exact" ? 0 : type == "RegularExpression" ? 1 : 2
            let length = value == "/" ? 0 : value.utf8.count
            return [kind, -length, method == nil ? 1 : 0, -headers.count, -query.count]
        }

        func isAsked(before other: Placed) -> Bool {
            let (mine, others) = (rank, other.rank)
            return mine == others ? route < other.route : mine.lexicographicallyPrecedes(others)
        }
    }

    /// The Gateway API's limit for the matches of a rule.
    private static let matchesMax = 64
    private static let bracketsMax = 12

    private(set) var matches: [Placed]
    private let routes: [EnvoyRoute]
    private var told: Set<[Int]> = []

    init(_ routes: [EnvoyRoute]) {
        self.routes = routes
        matches = routes.enumerated().map { index, route in
            Placed(
                route: index, path: route.match.path, method: route.match.method, headers: route.match.headers,
                query: route.match.query, isDerived: false)
        }
        // Every round adds a match or brackets to one, both of which are bounded.
        while mendOne() {}
    }

    /// The matches of a route.
    func matches(of route: Int) -> [Placed] { matches.filter { $0.route == route } }

    /// Finds two matches in the wrong order, and mends them or complains; false where there are none left.
    private mutating func mendOne() -> Bool {
        for first in matches.indices {
            for second in matches.indices {
                let (earlier, later) = (matches[first], matches[second])
                guard earlier.route < later.route, later.isAsked(before: earlier),
                    routes[earlier.route].action != routes[later.route].action,
                    !told.contains([earlier.route, later.route]), earlier.path.overlaps(later.path),
                    let both = Self.both(earlier, later)
                else { continue }
                if isTaken(both, before: later) { continue }
                if mend(first, earlier, later, both) { return true }
                told.insert([earlier.route, later.route])
                complain(earlier, later)
            }
        }
        return false
    }

    private mutating func mend(_ index: Int, _ earlier: Placed, _ later: Placed, _ both: Placed?) -> Bool {
        let isDead = earlier.path.contains(later.path) && both?.conditions == later.conditions
        if isDead, !later.isDerived { return false }
        if earlier.path.contains(later.path), let both {
            guard !routes[earlier.route].replacesPrefix, matches(of: earlier.route).count < Self.matchesMax else {
                return false
            }
            matches.append(both)
            return true
        }
        guard earlier.rank.first == 1, later.rank.first == 1 else { return false }
        var text = earlier.path.written.value
        for _ in 0..<Self.bracketsMax where text.utf8.count <= later.path.written.value.utf8.count {
            text = "(?:\(text))"
        }
        guard text.utf8.count > later.path.written.value.utf8.count, text.utf8.count <= Pattern.lengthMax else {
            return false
        }
        matches[index].path = .expression(text)
        return true
    }

    /// What both ask for, at the path of the later one, for the rule of the earlier one. `.some(nil)` where it cannot be
    /// written, nil where no request can fit both.
    private static func both(_ earlier: Placed, _ later: Placed) -> Placed?? {
        if let first = earlier.method, let second = later.method, first != second { return nil }
        var isWritable = true
        func union(_ mine: [EnvoyMatch.Condition], _ others: [EnvoyMatch.Condition]) -> [EnvoyMatch.Condition]? {
            var all = others
            for condition in mine {
                guard let index = all.firstIndex(where: { $0.name == condition.name }) else {
                    all.append(condition)
                    continue
                }
                let other = all[index]
                switch (condition.isExpression, other.isExpression) {
                case (false, false): if condition.value != other.value { return nil }
                case (true, true): if condition.value != other.value { isWritable = false }
                case (false, true):
                    if !matches(other.value, condition.value) { return nil }
                    all[index] = condition
                case (true, false): if !matches(condition.value, other.value) { return nil }
                }
            }
            return all
        }
        guard let headers = union(earlier.headers, later.headers), let query = union(earlier.query, later.query) else {
            return nil
        }
        guard isWritable else { return .some(nil) }
        return Placed(
            route: earlier.route, path: later.path, method: earlier.method ?? later.method, headers: headers,
            query: query, isDerived: true)
    }

    private static func matches(_ expression: String, _ text: String) -> Bool {
        (try? Pattern(expression)).map { $0.judge(text) != .noMatch } ?? true
    }

    /// True if everything that fits `both` is taken by another match of the same or an earlier route that is asked before
    /// `later`.
    private func isTaken(_ both: Placed?, before later: Placed) -> Bool {
        guard let both else { return false }
        return matches.contains { other in
            other.route <= both.route && other.isAsked(before: later) && other.path.contains(both.path)
                && (other.method == nil || other.method == both.method)
                && other.conditions.isSubset(of: both.conditions)
        }
    }

    private func complain(_ earlier: Placed, _ later: Placed) {
        let (first, second) = (routes[earlier.route], routes[later.route])
        let isDead = earlier.path.contains(later.path) && earlier.conditions.isSubset(of: later.conditions)
        let here = "here the more specific of two matches counts, whatever their order"
        if isDead {
            second.value.refuse(
                "Envoy never asks this route, since \(first.value.path) stands before it and takes all of its requests; "
                    + here, "put it before that one if it is meant to count, or remove it")
        } else {
            second.value.refuse(
                "\(first.value.path) stands before this route, and some requests fit both; \(here)",
                "make their matches exclude each other")
        }
    }
}

extension RouteOrder.Placed {
    /// What it asks for besides the path.
    fileprivate var conditions: Set<String> {
        var all: Set<String> = []
        if let method { all.insert("method \(method)") }
        for header in headers { all.insert("header \(header.name) \(header.isExpression) \(header.value)") }
        for parameter in query { all.insert("query \(parameter.name) \(parameter.isExpression) \(parameter.value)") }
        return all
    }

    /// An entry of `matches`; nil where it is what no matches at all mean.
    var text: YAMLText? {
        var fields = YAMLFields()
        let (type, value) = path.written
        let isEverything = path == .prefix("/")
        if !isEverything || method != nil || !headers.isEmpty || !query.isEmpty {
            fields.add("path", .mapping([("type", .word(type)), ("value", .word(value))]))
        }
        fields.add("method", method)
        fields.add("headers", headers.map(\.text))
        fields.add("queryParams", query.map(\.text))
        return fields.isEmpty ? nil : .mapping(fields.all)
    }
}

extension EnvoyMatch.Condition {
    fileprivate var text: YAMLText {
        var fields = YAMLFields()
        if isExpression { fields.add("type", "RegularExpression") }
        fields.add("name", name)
        fields.add("value", value)
        return .mapping(fields.all)
    }
}
