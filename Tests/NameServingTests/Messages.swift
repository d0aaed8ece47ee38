// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import NameServing
import Testing

/// A question as a client writes it, each part of which can be written wrong.
struct QuestionRecipe {
    var identifier: UInt16 = 0x1234
    var flags: UInt16 = 0x0100
    /// Questions, answers, authorities; the additional ones are counted.
    var counts: [UInt16] = [1, 0, 0]
    var name: [UInt8] = QuestionRecipe.name("api.default.mesh")
    var type: UInt16 = 1
    var recordClass: UInt16 = 1
    var additional: [[UInt8]] = []

    init(_ name: String = "api.default.mesh", type: UInt16 = 1) {
        self.name = Self.name(name)
        self.type = type
    }

    var question: [UInt8] { name + big(type) + big(recordClass) }

    var bytes: [UInt8] {
        big(identifier) + big(flags) + (counts + [UInt16(additional.count)]).flatMap(big) + question
            + additional.flatMap { $0 }
    }

    func with(_ change: (inout QuestionRecipe) -> Void) -> QuestionRecipe {
        var copy = self
        change(&copy)
        return copy
    }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + $0.utf8 } + [0]
    }

    static func options(size: UInt16 = 4096, rest: UInt32 = 0, data: [UInt8] = []) -> [UInt8] {
        [0] + big(UInt16(41)) + big(size) + big(rest) + big(UInt16(data.count)) + data
    }
}

func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}

/// An answer taken apart by a reader that shares nothing with the writer.
struct ReadAnswer {
    struct Record: Equatable {
        let name: String
        let type: UInt16
        let timeToLive: UInt32
        let data: [UInt8]
    }

    let identifier: UInt16
    let flags: UInt16
    let question: [UInt8]
    let answers: [Record]
    let authorities: [Record]
    let additional: [Record]

    var code: UInt16 { flags & 0xf }

    init(_ bytes: [UInt8]) throws {
        func number(_ place: Int, _ count: Int) throws -> UInt32 {
            try #require(place + count <= bytes.count)
            return bytes[place..<place + count].reduce(0) { $0 << 8 | UInt32($1) }
        }
        func name(_ start: Int) throws -> (text: String, end: Int) {
            var (labels, place): ([String], Int) = ([], start)
            var end: Int?
            while true {
                let count = Int(try number(place, 1))
                if count == 0 { return (labels.joined(separator: "."), end ?? place + 1) }
                if count >= 0xc0 {
                    end = end ?? place + 2
                    let target = Int(try number(place, 2) & 0x3fff)
                    try #require(target < place, "A pointer leads back.")
                    place = target
                    continue
                }
                try #require(place + 1 + count <= bytes.count)
                labels.append(String(decoding: bytes[place + 1..<place + 1 + count], as: UTF8.self))
                place += 1 + count
            }
        }
        identifier = UInt16(try number(0, 2))
        flags = UInt16(try number(2, 2))
        var place = 12
        if try number(4, 2) == 1 {
            place = try name(place).end + 4
            try #require(place <= bytes.count)
            question = Array(bytes[12..<place])
        } else {
            question = []
        }
        func records(_ count: UInt32) throws -> [Record] {
            try (0..<count).map { _ in
                let (text, end) = try name(place)
                let length = Int(try number(end + 8, 2))
                place = end + 10 + length
                try #require(place <= bytes.count)
                return Record(
                    name: text, type: UInt16(try number(end, 2)), timeToLive: try number(end + 4, 4),
                    data: Array(bytes[place - length..<place]))
            }
        }
        answers = try records(try number(6, 2))
        authorities = try records(try number(8, 2))
        additional = try records(try number(10, 2))
        #expect(place == bytes.count, "Nothing follows the last record.")
    }
}

func query(_ recipe: QuestionRecipe) throws -> NameQuery { try NameQuery(recipe.bytes.span.bytes) }
