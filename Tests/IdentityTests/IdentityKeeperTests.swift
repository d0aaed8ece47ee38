// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Identity
import MeshModel
import MeshTesting
import TLSSession
import Testing

@Suite("Keeping an identity up to date")
struct IdentityKeeperTests {
    private let workshop: IdentityWorkshop

    init() throws { workshop = try IdentityWorkshop() }

    private func look(_ keeper: IdentityKeeper, after: Duration = .zero) -> IdentityKeeper.Change {
        keeper.look(force: false, now: workshop.now + after)
    }

    private func serial(_ keeper: IdentityKeeper) -> String? { keeper.material?.chain.first?.serialNumber }

    @Test("the first look loads, the next sees that nothing has changed")
    func first() throws {
        try workshop.install()
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded(let material) = look(keeper) else { throw Surprise() }
        #expect(material.generation == 1)
        guard case .none = look(keeper) else { throw Surprise() }
        guard case .none = keeper.look(force: true, now: workshop.now) else { throw Surprise() }
        #expect(keeper.directories == [workshop.directory])
    }

    @Test("a set that is not there yet is told once, and loaded when it comes")
    func later() throws {
        let keeper = IdentityKeeper(workshop.loader())
        let start = keeper.look(force: true, now: workshop.now)
        guard case .rejected(let problem, isNew: true) = start else { throw Surprise() }
        #expect(problem.code == .identityFileUnreadable)
        guard case .rejected(_, isNew: false) = look(keeper) else { throw Surprise() }
        try workshop.install()
        guard case .loaded = look(keeper) else { throw Surprise() }
    }

    @Test("a secret is swapped by one rename of a link, as Kubernetes does it")
    func symlinkSwap() throws {
        let files = FileManager.default
        for version in ["..v1", "..v2", "..v3"] {
            try files.createDirectory(atPath: workshop(version), withIntermediateDirectories: true)
            try workshop.install(in: version)
        }
        try files.createSymbolicLink(atPath: workshop("..data"), withDestinationPath: "..v1")
        for name in ["chain.pem", "key.pem", "bundle.pem"] {
            try files.createSymbolicLink(atPath: workshop(name), withDestinationPath: "..data/\(name)")
        }
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded = look(keeper) else { throw Surprise() }
        var serials: Set<String?> = [serial(keeper)]
        for (number, version) in ["..v2", "..v3"].enumerated() {
            try files.createSymbolicLink(atPath: workshop("..data_tmp"), withDestinationPath: version)
            #expect(rename(workshop("..data_tmp"), workshop("..data")) == 0)
            guard case .loaded(let material) = look(keeper) else { throw Surprise() }
            #expect(material.generation == UInt64(number) + 2)
            serials.insert(serial(keeper))
            guard case .none = look(keeper) else { throw Surprise() }
        }
        #expect(serials.count == 3)
    }

    @Test("a rotation caught between two files is looked at again before it is told, and nothing is lost")
    func halfWay() throws {
        try workshop.install()
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded = look(keeper) else { throw Surprise() }
        let before = serial(keeper)
        let next = try workshop.mesh.leaf()
        try workshop.write(workshop.pem(next, workshop.mesh.intermediate), to: "chain.pem")
        guard case .unsettled = look(keeper) else { throw Surprise() }
        #expect(serial(keeper) == before)
        // Still so at the next look: now it is told.
        guard case .rejected(let problem, isNew: true) = look(keeper) else { throw Surprise() }
        #expect(problem.code == .keyMismatch)
        guard case .rejected(_, isNew: false) = look(keeper) else { throw Surprise() }
        try workshop.write(next.key.pem, to: "key.pem", mode: 0o600)
        guard case .loaded = look(keeper) else { throw Surprise() }
        #expect(serial(keeper) != before)
    }

    @Test("a file that is written piece by piece never replaces what is in force until it is whole")
    func pieces() throws {
        try workshop.install()
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded = look(keeper) else { throw Surprise() }
        let before = serial(keeper)
        let next = try workshop.mesh.leaf()
        try workshop.write(next.key.pem, to: "key.pem", mode: 0o600)
        let text = workshop.pem(next, workshop.mesh.intermediate)
        for length in stride(from: 0, to: text.count - 2, by: 97) {
            try workshop.write(String(text.prefix(length)), to: "chain.pem")
            if case .loaded = look(keeper) { Issue.record("\(length) of \(text.count) characters were taken") }
            #expect(serial(keeper) == before)
        }
        try workshop.write(text, to: "chain.pem")
        guard case .loaded = look(keeper) else { throw Surprise() }
        #expect(serial(keeper) != before)
    }

    @Test("a broken new set leaves the old one in force, and a mended one takes its place")
    func brokenThenGood() throws {
        try workshop.install()
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded = look(keeper) else { throw Surprise() }
        let before = serial(keeper)
        try workshop.install { $0.set(.names(.uri("spiffe://mesh.example/ns/default/sa/other"))) }
        guard case .rejected(let changed, isNew: true) = look(keeper) else { throw Surprise() }
        #expect(changed.code == .identityChanged)
        try workshop.install { $0.notAfter = WallTime(seconds: self.workshop.now.seconds - 1) }
        guard case .rejected(let expired, isNew: true) = look(keeper) else { throw Surprise() }
        #expect(expired.code == .expired)
        try workshop.write("", to: "bundle.pem")
        guard case .rejected(let empty, isNew: true) = look(keeper) else { throw Surprise() }
        #expect(empty.code == .identityMalformed)
        #expect(serial(keeper) == before)
        try workshop.install()
        guard case .loaded(let material) = look(keeper) else { throw Surprise() }
        #expect(material.generation == 2)
    }

    @Test("a set that could not be used yet is taken once its time has come, without a change of files")
    func early() throws {
        try workshop.install { $0.notBefore = self.workshop.now + .seconds(600) }
        let keeper = IdentityKeeper(workshop.loader())
        guard case .rejected(let problem, isNew: true) = look(keeper) else { throw Surprise() }
        #expect(problem.code == .notYetValid)
        guard case .loaded = look(keeper, after: .seconds(540)) else { throw Surprise() }
    }

    @Test("another configuration is loaded from its own files")
    func otherPaths() throws {
        try workshop.install()
        try FileManager.default.createDirectory(atPath: workshop("next"), withIntermediateDirectories: true)
        try workshop.install(in: "next")
        let keeper = IdentityKeeper(workshop.loader())
        guard case .loaded = look(keeper) else { throw Surprise() }
        let before = serial(keeper)
        keeper.use(workshop.loader(in: "next"))
        guard case .loaded = look(keeper) else { throw Surprise() }
        #expect(serial(keeper) != before && keeper.directories == [workshop("next")])
    }
}

/// The keeper did something else than the test waits for.
struct Surprise: Error {}
