// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What a TLSRoute or TCPRoute says to the connections that are for it.
package final class ConnectionRule: Sendable {
    package let route: ResourceReference
    /// For logs and metrics: `default/my-route/rule-name`, or `default/my-route[0]`.
    package let label: String
    private let backends: WeightedBackends

    init(_ route: ConnectionRoute) {
        self.route = route.reference
        label = route.ruleName.map { "\(route.reference)/\($0)" } ?? "\(route.reference)[0]"
        backends = WeightedBackends(route.backends.map { CompiledBackend($0, behind: []) })
    }

    /// One of the backends by weight; nil where none has weight.
    package func chooseBackend(using random: inout some RandomNumberGenerator) -> CompiledBackend? {
        backends.choose(using: &random)
    }
}

/// The TLSRoutes and TCPRoutes attached to one parent. Where there is a TLSRoute, TCPRoutes are not asked; of several routes
/// for one server name the oldest counts, and of several TCPRoutes too.
package struct ConnectionTable: Sendable {
    /// True if the server name of the client's first message decides, so that it has to be read.
    package let needsServerName: Bool
    private var hosts = HostTable<ConnectionRule?>()
    /// The listener's host, beyond which no route holds; nil: none.
    private let scope: HostPattern?

    /// Nil where no route is attached to this port of the service for callers of this namespace.
    package init?(
        _ routes: [ConnectionRoute], service: ResourceReference, port: Port, callers: ResourceName? = nil
    ) {
        self.init(routes.attached(to: service, port, callers: callers), scope: nil)
    }

    /// Nil where no route is attached to the listener.
    package init?(_ routes: [ConnectionRoute], gateway: ResourceReference, listener: Gateway.Listener) {
        self.init(routes.attached(to: gateway, listener), scope: listener.hostname)
    }

    private init?(_ attached: [Attachment<ConnectionRoute>], scope: HostPattern?) {
        guard !attached.isEmpty else { return nil }
        self.scope = scope
        let byName = attached.filter { $0.route.kind == .tls }
        needsServerName = !byName.isEmpty
        for attachment in byName.isEmpty ? attached : byName {
            let rule = ConnectionRule(attachment.route)
            let names = attachment.hostnames.map(Optional.some)
            for host in names.isEmpty ? [nil] : names { hosts.update(host, default: nil) { $0 = $0 ?? rule } }
        }
    }

    /// The rule for a connection; `serverName` is in lower case, and nil where the client has said none, or where none is
    /// needed.
    package func rule(serverName: String?) -> ConnectionRule? {
        if let scope, serverName.map({ scope.matches($0) }) != true { return nil }
        return (serverName.map { hosts.best(for: $0) } ?? hosts.forAll) ?? nil
    }
}
