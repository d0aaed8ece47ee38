// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation
import Glibc
import MeshModel
import MeshTesting
import Testing

/// What happens to etcd and on the way to it. Each test has members of its own.
@Suite("A store in etcd", .serialized)
struct EtcdStoreTests {
    /// Collects a watch in the background.
    private actor Told {
        var batches: [StoreEvents] = []
        var error: StoreError?
        func add(_ batch: StoreEvents) { batches.append(batch) }
        func end(_ error: any Error) { self.error = error as? StoreError }
        var texts: [String] { batches.flatMap { $0.events.map(\.text) } }

        nonisolated func follow(_ watch: StoreWatch) -> Task<Void, Never> {
            Task {
                do {
                    for try await batch in watch { await add(batch) }
                } catch {
                    await end(error)
                }
            }
        }
    }

    private func store(_ endpoints: [String], _ change: (inout EtcdSettings) -> Void = { _ in }) throws -> EtcdStore {
        var settings = EtcdSettings(endpoints: endpoints)
        settings.watchRenewal = .seconds(1)
        change(&settings)
        return try EtcdStore(settings)
    }

    /// Puts, and where nobody knows whether it has happened looks; how it goes on at one that does not answer.
    private func insist(_ store: EtcdStore, _ key: String) async throws {
        let create = StoreTransaction(compares: [.absent(key)], operations: [.put(key: key, value: Array(key.utf8))])
        try await eventually("\(key) is kept", within: .seconds(60)) {
            do throws(StoreError) {
                _ = try await store.commit(create)
                return true
            } catch {
                switch error {
                case .uncertain, .unavailable: return nil
                default: throw error
                }
            }
        }
    }

    @Test("a watch outlives etcd: nothing is lost and nothing told twice")
    func restart() async throws {
        let member = try EtcdMember()
        try await member.start()
        let store = try store(member.endpoints)
        let told = Told()
        let watching = told.follow(store.watch(prefix: "k/", from: 1))
        var keys: [String] = []
        for round in 0..<3 {
            for number in 0..<20 {
                keys.append("k/\(round)-\(number)")
                try await insist(store, keys[keys.count - 1])
            }
            try await member.kill()
            // While it is away there is no answer, and one within the time that was given.
            let hasty = try self.store(member.endpoints) { $0.callTimeout = .milliseconds(300) }
            let error = await storeError { _ = try await hasty.get("k") }
            #expect(error?.problem.code == .storeUnavailable)
            await hasty.close()
            try await member.start()
        }
        keys.append("k/last")
        try await insist(store, "k/last")
        try await eventually("everything is told") { await told.texts.count >= keys.count ? true : nil }
        #expect(await told.texts == keys.map { "+\($0)=\($0)" })
        #expect(await told.error == nil)
        watching.cancel()
        await store.close()
    }

    @Test("what is silent is watched anew, without a gap")
    func renewal() async throws {
        let member = try EtcdMember()
        try await member.start()
        let store = try store(member.endpoints) { $0.watchRenewal = .milliseconds(200) }
        let told = Told()
        let watching = told.follow(store.watch(prefix: "k/", from: 1))
        // Each pause is longer than the silence that ends a connection.
        for number in 0..<5 {
            try await insist(store, "k/\(number)")
            try await eventually("told of \(number)") { await told.texts.count == number + 1 ? true : nil }
            let clock = try await store.grantLease(timeToLive: .seconds(2))
            let first = try await store.put("clock", "", lease: clock)
            if number < 2 { _ = try await within { try await store.batches(2, prefix: "clock", from: first) } }
        }
        #expect(await told.texts == (0..<5).map { "+k/\($0)=k/\($0)" })
        watching.cancel()
        await store.close()
    }

    @Test("of three members one may be killed and one may hang, one after the other")
    func cluster() async throws {
        let members = try await EtcdMember.cluster(3)
        let store = try store(members.map(\.endpoint)) { $0.callTimeout = .seconds(3) }
        let told = Told()
        let watching = told.follow(store.watch(prefix: "k/", from: 1))
        try await insist(store, "k/1")
        // The one in use.
        try await members[0].kill()
        try await insist(store, "k/2")
        try await eventually("the watch goes on") { await told.texts.count == 2 ? true : nil }

        try members[0].launch(among: members)
        try await members[0].ready()
        // The one in use now takes connections and answers none.
        members[1].send(SIGSTOP)
        try await insist(store, "k/3")
        try await eventually("the watch goes on", within: .seconds(40)) { await told.texts.count == 3 ? true : nil }
        members[1].send(SIGCONT)
        try await insist(store, "k/4")
        try await eventually("the watch goes on", within: .seconds(40)) { await told.texts.count == 4 ? true : nil }
        #expect(await told.texts == (1...4).map { "+k/\($0)=k/\($0)" })
        watching.cancel()
        await store.close()
    }

    @Test("an endpoint that no packet comes back from costs the time of one connect")
    func blackHole() async throws {
        let member = try EtcdMember()
        try await member.start()
        let hole = try BlackHole()
        let store = try store([hole.endpoint, member.endpoint]) { $0.connectTimeout = .milliseconds(300) }
        let began = ContinuousClock.now
        let first = try await store.put("a", "1")
        #expect(ContinuousClock.now - began > .milliseconds(250) && ContinuousClock.now - began < .seconds(3))
        // From then on it is not asked any more.
        #expect(try await within(.seconds(5)) { try await store.batches(1, prefix: "a", from: first) }.count == 1)
        let again = ContinuousClock.now
        for number in 0..<10 { try await store.put("a", "\(number)") }
        #expect(ContinuousClock.now - again < .milliseconds(250))
        await store.close()
    }

