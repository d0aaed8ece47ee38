// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import MeshTesting
import Reactor
import Testing

@testable import NameResolution

/// A resolver and the only server that it asks, on one loop.
private final class Scene {
    let loop: EventLoop
    private(set) var events: [String] = []
    var server: SmallNameServer?
    var resolver: NameResolver?
    var answer: (SmallNameServer.Question) -> SmallNameServer.Answer

    init(_ answer: @escaping (SmallNameServer.Question) -> SmallNameServer.Answer) throws {
        loop = try EventLoop()
        self.answer = answer
        let server = try SmallNameServer(on: loop) { [unowned self] in self.answer($0) }
        self.server = server
        let resolver = NameResolver(loop, .only([server.address], patience: .seconds(3)))
        self.resolver = resolver
        resolver.tell = { [unowned self] event in
            switch event {
            case .changed(let name, let resolved): events.append("\(name): \(Self.text(resolved))")
            case .failed(let name, let reason, let hadAnswer):
                events.append("\(name) failed\(hadAnswer ? " again" : ""): \(reason)")
            case .recovered(let name): events.append("\(name) recovered")
            }
        }
    }

    private static func text(_ resolved: ResolvedName) -> String {
        (resolved.ipv4 + resolved.ipv6).map(\.description).joined(separator: " ")
    }

    func use(_ names: String..., families: AddressFamilies = .both, interval: Duration = .seconds(30)) {
        let wish = NameResolver.Wish(families: families, interval: interval)
        resolver?.use(Dictionary(uniqueKeysWithValues: names.compactMap { DNSName($0) }.map { ($0, wish) }))
    }

    func happens(_ count: Int) throws -> [String] {
        #expect(try SmallNameServer.turn(loop) { events.count >= count }, "only \(events)")
        return events
    }

    func asks(_ count: Int) throws -> Int {
        #expect(try SmallNameServer.turn(loop) { (server?.questions.count ?? 0) >= count })
        return server?.questions.count ?? 0
    }
}

@Suite("Names kept resolved")
struct NameResolverTests {
    private static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    private static func both(
        _ four: [IPAddress], _ six: [IPAddress] = [], seconds: UInt32 = 60
    ) -> (SmallNameServer.Question) -> SmallNameServer.Answer {
        { question in
            let found = question.isIPv6 ? six : four
            return found.isEmpty ? .code(0) : .addresses(found, seconds: seconds)
        }
    }

    @Test("a name has the addresses of both families, by one question each")
    func first() throws {
        let scene = try Scene(Self.both(Self.addresses("192.0.2.1", "192.0.2.2"), Self.addresses("2001:db8::1")))
        scene.use("service_b.test")
        #expect(scene.resolver?.isSettled == false && scene.resolver?.unresolvedCount == 1)
        #expect(try scene.happens(1) == ["service_b.test: 192.0.2.1 192.0.2.2 2001:db8::1"])
        let resolver = try #require(scene.resolver)
        #expect(resolver.isSettled && resolver.unresolvedCount == 0 && resolver.lookups == (1, 0))
        #expect(Set(scene.server?.questions ?? []).count == 2 && scene.server?.questions.count == 2)
        let status = try #require(resolver.statuses.first)
        let next = try #require(status.nextLookup) - scene.loop.now
        // The interval is shorter than the time to live; a tenth is drawn by chance.
        #expect(next >= .seconds(26) && next <= .seconds(30) && status.failure == nil)
    }

    @Test("only the families that are wanted are asked for")
    func families() throws {
        let scene = try Scene(Self.both(Self.addresses("192.0.2.1"), Self.addresses("2001:db8::1")))
        scene.use("a.test", families: .ipv6)
        #expect(try scene.happens(1) == ["a.test: 2001:db8::1"])
        #expect(scene.server?.questions == [SmallNameServer.Question(name: "a.test", isIPv6: true)])
        scene.use("a.test", families: .both)
        #expect(try scene.happens(2).last == "a.test: 192.0.2.1 2001:db8::1")
        scene.use("a.test", families: .ipv4)
        #expect(try scene.happens(3).last == "a.test: 192.0.2.1")
    }

