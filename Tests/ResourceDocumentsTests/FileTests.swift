// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import ResourceDocuments
import Testing

/// Files in a directory of their own, which goes with the test.
@Suite("A configuration in a file")
final class FileTests {
    private let directory = NSTemporaryDirectory() + "weft-configuration-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func write(_ text: String, to name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }

    private func problem(of path: String) -> Problem? {
        do throws(Problems) {
            _ = try ConfigurationReader.read(path: path)
            return nil
        } catch {
            return error.all.first
        }
    }

    @Test("is read, and named in what is wrong with it")
    func reading() throws {
        let path = try write(leastProxy, to: "good.yaml")
        #expect(try ConfigurationReader.read(path: path) == read(leastProxy).get())
        let bad = try write("kind: Proxy\nmetadata: {}\nspec: {}", to: "bad.yaml")
        #expect(problem(of: bad)?.description == "WEFT1007 metadata.name (\(bad):2:11): is missing")
    }

    @Test("that cannot be read is told with its path and the reason")
    func unreadable() throws {
        let large = try write("# " + String(repeating: "x", count: 16 << 20), to: "large.yaml")
        for path in ["\(directory)/absent", directory, large, "", "/dev/zero"] {
            let problem = problem(of: path)
            #expect(
                [.fileUnreadable, .badDocument].contains(problem?.code), "\(path): \(problem?.description ?? "read")")
            #expect(problem?.place == path && problem?.remedy != nil)
        }
    }
}
