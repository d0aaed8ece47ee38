// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Where routes lead: every service, port and filter that one names must be there.
extension ResourceChecker {
    func checkRoutes(_ resources: MeshResources) {
        let services = Dictionary(resources.services.map { ($0.reference, $0) }) { first, _ in first }
        let filters = Dictionary(resources.filters.map { ($0.reference, $0) }) { first, _ in first }
        let gateways = Dictionary(resources.gateways.map { ($0.reference, $0) }) { first, _ in first }
        for route in resources.routes {
            guard let document = place(route.resourceKind, route.reference) else { continue }
            check(route, document, services, gateways)
            for (index, rule) in route.rules.enumerated() {
                let value = document.descendant("spec", "rules", index)
                check(rule.backends, at: value, services)
                check(rule.filters, at: value, services, filters)
            }
        }
        for route in resources.connectionRoutes {
            guard let document = place(route.resourceKind, route.reference) else { continue }
            check(route, document, services, gateways)
            check(route.backends, at: document.descendant("spec", "rules", 0), services)
        }
    }

    private func check(
        _ route: some AttachableRoute, _ document: Value,
        _ services: [ResourceReference: Service], _ gateways: [ResourceReference: Gateway]
    ) {
        for (index, parent) in route.parents.enumerated() {
            let value = document.descendant("spec", "parentRefs", index)
            switch parent.target {
            case .service(let reference): value.require(reference, parent.port, among: services)
            case .gateway(let reference, let section):
                check(reference, section: section, parent.port, for: route, at: value, among: gateways)
            }
        }
    }

    private func check(
        _ backends: [RouteBackend], at rule: Value, _ services: [ResourceReference: Service]
    ) {
        for (index, backend) in backends.enumerated() {
            rule.descendant("backendRefs", index).require(backend.service, backend.port, among: services)
        }
    }

    private func check(
        _ all: [RouteFilter], at rule: Value, _ services: [ResourceReference: Service],
        _ filters: [ResourceReference: FilterResource]
    ) {
        var faults = 0
        var rateLimits = 0
        for (index, filter) in all.enumerated() {
            switch filter {
            case .mirror(let mirror):
                rule.descendant("filters", index, "requestMirror", "backendRef").require(
                    mirror.backend.service, mirror.backend.port, among: services)
            case .resource(let reference):
                switch filters[reference]?.action {
                case .fault: faults += 1
                case .rateLimit: rateLimits += 1
                case nil:
                    rule.descendant("filters", index, "extensionRef").complainOfDangling(
                        "Filter", reference, among: filters.keys)
                }
            case .requestHeaders, .responseHeaders, .redirect, .rewrite: break
            }
        }
        if faults > 1 || rateLimits > 1 {
            rule.complain(.conflict, "the rule has several faults or several rate limits", "keep one of each")
        }
    }
}

/// A step down from a value: a field or an element.
protocol ValueStep {
    func take(from value: Value) -> Value?
}

extension String: ValueStep {
    func take(from value: Value) -> Value? {
        guard case .mapping(let fields) = value.node.content, let field = fields.first(where: { $0.name == self })
        else {
            return nil
        }
        let path = value.path.isEmpty ? self : "\(value.path).\(self)"
        return Value(node: field.value, path: path, findings: value.findings)
    }
}

extension Int: ValueStep {
    func take(from value: Value) -> Value? {
        guard case .sequence(let nodes) = value.node.content, nodes.indices.contains(self) else { return nil }
        return Value(node: nodes[self], path: "\(value.path)[\(self)]", findings: value.findings)
    }
}

extension Value {
    /// What is found by these steps; as far as they lead, where something is not there.
    func descendant(_ steps: any ValueStep...) -> Value {
        var value = self
        for step in steps {
            guard let next = step.take(from: value) else { return value }
            value = next
        }
        return value
    }

    fileprivate func require(
        _ reference: ResourceReference, _ port: Port?, among services: [ResourceReference: Service]
    ) {
        guard let service = services[reference] else {
            complainOfDangling("Service", reference, among: services.keys)
            return
        }
        guard let port, service.mapping(for: port.number) == nil else { return }
        let ports = service.ports.map(\.port.description).joined(separator: ", ")
        complain(.danglingReference, "Service \(reference) has no port \(port)", "its ports are \(ports)")
    }

    func complainOfDangling(
        _ kind: String, _ reference: ResourceReference, among known: some Sequence<ResourceReference>
    ) {
        let nearest = reference.nearest(among: known)
        complain(
            .danglingReference, "\(kind) \(reference) does not exist",
            nearest.map { "did you mean `\($0)`?" } ?? "add a `kind: \(kind)` of that name")
    }
}
