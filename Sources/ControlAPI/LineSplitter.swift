// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Cuts a stream of bytes into lines, none of them longer than a message may be.
package struct LineSplitter: Sendable {
    private let limit: Int
    private var partial: [UInt8] = []

    package init(limit: Int = ControlProtocol.lineBytes) { self.limit = limit }

    /// True where a line has begun and not ended.
    package var isInsideLine: Bool { !partial.isEmpty }

    /// The lines that end in `bytes`, without their ends; empty ones are left out.
    package mutating func lines(in bytes: ArraySlice<UInt8>) throws(Problem) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            try keep(rest[..<end])
            if !partial.isEmpty { lines.append(partial) }
            partial = []
            rest = rest[(end + 1)...]
        }
        try keep(rest)
        return lines
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) throws(Problem) {
        guard partial.count + bytes.count < limit else {
            throw Problem(.controlMessage, "a message is longer than \(limit) bytes")
        }
        partial += bytes
    }
}
