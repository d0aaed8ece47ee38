// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import Reactor
import Testing

/// Writes down what the loop calls, and does what the test wants then.
final class Recorder: EventHandler {
    let name: String
    let bell: Descriptor
    private let journal: Journal
    var onReady: () -> Void = {}
    var onDeadline: () -> Void = {}
    var onTurn: () -> Void = {}

    init(_ name: String, _ journal: Journal) throws {
        self.name = name
        self.journal = journal
        bell = try Descriptor.bell()
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        bell.silence()
        journal.entries.append("\(name) ready\(slot == 0 ? "" : " \(slot)")")
        onReady()
    }

    override func deadlineReached(now: Instant) {
        journal.entries.append("\(name) deadline")
        onDeadline()
    }

    override func continueWork(now: Instant) {
        journal.entries.append("\(name) turn")
        onTurn()
    }

    override func sendGathered() { journal.entries.append("\(name) sends") }
}

final class Journal {
    var entries: [String] = []
}

@Suite("The event loop")
struct EventLoopTests {
    private let loop: EventLoop
    private let journal = Journal()

    init() throws { loop = try EventLoop() }

    private func recorder(_ name: String, slot: UInt8 = 0) throws -> Recorder {
        let recorder = try Recorder(name, journal)
        loop.add(recorder)
        try loop.watch(recorder.bell.number, for: recorder, slot: slot, .readable)
        return recorder
    }

    /// Turns that wait for nothing.
    private func turn(_ count: Int = 1) throws {
        for _ in 0..<count { try loop.turn(patience: .zero) }
    }

    /// Turns until something is in the journal.
    private func turn(until entry: String) throws {
        for _ in 0..<500 where !journal.entries.contains(entry) { try loop.turn(patience: .milliseconds(20)) }
        #expect(journal.entries.contains(entry), "\(journal.entries)")
    }

    @Test("tells the handler whose descriptor is ready, with its slot")
    func readiness() throws {
        let (a, b) = (try recorder("a"), try recorder("b", slot: 200))
        try turn()
        #expect(journal.entries.isEmpty)
        b.bell.ring()
        try turn(2)
        #expect(journal.entries == ["b ready 200"])
        a.bell.ring()
        b.bell.ring()
        try turn()
        #expect(journal.entries.dropFirst().sorted() == ["a ready", "b ready 200"])
    }

    @Test("a handler that was removed hears nothing more, not even what was on its way")
    func removal() throws {
        let (a, b) = (try recorder("a"), try recorder("b"))
        let journal = journal
        let loop = loop
        a.onReady = { loop.remove(b) }
        b.onReady = { loop.remove(a) }
        for handler in [a, b] {
            handler.bell.ring()
            loop.again(handler)
            loop.setDeadline(loop.now, of: handler)
        }
        try turn(5)
        // Whoever came first removed the other.
        #expect(loop.handlerCount == 1)
        let names = Set(journal.entries.map { $0.prefix(1) })
        #expect(names.count == 1)
        loop.remove(a)
        loop.remove(a)
        #expect(loop.handlerCount == 0 || b.token != 0)
    }

    @Test("a new handler in an old one's place does not get its events")
    func reuse() throws {
        let old = try recorder("old")
        let token = old.token
        old.bell.ring()
        loop.remove(old)
        let new = try Recorder("new", journal)
        loop.add(new)
        #expect(new.token & 0xffff_ffff == token & 0xffff_ffff && new.token != token)
        try turn(2)
        #expect(journal.entries.isEmpty)
        // The descriptor of the old one is still registered and ready; nobody is told.
        loop.unwatch(old.bell.number)
    }

    @Test("a successor gets the events of whom it replaced")
    func replacement() throws {
        let old = try recorder("old")
        loop.setDeadline(loop.now + .milliseconds(10), of: old)
        let new = try Recorder("new", journal)
        loop.replace(old, with: new)
        old.bell.ring()
        try turn()
        #expect(journal.entries == ["new ready"])
        #expect(old.token == 0 && loop.handlerCount == 1)
        // The bell that rang is the old one's; silence it so that only deadlines could come.
        old.bell.silence()
        for _ in 0..<5 { try loop.turn(patience: .milliseconds(8)) }
        #expect(journal.entries == ["new ready"])
    }

