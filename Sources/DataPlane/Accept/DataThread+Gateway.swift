// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// Connections that come to a gateway, and connections whose way a TLSRoute or TCPRoute chooses.
extension DataThread {
    /// From a listener's own socket, bound to this address.
    func acceptGateway(_ accepted: consuming Accepted, _ bound: SocketAddress) {
        let local = try? accepted.socket.localAddress()
        guard let port = snapshot.gateways[bound] else {
            // The listener went while this waited in the queue.
            var record = record(of: accepted, .outbound)
            record.originalDestination = local ?? bound
            return refused(record, .listenerUnrouted)
        }
        acceptGateway(accepted, port, dialled: local ?? bound)
    }

    /// The same, however it came here.
    func acceptGateway(_ accepted: consuming Accepted, _ port: GatewayPort, dialled: SocketAddress) {
        var record = record(of: accepted, .outbound)
        record.originalDestination = dialled
        guard !isFull else { return refused(record, .connectionLimit) }
        switch port.opening {
        case .request:
            PlainFront.begin(self, accepted.takeSocket(), record, gateway: GatewayOrigin(secureListener: nil))
        case .clientHello: ServerNameGate.begin(self, accepted.takeSocket(), .gateway(port), record)
        case .bytes:
            let listener = port.listener(for: nil)
            record.listener = listener?.label
            guard let rule = listener?.connectionRoutes?.rule(serverName: nil) else {
                return refused(record, .listenerUnrouted)
            }
            let end = PlainEnd(accepted.takeSocket())
            if let control = settings.pacedCongestionControl { end.expectCongestion(control) }
            begin(end, rule, record, replacing: nil, early: [])
        }
    }

    /// The gateway's port that a captured connection was meant for, if it was for this very pod: no sidecar answers there.
    func ownGateway(_ dialled: SocketAddress) -> GatewayPort? {
        guard let port = snapshot.gateways.port(dialled: dialled), ownAddresses.contains(dialled.address) else {
            return nil
        }
        return port
    }

    /// Captured, to a port of a service that routes of connections are attached to.
    func acceptRouted(
        _ socket: consuming Descriptor, _ table: ConnectionTable, _ family: AddressFamily, _ record: ConnectionRecord
    ) {
        if table.needsServerName {
            return ServerNameGate.begin(self, socket, .service(table), record)
        }
        guard let rule = table.rule(serverName: nil) else { return refused(record, .backendMissing) }
        let end = PlainEnd(socket)
        begin(end, rule, record, replacing: nil, early: [])
    }

    /// Goes where a rule leads, with what has been read, in the place of whoever read it.
    func begin(
        _ end: PlainEnd, _ rule: ConnectionRule, _ record: ConnectionRecord, replacing handler: EventHandler?,
        early: [UInt8]
    ) {
        var record = record
        record.route = rule.label
        let backend = rule.chooseBackend(using: &random)
        if let backend { record.service = backend.service }
        let family = record.originalDestination?.address.family ?? .ipv4
        guard let backend, let service = snapshot.destination(of: backend.service, port: backend.port, family),
            let original = record.originalDestination
        else {
            end.reset()
            if let handler { loop.remove(handler) }
            return refused(record, backend.map { snapshot.lack(of: $0.service) } ?? .backendMissing)
        }
        let plan = OutboundPlan(.service(service), original: original)
        OutboundStart.begin(self, end, record, plan, replacing: handler, early: early)
    }
}
