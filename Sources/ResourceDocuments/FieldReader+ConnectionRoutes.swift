// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: TLSRoute` and `kind: TCPRoute` of the Gateway API; `docs/tls-route.md` and `docs/tcp-route.md` say what of them is
/// read.
extension FieldReader {
    mutating func connectionRoute(_ kind: ConnectionRoute.Kind) -> ConnectionRoute? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                let namespace = metadata?.reference.namespace ?? .defaultNamespace
                let parents = fields.require("parentRefs") { $0.routeParents(in: namespace) }
                let hostnames = kind == .tls ? fields.read("hostnames") { $0.list { $0.hostPattern } } : nil
                let rules = fields.require("rules") { $0.connectionRules(in: namespace) }
                guard let metadata, let parents, let rule = rules?.first else { return nil }
                return ConnectionRoute(
                    kind: kind, reference: metadata.reference, createdAt: metadata.createdAt, parents: parents,
                    hostnames: hostnames ?? [], ruleName: rule.name, backends: rule.backends)
            }
        }
    }
}

extension Value {
    /// Exactly one: rules of connections have no matches, so that a second one could never be reached.
    fileprivate func connectionRules(in namespace: ResourceName) -> [RouteRule]? {
        if case .sequence(let nodes) = node.content, nodes.count != 1 {
            complain(
                .badValue, nodes.isEmpty ? "is empty" : "there are \(nodes.count) rules, but nothing tells them apart",
                "write one rule; several `backendRefs` share by `weight`")
            return nil
        }
        return list { value in
            value.mapping { fields in
                var rule = RouteRule()
                rule.name = fields.read("name") { $0.resourceName?.text }
                let backends = fields.require("backendRefs") { $0.filledList { $0.connectionBackend(in: namespace) } }
                guard let backends else { return nil }
                rule.backends = backends
                return rule
            }
        }
    }
}
