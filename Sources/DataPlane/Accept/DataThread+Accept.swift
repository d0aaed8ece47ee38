// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// The first steps of a connection: where did the client want to go, and may that be?
extension DataThread {
    /// From the workload, redirected by OUTPUT.
    func acceptOutbound(_ accepted: consuming Accepted, _ family: AddressFamily) {
        var record = record(of: accepted, .outbound)
        guard let original = accepted.socket.originalDestination(family) else {
            return refused(record, .originalDestinationUnknown)
        }
        record.originalDestination = original.value
        guard !isOwnListener(original.value) else { return refused(record, .ownListener) }
        if let port = ownGateway(original.value) {
            return acceptGateway(accepted, port, dialled: original.value)
        }
        guard !isFull else { return refused(record, .connectionLimit) }
        beginOutbound(accepted.takeSocket(), original.value, family, record)
    }

    /// Looks up where a connection leads, and begins it.
    func beginOutbound(
        _ socket: consuming Descriptor, _ original: SocketAddress, _ family: AddressFamily, _ record: ConnectionRecord
    ) {
        var record = record
        let destination = snapshot.destination(of: original)
        if case .refused(let code) = destination {
            guard code == .unknownDestination, ask != nil else { return refused(record, code) }
            return HeldOutbound.begin(self, socket, original, family, record)
        }
        if case .service(let service) = destination {
            record.service = service.key.service
            if snapshot.routes(of: service.key.service, port: service.key.port) != nil {
                return PlainFront.begin(self, socket, record)
            }
            if let table = snapshot.connectionRoutes(of: service.key.service, port: service.key.port) {
                return acceptRouted(socket, table, family, record)
            }
        }
        let plan = OutboundPlan(destination, original: original)
        OutboundStart.begin(self, socket, record, plan)
    }

    /// Toward the workload, redirected by PREROUTING, or by OUTPUT where the workload called itself by its service.
    func acceptInbound(_ accepted: consuming Accepted, _ family: AddressFamily) {
        var record = record(of: accepted, .inbound)
        guard let original = accepted.socket.originalDestination(family) else {
            return refused(record, .originalDestinationUnknown)
        }
        record.originalDestination = original.value
        guard !isOwnListener(original.value) else { return refused(record, .ownListener) }
        let address = original.value.address
        // Whoever holds a certificate of the mesh must not be able to reach through us what only this host can reach.
        guard !address.isLoopback, !address.isLinkLocal else { return refused(record, .linkLocalRefused) }
        guard ownAddresses.contains(address) else { return refused(record, .notOurAddress) }
        guard !isFull else { return refused(record, .connectionLimit) }
        if let port = ownGateway(original.value) {
            // Rules of before the gateway was there have captured it.
            return acceptGateway(accepted, port, dialled: original.value)
        }
        InboundGate.begin(self, accepted.takeSocket(), original.value, record)
    }

    func record(of accepted: borrowing Accepted, _ direction: TrafficDirection) -> ConnectionRecord {
        ConnectionRecord(
            id: nextConnectionID(), direction: direction, client: accepted.client.value, startedAt: loop.now)
    }
}
