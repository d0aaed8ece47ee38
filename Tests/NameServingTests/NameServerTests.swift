// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import NameServing
import Reactor
import Testing

@Suite("The server of names")
struct NameServerTests {
    private let address = IPAddress.v4(IPv4Address(bits: 0x0a60_000a))

    @Test("asks the mesh for what may be its own, and nobody for more than that")
    func asked() throws {
        let scene = try Scene()
        var names: [String?] = []
        scene.answer = { name in
            names.append(name)
            return .addresses([address])
        }
        for name in ["api", "api.default", "api.default.mesh", "a.b.c.d.mesh", "www.example.com", ""] {
            let answer = try scene.ask(QuestionRecipe(name))
            #expect(answer.answers.isEmpty == (name == "www.example.com" || name.isEmpty), "\(name)")
        }
        _ = try scene.ask(QuestionRecipe("api").with { $0.recordClass = 3 })
        #expect(names == ["api", "api.default", "api.default.mesh", "a.b.c.d.mesh"])
        #expect(scene.count(.answered) == 4 && scene.count(.failed) == 3)
    }

    @Test("waits for a mesh that thinks")
    func late() throws {
        let scene = try Scene()
        scene.answer = { _ in nil }
        let client = try scene.client()
        client.send(QuestionRecipe("api").bytes)
        try scene.turn("it is asked") { scene.waiting.count == 1 }
        #expect(scene.server.pendingCount == 1)
        scene.waiting[0](.addresses([address]))
        #expect(try ReadAnswer(try scene.answer(to: client)).answers.count == 1)
        #expect(scene.count(.answered) == 1 && scene.server.pendingCount == 0)
    }

    @Test("but not for ever")
    func tooLate() throws {
        let scene = try Scene { $0.lookupPatience = .milliseconds(50) }
        let resolver = try FakeResolver(on: scene.loop) { [FakeResolver.reply($0, code: 3)] }
        scene.server.use(resolvers: [resolver.address])
        scene.answer = { _ in nil }
        // Of its own names only the mesh knows; others may be somebody else's.
        #expect(try scene.ask(QuestionRecipe("api.default.mesh")).code == 2)
        #expect(try scene.ask(QuestionRecipe("api")).code == 3)
        // An answer that comes too late is nobody's.
        for completion in scene.waiting { completion(.unknownInMesh) }
        #expect(scene.server.pendingCount == 0)
        #expect(scene.count(.failed) == 1 && scene.count(.forwarded) == 1 && scene.count(.unknown) == 0)
    }

    @Test("bounds what waits for the mesh")
    func lookups() throws {
        let scene = try Scene { $0.lookups = 1 }
        scene.answer = { _ in nil }
        let client = try scene.client()
        client.send(QuestionRecipe("api").bytes)
        try scene.turn("it is asked") { scene.waiting.count == 1 }
        #expect(try scene.ask(QuestionRecipe("db")).code == 2)
        #expect(scene.count(.overloaded) == 1)
    }

    @Test("says nothing to an answer, and little to what it cannot read")
    func refused() throws {
        let scene = try Scene()
        let client = try scene.client()
        for bytes in [[], [1], QuestionRecipe().with { $0.flags = 0x8180 }.bytes, [UInt8](repeating: 0, count: 4097)] {
            client.send(bytes)
        }
        client.send(QuestionRecipe().with { $0.counts = [0, 0, 0] }.bytes)
        #expect(try scene.answer(to: client) == [0x12, 0x34, 0x81, 0x81] + [UInt8](repeating: 0, count: 8))
        #expect(client.receive() == nil && scene.count(.refused) == 5)
        #expect(try scene.ask(QuestionRecipe("api.default.mesh", type: 252)).code == 5)
    }

