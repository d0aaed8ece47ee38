// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// One plaintext socket of a relay: what the kernel last said of it, what it still has to be given, and how far its two
/// directions are.
///
/// Registered edge-triggered: readiness is remembered until a call shows the opposite. A short read means that the queue
/// was drained, and spares the read that would say so, unless the peer's FIN has been announced: then it must be fetched.
///
/// From the first moment until ``closeCleanly()`` the socket resets on close, so that no way of ending (not even the death
/// of this process) can look like a clean end of the stream.
final class PlainEnd {
    private var socket: Descriptor?
    private(set) var mayHaveInput = true
    private var isEndAnnounced = false
    /// What is to be sent: gathered to be sent soon, or not taken by the socket.
    private(set) var pending = PendingBytes()
    /// The socket did not take all that it was offered; it will be writable when it does.
    private(set) var isBlocked = false
    /// The peer's FIN has been read: nothing more will come.
    private(set) var hasEndedInput = false
    /// Our FIN has been sent.
    private(set) var hasEndedOutput = false
    private var patience = ReaderPatience()

    /// An end without a socket yet; what is kept in it is sent once there is one.
    init() {}

    init(_ socket: consuming Descriptor, pending: PendingBytes = PendingBytes(), hasEndedInput: Bool = false) {
        self.socket = consume socket
        self.pending = pending
        self.hasEndedInput = hasEndedInput
    }

    /// Gets its socket, connected or about to be.
    func open(_ socket: consuming Descriptor) {
        self.socket = consume socket
        mayHaveInput = true
        isEndAnnounced = false
    }

    /// Loses its socket and keeps what is pending, for another one.
    func closeSocket() { socket = nil }

    /// Takes out what is pending.
    func takePending() -> [UInt8] {
        let bytes = pending.rest
        pending = PendingBytes()
        return bytes
    }

    var isOpen: Bool { socket != nil }

    /// The kernel's number, to be told to the event loop; -1 once closed.
    var number: Int32 {
        switch socket {
        case .some(let socket): socket.number
        case .none: -1
        }
    }

