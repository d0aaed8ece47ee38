// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Telemetry
import Testing

@Suite("The field traceparent")
struct TraceContextTests {
    @Test("is written with all its digits, in lower case")
    func written() {
        let trace = TraceID(bits: 0xab << 64 | 0xcdef)
        #expect(trace.description == "00000000000000ab000000000000cdef")
        let context = TraceContext(trace: trace, span: 0xf0, flags: 1)
        #expect(context.description == "00-00000000000000ab000000000000cdef-00000000000000f0-01")
    }

    @Test(
        "is read as it is written",
        arguments: [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff",
            "00-00000000000000000000000000000001-0000000000000001-00",
        ])
    func roundTrip(_ text: String) throws {
        #expect(try #require(TraceContext(text)).description == text)
        let bytes = Array(text.utf8)
        guard let context = TraceContext(bytes.span.bytes) else { throw Unread() }
        var line = Array("traceparent: ".utf8)
        line.append(addingCapacity: TraceContext.byteCount) { context.append(to: &$0) }
        #expect(String(decoding: line, as: UTF8.self) == "traceparent: \(text)")
        #expect(line.count == 13 + TraceContext.byteCount)
    }

    private struct Unread: Error {}

    @Test("of a later version what is known of it is read, as long as what follows is set off")
    func later() throws {
        let known = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(TraceContext("01-\(known)-more") == TraceContext("00-\(known)"))
        #expect(TraceContext("01-\(known)") != nil)
        #expect(TraceContext("00-\(known)-more") == nil && TraceContext("01-\(known)x") == nil)
    }

    @Test(
        "is ignored where it is anything else",
        arguments: [
            "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
        ])
    func ignored(_ text: String) {
        #expect(TraceContext(text) == nil)
    }
}
