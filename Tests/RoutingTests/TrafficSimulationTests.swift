// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

/// Traffic against endpoints that behave in a given way, without a clock: what is next in time happens next.
private struct Simulation {
    /// What an endpoint does with a request that comes at a moment, given what it has under way.
    typealias Behaviour = (_ now: Instant, _ active: Int, _ random: inout SeededRandom) -> (Duration, RequestResult)

    struct Ending {
        let at: Instant
        let endpoint: Int
        let latency: Duration
        let result: RequestResult
    }

    var balancer: Balancer<Int>
    var random: SeededRandom
    let behaviours: [Behaviour]
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    private var endings: [Ending] = []

    init(
        _ algorithm: BalancingSettings.Algorithm, _ behaviours: [Behaviour],
        ejection: EjectionSettings = EjectionSettings(), seed: UInt64 = 20_261_121
    ) {
        var balancing = BalancingSettings()
        balancing.algorithm = algorithm
        balancer = Balancer(Array(behaviours.indices), ejection, balancing: balancing)
        random = SeededRandom(seed: seed)
        self.behaviours = behaviours
    }

    /// Requests that arrive evenly for some time; returns how many each endpoint got.
    mutating func run(_ duration: Duration, every pause: Duration) -> [Int] {
        var counts = Array(repeating: 0, count: behaviours.count)
        let end = now + duration
        while now < end {
            finish(until: now)
            if let chosen = balancer.choose(excluding: [], hash: nil, now: now, using: &random) {
                counts[chosen] += 1
                let active = balancer.activeCount(of: chosen) ?? 0
                let (latency, result) = behaviours[chosen](now, active, &random)
                endings.append(Ending(at: now + latency, endpoint: chosen, latency: latency, result: result))
            }
            now = now + pause
        }
        return counts
    }

    private mutating func finish(until now: Instant) {
        for ending in endings.filter({ $0.at <= now }).sorted(by: { $0.at < $1.at }) {
            _ = balancer.finish(ending.endpoint, ending.result, latency: ending.latency, now: ending.at)
        }
        endings.removeAll { $0.at <= now }
    }
}

@Suite("Traffic in simulation")
struct TrafficSimulationTests {
    private static let seeds: [UInt64] = [1, 2, 3, 20_261_121]

    private static func steady(_ milliseconds: Int) -> Simulation.Behaviour {
        { _, _, random in (.microseconds(milliseconds * Int.random(in: 900...1100, using: &random)), .success) }
    }

    private static func failing(_ result: RequestResult) -> Simulation.Behaviour {
        { _, _, _ in (.microseconds(100), result) }
    }

    private static func share(_ counts: [Int], _ endpoint: Int) -> Double {
        Double(counts[endpoint]) / Double(max(1, counts.reduce(0, +)))
    }

    @Test("a slow endpoint loses its traffic to the fast ones", arguments: seeds)
    func slow(_ seed: UInt64) {
        let behaviours = [Self.steady(10), Self.steady(10), Self.steady(10), Self.steady(300)]
        var simulation = Simulation(.latency, behaviours, seed: seed)
        let share = Self.share(simulation.run(.seconds(30), every: .milliseconds(2)), 3)
        // By chance it would be a quarter; that it is not forgotten is the other half of the promise.
        #expect(share < 0.02 && share > 0, "seed \(seed): \(share)")
    }

