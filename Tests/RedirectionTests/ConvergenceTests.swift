// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Redirection
import Testing

@Suite("From any rules to those wanted")
struct ConvergenceTests {
    private static func wanted(_ scenario: CaptureScenario, _ table: RuleTable, _ residue: Residue = .none) throws
        -> OwnRules
    {
        let plan = try RedirectPlan(.ipv4, scenario.settings, scenario.ports)
        return plan.table(table).map { OwnRules($0) { _ in residue } } ?? OwnRules(table: table)
    }

    private static func table(_ model: RuleModel, _ table: RuleTable) throws -> SavedTable? {
        try SavedRules(parsing: model.saved).table(table)
    }

    @discardableResult
    private static func go(_ model: inout RuleModel, _ table: RuleTable, to wanted: OwnRules) throws -> Bool {
        guard let text = Convergence.text(from: try Self.table(model, table), to: wanted) else { return false }
        try model.restore(text)
        return true
    }

    @Test("applying twice is applying once", arguments: CaptureScenario.all, RuleTable.allCases)
    func idempotence(_ scenario: CaptureScenario, _ table: RuleTable) throws {
        var model = RuleModel(table)
        let wanted = try Self.wanted(scenario, table)
        try Self.go(&model, table, to: wanted)
        let once = model.saved
        #expect(try Self.go(&model, table, to: wanted) == false)
        #expect(model.saved == once)
        #expect(OwnRules(in: try Self.table(model, table), table: table).means(the: wanted))
        #expect(Drift.between(try Self.table(model, table), and: wanted).isEmpty)
    }

    @Test("undoing restores what was there, with rules of others around", arguments: CaptureScenario.all)
    func undo(_ scenario: CaptureScenario) throws {
        var model = RuleModel(.nat)
        model.addChain("DOCKER")
        model.add("-m addrtype --dst-type LOCAL -j DOCKER", to: "PREROUTING")
        model.add("-p udp -m comment --comment \"they say \\\"no\\\"\" -j RETURN", to: "OUTPUT")
        let before = model.saved
        try Self.go(&model, .nat, to: try Self.wanted(scenario, .nat))
        #expect(model.saved != before)
        try Self.go(&model, .nat, to: OwnRules(table: .nat))
        #expect(model.saved == before)
    }

    @Test("from each configuration to each other one and back")
    func change() throws {
        for first in CaptureScenario.all {
            for second in CaptureScenario.all {
                var model = RuleModel(.nat)
                model.add("-p tcp -j LOG", to: "OUTPUT")
                try Self.go(&model, .nat, to: try Self.wanted(first, .nat))
                let before = try Self.table(model, .nat)
                let kept = OwnRules(in: before, table: .nat)
                let wanted = try Self.wanted(second, .nat)
                try Self.go(&model, .nat, to: wanted)
                #expect(
                    OwnRules(in: try Self.table(model, .nat), table: .nat).means(the: wanted), "\(first) to \(second)")
                // A roll-back is going to what was read before.
                try Self.go(&model, .nat, to: kept)
                #expect(
                    OwnRules(in: try Self.table(model, .nat), table: .nat).means(the: kept),
                    "\(second) back to \(first)")
            }
        }
    }

    @Test("whatever somebody did to our rules, applying mends it and undoing leaves only theirs")
    func damage() throws {
        var random = SeededRandom(seed: 20_260_814)
        let wanted = try Self.wanted(CaptureScenario.all[3], .nat)
        for round in 0..<300 {
            var model = RuleModel(.nat)
            var theirs = RuleModel(.nat)
            try Self.go(&model, .nat, to: wanted)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0..<5, using: &random) {
                case 0: try? model.restore("-D OUTPUT \(wanted.hooks[1].rule)")
                case 1: try? model.restore(":WEFT_OUTBOUND - [0:0]")
                case 2: try? model.restore("-I WEFT_INBOUND 1 -j ACCEPT")
                case 3:
                    try model.restore("-I OUTPUT 1 -p tcp --dport \(round) -j LOG")
                    try theirs.restore("-I OUTPUT 1 -p tcp --dport \(round) -j LOG")
                default: try? model.restore(":WEFT_OLD - [0:0]\n-A PREROUTING -j WEFT_OLD")
                }
            }
            try Self.go(&model, .nat, to: wanted)
            #expect(
                OwnRules(in: try Self.table(model, .nat), table: .nat).means(the: wanted),
                "seed 20260814, round \(round)")
            try Self.go(&model, .nat, to: OwnRules(table: .nat))
            #expect(model.saved == theirs.saved, "seed 20260814, round \(round)")
        }
    }

    @Test("a hook that was pushed down goes back to the first place, and the other keeps its order")
    func position() throws {
        var model = RuleModel(.nat)
        let wanted = try Self.wanted(CaptureScenario.all[0], .nat)
        try Self.go(&model, .nat, to: wanted)
        try model.restore("-I OUTPUT 1 -p udp -j RETURN")
        let ahead = try #require(try Self.table(model, .nat)).ahead
        #expect(ahead.map(\.text) == ["-p udp -j RETURN"])
        try Self.go(&model, .nat, to: wanted)
        let rules = try #require(try Self.table(model, .nat)).rules(in: "OUTPUT")
        #expect(rules.map(\.target) == ["WEFT_OUTBOUND", "RETURN"])
    }

    @Test("a roll-back to a place that no longer exists goes to the end")
    func clamping() throws {
        var model = RuleModel(.nat, builtins: ["OUTPUT"])
        for port in 1...4 { model.add("-p udp --dport \(port) -j RETURN", to: "OUTPUT") }
        model.addChain("WEFT_X")
        model.add("-p tcp -j WEFT_X", to: "OUTPUT")
        let kept = OwnRules(in: try Self.table(model, .nat), table: .nat)
        #expect(kept.hooks.map(\.position) == [5])
        var emptied = RuleModel(.nat, builtins: ["OUTPUT"])
        emptied.add("-p udp --dport 1 -j RETURN", to: "OUTPUT")
        try Self.go(&emptied, .nat, to: kept)
        #expect(try #require(try Self.table(emptied, .nat)).rules(in: "OUTPUT").map(\.target) == ["RETURN", "WEFT_X"])
    }

    @Test("what the hook remembers of the table survives a second apply", arguments: Residue.allCases)
    func residue(_ residue: Residue) throws {
        var model = RuleModel(.nat)
        try Self.go(&model, .nat, to: try Self.wanted(CaptureScenario.all[0], .nat, residue))
        let remembered = try #require(try Self.table(model, .nat)).residues
        #expect(remembered == ["PREROUTING": residue, "OUTPUT": residue])
        let wanted = try Self.wanted(CaptureScenario.all[0], .nat, residue)
        #expect(try Self.go(&model, .nat, to: wanted) == false)
    }
}

