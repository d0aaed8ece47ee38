// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What routes of every kind are attached to.
extension Value {
    func routeParents(in namespace: ResourceName) -> [RouteParent]? {
        if case .sequence(let nodes) = node.content, nodes.isEmpty {
            complain(.badValue, "is empty", "name the service or the gateway that the route is for")
        }
        return list { $0.routeParent(in: namespace) }
    }

    private func routeParent(in namespace: ResourceName) -> RouteParent? {
        mapping { fields in
            let group = fields.value("group")
            // The Gateway API takes a parent that does not say for a gateway.
            let kind = fields.read("kind") { $0.choice(ParentKind.self) } ?? .gateway
            let home = fields.read("namespace") { $0.resourceName } ?? namespace
            let name = fields.require("name") { $0.resourceName }
            let port = fields.read("port") { $0.port }
            let section = fields.value("sectionName")
            switch kind {
            case .service:
                group?.requireCoreGroup()
                section?.complain(.unknownField, "ports of a service have no names here", "write `port` instead")
                return name.map { RouteParent(service: ResourceReference(namespace: home, name: $0), port: port) }
            case .gateway:
                group?.requireGatewayGroup()
                let section = section.flatMap(\.resourceName)
                return name.map {
                    RouteParent(
                        .gateway(ResourceReference(namespace: home, name: $0), section: section), port: port)
                }
            }
        }
    }

    /// The group of a Service: none, or its other name in the Gateway API.
    func requireCoreGroup() {
        _ = scalar("the group of a Service, which is `\"\"`") { $0.isEmpty || $0 == "core" ? $0 : nil }
    }

    private func requireGatewayGroup() {
        _ = scalar("the group of a Gateway: `gateway.networking.k8s.io` or `weft`; for a Service write `kind` too") {
            ["gateway.networking.k8s.io", "weft"].contains($0) ? $0 : nil
        }
    }
}

private enum ParentKind: String, CaseIterable {
    case service = "Service"
    case gateway = "Gateway"
}
