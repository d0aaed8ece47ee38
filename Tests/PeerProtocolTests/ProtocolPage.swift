// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Testing

/// `docs/weft1.md`, the specification that people read. The tests compare the code with what stands there, so that neither
/// can change alone.
struct ProtocolPage {
    let lines: [Substring]

    init() throws {
        let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", "weft1.md"]
        lines = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The examples of frames: a line that describes one, and the bytes below it.
    var frames: [(name: String, bytes: [UInt8])] {
        var frames: [(String, [UInt8])] = []
        let block = lines.drop { $0 != "```frames" }.dropFirst().prefix { $0 != "```" }
        for pair in block.split(separator: "") where pair.count == 2 {
            guard let name = pair.first, let text = pair.last else { continue }
            frames.append((String(name), Self.bytes(text)))
        }
        return frames
    }

    /// The rows of the table whose first heading is this one: the first cell, and the others by their headings.
    func table(_ heading: String) -> [(name: String, cells: [(heading: String, text: String)])] {
        let rows = lines.drop { !$0.hasPrefix("| \(heading) |") }.prefix { $0.hasPrefix("|") }.map(Self.cells)
        guard let headings = rows.first else { return [] }
        return rows.dropFirst(2).map { row in (row[0], Array(zip(headings, row).dropFirst())) }
    }

    private static func cells(_ line: Substring) -> [String] {
        line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// Hexadecimal digits in any groups.
    static func bytes(_ text: some StringProtocol) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
