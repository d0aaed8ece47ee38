// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import NameServing
import Reactor
import Testing

/// A server of names, resolvers and clients, all on the loop of the test.
final class Scene {
    let loop: EventLoop
    private(set) var server: NameServer!
    let address: SocketAddress
    /// What the mesh answers; nil: later, by ``complete``.
    var answer: (String?) -> MeshAnswer? = { _ in .notOfMesh }
    var waiting: [(MeshAnswer) -> Void] = []

    init(_ change: (inout NameLimits) -> Void = { _ in }) throws {
        loop = try EventLoop()
        var limits = NameLimits()
        // A loaded machine must not make a test fail; those that wait for the end of patience say so.
        limits.resolverPatience = .seconds(20)
        limits.lookupPatience = .seconds(20)
        change(&limits)
        let any = try #require(IPAddress("127.0.0.1"))
        let box = Box()
        let server = NameServer(loop, limits: limits) { name, _, completion in box.scene?.look(up: name, completion) }
        address = try server.listen(SocketAddress(any, 0))
        self.server = server
        box.scene = self
    }

    private final class Box { weak var scene: Scene? }

    private func look(up name: QueriedName, _ completion: @escaping (MeshAnswer) -> Void) {
        if let answer = answer(name.text) { completion(answer) } else { waiting.append(completion) }
    }

    func count(_ result: NameResult) -> UInt64 { server.results[result] ?? 0 }

    /// Turns until something holds.
    func turn(_ what: String, patience: Duration = .seconds(20), until condition: () throws -> Bool) throws {
        let end = Instant.now() + patience
        while try !condition() {
            try #require(Instant.now() < end, "did not happen: \(what)")
            try loop.turn(patience: .milliseconds(5))
        }
    }

    func client() throws -> DatagramClient { try DatagramClient(to: address) }

    func stream() throws -> StreamClient { try StreamClient(to: address) }

    /// Asks over UDP and waits for the answer.
    func ask(_ recipe: QuestionRecipe) throws -> ReadAnswer {
        let client = try client()
        client.send(recipe.bytes)
        return try ReadAnswer(try answer(to: client))
    }

    func answer(to client: DatagramClient) throws -> [UInt8] {
        var answer: [UInt8]?
        try turn("an answer") {
            answer = client.receive()
            return answer != nil
        }
        return try #require(answer)
    }
}

final class DatagramClient {
    private let socket: Descriptor

    init(to address: SocketAddress) throws {
        socket = try Descriptor.datagram(address.address.family)
        let problem = socket.connect(to: address)
        #expect(problem == nil)
    }

    func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { socket.send($0) } }

    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) else { return nil }
        return Array(buffer.prefix(count))
    }
}

final class StreamClient {
    private let socket: Descriptor
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false

    init(to address: SocketAddress) throws {
        socket = try Descriptor.stream(address.address.family)
        let problem = socket.connect(to: address)
        let isConnected = socket.waitForOutput(.seconds(5))
        #expect(problem == nil && isConnected)
    }

    func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { socket.send($0) } }

    func end() { _ = socket.endWriting() }

    /// The messages that have come whole.
    func messages() -> [[UInt8]] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        reading: while true {
            switch buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
            case .bytes(let count): received += buffer.prefix(count)
            case .wouldBlock: break reading
            case .ended, .failed:
                hasEnded = true
                break reading
            }
        }
        var (messages, rest): ([[UInt8]], ArraySlice<UInt8>) = ([], received[...])
        while rest.count >= 2 {
            let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            guard rest.count >= 2 + count else { break }
            messages.append(Array(rest.dropFirst(2).prefix(count)))
            rest = rest.dropFirst(2 + count)
        }
        return messages
    }
}

func framed(_ message: [UInt8]) -> [UInt8] { big(UInt16(message.count)) + message }

/// A resolver over UDP whose answers are up to the test.
final class FakeResolver: EventHandler {
    let address: SocketAddress
    private let socket: Descriptor
    private(set) var questions: [[UInt8]] = []
    private let answer: ([UInt8]) -> [[UInt8]]

    /// `answer` gives the datagrams that are sent back.
    init(on loop: EventLoop, _ answer: @escaping ([UInt8]) -> [[UInt8]]) throws {
        self.answer = answer
        let any = try #require(IPAddress("127.0.0.1"))
        socket = try Descriptor.datagram(.ipv4)
        try socket.bind(to: SocketAddress(any, UInt16(0)))
        address = try #require(try socket.localAddress())
        super.init()
        loop.add(self)
        try loop.watch(socket.number, for: self, .readable)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case .bytes(let count, let source) = buffer.withUnsafeMutableBytes({ socket.receiveDatagram(into: $0) }) {
            let question = Array(buffer.prefix(count))
            questions.append(question)
            for bytes in answer(question) { bytes.withUnsafeBytes { socket.send($0, to: source) } }
        }
    }

    /// The question as an answer without records.
    static func reply(_ question: [UInt8], code: UInt8 = 0) -> [UInt8] {
        var reply = question
        reply[2] = 0x81
        reply[3] = 0x80 | code
        return reply
    }
}
