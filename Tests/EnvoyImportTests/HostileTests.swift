// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import Testing

@testable import EnvoyImport
@testable import ResourceDocuments

/// Files that nobody wrote.
@Suite("Files that are broken")
struct HostileTests {
    /// Values of the wrong shape or size.
    private static let odd = [
        "[]", "{}", "''", "-1", "0", "99999999999999999999", "0.5", "1e9", "true", "~", "[[]]", "{a: {}}", "'%'",
        "'\\u0000'",
        "/", "'*'", "0s", "999999999999s", "1.0000000000s", "'*.*'", "(((", "[{}]", "'a b'", "255.255.255.255", "65536",
        "\"\\x00\"",
        "\"\\u202e\"", "'#'", "'::'", "{'@type': a}",
    ]

    /// What comes of a file must be readable, with errors too, since `--partial` writes it then; that there is no trap
    /// shows by itself.
    private func check(_ text: String, _ seed: UInt64) {
        do throws(Problem) {
            let imported = try EnvoyBootstrap.read(Array(text.utf8), name: "envoy.yaml")
            do throws(Problems) {
                _ = try ConfigurationReader.read(Array(imported.text.utf8), name: "weft.yaml")
            } catch {
                Issue.record("seed \(seed): \(error)\n\(imported.errorText)\n\(text)\n---\n\(imported.text)")
            }
        } catch {
            #expect(
                [.notYAML, .missingDocument, .unsupportedYAML, .duplicateField, .wrongType, .badDocument].contains(
                    error.code))
        }
    }

    @Test("what a file becomes is readable, or there is an error", arguments: GoldenTests.files, [UInt64](1...3))
    func mutated(file: String, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let lines = try #require(GoldenFile(file).text).components(separatedBy: "\n")
        for _ in 0..<100 {
            var changed = lines
            for _ in 0...(random.next() % 2) {
                let index = Int(random.next() % UInt64(changed.count))
                let line = changed[index]
                switch random.next() % 4 {
                case 0: changed.remove(at: index)
                case 1: changed.insert(line, at: Int(random.next() % UInt64(changed.count)))
                case 2:
                    changed[index] = String(line.prefix(Int(random.next() % UInt64(line.count + 1))))
                default:
                    // One of the values of the line.
                    let colons = line.indices.filter { line[$0] == ":" }
                    guard !colons.isEmpty else { continue }
                    let colon = colons[Int(random.next() % UInt64(colons.count))]
                    let rest = line[line.index(after: colon)...].drop { !",}]".contains($0) }
                    changed[index] =
                        line[...colon] + " " + Self.odd[Int(random.next() % UInt64(Self.odd.count))] + rest
                }
            }
            check(changed.joined(separator: "\n"), seed)
        }
    }

    @Test("every beginning of a file is taken", arguments: GoldenTests.files)
    func beginnings(file: String) throws {
        let text = try #require(GoldenFile(file).text)
        for length in stride(from: 0, to: text.count, by: 37) { check(String(text.prefix(length)), 0) }
    }
}