    @Test("deadlines come once, in time, and after they were moved")
    func deadlines() throws {
        let (a, b, c) = (try recorder("a"), try recorder("b"), try recorder("c"))
        let begin = Instant.now()
        loop.setDeadline(begin + .milliseconds(20), of: a)
        loop.setDeadline(begin + .milliseconds(40), of: a)
        loop.setDeadline(begin + .seconds(3600), of: b)
        loop.setDeadline(begin + .milliseconds(60), of: b)
        loop.setDeadline(begin + .milliseconds(10), of: c)
        loop.setDeadline(.never, of: c)
        try turn(until: "a deadline")
        #expect(Instant.now() >= begin + .milliseconds(40))
        try turn(until: "b deadline")
        #expect(Instant.now() >= begin + .milliseconds(60))
        for _ in 0..<5 { try loop.turn(patience: .milliseconds(10)) }
        #expect(journal.entries == ["a deadline", "b deadline"])
    }

    @Test("a handler may set its next deadline when one comes")
    func repeatedDeadlines() throws {
        let a = try recorder("a")
        let loop = loop
        a.onDeadline = { loop.setDeadline(loop.now + .milliseconds(1), of: a) }
        loop.setDeadline(loop.now, of: a)
        for _ in 0..<200 where journal.entries.count < 4 { try loop.turn(patience: .milliseconds(20)) }
        #expect(journal.entries == Array(repeating: "a deadline", count: 4))
        loop.remove(a)
    }

    @Test("whoever wants to go on gets one turn, after everybody else has had one")
    func fairness() throws {
        let (a, b, c) = (try recorder("a"), try recorder("b"), try recorder("c"))
        let loop = loop
        for handler in [a, b] { handler.onTurn = { loop.again(handler) } }
        loop.again(a)
        loop.again(b)
        loop.again(a)
        c.bell.ring()
        try turn()
        #expect(journal.entries == ["c ready", "a turn", "b turn"])
        c.bell.ring()
        try turn()
        #expect(journal.entries.suffix(3) == ["c ready", "a turn", "b turn"])
        try turn(10)
        #expect(journal.entries.count { $0 == "a turn" } == 12 && journal.entries.count { $0 == "b turn" } == 12)
    }

    @Test("what is put off is done once, behind everything else of the turn")
    func endOfTurn() throws {
        let (a, b) = (try recorder("a"), try recorder("b"))
        let (loop, journal) = (loop, journal)
        a.onReady = {
            loop.atEndOfTurn {
                journal.entries.append("end")
                loop.atEndOfTurn { journal.entries.append("next end") }
            }
            loop.again(b)
        }
        a.bell.ring()
        try turn()
        #expect(journal.entries == ["a ready", "b turn", "end"])
        try turn(3)
        #expect(journal.entries == ["a ready", "b turn", "end", "next end"])
    }

    @Test("what is gathered is sent once for a piece of work, and nobody waits for more than one other")
    func sending() throws {
        let names = ["a", "b", "c", "d", "e"]
        let (loop, journal) = (loop, journal)
        for name in names {
            let handler = try recorder(name)
            handler.onReady = {
                loop.sendSoon(handler)
                loop.sendSoon(handler)
            }
            handler.bell.ring()
        }
        try turn()
        #expect(journal.entries.count == 2 * names.count)
        #expect(Set(journal.entries.filter { $0.hasSuffix("sends") }) == Set(names.map { "\($0) sends" }))
        let kinds = journal.entries.map { $0.hasSuffix("ready") ? "r" : "s" }.joined()
        #expect(kinds == "rrssrrssrs")
        try turn(2)
        #expect(journal.entries.count == 2 * names.count)
    }

    @Test("whoever left before the moment to send is not asked")
    func leavingBeforeSending() throws {
        let a = try recorder("a")
        let loop = loop
        a.onReady = {
            loop.sendSoon(a)
            loop.remove(a)
        }
        a.bell.ring()
        try turn()
        #expect(journal.entries == ["a ready"])
    }

    @Test("runs until it is stopped, and counts its turns")
    func running() throws {
        let a = try recorder("a")
        let loop = loop
        a.onReady = { loop.stop() }
        a.bell.ring()
        let turns = loop.turnCount
        try loop.run()
        #expect(loop.turnCount == turns + 1)
        var names: [String] = []
        loop.forEachHandler { handler in if let recorder = handler as? Recorder { names.append(recorder.name) } }
        #expect(names == ["a"])
    }

    @Test("a thousand handlers come and go")
    func many() throws {
        var handlers: [Recorder] = []
        for number in 0..<1000 { handlers.append(try recorder("\(number)")) }
        for handler in handlers { handler.bell.ring() }
        try turn(8)
        #expect(Set(journal.entries).count == 1000)
        for handler in handlers { loop.remove(handler) }
        #expect(loop.handlerCount == 0)
        #expect(Set(handlers.map(\.token)) == [0])
    }
}
