// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Testing

/// The files of the repository, as far as these tests look at them.
enum Checkout {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

    /// Paths relative to the root, sorted; what is built is left out.
    static let files: [String] = {
        var found: [String] = []
        for part in ["Sources", "Tests", "init-scripts", ".ci"] {
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: root.path + "/" + part)) ?? []
            found += names.map { "\(part)/\($0)" }
        }
        return found.sorted()
    }()

    static func files(in directory: String = "", ending suffixes: String...) -> [String] {
        files.filter { file in file.hasPrefix(directory) && suffixes.contains { file.hasSuffix($0) } }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func lines(_ path: String) throws -> [Substring] {
        try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    }
}

/// Who imports whom.
struct Imports {
    /// Modules imported by each target of `Sources`.
    let byTarget: [String: Set<String>]

    init() throws {
        var byTarget: [String: Set<String>] = [:]
        let statement =
            #/^\s*(?:@\S+\s+)*(?:public |package |internal |private |fileprivate )?import (?:struct |enum |class |func )?(\w+)/#
        for file in Checkout.files(in: "Sources/", ending: ".swift") {
            guard let target = Imports.target(of: file) else { continue }
            byTarget[target] = byTarget[target] ?? []
            for line in try Checkout.lines(file) {
                guard let match = line.prefixMatch(of: statement) else { continue }
                byTarget[target, default: []].insert(String(match.1))
            }
        }
        self.byTarget = byTarget
    }

    /// `Sources/<target>/...`
    static func target(of file: String) -> String? {
        let parts = file.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : nil
    }

    /// The target and everything of ours below it.
    func closure(of target: String) -> Set<String> {
        var seen: Set<String> = []
        var open = [target]
        while let next = open.popLast() {
            guard byTarget[next] != nil, seen.insert(next).inserted else { continue }
            open += byTarget[next] ?? []
        }
        return seen
    }
}
