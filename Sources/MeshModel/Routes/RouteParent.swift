// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a route is attached to (`parentRefs`): a service, whose callers' sidecars then decide by it, or a gateway.
package struct RouteParent: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        case service(ResourceReference)
        /// `section`: only the listener of this name; nil: every listener that takes the route.
        case gateway(ResourceReference, section: ResourceName?)
    }

    package let target: Target
    /// Only this port of it; nil: every port.
    package let port: Port?

    package init(_ target: Target, port: Port? = nil) {
        self.target = target
        self.port = port
    }

    package init(service: ResourceReference, port: Port? = nil) {
        self.init(.service(service), port: port)
    }

    /// True if it means this port of this service.
    package func means(_ service: ResourceReference, _ port: Port) -> Bool {
        target == .service(service) && (self.port == nil || self.port == port)
    }

    /// True if it means this listener of this gateway.
    package func means(_ gateway: ResourceReference, _ listener: Gateway.Listener) -> Bool {
        guard case .gateway(gateway, let section) = target else { return false }
        return (section == nil || section == listener.name) && (port == nil || port == listener.port)
    }
}
