// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// A socket that is bound and listens, on its way to the thread that will accept from it.
///
/// What the accepted sockets need (no delay, reset on close, keepalive, user timeout) is set here once: they inherit it.
package final class ListeningSocket: Sendable {
    /// What comes to it.
    enum Role: Hashable, Sendable {
        case captured(TrafficDirection)
        /// What was dialled on purpose, from outside the mesh.
        case gateway

        /// For the log.
        var name: String {
            switch self {
            case .captured(let direction): direction.rawValue
            case .gateway: "gateway"
            }
        }
    }

    private static let backlog: Int32 = 4096

    let role: Role
    package let address: SocketAddress
    let descriptor: Descriptor

    /// `isShared`: the same address is bound once per data thread, and the kernel spreads connections over them.
    private init(
        _ role: Role, _ address: SocketAddress, isShared: Bool, _ settings: DataPlaneSettings
    ) throws(SystemError) {
        self.role = role
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
        if role == .captured(.outbound) || settings.pacedCongestionControl != nil { descriptor.expectNoCongestion() }
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
                    if threads > 1 { _ = try ListeningSocket(.captured(direction), address, isShared: false, settings) }
                    for index in 0..<threads {
                        sets[index].append(
                            try ListeningSocket(.captured(direction), address, isShared: threads > 1, settings))
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

    /// Binds more addresses of gateways, one socket per thread for each; nothing stays bound if one fails. `bound`: what is
    /// bound for them already. An address that stands for all of its family is left out where the host does not have that.
    static func bindGateways(
        _ wanted: Set<SocketAddress>, beside bound: Set<SocketAddress>, _ settings: DataPlaneSettings
    ) throws(Problem) -> [SocketAddress: [ListeningSocket]] {
        var sockets: [SocketAddress: [ListeningSocket]] = [:]
        for address in wanted.subtracting(bound) {
            // Shared even by one thread: what takes the place of another address of the same port is bound before that is
            // closed. So it is asked first whether somebody else has the port.
            let isOurs = bound.contains {
                $0.port == address.port && $0.address.family == address.address.family
            }
            do throws(SystemError) {
                if !isOurs { _ = try ListeningSocket(.gateway, address, isShared: false, settings) }
                for _ in 0..<max(1, settings.proxy.dataThreads) {
                    sockets[address, default: []].append(
                        try ListeningSocket(.gateway, address, isShared: true, settings))
                }
            } catch {
                let isMissing = error.errno == .addressNotAvailable || error.errno == .familyNotSupported
                if isMissing, address.address.isUnspecified { continue }
                throw Problem(
                    .listenFailed, at: "gateway \(address)", "cannot be bound: \(error.errno)",
                    remedy: isMissing
                        ? "this host has no such address" : "another program may have it: `ss -ltnp`")
            }
        }
        return sockets
    }
}
