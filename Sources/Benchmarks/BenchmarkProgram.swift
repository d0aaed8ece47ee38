// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import CommandLine
import Foundation
import LinuxSystem
import MeshModel

/// `weft-benchmark`: the command line.
enum BenchmarkProgram {
    private static let run = CommandSyntax(
        "run", "measures Weft, haproxy, nginx and a direct connection side by side; needs root",
        discussion: """
            Makes two network namespaces with redirect rules, runs every contender in turn behind them, and takes everything
            away again, also when it is interrupted. Nothing is asserted: it prints what it measured.
            """,
        options: [
            .flag("--quick", "about six minutes: 3 rounds, without the steady figures; else 7 rounds, 40 minutes"),
            .value("--rounds", "NUMBER", "how many rounds, 1 to 100"),
            .value("--seconds", "NUMBER", "how long each load lasts, 1 to 60; 2, and 5 without --quick"),
            .value("--memory-rounds", "NUMBER", "how often memory is measured, 0 to 100; 1, and 3 without --quick"),
            .list("--only", "NAMES", "only these: of \(names(Figure.self)), memory; of \(names(Contender.self))"),
            .value("--json", "FILE", "where to write everything that was measured; .build/benchmark.json"),
            .value("--weft", "FILE", "the programs that are measured; .build/release/weft"),
            .value("--weft-init", "FILE", ".build/release/weft-init"),
            .value("--weft-proxy", "FILE", ".build/static/release/weft-proxy"),
            .value("--configurations", "DIR", "files of the contenders; Sources/Benchmarks/Configurations"),
        ],
        examples: [
            "weft-benchmark run --quick", "weft-benchmark run --only connections,weft-no-pool,haproxy --rounds 3",
        ])

    private static let syntax = ProgramSyntax(
        "weft-benchmark", "what a connection costs, beside others who do the same", commands: [run],
        exitCodes: [
            (0, "measured"), (1, "failed; everything is taken away again"), (2, "the command line is wrong"),
        ])

    static func main(_ words: [String]) -> Int32 {
        do {
            switch words.first {
            case "serve": try LoadCommands.serve(Array(words.dropFirst()))
            case "load": try LoadCommands.load(Array(words.dropFirst()))
            case "ask": try LoadCommands.ask(Array(words.dropFirst()))
            case "listen": try LoadCommands.listen(Array(words.dropFirst()))
            default: return try invoke(words)
            }
            return 0
        } catch {
            FileHandle.standardError.write(Data("weft-benchmark: \(error)\n".utf8))
            return error is Problems ? 2 : 1
        }
    }

    private static func invoke(_ words: [String]) throws -> Int32 {
        switch try syntax.parse(words) {
        case .help(let text): print(text)
        case .version: print(WeftVersion.text)
        case .run(_, let arguments): try measure(arguments)
        }
        return 0
    }

    private static func measure(_ arguments: Arguments) throws {
        let plan = try plan(arguments)
        guard ThisProcess.isRoot else { throw BenchmarkFailure("network namespaces and redirect rules take root") }
        let json = arguments.value("--json") ?? ".build/benchmark.json"
        let lab = try Lab(try programs(arguments))
        defer { lab.tearDown() }
        try lab.setUp()
        let rounds = Rounds(lab, plan)
        try rounds.run()
        let machine = try Machine(versions: [
            "haproxy": "haproxy -v | sed -n 's/^HAProxy version \\([^ ]*\\).*/\\1/p'",
            "nginx": "nginx -v 2>&1 | sed 's/.*nginx.//'", "OpenSSL": "openssl version | cut -d ' ' -f 2",
        ])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(Document(machine, rounds: plan.rounds, rounds.results)).write(to: URL(fileURLWithPath: json))
        print("\n\(Report(machine: machine, plan: plan, results: rounds.results).text)")
    }

    private static func plan(_ arguments: Arguments) throws -> Plan {
        let isQuick = arguments.isGiven("--quick")
        var plan = Plan(
            rounds: isQuick ? 3 : 7, seconds: isQuick ? 2 : 5, memoryRounds: isQuick ? 1 : 3,
            figures: Figure.allCases.filter { !$0.isSteady || !isQuick }, contenders: Contender.allCases)
        plan.rounds = try arguments.number("--rounds", 1...100) ?? plan.rounds
        plan.memoryRounds = try arguments.number("--memory-rounds", 0...100) ?? plan.memoryRounds
        plan.seconds = try arguments.number("--seconds", 1...60).map(Double.init) ?? plan.seconds
        guard let only = arguments.list("--only") else { return plan }
        for word in only where word != "memory" && Figure(rawValue: word) == nil && Contender(rawValue: word) == nil {
            throw Problems(
                Problem(
                    .badValue, at: "--only", "`\(word)` is no load, no contender and not `memory`",
                    remedy: "the names are \(names(Figure.self)), memory, \(names(Contender.self))"))
        }
        let (figures, contenders) = (
            only.compactMap { Figure(rawValue: $0) }, only.compactMap { Contender(rawValue: $0) }
        )
        if !figures.isEmpty || only.contains("memory") { plan.figures = figures }
        if !figures.isEmpty, !only.contains("memory") { plan.memoryRounds = 0 }
        if !contenders.isEmpty { plan.contenders = Contender.allCases.filter { contenders.contains($0) } }
        return plan
    }

    private static func programs(_ arguments: Arguments) throws -> Programs {
        func path(_ name: String, _ standard: String) throws -> String {
            try arguments.path(name, standard, madeBy: "make bench")
        }
        return Programs(
            weft: try path("--weft", ".build/release/weft"),
            weftInit: try path("--weft-init", ".build/release/weft-init"),
            weftProxy: try path("--weft-proxy", ".build/static/release/weft-proxy"),
            benchmark: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            configurations: try path("--configurations", "Sources/Benchmarks/Configurations"))
    }

    private static func names<Name: CaseIterable & RawRepresentable<String>>(_ type: Name.Type) -> String {
        type.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
