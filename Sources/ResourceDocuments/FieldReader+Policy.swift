// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import HTTPCodec
internal import MeshModel
internal import Patterns

/// `kind: Policy`: who may do what to a workload. A list that is empty is an error everywhere: `from: []` must not silently
/// mean anybody.
extension FieldReader {
    mutating func policy() -> Policy? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                let namespace = metadata?.reference.namespace ?? .defaultNamespace
                // What cannot be read must not become the whole namespace; the document is refused anyway.
                let target = fields.readFilled("target") { $0.policyTarget(namespace) } ?? .namespace
                let mode = fields.read("mode") { $0.choice(Policy.Mode.self) } ?? .enforce
                let rules = fields.require("rules") { $0.filledList(Self.orLeaveIt) { $0.policyRule } }
                guard let metadata, let rules else { return nil }
                return Policy(reference: metadata.reference, target: target, mode: mode, rules: rules)
            }
        }
    }

    private static let orLeaveIt = "leave it away for everything, or give at least one"

    fileprivate mutating func assignList<Element>(
        _ name: String, to list: inout [Element], _ read: (Value) -> Element?
    ) {
        if let elements = readFilled(name, { $0.filledList(Self.orLeaveIt, read) }) { list = elements }
    }
}

extension Value {
    /// Of the policy's own namespace: nobody decides about another one's workloads.
    fileprivate func policyTarget(_ namespace: ResourceName) -> Policy.Target? {
        mapping { fields in
            let workload = fields.read("workload") { $0.resourceName }
            let service = fields.read("service") { $0.resourceName }
            switch (workload, service) {
            case (let name?, nil): return .workload(ResourceReference(namespace: namespace, name: name))
            case (nil, let name?): return .service(ResourceReference(namespace: namespace, name: name))
            default:
                fields.complain(
                    .missingField, "a target is either `workload: NAME` or `service: NAME`",
                    "leave `target` away for every workload of the namespace")
                return nil
            }
        }
    }

    fileprivate var policyRule: Policy.Rule? {
        mapping { fields in
            var rule = Policy.Rule()
            rule.name = fields.read("name") { $0.resourceName?.text }
            fields.assign("effect", to: &rule.effect) { $0.choice(Policy.Effect.self) }
            fields.assignList("from", to: &rule.callers) { $0.policyCaller }
            fields.assignList("ports", to: &rule.ports) { value in
                value.scalar("a port or a range of ports such as 8000-8099") { PortRange($0) }
            }
            fields.assignList("http", to: &rule.requests) { $0.requestPattern }
            return rule
        }
    }

    /// Exactly one of the fields.
    fileprivate var policyCaller: Policy.Caller? {
        mapping { fields in
            let found: [Policy.Caller?] = [
                fields.read("identity") { $0.spiffeID.map { .identity($0) } },
                fields.read("namespace") { $0.resourceName.map { .namespace($0) } },
                fields.read("trustDomain") { $0.trustDomain.map { .trustDomain($0) } },
                fields.read("authenticated") { $0.affirmation(.authenticated) },
                fields.read("unauthenticated") { $0.affirmation(.unauthenticated) },
                fields.read("range") { $0.addressRange.map { .range($0) } },
            ]
            let callers = found.compactMap(\.self)
            guard callers.count == 1 else {
                fields.complain(
                    .missingField,
                    "a caller is exactly one of `identity`, `namespace`, `trustDomain`, "
                        + "`authenticated`, `unauthenticated` and `range`", "write one entry for each")
                return nil
            }
            return callers.first
        }
    }

    /// `authenticated: true`; false would read as its opposite and mean nothing.
    private func affirmation(_ caller: Policy.Caller) -> Policy.Caller? {
        guard let truth else { return nil }
        if truth { return caller }
        complain(.badValue, "false says nothing", "write `authenticated: true` or `unauthenticated: true`")
        return nil
    }

