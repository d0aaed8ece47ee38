// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import LinuxSystem
import MeshModel

/// The load generator: one thread, one epoll, the same for every contender.
///
/// A connection has at most one request under way, or several of HTTP/2. With `.requests` it stays for the next one, with
/// `.connections` it is closed after the answer and a new one takes its place. No request begins after the deadline, and
/// those under way are waited for, so that what the proxies have spent belongs to answers that were counted.
final class LoadClient {
    private final class Connection {
        let socket: Descriptor
        let token: UInt64
        let dialogue: any Dialogue
        /// What is to be sent before anything else happens.
        var output: [UInt8] = []
        var isConnecting = true

        init(_ socket: consuming Descriptor, token: UInt64, dialogue: any Dialogue) {
            self.socket = socket
            self.token = token
            self.dialogue = dialogue
        }
    }

    /// A proxy that is at a loss is given so long before the measurement fails.
    private static let patience: Duration = .seconds(20)

    private let shape: LoadShape
    private let request: [UInt8]
    private let epoll: Epoll
    private var connections: [UInt64: Connection] = [:]
    /// Those that could carry another request; with HTTP/2 as often as they could.
    private var resting: [Connection] = []
    private var lastToken: UInt64 = 0
    private var underWay = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)

    private var latencies: [Int64] = []
    private var result = LoadResult()

    init(_ shape: LoadShape, request: [UInt8]? = nil) throws {
        self.shape = shape
        self.request = request ?? Wire.request(byteCount: shape.answerByteCount)
        epoll = try Epoll(capacity: 512)
        latencies.reserveCapacity(1 << 20)
    }

    /// Opens all connections and has one answer on each.
    func open(_ count: Int) throws {
        var opened = connections.count
        let limit = Instant.now() + Self.patience + .milliseconds(Int64(10 * count))
        while opened < count || underWay > 0 {
            // A few at a time: the proxies' limit of handshakes under way is not what is measured.
            while opened < count, underWay < 32 {
                try connect()
                opened += 1
            }
            try turn(until: limit) { connection in
                resting += Array(repeating: connection, count: shape.kind == .idle ? 1 : shape.requestsPerConnection)
            }
        }
    }

    func close() {
        connections.removeAll()
        resting.removeAll()
    }

    /// Generates the load for `duration`; nil for that of the shape.
    func run(for duration: Duration? = nil) throws -> LoadResult {
        (result, latencies) = (LoadResult(), [])
        latencies.reserveCapacity(1 << 20)
        let start = Instant.now()
        let deadline = start + (duration ?? shape.duration)
        switch (shape.kind, shape.rate) {
        case (.connections, _): try openOneAfterTheOther(until: deadline)
        case (_, .some(let rate)): try keepRate(rate, from: start, until: deadline)
        case (_, .none): try keepBusy(until: deadline)
        }
        result.seconds = Double((Instant.now() - start).wholeNanoseconds) / 1e9
        result.take(latencies: latencies)
        return result
    }

    private func keepBusy(until deadline: Instant) throws {
        for connection in resting { try ask(connection) }
        resting.removeAll(keepingCapacity: true)
        while underWay > 0 {
            try turn(until: deadline + Self.patience) { connection in
                if Instant.now() < deadline { try ask(connection, inTurn: true) } else { resting.append(connection) }
            }
        }
    }

    private func openOneAfterTheOther(until deadline: Instant) throws {
        while Instant.now() < deadline || underWay > 0 {
            while underWay < shape.connections, Instant.now() < deadline { try connect() }
            try turn(until: deadline + Self.patience) { connections[$0.token] = nil }
        }
    }

    /// Asks at the times of a clock. A request that finds every connection busy waits, and the wait counts as latency; the
    /// millisecond that epoll's own clock is coarse does not.
    private func keepRate(_ rate: Int, from start: Instant, until deadline: Instant) throws {
        let interval = Duration.nanoseconds(1_000_000_000 / rate)
        var next = start
        while next < deadline || underWay > 0 {
            let now = Instant.now()
            while next <= now, next < deadline, let connection = resting.popLast() {
                try ask(connection, since: resting.isEmpty ? next : now)
                next = next + interval
            }
            let limit = next < deadline ? next : deadline + Self.patience
            try turn(until: resting.isEmpty ? deadline + Self.patience : limit, mayBeIdle: next < deadline) {
                resting.insert($0, at: 0)
            }
        }
    }

    // MARK: One connection

    private func dialogue() -> any Dialogue {
        switch shape.speech {
        case .tcp: CountingDialogue(request, answerByteCount: Wire.answerByteCount(shape.answerByteCount))
        case .http1: HTTP1Dialogue()
        case .http2: HTTP2Dialogue()
        }
    }

    private func connect() throws {
        let socket = try Descriptor.stream(.ipv4)
        try socket.set(.noDelay)
        let startedAt = Instant.now()
        if let errno = socket.connect(to: shape.destination) { throw BenchmarkFailure("connect: \(errno)") }
        lastToken += 1
        let connection = Connection(socket, token: lastToken, dialogue: dialogue())
        connection.dialogue.ask(at: startedAt, to: &connection.output)
        connections[lastToken] = connection
        underWay += 1
        // A local handshake is often done by now.
        let hasSent = try send(connection)
        try epoll.add(connection.socket.number, hasSent ? .readable : .writable, token: lastToken)
    }

    /// Asks once more; inside a turn the request leaves with others at its end.
    private func ask(_ connection: Connection, since: Instant? = nil, inTurn: Bool = false) throws {
        connection.dialogue.ask(at: since ?? Instant.now(), to: &connection.output)
        underWay += 1
        if !inTurn { try sendWhole(connection) }
    }

    private func sendWhole(_ connection: Connection) throws {
        guard try send(connection) else { throw BenchmarkFailure("a request does not fit into an empty socket buffer") }
    }

    private func send(_ connection: Connection) throws -> Bool {
        let count = connection.output.count
        guard count > 0 else { return true }
        switch connection.output.withUnsafeBytes({ connection.socket.send($0) }) {
        case .bytes(count):
            connection.isConnecting = false
            connection.output.removeAll(keepingCapacity: true)
            return true
        case .wouldBlock: return false
        case .bytes(let count): throw BenchmarkFailure("only \(count) bytes of a request were taken")
        case .failed(let errno): throw BenchmarkFailure("a request cannot be sent: \(errno)")
        }
    }

    /// Waits once and handles what happened; `done` gets each connection as often as an answer has come on it.
    private func turn(
        until limit: Instant, mayBeIdle: Bool = false, done: (Connection) throws -> Void
    ) throws {
        let left = (limit - Instant.now()).wholeMilliseconds
        guard left > 0 || mayBeIdle else { throw BenchmarkFailure("\(underWay) answers did not come in time") }
        for index in 0..<(try epoll.wait(milliseconds: Int32(clamping: max(mayBeIdle ? 1 : 0, left)))) {
            guard let connection = connections[epoll.event(index).token] else { continue }
            if connection.isConnecting {
                guard try send(connection) else { continue }
                try epoll.change(connection.socket.number, .readable, token: connection.token)
            } else {
                try receive(connection, done)
                // One that was closed after its answer has nothing to say.
                if connections[connection.token] != nil { try sendWhole(connection) }
            }
        }
    }

    private func receive(_ connection: Connection, _ done: (Connection) throws -> Void) throws {
        switch connection.socket.receive(into: buffer) {
        case .wouldBlock: return
        case .ended: throw BenchmarkFailure("a connection ended with an answer missing")
        case .failed(let errno): throw BenchmarkFailure("a connection broke: \(errno)")
        case .bytes(let count):
            result.bytes += count
            // Apart from the output, to which the next requests are added meanwhile.
            var reply: [UInt8] = []
            try connection.dialogue.take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: &reply) {
                underWay -= 1
                result.answers += 1
                latencies.append((Instant.now() - $0).wholeNanoseconds)
                try done(connection)
            }
            connection.output += reply
        }
    }
}
