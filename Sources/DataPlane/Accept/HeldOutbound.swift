// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// A connection to an address of the mesh that is not known yet: it waits until the control plane has said who is there,
/// at most a second. Nothing is read of it; what the client says waits in the kernel.
final class HeldOutbound: EventHandler {
    private static let patience = Duration.seconds(1)
    /// What nobody has is not asked for again so soon.
    private static let unknownTime = Duration.seconds(2)

    private unowned let thread: DataThread
    private let family: AddressFamily
    private let record: ConnectionRecord
    private var socket: Descriptor?
    let original: SocketAddress

    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ original: SocketAddress, _ family: AddressFamily,
        _ record: ConnectionRecord
    ) {
        guard let ask = thread.ask else { return thread.refused(record, .unknownDestination) }
        if let until = thread.unknownUntil[original.address] {
            if until > thread.loop.now { return thread.refused(record, .unknownDestination, "nobody has it") }
            thread.unknownUntil[original.address] = nil
        }
        guard thread.held.count + thread.heldOutbound.count < thread.settings.heldPerThread else {
            return thread.refused(record, .holdFull)
        }
        // Those that wait for the same have asked already.
        if !thread.heldOutbound.contains(where: { $0.original.address == original.address }) { ask(original.address) }
        let handler = HeldOutbound(thread, socket, original, family, record)
        thread.loop.add(handler)
        thread.heldOutbound.append(handler)
        thread.noteHeld()
        thread.loop.setDeadline(thread.loop.now + patience, of: handler)
    }

    private init(
        _ thread: DataThread, _ socket: consuming Descriptor, _ original: SocketAddress, _ family: AddressFamily,
        _ record: ConnectionRecord
    ) {
        self.thread = thread
        self.original = original
        self.family = family
        self.record = record
        self.socket = consume socket
    }

    override func deadlineReached(now: Instant) { refuse("the control plane has not said who has it") }

    /// The address is known now: goes on as if it had just been accepted.
    func release() {
        guard let socket = leave() else { return }
        thread.beginOutbound(socket, original, family, record)
    }

    func refuse(_ detail: String, _ outcome: ErrorCode = .unknownDestination) {
        // The socket resets when it is closed.
        guard leave() != nil else { return }
        thread.refused(record, outcome, detail)
    }

    private func leave() -> Descriptor? {
        guard socket != nil else { return nil }
        thread.loop.remove(self)
        thread.heldOutbound.removeAll { $0 === self }
        thread.noteHeld()
        return socket.take()
    }

    /// Nobody has these addresses, says the control plane.
    static func unknown(_ addresses: Set<IPAddress>, _ thread: DataThread) {
        let now = thread.loop.now
        if thread.unknownUntil.count > 1024 { thread.unknownUntil = [:] }
        for address in addresses { thread.unknownUntil[address] = now + unknownTime }
        for held in thread.heldOutbound where addresses.contains(held.original.address) {
            thread.loop.atEndOfTurn { held.refuse("nobody has it") }
        }
    }

    /// The snapshot has changed.
    static func lookAgain(_ thread: DataThread) {
        for held in thread.heldOutbound {
            if case .refused(.unknownDestination) = thread.snapshot.destination(of: held.original) { continue }
            thread.loop.atEndOfTurn { held.release() }
        }
    }
}
