// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Routing
import Testing

@Suite("What checks of an endpoint come to")
struct CheckStateTests {
    /// `+` a good check, `-` a bad one; `!` behind those that change it.
    private static func run(_ results: String, healthy: Int, unhealthy: Int) -> String {
        var check = HealthCheck(.tcp)
        check.healthyThreshold = healthy
        check.unhealthyThreshold = unhealthy
        var state = CheckState()
        return results.map { "\($0)" + (state.record(isGood: $0 == "+", check) ? "!" : "") }.joined()
    }

    @Test(
        "the first decides alone; from then on it takes so many in a row",
        arguments: [
            ("++--+---++", 1, 3, "++--+---!+!+"), ("-", 2, 3, "-!"), ("-++", 2, 3, "-!++!"), ("-+-++", 2, 3, "-!+-++!"),
            ("+-", 1, 1, "+-!"), ("+--+--+---", 3, 3, "+--+--+---!"), ("---+", 1, 3, "-!--+!"),
        ])
    func sequences(_ results: String, _ healthy: Int, _ unhealthy: Int, _ expected: String) {
        #expect(Self.run(results, healthy: healthy, unhealthy: unhealthy) == expected)
    }
}
