// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// A question that goes on as it came, by UDP.
final class DatagramQuestion: ForwardedQuestion {
    private var socket: Descriptor?

    override func ask(_ resolver: SocketAddress) -> Bool {
        do throws(SystemError) {
            let socket = try Descriptor.datagram(resolver.address.family)
            if let errno = socket.connect(to: resolver) { throw SystemError(errno, "connect") }
            let message = message
            guard case .bytes = unsafe message.withUnsafeBytes({ unsafe socket.send($0) }) else { return false }
            try forwarder.loop.watch(socket.number, for: self, .readable)
            self.socket = consume socket
            return true
        } catch {
            return false
        }
    }

    override func closeSocket() { socket = nil }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        // Whoever floods the port with forgeries gets so many looked at per turn.
        for _ in 0..<16 {
            guard let socket = socket.take() else { return }
            let result = unsafe forwarder.scratch.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
            self.socket = consume socket
            switch result {
            case .bytes(let count):
                if take(forwarder.scratch.prefix(count)) { return }
            case .wouldBlock: return
            // An empty datagram.
            case .ended: continue
            // Nobody listens there.
            case .failed: return askNext()
            }
        }
    }
}
