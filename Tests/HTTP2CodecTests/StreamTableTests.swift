// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CNghttp2Memory
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

@Suite("Memory of libnghttp2")
struct LibraryMemoryTests {
    @Test("a block that was freed is given out again for its size, and a limited number is kept")
    func blocks() {
        let block = weft_nghttp2_allocate(100, nil)
        weft_nghttp2_free(block, nil)
        #expect(weft_nghttp2_bytes_kept() >= 128)
        let again = weft_nghttp2_allocate(128, nil)
        #expect(again == block)
        let grown = weft_nghttp2_reallocate(again, 4000, nil)
        weft_nghttp2_free(grown, nil)
        let many = (0..<400).map { _ in weft_nghttp2_allocate(2048, nil) }
        for block in many { weft_nghttp2_free(block, nil) }
        #expect(weft_nghttp2_bytes_kept() <= Int(WEFT_BLOCKS_KEPT_BYTES_MAX) + Int(WEFT_BLOCK_BYTES_MAX))
    }

    @Test("cleared memory is clear though it was used before, and too much of it is refused")
    func cleared() throws {
        let block = try #require(weft_nghttp2_allocate(512, nil))
        block.initializeMemory(as: UInt8.self, repeating: 0xff, count: 512)
        weft_nghttp2_free(block, nil)
        let clear = try #require(weft_nghttp2_allocate_cleared(8, 64, nil))
        #expect(UnsafeRawBufferPointer(start: clear, count: 512).allSatisfy { $0 == 0 })
        weft_nghttp2_free(clear, nil)
        #expect(weft_nghttp2_allocate_cleared(.max, 2, nil) == nil)
    }
}
