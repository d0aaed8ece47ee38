// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// A question that came by TCP, because its answer is long: it goes on by TCP, on a connection of its own.
final class StreamQuestion: ForwardedQuestion {
    private var socket: Descriptor?
    private var output: ArraySlice<UInt8> = []
    private var input = StreamedMessages(limit: NameResponse.streamByteCountMax)

    override func ask(_ resolver: SocketAddress) -> Bool {
        do throws(SystemError) {
            let socket = try Descriptor.stream(resolver.address.family)
            if let errno = socket.connect(to: resolver) { throw SystemError(errno, "connect") }
            try forwarder.loop.watch(socket.number, for: self, [.readable, .writable])
            self.socket = consume socket
        } catch {
            return false
        }
        output = StreamedMessages.framed(message)[...]
        input = StreamedMessages(limit: NameResponse.streamByteCountMax)
        return true
    }

    override func closeSocket() { socket = nil }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        guard output.isEmpty || write() else { return askNext() }
        if !readiness.isDisjoint(with: [.readable, .error, .hangup]) { read() }
    }

    /// False where the connection is of no use.
    private func write() -> Bool {
        guard let socket = socket.take() else { return false }
        let result = unsafe output.withUnsafeBytes { unsafe socket.send($0) }
        let number = socket.number
        self.socket = consume socket
        switch result {
        case .bytes(let count): output = output.dropFirst(count)
        case .wouldBlock: return true
        case .failed: return false
        }
        if output.isEmpty { try? forwarder.loop.rewatch(number, for: self, .readable) }
        return true
    }

    private func read() {
        guard let socket = socket.take() else { return }
        let result = unsafe forwarder.scratch.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
        self.socket = consume socket
        switch result {
        case .bytes(let count):
            input.append(forwarder.scratch.prefix(count))
            // What is no answer to the question makes all that follows doubtful.
            if let answer = input.next(), !take(answer[...]) { askNext() }
        case .wouldBlock: return
        case .ended, .failed: askNext()
        }
    }
}

/// Messages on a stream, each after its length (RFC 1035 section 4.2.2).
struct StreamedMessages {
    private var bytes: ArraySlice<UInt8> = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// A message is there whole.
    var hasNext: Bool { announced.map { bytes.count >= 2 + $0 } ?? false }

    /// A message is announced that is longer than the limit.
    var isTooLong: Bool { announced.map { $0 > limit } ?? false }

    private var announced: Int? {
        guard bytes.count >= 2, let high = bytes.first, let low = bytes.dropFirst().first else { return nil }
        return Int(high) << 8 | Int(low)
    }

    mutating func append(_ more: ArraySlice<UInt8>) { bytes += more }

    /// The next message that is there whole.
    mutating func next() -> [UInt8]? {
        guard let count = announced, bytes.count >= 2 + count else { return nil }
        let message = Array(bytes.dropFirst(2).prefix(count))
        // A copy: the array would else keep all that ever came.
        bytes = Array(bytes.dropFirst(2 + count))[...]
        return message
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        let count = UInt16(clamping: message.count)
        return [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)] + message
    }
}
