// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// A listening socket of one thread, and what to do with what it accepts.
final class Listener: EventHandler {
    /// At most this many connections a turn, so that a flood of them does not keep those that are open from moving.
    private static let batch = 32
    /// How long accepting rests when there is no descriptor or no room left. Long enough not to spin, short enough not to
    /// be noticed.
    private static let rest: Duration = .milliseconds(50)

    let role: ListeningSocket.Role
    /// What it is bound to.
    let address: SocketAddress
    private let family: AddressFamily
    private let thread: DataThread
    private var socket: ListeningSocket?
    private var isResting = false

    init(_ thread: DataThread, _ socket: ListeningSocket) throws(SystemError) {
        self.thread = thread
        role = socket.role
        address = socket.address
        family = socket.address.address.family
        self.socket = socket
        super.init()
        thread.loop.add(self)
        // Level-triggered: what is left in the queue after a batch is told again.
        try thread.loop.watch(socket.descriptor.number, for: self, .readable)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) { acceptSome() }

    /// Accepts what is queued, up to a batch. True if the queue is empty.
    @discardableResult
    private func acceptSome() -> Bool {
        guard !isResting, let socket else { return true }
        guard thread.pressure == .none else {
            thread.counters.acceptPauses += 1
            takeRest()
            return false
        }
        for _ in 0..<Self.batch {
            do throws(SystemError) {
                guard let accepted = try socket.descriptor.accept() else { return true }
                switch role {
                case .captured(.outbound): thread.acceptOutbound(accepted, family)
                case .captured(.inbound): thread.acceptInbound(accepted, family)
                case .gateway: thread.acceptGateway(accepted, address)
                }
            } catch {
                // No descriptor, no memory: what waits in the queue keeps waiting.
                thread.counters.acceptPauses += 1
                takeRest()
                return false
            }
            if role == .captured(.inbound), thread.counters.handshakesActive >= thread.settings.handshakesPerThread {
                takeRest()
                return false
            }
        }
        return false
    }

    /// Stops listening to the queue for a moment.
    private func takeRest() {
        guard let socket else { return }
        isResting = true
        thread.loop.unwatch(socket.descriptor.number)
        thread.loop.setDeadline(thread.loop.now + Self.rest, of: self)
    }

    override func deadlineReached(now: Instant) {
        guard let socket else { return }
        isResting = false
        do throws(SystemError) {
            try thread.loop.watch(socket.descriptor.number, for: self, .readable)
        } catch {
            takeRest()
        }
    }

    /// Accepts what is still queued, then closes: closing first would reset those who wait (seen).
    func close() {
        isResting = false
        for _ in 0..<1024 where acceptSome() { break }
        thread.loop.remove(self)
        socket = nil
    }
}
