// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel

/// What a reader has told of a stream, as text: `head ...`, `data <text>`, `end <trailers>`, `refused <status>`.
enum Reading {
    static func requests(_ bytes: [UInt8], piece: Int = .max, _ settings: HTTPSettings = HTTPSettings()) -> [String] {
        var reader = RequestReader(settings)
        var told = Told()
        do throws(HTTPRefusal) {
            for chunk in pieces(bytes, piece) {
                var offset = 0
                while let event = try reader.next(chunk.span.bytes, &offset) {
                    switch consume event {
                    case .head(let head): told.all.append(show(head))
                    case .data(let range): told.add(chunk[range])
                    case .end(let trailers): told.all.append("end" + show(trailers))
                    }
                }
            }
        } catch {
            told.all.append("refused \(error.status)")
        }
        return told.all
    }

    /// As answers to these methods, one after the other, and then the connection ends if `isEnded`.
    static func responses(
        _ bytes: [UInt8], _ methods: [String] = ["GET"], piece: Int = .max, isEnded: Bool = false
    ) -> [String] {
        var reader = ResponseReader(HTTPSettings())
        var told = Told()
        var left = methods[...]
        func take(_ event: consuming ResponseReader.Event, _ chunk: [UInt8]) {
            switch consume event {
            case .head(let head): told.all.append(show(head))
            case .data(let range): told.add(chunk[range])
            case .end(let trailers):
                told.all.append("end" + show(trailers))
                if let method = left.popFirst() { reader.expect(method: method) }
            }
        }
        if let method = left.popFirst() { reader.expect(method: method) }
        do throws(HTTPRefusal) {
            for chunk in pieces(bytes, piece) {
                var offset = 0
                while let event = try reader.next(chunk.span.bytes, &offset) { take(event, chunk) }
            }
            if isEnded, let event = try reader.inputEnded() { take(event, []) }
        } catch {
            told.all.append("refused \(error == .cut ? "cut" : "\(error.status)")")
        }
        return told.all
    }

    static func show(_ head: HTTPRequest) -> String {
        var text = "head \(head.method) \(head.authority) \(head.target)\(head.isHTTP11 ? "" : " 1.0")"
        text += show(head.body) + (head.persists ? "" : " close")
        if let scheme = head.scheme { text += " scheme=\(scheme)" }
        if let upgrade = head.upgrade { text += " upgrade=\(upgrade)" }
        if head.expectsContinue { text += " expects" }
        if head.acceptsTrailers { text += " trailers" }
        return text + show(head.fields)
    }

    static func show(_ head: HTTPResponse) -> String {
        var text = "head \(head.status) \(head.reason)\(head.isHTTP11 ? "" : " 1.0")"
        text += show(head.body) + (head.persists ? "" : " close")
        if let length = head.absentLength { text += " absent=\(length)" }
        if let upgrade = head.upgrade { text += " upgrade=\(upgrade)" }
        return text + show(head.fields)
    }

    private static func show(_ body: HTTPBody) -> String {
        switch body {
        case .none: ""
        case .length(let length): " length=\(length)"
        case .chunked: " chunked"
        case .untilClose: " until-close"
        case .tunnel: " tunnel"
        }
    }

    static func show(_ fields: HTTPFields) -> String {
        var text = ""
        fields.forEach { name, value in
            text += " [\(String(decoding: name, as: UTF8.self)): \(String(decoding: value, as: UTF8.self))]"
        }
        return text
    }

    private static func pieces(_ bytes: [UInt8], _ piece: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: max(1, min(piece, bytes.count))).map { start in
            Array(bytes[start..<start + min(piece, bytes.count - start)])
        }
    }

    private struct Told {
        var all: [String] = []

        mutating func add(_ bytes: ArraySlice<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            if let last = all.last, last.hasPrefix("data ") {
                all[all.count - 1] = last + text
            } else {
                all.append("data " + text)
            }
        }
    }
}

/// A stream and what is to be told of it.
struct StreamCase: CustomStringConvertible, Sendable {
    let description: String
    let text: String
    let told: [String]
    let methods: [String]

    init(_ name: String, _ text: String, _ told: [String], methods: [String] = ["GET"]) {
        description = name
        self.text = text
        self.told = told
        self.methods = methods
    }

    var bytes: [UInt8] { Array(text.utf8) }
}
