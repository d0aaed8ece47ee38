// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshTesting
import Testing

@Suite("Files")
struct FileTests {
    private static let licence = "Part of Weft. Licensed under the Apache License 2.0; see LICENSE."
    /// A table of sentences, one for each code; it grows with them.
    private static let tables: Set = [
        "Sources/MeshModel/Errors/ErrorCatalog.swift", "Sources/MeshModel/Errors/ErrorCode.swift",
    ]

    @Test("every source file begins with the licence")
    func licences() throws {
        let files = Checkout.files(ending: ".swift", ".c", ".h", ".sh") + [".ci/run"]
        #expect(files.count > 200)
        for file in files {
            let head = try Checkout.lines(file).prefix(3)
            #expect(head.contains { $0.hasSuffix(Self.licence) }, "\(file)")
        }
    }

    @Test("no file is longer than 450 lines")
    func lengths() throws {
        for file in Checkout.files(ending: ".swift", ".c", ".h", ".sh") where !Self.tables.contains(file) {
            let count = try Checkout.lines(file).count
            #expect(count <= 450, "\(file) has \(count) lines")
        }
    }

    @Test(
        "every shell script is read by sh", arguments: Checkout.files(in: "init-scripts/", ending: ".sh") + [".ci/run"])
    func scripts(file: String) throws {
        let result = try ChildProcess.run("/bin/sh", ["-n", Checkout.root.path + "/" + file], timeout: .seconds(10))
        #expect(result.ending == .exited(0), "\(result.error)")
    }

    @Test("every link between the pages leads somewhere")
    func links() throws {
        let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] + Self.documents
        for page in pages {
            let directory = Checkout.root.appending(path: page).deletingLastPathComponent()
            for match in try Checkout.text(page).matches(of: #/\]\(([^)#\s]+)(?:#[^)]*)?\)/#) {
                let target = String(match.1)
                guard !target.contains("://") else { continue }
                let path = directory.appending(path: target).standardized.path
                #expect(FileManager.default.fileExists(atPath: path), "\(page) leads to \(target)")
            }
        }
    }

    private static let documents: [String] = {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: Checkout.root.path + "/docs")) ?? []
        return names.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }.sorted()
    }()
}
