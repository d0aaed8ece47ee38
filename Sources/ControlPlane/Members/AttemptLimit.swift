// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How often somebody may be wrong: ten times a minute from one address, of IPv6 from
/// one customer (``Customer``). Once two hundred were wrong in a minute, whoever was
/// wrong in it waits; who was not may try, so that many addresses together shut nobody out.
struct AttemptLimit {
    private var failures: [String: [WallTime]] = [:]
    /// The newest ones.
    private var all: [WallTime] = []
    private var purged: WallTime?

    private static let window: Duration = .seconds(60)
    private static let perPeer = 10
    private static let total = 200
    /// More addresses than this are not told apart within one minute.
    private static let addresses = 10_000

    func check(_ peer: String, now: WallTime) throws(Problem) {
        let own = count(failures[Customer.of(peer)] ?? [], now)
        guard own < Self.perPeer, own == 0 || count(all, now) < Self.total else {
            throw Problem(.tooManyAttempts, "too many attempts were wrong", remedy: "wait a minute")
        }
    }

    mutating func failed(_ peer: String, now: WallTime) {
        purge(now)
        all = all.suffix(Self.total - 1) + [now]
        let peer = Customer.of(peer)
        guard failures[peer] != nil || failures.count < Self.addresses else { return }
        failures[peer] = (failures[peer] ?? []).suffix(Self.perPeer - 1) + [now]
    }

    private func count(_ times: [WallTime], _ now: WallTime) -> Int {
        times.count { now < $0 + Self.window }
    }

    /// Once a second, since it looks at all of them.
    private mutating func purge(_ now: WallTime) {
        if let purged, now < purged + .seconds(1) { return }
        purged = now
        failures = failures.filter { count($0.value, now) > 0 }
    }
}
