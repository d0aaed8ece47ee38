// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Testing

@Suite("Layers")
struct LayerTests {
    private let imports: Imports

    init() throws { imports = try Imports() }

    /// The table of ARCHITECTURE.md: target and level. A row without a level belongs to the one above.
    private func levels() throws -> [String: Int] {
        var levels: [String: Int] = [:]
        var level: Int?
        for line in try Checkout.lines("ARCHITECTURE.md") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 5 else {
                if !line.hasPrefix("|") { level = nil }
                continue
            }
            let first = cells[1].trimmingCharacters(in: .whitespaces)
            if let number = first.first?.wholeNumberValue, first.dropFirst().first == " " { level = number }
            if first == "side" { level = 9 }
            guard let level else { continue }
            for match in cells[2].matches(of: #/`(\w+)`/#) { levels[String(match.1)] = level }
        }
        return levels
    }

    @Test("the table of ARCHITECTURE.md names every target, and no other")
    func table() throws {
        // A program is told of by its own name: `Benchmarks` is weft-benchmark.
        let programs: Set = ["weft", "weft-control", "weft-init", "weft-proxy", "lab-tool", "Benchmarks"]
        let named = Set(try levels().keys)
        let swift = Set(imports.byTarget.keys).subtracting(programs).union(["FuzzTargets"])
        let c = Set(
            Checkout.files(in: "Sources/CEdge/", ending: ".h", ".modulemap").compactMap { file in
                file.split(separator: "/").dropFirst(2).first.map(String.init)
            })
        #expect(swift.subtracting(named).isEmpty && c.subtracting(named).isEmpty)
        #expect(named.subtracting(swift).subtracting(c).isEmpty)
    }

    @Test("nothing imports what stands above it")
    func direction() throws {
        let levels = try levels()
        #expect(levels.count > 20)
        for (target, imported) in imports.byTarget {
            guard let own = levels[target] else { continue }
            for module in imported {
                guard let other = levels[module] else { continue }
                #expect(other <= own, "\(target) (level \(own)) imports \(module) (level \(other))")
            }
        }
    }

    @Test("a C module has one owner")
    func owners() {
        let owners = [
            "CCares": "NameResolution", "CLinux": "LinuxSystem", "CNetlink": "Netlink",
            "COpenSSL": "TLSSession", "COpenSSLMemory": "TLSSession", "CPCRE2": "Patterns",
            "CYAML": "ResourceDocuments",
        ]
        for (target, imported) in imports.byTarget {
            for module in imported {
                guard let owner = owners[module] else { continue }
                #expect(target == owner, "\(target) imports \(module), which is \(owner)'s")
            }
        }
        #expect(Set(owners.values).isSubset(of: imports.byTarget.keys))
    }

    @Test(
        "what stands beside an application links neither Foundation nor a package",
        arguments: ["weft-init", "weft-proxy"])
    func light(program: String) throws {
        let linked = imports.closure(of: program)
        #expect(linked.contains("LinuxSystem") && linked.count > 5)
        let ours = Set(try levels().keys).union(imports.byTarget.keys)
        let allowed = ours.union(["Glibc", "Synchronization"])
        for target in linked {
            let foreign = (imports.byTarget[target] ?? []).subtracting(allowed)
            #expect(foreign.isEmpty, "\(target) imports \(foreign.sorted())")
        }
        #expect(linked.isDisjoint(with: ["CertificateAuthority", "MeshTesting"]))
    }
}
