// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel
package import Reactor

/// Keeps the addresses of names, on the loop of one thread: asks when a name is wanted, again when what was said has had its
/// time, and after a failure ever more seldom.
///
/// ```
///   wanted ─▶ asked ── a good answer ──▶ known ── its time is over ──┐
///               ▲ │                        ▲                         │
///               │ └── no good answer ──▶ waiting (1 s, 2 s, 4 s … )  │   what was known stays known
///               └──────────────┴─────────────────────────────────────┘
/// ```
package final class NameResolver {
    /// What somebody wants to know of a name.
    package struct Wish: Hashable, Sendable {
        package let families: AddressFamilies
        /// The longest that an answer is believed.
        package let interval: Duration

        package init(families: AddressFamilies, interval: Duration) {
            self.families = families
            self.interval = interval
        }
    }

    /// What came of a lookup that is worth telling.
    package enum Event: Sendable {
        /// The name has other addresses than before.
        case changed(DNSName, ResolvedName)
        /// No good answer, the first time since there was one.
        case failed(DNSName, reason: String, hadAnswer: Bool)
        /// A good answer after failures.
        case recovered(DNSName)
    }

    /// What is known of one name.
    package struct Status: Sendable {
        package let name: DNSName
        package let resolved: ResolvedName
        /// When the last good answer came.
        package let answeredAt: Instant?
        package let nextLookup: Instant?
        /// Why the last lookup was no good; nil if it was.
        package let failure: String?
    }

    /// As many are asked at once; the others wait their turn. Each takes a socket or two.
    private static let lookupsMax = 64

    /// Good and bad answers so far.
    package private(set) var lookups: (done: UInt64, failed: UInt64) = (0, 0)

    private let loop: EventLoop
    private let servers: NameServers
    /// Called from the loop, never from inside a call to this object.
    package var tell: (Event) -> Void = { _ in }
    private var entries: [DNSName: Entry] = [:]
    private var waiting: [DNSName] = []
    private var underWay = 0
    private var random: FastRandom

    package init(_ loop: EventLoop, _ servers: NameServers = .system) {
        self.loop = loop
        self.servers = servers
        var seed = KernelRandom()
        random = FastRandom(seed: seed.next())
    }

    // MARK: What is wanted, and what is known

    /// From now on these names are looked up, and no others. What is known of those that stay stays.
    package func use(_ wishes: [DNSName: Wish]) {
        for (name, entry) in entries where wishes[name] == nil {
            forget(entry)
            entries[name] = nil
        }
        for (name, wish) in wishes {
            if let entry = entries[name] {
                guard entry.wish != wish else { continue }
                let isOther = entry.wish.families != wish.families
                entry.wish = wish
                // A shorter interval holds for what is known already.
                if isOther {
                    if entry.lookup == nil { ask(name) } else { entry.isAskedAgain = true }
                } else if entry.lookup == nil, entry.failures == 0 {
                    let latest = loop.now + wish.interval
                    if entry.deadline > latest { loop.setDeadline(latest, of: entry) }
                }
            } else {
                let entry = Entry(name, wish) { [unowned self] in ask($0) }
                entries[name] = entry
                loop.add(entry)
                ask(name)
            }
        }
    }

    /// Every name that DNS has had an address for.
    package var names: [DNSName: ResolvedName] {
        entries.compactMapValues { $0.resolved.isEmpty ? nil : $0.resolved }
    }

    /// Each name has been answered once, well or not.
    package var isSettled: Bool { entries.values.allSatisfy { $0.wasAnswered } }

    /// How many names have no address.
    package var unresolvedCount: Int { entries.values.count { $0.resolved.isEmpty } }

    /// Of every name, in order.
    package var statuses: [Status] {
        entries.values.sorted { $0.name < $1.name }.map { entry in
            Status(
                name: entry.name, resolved: entry.resolved, answeredAt: entry.answeredAt,
                nextLookup: entry.deadline == .never ? nil : entry.deadline, failure: entry.failure)
        }
    }

    // MARK: Asking

    private func ask(_ name: DNSName) {
        guard let entry = entries[name], entry.lookup == nil, !entry.isWaiting else { return }
        guard underWay < Self.lookupsMax else {
            entry.isWaiting = true
            waiting.append(name)
            return
        }
        underWay += 1
        entry.isAskedAgain = false
        loop.setDeadline(.never, of: entry)
        entry.lookup = NameLookup.begin(name, entry.wish.families, servers, on: loop) { [unowned self] ipv4, ipv6 in
            answered(entry, ipv4, ipv6)
            askNext()
        }
    }

    private func askNext() {
        while underWay < Self.lookupsMax, !waiting.isEmpty {
            let name = waiting.removeFirst()
            entries[name]?.isWaiting = false
            ask(name)
        }
    }

    private func forget(_ entry: Entry) {
        if let lookup = entry.lookup {
            lookup.cancel()
            entry.lookup = nil
            underWay -= 1
        }
        if entry.isWaiting { waiting.removeAll { $0 == entry.name } }
        loop.remove(entry)
        loop.atEndOfTurn { [weak self] in self?.askNext() }
    }

    // MARK: Answers

    private func answered(_ entry: Entry, _ ipv4: AddressAnswer?, _ ipv6: AddressAnswer?) {
        entry.lookup = nil
        underWay -= 1
        entry.wasAnswered = true
        let rules = AnswerRules(name: entry.name)
        guard let resolved = rules.merge(ipv4, ipv6, into: entry.resolved) else {
            return failed(entry, [ipv4, ipv6].compactMap { $0 })
        }
        lookups.done += 1
        entry.answeredAt = loop.now
        let wasFailing = entry.failures > 0
        entry.failures = 0
        entry.failure = nil
        let lifetime = AnswerRules.lifetime([ipv4, ipv6], interval: entry.wish.interval)
        schedule(entry, after: lifetime)
        if wasFailing { tell(.recovered(entry.name)) }
        guard resolved != entry.resolved else { return }
        entry.resolved = resolved
        tell(.changed(entry.name, resolved))
    }

    private func failed(_ entry: Entry, _ answers: [AddressAnswer]) {
        lookups.failed += 1
        let reason = Self.reason(answers)
        let isFirst = entry.failures == 0
        entry.failures += 1
        entry.failure = reason
        // 1 s, 2 s, 4 s, up to half a minute, and never more seldom than what is good would be asked.
        let pause = min(Duration.seconds(1 << min(entry.failures - 1, 5)), .seconds(30), entry.wish.interval)
        schedule(entry, after: max(pause, AnswerRules.shortest))
        if isFirst { tell(.failed(entry.name, reason: reason, hadAnswer: !entry.resolved.isEmpty)) }
    }

    /// What broke says more than what is useless, and that more than that there is nothing.
    private static func reason(_ answers: [AddressAnswer]) -> String {
        var absence = "nothing was asked"
        for answer in answers {
            if case .failed(let text) = answer { return text }
            if case .absent(let text) = answer { absence = text }
        }
        let hasAddresses = answers.contains { if case .addresses = $0 { true } else { false } }
        return hasAddresses ? "it has only addresses that no endpoint can have" : absence
    }

    /// Up to a tenth earlier, so that sidecars that began together do not ask together for ever.
    private func schedule(_ entry: Entry, after pause: Duration) {
        if entry.isAskedAgain { return ask(entry.name) }
        let nanoseconds = pause.wholeNanoseconds
        let earlier = Int64.random(in: 0...nanoseconds / 10, using: &random)
        loop.setDeadline(loop.now + .nanoseconds(nanoseconds - earlier), of: entry)
    }

    /// One name. Its deadline is the next lookup.
    private final class Entry: EventHandler {
        let name: DNSName
        var wish: Wish
        var resolved = ResolvedName(ipv4: [], ipv6: [])
        var answeredAt: Instant?
        var wasAnswered = false
        var failures = 0
        var failure: String?
        var lookup: NameLookup?
        var isWaiting = false
        /// What is wanted has changed since it was asked.
        var isAskedAgain = false
        private let due: (DNSName) -> Void

        init(_ name: DNSName, _ wish: Wish, _ due: @escaping (DNSName) -> Void) {
            self.name = name
            self.wish = wish
            self.due = due
        }

        override func deadlineReached(now: Instant) { due(name) }
    }
}

extension MeshResources {
    /// The names that have to be looked up, each as often and for as many families as any of its services wants.
    package var nameWishes: [DNSName: NameResolver.Wish] {
        var wishes: [DNSName: NameResolver.Wish] = [:]
        for service in services {
            let families: AddressFamilies =
                switch service.resolution.family {
                case .ipv4: .ipv4
                case .ipv6: .ipv6
                case .any, .preferIPv4, .preferIPv6: .both
                }
            for name in service.names {
                let other = wishes[name]
                wishes[name] = NameResolver.Wish(
                    families: families.union(other?.families ?? []),
                    interval: min(service.resolution.interval, other?.interval ?? service.resolution.interval))
            }
        }
        return wishes
    }
}
