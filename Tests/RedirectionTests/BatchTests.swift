// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Redirection
import Testing

@Suite("Lists of ports")
struct BatchTests {
    private static func slots(_ ranges: [PortRange]) -> Int {
        ranges.reduce(0) { $0 + ($1.lower == $1.upper ? 1 : 2) }
    }

    private static func ranges(_ match: RuleMatch) -> [PortRange] {
        if case .destinationPorts(let ranges) = match { ranges } else { [] }
    }

    @Test("hold the same ports in matches of at most fifteen, as few as can be")
    func batches() throws {
        var random = SeededRandom(seed: 15)
        for round in 0..<500 {
            let ranges = (0..<Int.random(in: 0...120, using: &random)).compactMap { _ in
                let lower = UInt16.random(in: 1...65_535, using: &random)
                let length =
                    Bool.random(using: &random) ? 0 : UInt16.random(in: 0...min(300, 65_535 - lower), using: &random)
                return PortRange("\(lower)-\(lower + length)")
            }
            let batches = RuleMatch.batches(ranges).map(Self.ranges)
            for batch in batches { #expect((1...15).contains(Self.slots(batch)), "seed 15, round \(round)") }
            #expect(batches.flatMap(\.self) == PortRange.merged(ranges), "seed 15, round \(round)")
            // Two neighbours never fit into one.
            for (left, right) in zip(batches, batches.dropFirst()) {
                #expect(Self.slots(left) + Self.slots([right[0]]) > 15, "seed 15, round \(round)")
            }
        }
    }

    @Test("of one entry need no multiport, of fifteen one, of sixteen two")
    func edges() throws {
        func text(_ count: Int) -> [String] {
            RuleMatch.batches((0..<count).compactMap { PortRange("\(2 * $0 + 1)") }).map {
                RedirectRule([.tcp, $0], .skip, Reason("x", "y")).text
            }
        }
        #expect(text(1)[0].contains("-p tcp -m tcp --dport 1 "))
        #expect(text(15).count == 1)
        #expect(text(15)[0].contains("-m multiport --dports 1,3,5,"))
        #expect(text(16).count == 2)
        #expect(text(16)[1].contains("--dport 31 "))
        #expect(text(0).isEmpty)
    }

    @Test("a range takes two places")
    func ranges() throws {
        let fits =
            (0..<7).compactMap { PortRange("\(10 * $0 + 1)-\(10 * $0 + 5)") } + [PortRange("100")].compactMap(\.self)
        #expect(RuleMatch.batches(fits).count == 1)
        #expect(RuleMatch.batches(fits + [PortRange("200")].compactMap(\.self)).count == 2)
    }
}
