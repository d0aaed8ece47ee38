// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Where connections to HTTP and HTTPS listeners of gateways go on.
///
/// Requests from outside are not read yet: a configuration with such a listener is refused as a whole by ``problem(of:)``,
/// at start and at a reload, so that the functions below are not reached.
enum GatewayFront {
    /// Why the gateways of a snapshot cannot be served.
    static func problem(of snapshot: DiscoverySnapshot) -> Problem? {
        for gateway in snapshot.resources.gateways {
            for listener in gateway.listeners where listener.transport == .http || listener.transport == .https {
                return Problem(
                    .listenFailed, at: "Gateway \(gateway.reference), listener \(listener.name)",
                    "listeners of `protocol: \(listener.transport.rawValue)` are not there yet",
                    remedy: "take it away, or use `protocol: TLS` or `TCP`")
            }
        }
        return nil
    }

    /// A connection to an HTTP port; the host of each request chooses the listener.
    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ port: GatewayPort, _ record: ConnectionRecord
    ) {
        thread.refused(record, .internalFault)
    }

    /// A connection whose server name belongs to an HTTPS listener; takes the place of the gate, with the ClientHello.
    static func beginSecure(
        _ thread: DataThread, _ end: inout PlainEnd, replacing gate: EventHandler, _ port: GatewayPort,
        _ listener: GatewayListener, _ record: ConnectionRecord, firstBytes: [UInt8]
    ) {
        end.reset()
        thread.loop.remove(gate)
        thread.refused(record, .internalFault)
    }
}
