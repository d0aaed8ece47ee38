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

    @Test("what begins like this is removed, with an underline for a dash, and the rest stays as it is")
    func removeBeginning() {
        var fields = HTTPFields()
        for name in ["x-weft-a", "host", "x_weft_b", "x-weft", "X-Weft-", "y-x-weft-"] { fields.add(name, name + "!") }
        fields.removeAll(beginning: "z-")
        #expect(fields.count == 6)
        fields.removeAll(beginning: "x-weft-")
        #expect(names(fields) == ["host", "x-weft", "y-x-weft-"])
        #expect(fields.first("y-x-weft-") == "y-x-weft-!")
        #expect(fields.count == 3 && fields.byteCount == 4 + 5 + 6 + 7 + 9 + 10)
        fields.removeAll(beginning: "")
        #expect(fields.isEmpty && fields.byteCount == 0 && fields == HTTPFields())
    }

    @Test("a value given as bytes, or written in place, is the same as one of text")
    func bytes() {
        var (text, bytes, written) = (fields, fields, fields)
        text.set("x-one", "new")
        text.add("Z", "")
        bytes.set("x-one", bytes: Array("new".utf8))
        bytes.add("Z", bytes: [])
        written.set("x-one", byteCount: 3) { room in for byte in "new".utf8 { room.append(byte) } }
        written.set("z", byteCount: 0) { _ in }
        #expect(bytes == text)
        #expect(written == text)
    }

    @Test("the only field of a name gets a value of the same length where it stands, and another one at the end")
    func inPlace() {
        func write(_ text: String, _ fields: inout HTTPFields) {
            fields.set("x-two", byteCount: text.utf8.count) { room in for byte in text.utf8 { room.append(byte) } }
        }
        var fields = fields
        write("9", &fields)
        #expect(names(fields) == ["x-one", "x-two", "x-one", "y-one", "x-one"])
        #expect(fields.first("x-two") == "9")
        write("99", &fields)
        #expect(names(fields) == ["x-one", "x-one", "y-one", "x-one", "x-two"])
        #expect(fields.first("x-two") == "99" && fields.count == 5)
        fields.add("x-two", "00")
        write("98", &fields)
        #expect(names(fields) == ["x-one", "x-one", "y-one", "x-one", "x-two"])
        #expect(fields.values("x-two") == ["98"])
    }

    @Test("many and long fields are all kept, whatever room there was")
    func growing() {
        var fields = HTTPFields()
        for number in 0..<200 { fields.add("name-\(number)", String(repeating: "v", count: number)) }
        var copy = fields
        copy.remove("name-0")
        #expect(fields.count == 200 && copy.count == 199 && fields != copy)
        for number in 0..<200 {
            #expect(fields.first("name-\(number)") == String(repeating: "v", count: number))
        }
        var roomy = HTTPFields()
        roomy.reserve(byteCount: 4096, fieldCount: 20)
        roomy.add("a", "b")
        var bare = HTTPFields()
        bare.add("a", "b")
        #expect(roomy == bare)
    }

    @Test("values of one name are joined in order")
    func joined() {
        #expect(fields.joined("x-one") == "1, 11, 111")
        #expect(fields.joined("x-two") == "2")
        #expect(fields.joined("x-three") == nil)
    }

    @Test("a joined value is compared without being made, and one value alone is told from several")
    func compared() {
        #expect(fields.joined("x-one", isEqualTo: "1, 11, 111"))
        #expect(!fields.joined("x-one", isEqualTo: "1"))
        #expect(fields.joined("x-two", isEqualTo: "2"))
        #expect(!fields.joined("x-two", isEqualTo: "22") && !fields.joined("x-two", isEqualTo: ""))
        #expect(!fields.joined("x-three", isEqualTo: ""))
        #expect(fields.withOnly("x-two") { $0.byteCount } == 1)
        #expect(fields.withOnly("x-one") { $0.byteCount } == nil)
        #expect(fields.withOnly("x-three") { $0.byteCount } == nil)
    }

    @Test("who writes a value writes all of it")
    func short() async {
        await #expect(processExitsWith: .failure) {
            var fields = HTTPFields()
            fields.set("a", byteCount: 2) { $0.append(0x61) }
        }
    }
}
