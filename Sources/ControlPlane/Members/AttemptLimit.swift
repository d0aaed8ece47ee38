// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How often somebody may be wrong: ten times a minute from one address, two hundred times from all of them together.
struct AttemptLimit {
    private var failures: [String: [WallTime]] = [:]
    private var all: [WallTime] = []

    private static let window: Duration = .seconds(60)
    private static let perPeer = 10
    private static let total = 200

    func check(_ peer: String, now: WallTime) throws(Problem) {
        let since = now + .seconds(-60)
        guard (failures[peer] ?? []).count(where: { $0 > since }) < Self.perPeer,
            all.count(where: { $0 > since }) < Self.total
        else {
            throw Problem(.tooManyAttempts, "too many attempts were wrong", remedy: "wait a minute")
        }
    }

    mutating func failed(_ peer: String, now: WallTime) {
        let since = now + .seconds(-60)
        all = all.filter { $0 > since } + [now]
        failures = failures.compactMapValues { times in
            let recent = times.filter { $0 > since }
            return recent.isEmpty ? nil : recent
        }
        failures[peer, default: []].append(now)
    }
}