    @Test("it is asked again when its time is over, and an answer in another order is none")
    func timeToLive() throws {
        var turn = 0
        let scene = try Scene { question in
            guard !question.isIPv6 else { return .code(0) }
            turn += 1
            let found = Self.addresses("192.0.2.1", "192.0.2.2", "192.0.2.3")
            return .addresses(
                turn < 3
                    ? Array(found[(turn % 3)...] + found[..<(turn % 3)]) : Self.addresses("192.0.2.3", "192.0.2.9"),
                seconds: 1)
        }
        scene.use("a.test")
        let start = Instant.now()
        #expect(
            try scene.happens(2) == [
                "a.test: 192.0.2.2 192.0.2.3 192.0.2.1", "a.test: 192.0.2.3 192.0.2.9",
            ])
        let taken = Instant.now() - start
        #expect(turn == 3 && taken >= .milliseconds(1700), "\(turn) \(taken)")
    }

    @Test("an alias lives as long as its shortest part")
    func alias() throws {
        let scene = try Scene { question in
            question.isIPv6
                ? .code(0) : .alias("b.test", aliasSeconds: 7, Self.addresses("192.0.2.1"), seconds: 3600)
        }
        scene.use("a.test")
        #expect(try scene.happens(1) == ["a.test: 192.0.2.1"])
        let next = try #require(scene.resolver?.statuses.first?.nextLookup) - scene.loop.now
        #expect(next > .seconds(6) && next <= .seconds(7))
    }

    @Test("after a failure what was known stays, and it is told once and tried soon")
    func failing() throws {
        let scene = try Scene(Self.both(Self.addresses("192.0.2.1"), seconds: 1))
        scene.use("a.test")
        _ = try scene.happens(1)
        scene.answer = { _ in .code(3) }
        #expect(try scene.happens(2).last == "a.test failed again: there is no such name")
        let before = try scene.asks((scene.server?.questions.count ?? 0) + 2)
        #expect(scene.resolver?.names.values.first?.ipv4 == Self.addresses("192.0.2.1"))
        #expect(scene.resolver?.statuses.first?.failure == "there is no such name")
        scene.answer = Self.both(Self.addresses("192.0.2.1"))
        #expect(try scene.happens(3).last == "a.test recovered")
        #expect(scene.resolver?.unresolvedCount == 0 && before > 4)
        #expect(scene.resolver?.lookups.failed ?? 0 >= 1 && scene.resolver?.statuses.first?.failure == nil)
    }

    @Test(
        "what is no good answer, and why",
        arguments: [
            (3, "there is no such name"), (0, "the name has no address of this family"), (2, "server"), (5, "server"),
        ] as [(UInt8, String)])
    func codes(_ code: UInt8, _ reason: String) throws {
        let scene = try Scene { _ in .code(code) }
        scene.use("a.test")
        let event = try #require(try scene.happens(1).first)
        #expect(event.hasPrefix("a.test failed: ") && event.contains(reason), "\(event)")
        #expect(scene.resolver?.isSettled == true && scene.resolver?.unresolvedCount == 1)
        #expect(scene.resolver?.names.isEmpty == true)
    }

    @Test("one family that fails does not take away what the other says, nor what was known of it")
    func halves() throws {
        let scene = try Scene(Self.both(Self.addresses("192.0.2.1"), Self.addresses("2001:db8::1"), seconds: 1))
        scene.use("a.test")
        _ = try scene.happens(1)
        scene.answer = { $0.isIPv6 ? .code(2) : .addresses(Self.addresses("192.0.2.2"), seconds: 1) }
        #expect(try scene.happens(2).last == "a.test: 192.0.2.2 2001:db8::1")
        scene.answer = { $0.isIPv6 ? .code(0) : .addresses(Self.addresses("192.0.2.2"), seconds: 1) }
        #expect(try scene.happens(3).last == "a.test: 192.0.2.2")
    }

    @Test("a server that says nothing is waited for, within bounds, and the others are not held up")
    func silence() throws {
        let scene = try Scene { question in
            question.name == "dead.test"
                ? .nothing : question.isIPv6 ? .code(0) : .addresses(Self.addresses("192.0.2.1"), seconds: 60)
        }
        let start = Instant.now()
        scene.use("dead.test", "a.test")
        #expect(try scene.happens(1) == ["a.test: 192.0.2.1"])
        #expect(Instant.now() - start < .seconds(3) && scene.resolver?.isSettled == false)
        #expect(try scene.happens(2).last == "dead.test failed: no answer in time")
        #expect(Instant.now() - start < .seconds(10))
    }

    @Test("a name that is no longer wanted is forgotten, in the middle of its lookup too")
    func forgetting() throws {
        let scene = try Scene { _ in .nothing }
        let handlers = scene.loop.handlerCount
        scene.use("a.test", "b.test")
        _ = try scene.asks(2)
        scene.use()
        #expect(scene.resolver?.statuses.isEmpty == true && scene.resolver?.isSettled == true)
        #expect(scene.loop.handlerCount == handlers)
        scene.answer = Self.both(Self.addresses("192.0.2.1"))
        scene.use("a.test")
        #expect(try scene.happens(1) == ["a.test: 192.0.2.1"])
    }

    @Test("what stands in /etc/hosts is not asked for anywhere")
    func file() throws {
        let loop = try EventLoop()
        let resolver = NameResolver(loop)
        let name = try #require(DNSName("localhost"))
        resolver.use([name: NameResolver.Wish(families: .ipv4, interval: .seconds(30))])
        #expect(try SmallNameServer.turn(loop) { resolver.isSettled })
        #expect(resolver.names[name] == ResolvedName(ipv4: Self.addresses("127.0.0.1"), ipv6: []))
    }

    @Test("hundreds of names are asked in turn")
    func many() throws {
        let scene = try Scene(Self.both(Self.addresses("192.0.2.1")))
        let wish = NameResolver.Wish(families: .ipv4, interval: .seconds(30))
        let names = (0..<300).compactMap { DNSName("n\($0).test") }
        scene.resolver?.use(Dictionary(uniqueKeysWithValues: names.map { ($0, wish) }))
        #expect(try scene.happens(300).count == 300)
        #expect(scene.resolver?.isSettled == true && scene.resolver?.names.count == 300)
    }

    // MARK: Hostile answers

    @Test("a forged answer is not believed, and the true one still is")
    func forged() throws {
        var asked = 0
        let scene = try Scene { question in
            guard !question.isIPv6 else { return .code(0) }
            asked += 1
            return asked == 1
                ? .forged(Self.addresses("198.51.100.66")) : .addresses(Self.addresses("192.0.2.1"), seconds: 60)
        }
        scene.use("a.test")
        #expect(try scene.happens(1).first?.contains("198.51.100.66") == false)
    }

    @Test(
        "rubbish is no answer",
        arguments: [
            [], [0x81], [0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0],
            // A name that points to itself, and one that points behind the end.
            [
                0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2,
                3, 4,
            ],
            [0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4],
        ] as [[UInt8]])
    func rubbish(_ bytes: [UInt8]) throws {
        let scene = try Scene { _ in .raw(bytes) }
        scene.use("a.test")
        #expect(try scene.happens(1).first?.hasPrefix("a.test failed: ") == true)
        #expect(scene.resolver?.names.isEmpty == true)
    }

    @Test("addresses that no endpoint can have are left out")
    func unusable() throws {
        let scene = try Scene(
            Self.both(
                Self.addresses("127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
                Self.addresses("::1", "::", "fe80::1", "ff02::1", "2001:db8::1")))
        scene.use("a.test")
        #expect(try scene.happens(1) == ["a.test: 192.0.2.1 2001:db8::1"])
        scene.answer = Self.both(Self.addresses("127.0.0.1"))
        scene.use("b.test")
        #expect(try scene.happens(2).last == "b.test failed: it has only addresses that no endpoint can have")
    }
}