@Suite("Drift")
struct DriftTests {
    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let damage: String
        let expected: [String]
    }

    @Test(
        "is named, one by one",
        arguments: [
            Case(testDescription: "none", damage: "", expected: []),
            Case(
                testDescription: "a rule too many", damage: "-A WEFT_INBOUND -j ACCEPT",
                expected: ["WEFT_INBOUND has a rule 3 too many: -j ACCEPT"]),
            Case(
                testDescription: "an emptied chain", damage: ":WEFT_INBOUND - [0:0]",
                expected: ["WEFT_INBOUND lacks rule 1", "WEFT_INBOUND lacks rule 2"]),
            Case(
                testDescription: "another rule in its place", damage: "-I WEFT_INBOUND 1 -j RETURN",
                expected: [
                    "WEFT_INBOUND has another rule 1", "WEFT_INBOUND has another rule 2",
                    "WEFT_INBOUND has a rule 3 too many",
                ]),
            Case(
                testDescription: "a chain of another version", damage: ":WEFT_OLD - [0:0]",
                expected: ["WEFT_OLD is there and should not be"]),
            Case(
                testDescription: "a second hook", damage: "-A PREROUTING -j WEFT_INBOUND",
                expected: ["PREROUTING has a rule that should not be there"]),
        ])
    func table(_ example: Case) throws {
        var model = RuleModel(.nat)
        let plan = try RedirectPlan(.ipv4, CaptureScenario.all[0].settings, ProxyPorts())
        let wanted = OwnRules(try #require(plan.table(.nat))) { _ in .none }
        try model.restore(try #require(Convergence.text(from: nil, to: wanted)))
        try model.restore(example.damage)
        let drift = Drift.between(try SavedRules(parsing: model.saved).table(.nat), and: wanted).map(\.description)
        #expect(drift.count == example.expected.count, "\(drift)")
        for (found, expected) in zip(drift, example.expected) { #expect(found.hasPrefix(expected), "\(found)") }
    }

    @Test("a missing table lacks everything")
    func nothing() throws {
        let plan = try RedirectPlan(.ipv6, CaptureScenario.all[0].settings, ProxyPorts())
        let wanted = OwnRules(try #require(plan.table(.nat))) { _ in .none }
        #expect(
            Drift.between(nil, and: wanted) == [
                .missingChain("WEFT_INBOUND"), .missingChain("WEFT_OUTBOUND"), .missingHook(chain: "PREROUTING"),
                .missingHook(chain: "OUTPUT"),
            ])
    }
}