    fileprivate var requestPattern: Policy.RequestPattern? {
        mapping { fields in
            var pattern = Policy.RequestPattern()
            fields.assignList("methods", to: &pattern.methods) { $0.policyMethod }
            fields.assignList("paths", to: &pattern.paths) { $0.policyPath }
            fields.assignList("hosts", to: &pattern.hosts) { $0.policyHost }
            fields.assignList("headers", to: &pattern.headers) { $0.policyHeader }
            if fields.isEmpty {
                fields.complain(
                    .missingField, "a pattern without methods, paths, hosts and headers matches every request",
                    "say what is asked for, or leave `http` away")
            }
            return pattern
        }
    }

    private var policyMethod: String? {
        scalar("a method in upper case, such as GET") { text in
            let isMethod = !text.isEmpty && text.utf8.allSatisfy(\.isTokenCharacter) && text == text.uppercased()
            return isMethod ? text : nil
        }
    }

    private var policyHost: HostPattern? {
        scalar("a host such as api.example or *.example, without a port") { HostPattern($0) }
    }

    /// What Gateway API calls the ways to match.
    private enum PathKind: String, CaseIterable {
        case exact = "Exact"
        case prefix = "PathPrefix"
        case expression = "RegularExpression"
    }

    private enum ValueKind: String, CaseIterable {
        case exact = "Exact"
        case expression = "RegularExpression"
    }

    private var policyPath: RouteMatch.Path? {
        mapping { fields in
            let kind = fields.require("type") { $0.choice(PathKind.self) }
            // Without the type the value cannot be judged.
            let value = fields.require("value") { value in
                switch kind {
                case nil: value.text
                case .expression: value.policyExpression
                case .exact, .prefix: value.normalPath
                }
            }
            guard let kind, let value else { return nil }
            switch kind {
            case .exact: return .exact(value)
            case .prefix: return .prefix(value)
            case .expression: return .expression(value)
            }
        }
    }

    private var policyHeader: ValueMatch? {
        mapping { fields in
            let name = fields.require("name") { $0.headerName }
            let kind = fields.read("type") { $0.choice(ValueKind.self) } ?? .exact
            let value = fields.require("value") { kind == .expression ? $0.policyExpression : $0.text }
            guard let name, let value else { return nil }
            return ValueMatch(name: name, value: value, isExpression: kind == .expression)
        }
    }

    private var headerName: String? {
        let name = scalar("the name of a header field") { text in
            text.isEmpty || !text.utf8.allSatisfy(\.isTokenCharacter) ? nil : text.lowercased()
        }
        guard let name else { return nil }
        guard !Policy.RequestPattern.unseenHeaders.contains(name) else {
            complain(
                .badValue, "`\(name)` frames a message or belongs to one hop, and is not judged",
                name == "host" ? "match it by `hosts`" : "match another field")
            return nil
        }
        return name
    }

    private var policyExpression: String? {
        guard let text else { return nil }
        do throws(Pattern.SyntaxError) {
            return try Pattern(text).text
        } catch {
            complain(
                .badValue, "`\(text.prefix(80))` is not a regular expression: at byte \(error.offset), \(error.reason)")
            return nil
        }
    }

    /// A path that is not normal would never match, as what comes is normalised (docs/paths.md).
    private var normalPath: String? {
        guard let text else { return nil }
        if let mark = text.first(where: { $0 == "?" || $0 == "#" }) {
            complain(.badValue, "`\(text.prefix(80))` holds a `\(mark)`, but a path has no query", "end it before that")
            return nil
        }
        guard text.utf8.first == UInt8(ascii: "/") else {
            complain(.badValue, "`\(text.prefix(80))` is not a path", "begin it with a slash")
            return nil
        }
        do throws(PathRefusal) {
            let normal = try NormalPath.normalise(text)
            if normal.utf8.elementsEqual(text.utf8) { return text }
            complain(
                .badValue, "`\(text.prefix(80))` is not in normal form and would never match", "write `\(normal)`")
        } catch {
            complain(
                .badValue, "`\(text.prefix(80))` would never match: \(error.sentence)", "write a path in normal form")
        }
        return nil
    }
}
