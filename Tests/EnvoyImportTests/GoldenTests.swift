// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import Testing

@testable import EnvoyImport
@testable import ResourceDocuments

/// Whole files: `NAME.envoy.yaml` becomes `NAME.weft.yaml`, and what was left out is in `NAME.notes`.
@Suite("Files of Envoy, imported")
struct GoldenTests {
    static let files = ["small.envoy.yaml", "edge.envoy.yaml", "layer4.envoy.yaml", "camel.envoy.json"]

    private func imported(_ file: String) throws -> ImportedConfiguration {
        let text = try #require(GoldenFile(file).text)
        return try EnvoyBootstrap.read(Array(text.utf8), name: file)
    }

    private static func stem(_ file: String) -> String { String(file.prefix { $0 != "." }) }

    @Test("what comes of a file is what is kept", arguments: files)
    func golden(file: String) throws {
        let imported = try imported(file)
        #expect(imported.errors.isEmpty, "\(imported.errors.map(\.description).joined(separator: "\n"))")
        try GoldenFile(Self.stem(file) + ".weft.yaml").expect(imported.text)
        let notes = imported.notes.map { $0.description + "\n" }.joined()
        try GoldenFile(Self.stem(file) + ".notes").expect(notes)
    }

    @Test("what comes of a file can be read", arguments: files)
    func readable(file: String) throws {
        let imported = try imported(file)
        do throws(Problems) {
            let read = try ConfigurationReader.read(Array(imported.text.utf8), name: "weft.yaml")
            #expect(!read.resources.services.isEmpty)
        } catch {
            Issue.record("\(error)")
        }
    }
}