    @Test("a member without the others answers no call, and who led by it knows that this is over")
    func minority() async throws {
        let members = try await EtcdMember.cluster(3)
        // Only what this one knows counts for the first; the second knows all.
        let cutOff = try store([members[0].endpoint]) { $0.callTimeout = .seconds(2) }
        let all = try store(members.map(\.endpoint))
        try await insist(all, "k/1")
        try await insist(cutOff, "k/2")
        let lease = try await cutOff.grantLease(timeToLive: .seconds(3))
        let leader = try await cutOff.campaign(name: "lead", value: [], lease: lease)
        // The other two hang: the first has no majority and is left alone with what it remembers.
        members[1].send(SIGSTOP)
        members[2].send(SIGSTOP)
        let keeper = Task { await cutOff.keepLease(lease, timeToLive: .seconds(3)) }
        let read = await storeError { _ = try await cutOff.get("k/1") }
        #expect(read?.problem.code == .storeUnavailable)
        let write = await storeError {
            _ = try await cutOff.commit(
                StoreTransaction(compares: [leader.isHeld], operations: [.put(key: "work", value: [])]))
        }
        #expect([.storeUnavailable, .storeUncertain].contains(write?.problem.code))
        // It knows by its own clock that it does not lead any more.
        #expect(try await within { await keeper.value } == .leaseLost(lease))
        members[1].send(SIGCONT)
        members[2].send(SIGCONT)
        try await insist(all, "k/3")
        #expect(try await all.text("k/1") == "k/1")
        await cutOff.close()
        await all.close()
    }

    @Test("a commit in several fragments is one batch")
    func fragments() async throws {
        let member = try EtcdMember()
        try await member.start()
        let store = try store(member.endpoints) { $0.watchRenewal = .seconds(15) }
        let part = [UInt8](repeating: 0x61, count: 100_000)
        for round in 0..<6 {
            let operations = (0..<13).map { StoreOperation.put(key: "f/\(round)/\(10 + $0)", value: part) }
            _ = try await store.commit(StoreTransaction(operations: operations))
        }
        let batches = try await within { try await store.batches(6, prefix: "f/", from: 1) }
        #expect(batches.map { $0.events.count } == Array(repeating: 13, count: 6))
        for (round, batch) in batches.enumerated() {
            #expect(batch.events.map(\.key) == (0..<13).map { "f/\(round)/\(10 + $0)" })
        }
        await store.close()
    }

    @Test("what does not begin with our prefix is never seen")
    func prefix() async throws {
        let member = try EtcdMember()
        try await member.start()
        let ours = try store(member.endpoints) { $0.prefix = "/weft/" }
        let others = try store(member.endpoints) { $0.prefix = "/weft0/" }
        let all = try store(member.endpoints) { $0.prefix = "/" }
        let first = try await ours.put("a", "1")
        try await others.put("a", "2")
        _ = try await all.commit(StoreTransaction(operations: [.put(key: "weft", value: [])]))
        try await ours.put("b", "3")
        #expect(try await ours.list(prefix: "").entries.map(\.key) == ["a", "b"])
        let batches = try await within { try await ours.batches(2, prefix: "", from: first) }
        #expect(batches.map { $0.events.map(\.text) } == [["+a=1"], ["+b=3"]])
        #expect(try await all.list(prefix: "").entries.map(\.key) == ["weft", "weft/a", "weft/b", "weft0/a"])
        for store in [ours, others, all] { await store.close() }
    }

    @Test("what is no etcd is said to be none")
    func noEtcd() async throws {
        let none = try store(["http://127.0.0.1:\(try EtcdMember.freePort())"]) { $0.callTimeout = .milliseconds(400) }
        let began = ContinuousClock.now
        let away = await storeError { _ = try await none.put("a", "1") }
        #expect(away?.problem.code == .storeUnavailable, "\(String(describing: away))")
        #expect(ContinuousClock.now - began < .seconds(3))
        await none.close()
        for bad in ["ftp://a:1", "http://", "127.0.0.1:2379", "https://a:1/path", "https://a b:1"] {
            #expect(throws: StoreError.self, "\(bad)") { try store([bad]) }
        }
        #expect(throws: StoreError.self) { try store([]) }
        let user = EtcdSettings.User(name: "weft", password: "woven")
        #expect(throws: StoreError.self) { try store(["http://10.0.0.1:2379"]) { $0.user = user } }
        var printed = EtcdSettings(endpoints: [])
        printed.user = user
        var dumped = ""
        dump(printed, to: &dumped)
        #expect(!"\(printed) \(user) \(String(reflecting: printed)) \(dumped)".contains("woven"))
        #expect(throws: StoreError.self) { try store(["http://a:1"]) { $0.prefix = "weft" } }
        #expect(throws: StoreError.self) { try store(["http://a:1"]) { $0.tls = .init() } }
        #expect(throws: StoreError.self) { try store(["https://a:1"]) { $0.tls = .init(authorities: "/no/such.pem") } }
    }
}
