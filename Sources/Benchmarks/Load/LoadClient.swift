// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// The load generator: one thread, one epoll, the same for every contender.
///
/// A connection has at most one request under way. With `.requests` it stays for the next one, with `.connections` it is
/// closed after the answer and a new one takes its place. No request begins after the deadline, and those under way are
/// waited for, so that what the proxies have spent belongs to answers that were counted.
final class LoadClient {
    private final class Connection {
        let socket: Descriptor
        let token: UInt64
        var startedAt: Instant
        /// Bytes of the answer that have not come yet; 0 while it rests.
        var missing = 0
        var isConnecting = true

        init(_ socket: consuming Descriptor, token: UInt64, startedAt: Instant) {
            self.socket = socket
            self.token = token
            self.startedAt = startedAt
        }
    }

    /// A proxy that is at a loss is given so long before the measurement fails.
    private static let patience: Duration = .seconds(20)

    private let shape: LoadShape
    private let request: [UInt8]
    private let answerByteCount: Int
    private let epoll: Epoll
    private var connections: [UInt64: Connection] = [:]
    private var resting: [Connection] = []
    private var lastToken: UInt64 = 0
    private var underWay = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)

    private var latencies: [Int64] = []
    private var result = LoadResult()

    init(_ shape: LoadShape, request: [UInt8]? = nil) throws {
        self.shape = shape
        self.request = request ?? Wire.request(byteCount: shape.answerByteCount)
        answerByteCount = Wire.answerByteCount(shape.answerByteCount)
        epoll = try Epoll(capacity: 512)
        latencies.reserveCapacity(1 << 20)
    }

    /// Opens all connections and has one answer on each.
    func open(_ count: Int) throws {
        var opened = connections.count
        while opened < count || underWay > 0 {
            // A few at a time: the proxies' limit of handshakes under way is not what is measured.
            while opened < count, underWay < 32 {
                try connect()
                opened += 1
            }
            try turn(until: Instant.now() + Self.patience) { resting.append($0) }
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
                if Instant.now() < deadline { try ask(connection) } else { resting.append(connection) }
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
                try ask(connection, since: underWay == shape.connections - 1 ? next : now)
                next = next + interval
            }
            let limit = next < deadline ? next : deadline + Self.patience
            try turn(until: resting.isEmpty ? deadline + Self.patience : limit, mayBeIdle: next < deadline) {
                resting.insert($0, at: 0)
            }
        }
    }

    // MARK: One connection

    private func connect() throws {
        let socket = try Descriptor.stream(.ipv4)
        try socket.set(.noDelay)
        let startedAt = Instant.now()
        if let errno = socket.connect(to: shape.destination) { throw BenchmarkFailure("connect: \(errno)") }
        lastToken += 1
        let connection = Connection(socket, token: lastToken, startedAt: startedAt)
        connection.missing = answerByteCount
        connections[lastToken] = connection
        underWay += 1
        // A local handshake is often done by now.
        let hasSent = try send(connection)
        try epoll.add(connection.socket.number, hasSent ? .readable : .writable, token: lastToken)
    }

    private func ask(_ connection: Connection, since: Instant? = nil) throws {
        connection.startedAt = since ?? Instant.now()
        connection.missing = answerByteCount
        underWay += 1
        guard try send(connection) else { throw BenchmarkFailure("a request does not fit into an empty socket buffer") }
    }

    private func send(_ connection: Connection) throws -> Bool {
        switch request.withUnsafeBytes({ connection.socket.send($0) }) {
        case .bytes(request.count):
            connection.isConnecting = false
            return true
        case .wouldBlock: return false
        case .bytes(let count): throw BenchmarkFailure("only \(count) bytes of a request were taken")
        case .failed(let errno): throw BenchmarkFailure("a request cannot be sent: \(errno)")
        }
    }

    /// Waits once and handles what happened; `done` gets each connection whose answer has come.
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
            } else if try receive(connection) {
                try done(connection)
            }
        }
    }

    /// True when the answer is whole.
    private func receive(_ connection: Connection) throws -> Bool {
        switch connection.socket.receive(into: buffer) {
        case .wouldBlock: return false
        case .ended: throw BenchmarkFailure("a connection ended with \(connection.missing) bytes of an answer missing")
        case .failed(let errno): throw BenchmarkFailure("a connection broke: \(errno)")
        case .bytes(let count):
            if connection.missing == answerByteCount, buffer[0] != UInt8(ascii: "H") {
                throw BenchmarkFailure("that is not an answer of the server")
            }
            connection.missing -= count
            result.bytes += count
            guard connection.missing <= 0 else { return false }
            guard connection.missing == 0 else { throw BenchmarkFailure("an answer is too long") }
            underWay -= 1
            result.answers += 1
            latencies.append((Instant.now() - connection.startedAt).wholeNanoseconds)
            return true
        }
    }
}
