// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import Testing

@Suite("Fields of a message")
struct HTTPFieldsTests {
    private func names(_ fields: HTTPFields) -> [String] {
        var names: [String] = []
        fields.forEach { name, _ in names.append(String(decoding: name, as: UTF8.self)) }
        return names
    }

    private var fields: HTTPFields {
        var fields = HTTPFields()
        for (name, value) in [("X-One", "1"), ("x-two", "2"), ("x-one", "11"), ("y-one", "y"), ("X-ONE", "111")] {
            fields.add(name, value)
        }
        return fields
    }

    @Test("names are kept in lower case, values and order as they came")
    func order() {
        #expect(names(fields) == ["x-one", "x-two", "x-one", "y-one", "x-one"])
        #expect(fields.values("x-one") == ["1", "11", "111"])
        #expect(fields.first("x-two") == "2")
    }

    @Test(
        "every field of a name is removed, and no other one",
        arguments: ["x-one", "x-two", "y-one", "z-one", "", "one"])
    func remove(_ name: String) {
        var fields = fields
        let others = names(fields).filter { $0 != name }
        fields.remove(name)
        #expect(names(fields) == others)
        #expect(!fields.contains(name))
    }

    @Test("what is set stands once, at the end")
    func set() {
        var fields = fields
        fields.set("x-one", "new")
        #expect(names(fields) == ["x-two", "y-one", "x-one"])
        #expect(fields.values("x-one") == ["new"])
    }

    @Test("bytes that are no letters stay as they are")
    func lowercase() {
        var fields = HTTPFields()
        fields.add("@AZ[`az{-_~!0", "ABC")
        #expect(names(fields) == ["@az[`az{-_~!0"])
        #expect(fields.first("@az[`az{-_~!0") == "ABC")
    }
}