    /// Takes in what the event loop reports.
    func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error]) { mayHaveInput = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hangup, .error]) { isEndAnnounced = true }
    }

    /// There may be input that no event has told of yet.
    func noteInput() { mayHaveInput = true }

    /// True once the other side has announced its end or its failure, read or not.
    var isEnding: Bool { isEndAnnounced }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        let result = unsafe socket?.receive(into: buffer) ?? .failed(.notConnected)
        note(result, offered: buffer.count)
        return result
    }

    /// Receives payloads with room for a frame header before each.
    func receive(
        intoSlotsOf buffer: UnsafeMutableRawBufferPointer, slotByteCount: Int, gap: Int, count: Int
    ) -> ReceiveResult {
        let result =
            unsafe socket?.receive(intoSlotsOf: buffer, slotByteCount: slotByteCount, gap: gap, count: count)
            ?? .failed(.notConnected)
        note(result, offered: (slotByteCount - gap) * count)
        return result
    }

    /// Moves bytes from this socket into a pipe. How much fits depends on the pipe too, so that only "would block" means
    /// that there is nothing more.
    func splice(into pipe: inout SplicePipe) -> ReceiveResult {
        guard let socket = socket.take() else { return .failed(.notConnected) }
        let result = pipe.fill(from: socket)
        self.socket = consume socket
        switch result {
        case .bytes, .failed: break
        // A full pipe blocks as well; whoever empties it asks again.
        case .wouldBlock: if pipe.count == 0 { mayHaveInput = false }
        case .ended:
            hasEndedInput = true
            mayHaveInput = false
        }
        return result
    }

    /// Moves bytes from a pipe to this socket.
    func splice(from pipe: inout SplicePipe) -> SendResult {
        guard let socket = socket.take() else { return .failed(.notConnected) }
        let result = pipe.drain(to: socket)
        self.socket = consume socket
        return result
    }

    private func note(_ result: ReceiveResult, offered: Int) {
        switch result {
        case .bytes(let count): if count < offered, !isEndAnnounced { mayHaveInput = false }
        case .wouldBlock: mayHaveInput = false
        case .ended:
            hasEndedInput = true
            mayHaveInput = false
        case .failed: mayHaveInput = false
        }
    }

    /// Sends, and keeps what is not taken. Nil: fine, though perhaps ``pending`` now.
    func write(_ bytes: UnsafeRawBufferPointer) -> Errno? {
        guard pending.isEmpty else {
            unsafe keep(bytes)
            return isBlocked ? nil : flush()
        }
        switch unsafe socket?.send(bytes) ?? .failed(.notConnected) {
        case .bytes(let count):
            guard count < bytes.count else { return nil }
            isBlocked = true
            unsafe keep(UnsafeRawBufferPointer(rebasing: bytes[count...]))
            return nil
        case .wouldBlock:
            isBlocked = true
            unsafe keep(bytes)
            return nil
        case .failed(let errno): return errno
        }
    }

    /// Small pieces are worth gathering for a moment; true if these bytes were kept for that.
    func gather(_ bytes: UnsafeRawBufferPointer, _ buffers: ThreadBuffers) -> Bool {
        guard pending.count + bytes.count <= PendingBytes.gatheredMax else { return false }
        unsafe keep(bytes, buffers)
        return true
    }

    /// The same of an array that the thread's buffers have lent; what is not kept is written at once.
    func gatherOrWrite(lent bytes: consuming [UInt8], _ buffers: ThreadBuffers) -> Gathering {
        guard pending.count + bytes.count <= PendingBytes.gatheredMax else {
            let errno = unsafe bytes.withUnsafeBytes { unsafe write($0) }
            buffers.giveBack(consume bytes)
            return .written(errno)
        }
        // Not lent (ARCHITECTURE.md, "Properties are not lent").
        var kept = PendingBytes()
        swap(&kept, &pending)
        kept.append(lent: bytes, buffers)
        pending = kept
        return .gathered
    }

    enum Gathering {
        /// To be sent soon.
        case gathered
        /// Nil: well, as far as it went.
        case written(Errno?)
    }

    /// The same for several pieces.
    func write(_ slices: SliceList) -> Errno? {
        var sent = 0
        if pending.isEmpty {
            switch socket?.send(slices: slices) ?? .failed(.notConnected) {
            case .bytes(let count): sent = count
            case .wouldBlock: break
            case .failed(let errno): return errno
            }
        }
        if sent < slices.byteCount {
            isBlocked = true
            unsafe slices.forEachRest(after: sent) { rest in unsafe keep(rest) }
        }
        return nil
    }

    /// Keeps bytes for later, while there is no connection yet.
    func keep(_ slices: SliceList) {
        unsafe slices.forEachRest(after: 0) { rest in unsafe keep(rest) }
    }

    func keep(_ bytes: UnsafeRawBufferPointer, _ buffers: ThreadBuffers? = nil) {
        // Not lent (ARCHITECTURE.md, "Properties are not lent").
        var kept = PendingBytes()
        swap(&kept, &pending)
        unsafe kept.append(bytes, buffers)
        pending = kept
    }

    /// Sends what is pending as far as it goes.
    func flush(_ buffers: ThreadBuffers? = nil) -> Errno? {
        var failure: Errno?
        var wouldBlock = false
        var kept = PendingBytes()
        swap(&kept, &pending)
        while !kept.isEmpty, failure == nil, !wouldBlock {
            unsafe kept.drain(buffers) { rest in
                switch unsafe socket?.send(rest) ?? .failed(.notConnected) {
                case .bytes(let count): return count
                case .wouldBlock: wouldBlock = true
                case .failed(let errno): failure = errno
                }
                return 0
            }
        }
        pending = kept
        isBlocked = wouldBlock
        return failure
    }

    /// Sends our FIN; the other direction stays open.
    func endOutput() -> Errno? {
        hasEndedOutput = true
        return socket?.endWriting()
    }

    /// The error a connect or the network left.
    func pendingError() -> Errno? { socket?.pendingError() }

    /// Both directions have ended: what lies in the kernel is still delivered, then FIN.
    func closeCleanly() {
        socket?.setResetOnClose(false)
        socket = nil
    }

    /// Resets now.
    func reset() { socket = nil }

    /// Hands the socket on, with what it has not been given yet.
    func take() -> PlainEnd? {
        guard let taken = socket.take() else { return nil }
        return PlainEnd(taken, pending: pending, hasEndedInput: hasEndedInput)
    }

    /// Gives the bare socket up, to be used for something else.
    func takeSocket() -> Descriptor? { socket.take() }

    /// True if the peer has acknowledged everything that was sent, and nothing is pending.
    func isDelivered() -> Bool { pending.isEmpty && (socket?.unacknowledgedByteCount() ?? 0) == 0 }

    /// It comes from somewhere, not from this host: takes the given congestion control where the path is long enough.
    func expectCongestion(_ name: String) { socket?.expectCongestion(name) }

    /// See ``ReaderPatience``.
    func reviewUserTimeout(_ normal: Duration) -> Bool {
        guard let socket = socket.take() else { return false }
        let hasRelaxed = patience.review(socket, normal: normal)
        self.socket = consume socket
        return hasRelaxed
    }
}

/// Gives a reader that pauses the time it needs, and only that one.
///
/// TCP_USER_TIMEOUT is there to notice within a minute that a host is gone. But the kernel also counts the time during
/// which a peer's window is shut (tcp(7); seen: a reader paused for longer than the timeout is cut), and an application
/// that pauses is no fault. Window shut means: there is unsent data and nothing in flight. Asked about every 15 s.
struct ReaderPatience {
    private var isRelaxed = false

    /// True if the reader was just given longer.
    mutating func review(_ socket: borrowing Descriptor, normal: Duration) -> Bool {
        let waiting = socket.unsentByteCount()
        let isShut = waiting > 0 && socket.unacknowledgedByteCount() == waiting
        guard isShut != isRelaxed else { return false }
        isRelaxed = isShut
        socket.set(userTimeout: isShut ? .seconds(24 * 3600) : normal)
        return isShut
    }
}
