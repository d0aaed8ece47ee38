// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Redirection
import Testing

/// Everything here applies real rules in network namespaces made for it, one test at a time.
///
///     pod "app"                                    "outside"
///     uid 1337: stands for the proxy,              10.77.0.1, fd77::1
///               listens on 15001 and 15006         listens on some ports
///     uid 1000: the application
@Suite("Capture", .serialized, .needsRoot, .networkLab)
enum Capture {}

extension Pod {
    /// Runs weft-init inside.
    func weftInit(_ words: String..., as user: UInt32? = nil) async throws -> ProgramResult {
        try await run(["weft-init"] + words, as: user)
    }

    func weftInit(_ words: [String]) async throws -> ProgramResult { try await run(["weft-init"] + words) }

    /// What iptables-save prints in both backends, without tables that change nothing: what "restored exactly" is
    /// about.
    func essence() async throws -> [String] {
        var lines: [String] = []
        for stem in ["iptables", "ip6tables"] {
            for backend in Backend.allCases {
                lines.append("# \(stem)-\(backend)")
                // A legacy table is made by merely listing it, but only when it is named.
                lines += try SavedRules(parsing: try await must("\(stem)-\(backend)-save")).essence
            }
        }
        return lines
    }

    /// Starts what stands for the proxy: uid 1337 on the proxy's ports, of the families this pod has.
    func startProxy() async throws -> RunningProgram {
        var addresses = ["127.0.0.1:15001", "0.0.0.0:15006"]
        if ipv6 != nil { addresses += ["[::1]:15001", "[::]:15006"] }
        return try await listen(addresses, as: 1337)
    }

    /// Starts listeners that echo, and waits until they listen.
    func listen(_ addresses: [String], as user: UInt32 = 1000) async throws -> RunningProgram {
        let program = try start(["lab-tool", "listen"] + addresses, as: user)
        for address in addresses { try await program.line(containing: "listening \(address)") }
        return program
    }

    func listen(_ addresses: String..., as user: UInt32 = 1000) async throws -> RunningProgram {
        try await listen(addresses, as: user)
    }

    /// Connects, says hello and gives the name of the listener that answers, or how it failed.
    func answerer(_ target: String, as user: UInt32 = 1000, service: Int? = nil) async throws -> String {
        let program = try connect(target, as: user, service: service)
        program.type("hello")
        let line = try await eventually("an answer from \(target)") {
            if let line = program.output.split(separator: "\n").first(where: { $0.hasPrefix("answer: ") }) {
                return String(line.dropFirst("answer: ".count).prefix { $0 != " " })
            }
            return program.isRunning ? nil : String(program.output.split(separator: "\n").last ?? "nothing")
        }
        try await program.stop()
        return line
    }

    func connect(_ target: String, as user: UInt32 = 1000, service: Int? = nil) throws -> RunningProgram {
        try start(["lab-tool", "connect", target] + (service.map { ["\($0)"] } ?? []), as: user)
    }
}

extension ProgramResult {
    /// Whether one of the problems told has this code.
    func names(_ code: String) -> Bool { error.contains(code) }
}
