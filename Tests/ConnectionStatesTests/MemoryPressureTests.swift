// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import Testing

@Suite("Memory pressure")
struct MemoryPressureTests {
    @Test(
        "rises with the share of the limit",
        arguments: [
            (Int64(0), Int64(1000), MemoryPressure.none), (949, 1000, .none), (950, 1000, .high), (979, 1000, .high),
            (980, 1000, .critical), (5000, 1000, .critical), (.max, .max, .critical), (.max, 1, .critical),
            // Without a limit, or with nonsense from the kernel, there is none.
            (1000, 0, .none), (1000, -5, .none), (-1, 1000, .none),
        ])
    func shares(_ resident: Int64, _ limit: Int64, _ expected: MemoryPressure) {
        #expect(MemoryPressure(residentBytes: resident, limit: limit) == expected)
    }

    @Test("is ordered")
    func order() {
        #expect(MemoryPressure.allCases.sorted() == [.none, .high, .critical])
    }
}
