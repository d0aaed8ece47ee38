// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
package import Testing

/// A text that is kept beside the tests and compared exactly. `WEFT_WRITE_GOLDEN=1` writes what is there now instead, for
/// a person to look at the difference.
package struct GoldenFile: Sendable {
    package let path: String

    package static var isWriting: Bool { ProcessInfo.processInfo.environment["WEFT_WRITE_GOLDEN"] == "1" }

    /// `directory` lies beside the test file.
    package init(_ name: String, in directory: String = "Golden", beside file: String = #filePath) {
        path = "\((file as NSString).deletingLastPathComponent)/\(directory)/\(name)"
    }

    /// What is kept; nil if there is nothing.
    package var text: String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// Expects the text to be what is kept.
    package func expect(_ found: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        if GoldenFile.isWriting {
            let directory = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try found.write(toFile: path, atomically: true, encoding: .utf8)
            return
        }
        guard let kept = text else {
            Issue.record("\(path) does not exist; `make golden` writes it.", sourceLocation: sourceLocation)
            return
        }
        let (keptLines, foundLines) = (kept.components(separatedBy: "\n"), found.components(separatedBy: "\n"))
        guard keptLines != foundLines else { return }
        let first = zip(keptLines, foundLines).enumerated().first { $0.element.0 != $0.element.1 }
        let line = first?.offset ?? min(keptLines.count, foundLines.count)
        Issue.record(
            """
            \(path):\(line + 1) differs; if that is meant, `make golden` and look at the difference.
            kept:  \(line < keptLines.count ? keptLines[line] : "(ends)")
            found: \(line < foundLines.count ? foundLines[line] : "(ends)")
            """, sourceLocation: sourceLocation)
    }
}
