// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// A socket that is bound and listens, on its way to the thread that will accept from it.
///
/// What the accepted sockets need (no delay, reset on close, keepalive, user timeout) is set here once: they inherit it.
package final class ListeningSocket: Sendable {
    private static let backlog: Int32 = 4096

    package let direction: TrafficDirection
    package let address: SocketAddress
    let descriptor: Descriptor

    /// `isShared`: the same address is bound once per data thread, and the kernel spreads connections over them.
    private init(
        _ direction: TrafficDirection, _ address: SocketAddress, isShared: Bool, _ settings: DataPlaneSettings
    ) throws(SystemError) {
        self.direction = direction
        self.address = address
        descriptor = try Descriptor.stream(address.address.family)
        try descriptor.set(.reuseAddress)
        if isShared { try descriptor.set(.reusePort) }
        if address.address.family == .ipv6 { try descriptor.set(.ipv6Only) }
        try descriptor.set(.noDelay)
        descriptor.setResetOnClose(true)
        descriptor.set(settings.liveness)
        // Whoever comes to the outbound side was redirected on this host; for the others that is decided once it is known
        // how far they are.
        if direction == .outbound || settings.pacedCongestionControl != nil { descriptor.expectNoCongestion() }
        try descriptor.bind(to: address)
        try descriptor.listen(backlog: Self.backlog)
    }

    /// Binds all listeners, one set per thread. A family that this host does not have is left out; at least one must work.
    static func bind(_ settings: DataPlaneSettings) throws(Problem) -> [[ListeningSocket]] {
        let (ports, threads) = (settings.proxy.ports, max(1, settings.proxy.dataThreads))
        var sets: [[ListeningSocket]] = Array(repeating: [], count: threads)
        for (direction, port, texts) in [
            (TrafficDirection.outbound, ports.outbound, ["127.0.0.1", "::1"]),
            (TrafficDirection.inbound, ports.inbound, ["0.0.0.0", "::"]),
        ] {
            var isBound = false
            var reason = ""
            for address in texts.compactMap({ IPAddress($0) }).map({ SocketAddress($0, port) }) {
                do throws(SystemError) {
                    // Sharing would also let a second proxy bind beside the first and take half of its connections, so
                    // the address must be free to begin with.
                    if threads > 1 { _ = try ListeningSocket(direction, address, isShared: false, settings) }
                    for index in 0..<threads {
                        sets[index].append(try ListeningSocket(direction, address, isShared: threads > 1, settings))
                    }
                    isBound = true
                } catch {
                    let isMissing = error.errno == .addressNotAvailable || error.errno == .familyNotSupported
                    guard isMissing else {
                        throw Problem(
                            .listenFailed, at: "\(direction.rawValue) \(address)", "cannot be bound: \(error.errno)",
                            remedy: "another proxy or program may have it: `ss -ltnp`")
                    }
                    reason = error.description
                }
            }
            guard isBound else {
                throw Problem(
                    .listenFailed, at: "\(direction.rawValue) port \(port)", "no address family works: \(reason)")
            }
        }
        return sets
    }
}