@Suite("What becomes of answers")
struct AnswerRulesTests {
    private static func rules(_ name: String = "a.test") -> AnswerRules {
        guard let name = DNSName(name) else { preconditionFailure("\(name) is no name.") }
        return AnswerRules(name: name)
    }

    private static func address(_ number: UInt32) -> IPAddress { .v4(IPv4Address(bits: 0x0a00_0000 + number)) }

    @Test("those that stay keep their order, new ones follow, each once, and not more than there is room for")
    func merging() {
        let rules = Self.rules()
        let old = [3, 1, 2].map { Self.address($0) }
        #expect(
            rules.merge([2, 5, 1, 4, 5].map { Self.address($0) }, into: old) == [1, 2, 5, 4].map { Self.address($0) })
        #expect(rules.merge([], into: old).isEmpty)
        let many = (1...3000).map { Self.address($0) }
        let kept = rules.merge(many, into: [Self.address(2999)])
        #expect(kept.count == AnswerRules.addressesMax && kept.first == Self.address(2999))
    }

    @Test("this very host may have loopback addresses")
    func localhost() throws {
        let loopback = try #require(IPAddress("127.0.0.1"))
        #expect(Self.rules("localhost").isUsable(loopback) && Self.rules("a.localhost.").isUsable(loopback))
        #expect(!Self.rules("localhost.test").isUsable(loopback))
    }

    @Test("how long answers are believed")
    func lifetimes() {
        func lifetime(_ answers: AddressAnswer?..., interval: Duration = .seconds(30)) -> Duration {
            AnswerRules.lifetime(answers, interval: interval)
        }
        let some = [Self.address(1)]
        #expect(lifetime(.addresses(some, timeToLive: 3600), nil) == .seconds(30))
        #expect(lifetime(.addresses(some, timeToLive: 20), .addresses(some, timeToLive: 7)) == .seconds(7))
        #expect(lifetime(.addresses(some, timeToLive: nil), .absent("")) == .seconds(5))
        #expect(lifetime(.addresses(some, timeToLive: -7), .absent("")) == .seconds(1))
        #expect(lifetime(.addresses(some, timeToLive: 60), .failed("")) == .seconds(5))
        #expect(lifetime(.addresses(some, timeToLive: 60), .absent("")) == .seconds(30))
        #expect(lifetime(.addresses(some, timeToLive: nil), nil, interval: .seconds(2)) == .seconds(2))
    }

    @Test("what services want of a name is the most that any of them wants")
    func wishes() throws {
        func service(_ name: String, _ family: ResolutionSettings.Family, _ interval: Duration) throws -> Service {
            var resolution = ResolutionSettings()
            resolution.family = family
            resolution.interval = interval
            return Service(
                reference: ResourceReference(name: try #require(ResourceName(name))), addresses: [], ports: [],
                members: [Service.Member(.name(try #require(DNSName("a.test"))))], resolution: resolution)
        }
        var resources = MeshResources()
        let name = try #require(DNSName("a.test"))
        #expect(resources.nameWishes.isEmpty)
        resources.services = [try service("a", .ipv4, .seconds(60))]
        #expect(resources.nameWishes == [name: NameResolver.Wish(families: .ipv4, interval: .seconds(60))])
        resources.services += [try service("b", .ipv6, .seconds(10)), try service("c", .ipv4, .seconds(90))]
        #expect(resources.nameWishes == [name: NameResolver.Wish(families: .both, interval: .seconds(10))])
    }
}
