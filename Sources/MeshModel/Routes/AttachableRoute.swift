// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What routes of every kind have in common: they are attached to parents, and older ones go first.
package protocol AttachableRoute: Sendable {
    var resourceKind: ResourceKind { get }
    var reference: ResourceReference { get }
    var createdAt: WallTime? { get }
    var parents: [RouteParent] { get }
    var hostnames: [HostPattern] { get }
}

extension Route: AttachableRoute {
    package var resourceKind: ResourceKind { kind == .http ? .httpRoute : .grpcRoute }
}

extension ConnectionRoute: AttachableRoute {
    package var resourceKind: ResourceKind { kind == .tls ? .tlsRoute : .tcpRoute }
}

extension AttachableRoute {
    /// As it stands in `kind`.
    package var kindName: String { resourceKind.rawValue }
}

/// A route as far as one parent goes.
package struct Attachment<Attached: AttachableRoute>: Sendable {
    package let route: Attached
    /// Those of its hosts that it is for there; empty: every host.
    package let hostnames: [HostPattern]
}

extension Array where Element: AttachableRoute {
    /// The routes attached to a port of a service, oldest first, as callers of a namespace see them (GEP-1294).
    ///
    /// A route in the service's own namespace is for every caller. One in another namespace is only for callers from
    /// there, and where there is such a one, it alone counts for them. `callers` nil: all of them, whoever calls.
    package func attached(
        to service: ResourceReference, _ port: Port, callers: ResourceName?
    ) -> [Attachment<Element>] {
        let all = filter { route in route.parents.contains { $0.means(service, port) } }
        func routes(in namespace: ResourceName) -> [Element] { all.filter { $0.reference.namespace == namespace } }
        var held = all
        if let callers {
            held = routes(in: callers)
            if held.isEmpty { held = routes(in: service.namespace) }
        }
        return held.oldestFirst.map { Attachment(route: $0, hostnames: $0.hostnames) }
    }

    /// The routes attached to a listener of a gateway, oldest first. Their hosts may be wider than the listener's.
    package func attached(
        to gateway: ResourceReference, _ listener: Gateway.Listener
    ) -> [Attachment<Element>] {
        filter { route in
            route.parents.contains { $0.means(gateway, listener) } && listener.refusal(of: route, gateway) == nil
        }.oldestFirst.map { Attachment(route: $0, hostnames: listener.commonHosts($0.hostnames)) }
    }

    /// Then by namespace and name. Routes that do not say when they were created come after those that do, in the order
    /// in which they stand.
    package var oldestFirst: [Element] {
        let sorted = enumerated().sorted { left, right in
            switch (left.element.createdAt, right.element.createdAt) {
            case (let first?, let second?):
                (first, left.element.reference, left.offset) < (second, right.element.reference, right.offset)
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): left.offset < right.offset
            }
        }
        return sorted.map(\.element)
    }
}