    @Test("equal ones get equal shares", arguments: seeds)
    func equal(_ seed: UInt64) {
        var simulation = Simulation(.latency, Array(repeating: Self.steady(10), count: 4), seed: seed)
        let counts = simulation.run(.seconds(30), every: .milliseconds(2))
        for endpoint in 0..<4 { #expect(abs(Self.share(counts, endpoint) - 0.25) < 0.05, "seed \(seed): \(counts)") }
    }

    @Test("one that was slow gets its share back when it is well again", arguments: seeds)
    func recovery(_ seed: UInt64) {
        let well = Instant(nanoseconds: 1_000_000_000) + .seconds(30)
        let recovering: Simulation.Behaviour = { now, _, _ in (now < well ? .seconds(1) : .milliseconds(10), .success) }
        var simulation = Simulation(
            .latency, [Self.steady(10), Self.steady(10), Self.steady(10), recovering], seed: seed)
        let ill = Self.share(simulation.run(.seconds(30), every: .milliseconds(5)), 3)
        _ = simulation.run(.seconds(60), every: .milliseconds(5))
        let healed = Self.share(simulation.run(.seconds(30), every: .milliseconds(5)), 3)
        #expect(ill < 0.02 && healed > 0.15, "seed \(seed): \(ill), \(healed)")
    }

    @Test("one that fails fast attracts nothing", arguments: seeds)
    func failingFast(_ seed: UInt64) {
        var never = EjectionSettings()
        never.consecutiveErrors = 0
        let results: [RequestResult] = [
            .serverError(retryAfter: nil), .overloaded(retryAfter: nil), .overloaded(retryAfter: .seconds(5)),
        ]
        for result in results {
            let behaviours = [Self.steady(20), Self.steady(20), Self.steady(20), Self.failing(result)]
            var simulation = Simulation(.latency, behaviours, ejection: never, seed: seed)
            let counts = simulation.run(.seconds(60), every: .milliseconds(4))
            #expect(Self.share(counts, 3) < 0.001 && counts[3] > 0, "seed \(seed), \(result): \(counts)")
            #expect(simulation.balancer.ejectedCount(now: simulation.now) == 0)
        }
    }

    @Test("one that takes requests and answers none gets few", arguments: seeds)
    func silent(_ seed: UInt64) {
        let silent: Simulation.Behaviour = { _, _, _ in (.seconds(3600), .serverError(retryAfter: nil)) }
        var simulation = Simulation(.latency, [Self.steady(10), Self.steady(10), silent], seed: seed)
        let counts = simulation.run(.seconds(120), every: .milliseconds(5))
        #expect(counts[2] < 30, "seed \(seed): \(counts)")
    }

    @Test("a new one among busy ones is tried and not flooded", arguments: seeds)
    func newcomer(_ seed: UInt64) {
        let balancing = BalancingSettings()
        var random = SeededRandom(seed: seed)
        var now = Instant(nanoseconds: 1_000_000_000)
        var old = Balancer([0, 1, 2], EjectionSettings(), balancing: balancing)
        for _ in 0..<5000 {
            guard let chosen = old.choose(excluding: [], hash: nil, now: now, using: &random) else { return }
            now = now + .milliseconds(5)
            _ = old.finish(chosen, .success, latency: .milliseconds(5), now: now)
        }
        var balancer = Balancer([0, 1, 2, 3], EjectionSettings(), balancing: balancing, continuing: old)
        // A burst in one moment: it gets less than its share, as it may be slow, but not nothing.
        for _ in 0..<200 { _ = balancer.choose(excluding: [], hash: nil, now: now, using: &random) }
        let given = balancer.activeCount(of: 3) ?? 0
        #expect(given > 0 && given < 30, "seed \(seed): \(given)")
    }

    @Test("one that fails all requests is ejected, and hardly asked", arguments: BalancingSettings.Algorithm.allCases)
    func ejected(_ algorithm: BalancingSettings.Algorithm) {
        let behaviours = [Self.steady(10), Self.steady(10), Self.failing(.serverError(retryAfter: nil))]
        var simulation = Simulation(algorithm, behaviours)
        let counts = simulation.run(.seconds(120), every: .milliseconds(10))
        // Seven at first, then one each after 5, 15, 35, 75 s, and what is under way then.
        #expect((1...14).contains(counts[2]), "\(algorithm): \(counts)")
        if algorithm != .latency { #expect(counts[2] >= 11) }
    }
}
