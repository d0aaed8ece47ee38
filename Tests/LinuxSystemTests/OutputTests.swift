// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Glibc
import LinuxSystem
import Testing

/// A log must never stop the proxy, whatever happens to whoever reads it.
@Suite("Output without waiting")
struct OutputTests {
    /// A pipe as a container runtime hands one out: blocking, and shared with others.
    private func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    @Test("a blocking pipe that nobody reads takes what fits, then nothing, and never waits")
    func full() throws {
        let (reading, writing) = try pipe()
        defer { close(reading) }
        let output = OutputWithoutWaiting(sharing: Descriptor(owning: writing))
        let lines = [UInt8](repeating: 0x61, count: 1_000_000)
        // A write that waited would hang here for ever: nobody reads.
        var written = 0
        while case let count = try output.write(lines[...]), count > 0 { written += count }
        #expect(written > 0 && written < lines.count)

        var page = [UInt8](repeating: 0, count: 4096)
        #expect(read(reading, &page, page.count) == page.count)
        #expect(try output.write(lines[...]) == page.count, "what was read makes room again")
    }

    @Test("a pipe whose reader is gone is an error, not a wait")
    func broken() throws {
        let (reading, writing) = try pipe()
        signal(SIGPIPE, SIG_IGN)
        let output = OutputWithoutWaiting(sharing: Descriptor(owning: writing))
        close(reading)
        #expect(throws: SystemError.self) { try output.write([1, 2, 3]) }
    }
}
