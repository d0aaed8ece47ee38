// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import Testing

@Suite("Streams by their numbers")
struct StreamTableTests {
    private final class Named {
        let number: Int32

        init(_ number: Int32) { self.number = number }
    }

    @Test("what is put in is found until it is taken out, whatever comes and goes beside it", arguments: [1, 2, 7, 99])
    func likeADictionary(seed: UInt64) {
        var state = seed
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var table = StreamTable<Named>()
        var known: [Int32: Named] = [:]
        for _ in 0..<20_000 {
            // Some numbers lie side by side, others in the same place of a small table.
            let number = Int32(random(2) == 0 ? random(120) * 2 + 1 : random(40) * 128 + 1)
            if random(2) == 0 {
                let value = Named(number)
                table.insert(value, for: number)
                known[number] = value
            } else {
                #expect(table.remove(number) === known.removeValue(forKey: number))
            }
            #expect(table.count == known.count && table.isEmpty == known.isEmpty)
            let other = Int32(random(120) * 2 + 1)
            #expect(table[other] === known[other])
        }
        #expect(Set(table.values.map(\.number)) == Set(known.keys))
        for number in known.keys { #expect(table[number]?.number == number) }
        table.removeAll()
        #expect(table.isEmpty && table.values.isEmpty && table[1] == nil)
    }

    @Test("the connection itself is no stream")
    func connection() {
        var table = StreamTable<Named>()
        table.insert(Named(1), for: 1)
        #expect(table[0] == nil && table.remove(0) == nil && table.count == 1)
    }
}