    @Test("reads only so many questions in a second")
    func rate() throws {
        let scene = try Scene { $0.questionsPerSecond = 10 }
        scene.answer = { _ in .addresses([address]) }
        let client = try scene.client()
        for _ in 0..<30 { client.send(QuestionRecipe("api").bytes) }
        try scene.turn("all are read") { scene.count(.answered) + scene.count(.overloaded) == 30 }
        #expect(scene.count(.overloaded) >= 10)
    }

    // MARK: TCP

    @Test("answers each question of a stream, in whatever pieces they come")
    func stream() throws {
        let scene = try Scene()
        scene.answer = { _ in .addresses(Array(repeating: address, count: 300)) }
        let client = try scene.stream()
        let bytes = (0..<3).flatMap { number in framed(QuestionRecipe("api").with { $0.identifier = number }.bytes) }
        for byte in bytes {
            client.send([byte])
            try scene.loop.turn(patience: .zero)
        }
        try scene.turn("three answers") { client.messages().count == 3 }
        for (index, message) in client.messages().enumerated() {
            let answer = try ReadAnswer(message)
            #expect(answer.identifier == UInt16(index) && answer.answers.count == 300)
        }
        client.end()
        try scene.turn("the end") {
            _ = client.messages()
            return client.hasEnded
        }
    }

    @Test("reads no more from a stream than it answers, and forgets nothing")
    func pipelining() throws {
        let scene = try Scene { $0.questionsPerStream = 2 }
        scene.answer = { _ in nil }
        let client = try scene.stream()
        client.send((0..<7).flatMap { number in framed(QuestionRecipe("api").with { $0.identifier = number }.bytes) })
        client.end()
        var most = 0
        try scene.turn("seven answers") {
            most = max(most, scene.server.pendingCount)
            if !scene.waiting.isEmpty { scene.waiting.removeFirst()(.addresses([address])) }
            return client.messages().count == 7 && client.hasEnded
        }
        #expect(most == 2)
    }

    @Test("a question of a stream goes on over a stream, and its long answer comes back")
    func forwarded() throws {
        let scene = try Scene()
        // A resolver that is itself a server of names, whose mesh is large.
        let other = try Scene()
        other.answer = { _ in .addresses(Array(repeating: address, count: 2000)) }
        scene.server.use(resolvers: [other.address])
        let client = try scene.stream()
        client.send(framed(QuestionRecipe("a.b.c.mesh").bytes))
        scene.answer = { _ in .notOfMesh }
        try scene.turn("the answer") {
            try other.loop.turn(patience: .zero)
            return client.messages().count == 1
        }
        #expect(try ReadAnswer(client.messages()[0]).answers.count == 2000)
        #expect(try ReadAnswer(client.messages()[0]).identifier == 0x1234)
    }

    @Test("a stream that is silent, half said, too long or no question is closed")
    func closed() throws {
        let scene = try Scene { $0.streamIdle = .milliseconds(60) }
        for bytes in [
            [], [0], [0, 50, 1, 2, 3], [0x20, 0], framed([1, 2, 3]),
            framed(QuestionRecipe().with { $0.flags = 0x8000 }.bytes),
        ] {
            let client = try scene.stream()
            client.send(bytes)
            try scene.turn("the end of \(bytes)") { client.messages().isEmpty && client.hasEnded }
        }
    }

    @Test("takes so many streams, and then others as those end")
    func streams() throws {
        let scene = try Scene { $0.streams = 2 }
        scene.answer = { _ in .addresses([address]) }
        var clients = try (0..<3).map { _ in try scene.stream() }
        try scene.turn("the third is closed") {
            _ = clients[2].messages()
            return clients[2].hasEnded
        }
        #expect(scene.count(.overloaded) == 1)
        clients.removeAll()
        for _ in 0..<3 { try scene.loop.turn(patience: .milliseconds(5)) }
        let next = try scene.stream()
        next.send(framed(QuestionRecipe("api").bytes))
        try scene.turn("an answer") { next.messages().count == 1 }
    }
}
