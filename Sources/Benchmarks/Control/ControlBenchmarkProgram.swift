// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import CommandLine
import Foundation
import MeshModel

/// `weft-control-benchmark`: the command line.
enum ControlBenchmarkProgram {
    private static let run = CommandSyntax(
        "run", "measures a real weft-control with simulated proxies, and a real weft-proxy in a large mesh",
        discussion: """
            Starts weft-control with an empty data directory on \(ControlLab.host), lets proxies join, and takes everything \
            away again, also when it is interrupted. Nothing is asserted: it prints what it measured.
            """,
        options: [
            .flag("--quick", "about two minutes: 5 rounds, 10 and 1000 proxies; else 30 rounds, 7 minutes"),
            .value("--rounds", "NUMBER", "how many revisions for each number of proxies, 1 to 1000"),
            .value("--seconds", "NUMBER", "how long certificates are asked for, 1 to 60; 5, and 10 without --quick"),
            .list("--proxies", "NUMBERS", "how many proxies watch, one after the other, each 1 to 1000; 10,100,1000"),
            .list("--only", "PARTS", "only these: \(Part.allCases.map(\.rawValue).joined(separator: ", "))"),
            .value("--weft", "FILE", "the programs that are measured; .build/release/weft"),
            .value("--weft-control", "FILE", ".build/release/weft-control"),
            .value("--weft-proxy", "FILE", ".build/static/release/weft-proxy"),
        ],
        examples: [
            "weft-control-benchmark run --quick",
            "weft-control-benchmark run --only proxies --proxies 1000 --rounds 100",
        ])

    private static let syntax = ProgramSyntax(
        "weft-control-benchmark", "what the control plane costs, and how fast it is", commands: [run],
        exitCodes: [
            (0, "measured"), (1, "failed; everything is taken away again"), (2, "the command line is wrong"),
        ])

    static func main(_ words: [String]) -> Int32 {
        do {
            if words.first == "crowd" {
                try Crowd.main(Array(words.dropFirst()))
                return 0
            }
            switch try syntax.parse(words) {
            case .help(let text): print(text)
            case .version: print(WeftVersion.text)
            case .run(_, let arguments): try measure(arguments)
            }
            return 0
        } catch {
            progress("weft-control-benchmark: \(error)")
            return error is Problems ? 2 : 1
        }
    }

    private static func measure(_ arguments: Arguments) throws {
        let plan = try plan(arguments)
        let lab = try ControlLab(try programs(arguments))
        defer { lab.cleaner.clean() }
        let results = try Measurement(lab, plan).run()
        print("\n\(ControlReport(machine: try Machine(), plan: plan, results: results).text)")
    }

    private static func plan(_ arguments: Arguments) throws -> ControlPlan {
        var plan = arguments.isGiven("--quick") ? ControlPlan.quick : ControlPlan.whole
        plan.rounds = try arguments.number("--rounds", 1...1000) ?? plan.rounds
        plan.seconds = try arguments.number("--seconds", 1...60) ?? plan.seconds
        if let list = arguments.list("--proxies") {
            plan.crowds = try list.map { word in
                guard let number = Int(word), (1...1000).contains(number) else {
                    throw Problems(Problem(.badValue, at: "--proxies", "`\(word)` is not a number from 1 to 1000"))
                }
                return number
            }.sorted()
        }
        if let list = arguments.list("--only") {
            plan.parts = try list.map { word in
                guard let part = Part(rawValue: word) else {
                    throw Problems(
                        Problem(
                            .badValue, at: "--only", "`\(word)` is no part",
                            remedy: "the parts are \(Part.allCases.map(\.rawValue).joined(separator: ", "))"))
                }
                return part
            }
        }
        return plan
    }

    private static func programs(_ arguments: Arguments) throws -> ControlPrograms {
        func path(_ name: String, _ standard: String) throws -> String {
            try arguments.path(name, standard, madeBy: "make bench-control")
        }
        return ControlPrograms(
            weft: try path("--weft", ".build/release/weft"),
            weftControl: try path("--weft-control", ".build/release/weft-control"),
            weftProxy: try path("--weft-proxy", ".build/static/release/weft-proxy"),
            benchmark: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    }
}

/// What is measured.
enum Part: String, CaseIterable {
    /// How many a second are issued.
    case certificates
    /// How long a revision takes to all who watch, and what memory they take.
    case proxies
    /// The memory of a sidecar in a small mesh and in a large one.
    case sidecar
}

struct ControlPlan {
    var parts = Part.allCases
    var rounds: Int
    var seconds: Int
    /// How many connections ask for certificates at once, in turn.
    var askers: [Int]
    var crowds: [Int]
    /// Whether a revision is written after a minute in which nobody had anything to say.
    var hasQuietRound: Bool

    static let quick = ControlPlan(
        rounds: 5, seconds: 5, askers: [16], crowds: [10, 1000], hasQuietRound: false)
    static let whole = ControlPlan(
        rounds: 30, seconds: 10, askers: [1, 4, 16, 64], crowds: [10, 100, 1000], hasQuietRound: true)
}

/// Where the programs lie.
struct ControlPrograms {
    let weft: String
    let weftControl: String
    let weftProxy: String
    /// This program, for its child.
    let benchmark: String
}
