// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import EnvoyImport

/// `docs/import-envoy.md`, as far as a test can read it.
@Suite("The page about the import from Envoy")
struct DocumentationTests {
    @Test("its example becomes what it says")
    func example() throws {
        let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", "import-envoy.md"]
        let page = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
        let blocks = page.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        try #require(blocks.count == 2)
        let imported = try imported(blocks[0])
        #expect(imported.errors.isEmpty && imported.notes.isEmpty, "\(imported.errorText)\(imported.noteText)")
        #expect(imported.text == blocks[1])
    }
}
