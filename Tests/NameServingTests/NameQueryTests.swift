// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import NameServing
import Testing

@Suite("A question")
struct NameQueryTests {
    @Test("that is too short to have an identifier is not answered")
    func short() {
        #expect(throws: QueryFlaw.unanswerable) { try NameQuery([0, 1, 2].span.bytes) }
    }
}
