// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import NameServing
import Reactor
import Testing

@Suite("What is passed on")
struct ForwardingTests {
    @Test("goes as it came but for the identifier, and so comes the answer back")
    func untouched() throws {
        let scene = try Scene()
        let resolver = try FakeResolver(on: scene.loop) { [FakeResolver.reply($0, code: 3)] }
        scene.server.use(resolvers: [resolver.address])
        var identifiers: Set<[UInt8]> = []
        for _ in 0..<8 {
            let recipe = QuestionRecipe("Www.Example.COM", type: 15)
            #expect(try scene.ask(recipe).code == 3)
            let asked = try #require(resolver.questions.last)
            #expect(asked.dropFirst(2) == recipe.bytes.dropFirst(2))
            identifiers.insert(Array(asked.prefix(2)))
        }
        #expect(identifiers.count > 4, "Each is drawn anew.")
        #expect(scene.count(.forwarded) == 8 && scene.server.pendingCount == 0)
    }

    struct Forgery: CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout [UInt8]) -> Void

        init(_ description: String, _ change: @escaping @Sendable (inout [UInt8]) -> Void) {
            (testDescription, self.change) = (description, change)
        }
    }

    @Test(
        "is not answered by what is no answer to it",
        arguments: [
            Forgery("another identifier") { $0[0] ^= 1 }, Forgery("another name") { $0[13] ^= 1 },
            Forgery("another case") { $0[13] ^= 0x20 }, Forgery("another type") { $0[$0.count - 3] = 28 },
            Forgery("the question itself") { $0[2] = 1 },
            Forgery("no question") { $0 = $0.prefix(4) + [0, 0, 0, 0, 0, 0, 0, 0] },
            Forgery("another operation") { $0[2] = 0xa9 }, Forgery("half a header") { $0 = Array($0.prefix(8)) },
            Forgery("nothing") { $0 = [] },
        ])
    func forged(_ forgery: Forgery) throws {
        let scene = try Scene()
        let resolver = try FakeResolver(on: scene.loop) { question in
            var forged = FakeResolver.reply(question, code: 0)
            forgery.change(&forged)
            return [forged, FakeResolver.reply(question, code: 3)]
        }
        scene.server.use(resolvers: [resolver.address])
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 3)
    }

    @Test("goes to the next resolver after silence, a refusal, or nobody; then that one is asked first")
    func failover() throws {
        let scene = try Scene { $0.resolverPatience = .milliseconds(500) }
        let silent = try FakeResolver(on: scene.loop) { _ in [] }
        let refusing = try FakeResolver(on: scene.loop) { [FakeResolver.reply($0, code: 5)] }
        let good = try FakeResolver(on: scene.loop) { [FakeResolver.reply($0, code: 3)] }
        let nobody = try #require(SocketAddress("127.0.0.1:1"))
        scene.server.use(resolvers: [silent.address, nobody, refusing.address, good.address])
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 3)
        #expect(silent.questions.count == 1 && refusing.questions.count == 1)
        #expect(try scene.ask(QuestionRecipe("other.example.com")).code == 3)
        #expect(silent.questions.count == 1 && refusing.questions.count == 1 && good.questions.count == 2)
    }

    @Test("is a failure where nobody answers")
    func failure() throws {
        let scene = try Scene { $0.resolverPatience = .milliseconds(50) }
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 2)
        let silent = try FakeResolver(on: scene.loop) { _ in [] }
        scene.server.use(resolvers: [silent.address])
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 2)
        #expect(scene.count(.failed) == 2)
    }

    @Test("is refused where all refuse")
    func refusal() throws {
        let scene = try Scene()
        let refusing = try FakeResolver(on: scene.loop) { [FakeResolver.reply($0, code: 5)] }
        scene.server.use(resolvers: [refusing.address])
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 5)
    }

    @Test("is asked once where many ask the same, and each hears under its own identifier")
    func together() throws {
        let scene = try Scene { limits in
            limits.askersPerForward = 3
            limits.resolverPatience = .milliseconds(500)
        }
        var held: [[UInt8]] = []
        let resolver = try FakeResolver(on: scene.loop) { question in
            held.append(question)
            return held.count == 1 ? [] : [FakeResolver.reply(question)]
        }
        scene.server.use(resolvers: [resolver.address, resolver.address])
        let clients = try (0..<4).map { _ in try scene.client() }
        for (index, client) in clients.enumerated() {
            client.send(QuestionRecipe("www.example.com").with { $0.identifier = UInt16(100 + index) }.bytes)
        }
        let answers = try clients.map { try ReadAnswer(try scene.answer(to: $0)) }
        #expect(answers.map(\.identifier) == [100, 101, 102, 103])
        #expect(answers.map(\.code) == [0, 0, 0, 2], "One more than may wait for the same answer.")
        #expect(held.count == 2 && scene.count(.overloaded) == 1)
    }

    @Test("has a bound, and what comes in time is answered")
    func bound() throws {
        let scene = try Scene { limits in
            limits.forwards = 2
            limits.resolverPatience = .milliseconds(500)
        }
        let resolver = try FakeResolver(on: scene.loop) { $0[13] == UInt8(ascii: "a") ? [] : [FakeResolver.reply($0)] }
        scene.server.use(resolvers: [resolver.address])
        let waiting = try ["a1.example.com", "a2.example.com"].map { name in
            let client = try scene.client()
            client.send(QuestionRecipe(name).bytes)
            return client
        }
        try scene.turn("both are under way") { scene.server.pendingCount == 2 }
        #expect(try scene.ask(QuestionRecipe("b.example.com")).code == 2)
        #expect(scene.count(.overloaded) == 1)
        for client in waiting { #expect(try ReadAnswer(try scene.answer(to: client)).code == 2) }
        #expect(try scene.ask(QuestionRecipe("b.example.com")).code == 0)
    }

    @Test("goes round so often and no more where it comes back in another case each time")
    func circle() throws {
        let scene = try Scene { limits in
            limits.forwardsAlike = 5
            limits.resolverPatience = .milliseconds(500)
        }
        let back = try scene.client()
        var rounds: UInt16 = 0
        let resolver = try FakeResolver(on: scene.loop) { question in
            rounds += 1
            back.send(QuestionRecipe("wwwwwwwwww.example.com").with { $0.name[Int(rounds)] ^= 0x20 }.bytes)
            return []
        }
        scene.server.use(resolvers: [resolver.address])
        #expect(try scene.ask(QuestionRecipe("wwwwwwwwww.example.com")).code == 2)
        #expect(rounds == 5 && scene.server.pendingCount == 0, "\(rounds)")
    }

    @Test("never goes to the server itself")
    func itself() throws {
        let scene = try Scene()
        scene.server.use(resolvers: [scene.address])
        #expect(scene.server.resolvers.isEmpty)
        #expect(try scene.ask(QuestionRecipe("www.example.com")).code == 2)
    }

    @Test("to a client that has gone harms nobody")
    func gone() throws {
        let scene = try Scene()
        do {
            let client = try scene.client()
            client.send(QuestionRecipe("www.example.com").bytes)
            try scene.turn("it has been asked") { scene.server.pendingCount == 0 && scene.count(.failed) == 1 }
        }
        scene.answer = { _ in .addresses([]) }
        #expect(try scene.ask(QuestionRecipe("api")).code == 0)
    }
}
