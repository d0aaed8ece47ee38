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
    }
}
