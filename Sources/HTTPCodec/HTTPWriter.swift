// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Writes heads and framing from the parsed form, never from the bytes that came.
///
/// What frames a message and what belongs to its hop is made from the values of the message alone; fields of these names
/// among ``HTTPRequest/fields`` are passed over, so that there is never a second one. Values must have come through a reader
/// or be as clean: no line end is looked for here.
package enum HTTPWriter {
    /// Room beside the texts and fields of a head, so that nothing grows while it is written: what is made here, at most about
    /// 180 bytes and a protocol to switch to, and a small body behind it.
    private static let moreByteCount = 512

    /// Appends a request: line, `host`, fields, framing. The target is written in origin form, or as CONNECT and
    /// `OPTIONS *` have it; ``HTTPRequest/scheme`` is not written.
    package static func append(_ request: HTTPRequest, to bytes: inout [UInt8]) {
        let isHTTP11 = request.isHTTP11 || request.body == .chunked
        // Parts of it: the whole would be copied for the closure.
        let (method, authority, target, upgrade) = (request.method, request.authority, request.target, request.upgrade)
        let (fields, body, persists) = (request.fields, request.body, request.persists)
        let (expectsContinue, acceptsTrailers) = (request.expectsContinue, request.acceptsTrailers)
        let textCount =
            method.utf8.count + 2 * authority.utf8.count + target.utf8.count + (upgrade?.utf8.count ?? 0)
        bytes.append(addingCapacity: textCount + fields.writtenByteCount + moreByteCount) { room in
            room.append(text: method)
            room.append(0x20)
            room.append(text: method == "CONNECT" ? authority : target)
            room.append(isHTTP11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
            if isHTTP11 || !authority.isEmpty { appendField("host: ", authority, to: &room) }
            fields.write(to: &room, inRequest: true)
            appendFraming(body, to: &room)
            if expectsContinue { room.append("expect: 100-continue\r\n") }
            if acceptsTrailers { room.append("te: trailers\r\n") }
            if let upgrade { appendField("upgrade: ", upgrade, to: &room) }
            appendConnection(
                persists: persists, isHTTP11: isHTTP11, upgrades: upgrade != nil,
                acceptsTrailers: acceptsTrailers, to: &room)
            room.appendLineEnd()
        }
    }

    /// Appends a response: line with the standard reason where it has none, fields, framing. 1xx and 204 get no framing;
    /// other responses with body `.none` get ``HTTPResponse/absentLength`` if it is known.
    package static func append(_ response: HTTPResponse, to bytes: inout [UInt8]) {
        let isHTTP11 = response.isHTTP11 || response.body == .chunked
        let textCount = response.reason.utf8.count + (response.upgrade?.utf8.count ?? 0)
        bytes.append(addingCapacity: textCount + response.fields.writtenByteCount + moreByteCount) { room in
            room.append(isHTTP11 ? "HTTP/1.1 " : "HTTP/1.0 ")
            room.append(decimal: UInt64(max(0, response.status)))
            room.append(0x20)
            if response.reason.isEmpty {
                room.append(StatusLine.reason(response.status))
            } else {
                room.append(text: response.reason)
            }
            room.appendLineEnd()
            response.fields.write(to: &room, inRequest: false)
            appendFraming(of: response, to: &room)
            let upgrades = response.upgrade != nil && (response.status == 101 || response.status == 426)
            if upgrades, let upgrade = response.upgrade { appendField("upgrade: ", upgrade, to: &room) }
            // An interim head says nothing of the connection, nor does one after which there are no messages on it.
            let isSilent = response.isInterim || response.body == .tunnel
            appendConnection(
                persists: isSilent || response.persists && response.body != .untilClose,
                isHTTP11: isHTTP11 || isSilent, upgrades: upgrades, acceptsTrailers: false, to: &room)
            room.appendLineEnd()
        }
    }

    private static func appendFraming(of response: HTTPResponse, to room: inout OutputSpan<UInt8>) {
        guard response.status >= 200, response.status != 204 else { return }
        if response.body == .none, let length = response.absentLength {
            appendLength(length, to: &room)
        } else if response.status != 304 {
            appendFraming(response.body, to: &room)
        }
    }

    /// Appends a chunk; nothing for an empty payload, which would end the body.
    package static func appendChunk(_ payload: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let count = payload.count
        guard count > 0 else { return }
        let digits = max(1, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4)
        bytes.append(addingCapacity: digits + count + 4) { room in
            for index in (0..<digits).reversed() {
                let digit = UInt8(truncatingIfNeeded: count >> (index * 4)) & 15
                room.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            }
            room.appendLineEnd()
            unsafe room.append(payload.bytes)
            room.appendLineEnd()
        }
    }

    /// Appends the end of a chunked body.
    package static func appendLastChunk(trailers: HTTPFields, to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: trailers.writtenByteCount + 5) { room in
            room.append("0\r\n")
            trailers.write(to: &room, inRequest: true)
            room.appendLineEnd()
        }
    }

    private static func appendFraming(_ body: HTTPBody, to room: inout OutputSpan<UInt8>) {
        switch body {
        case .none, .untilClose, .tunnel: break
        case .length(let length): appendLength(length, to: &room)
        case .chunked: room.append("transfer-encoding: chunked\r\n")
        }
    }

    private static func appendConnection(
        persists: Bool, isHTTP11: Bool, upgrades: Bool, acceptsTrailers: Bool, to room: inout OutputSpan<UInt8>
    ) {
        // Nearly always there is nothing to say.
        guard !persists || !isHTTP11 || upgrades || acceptsTrailers else { return }
        var separator: StaticString = "connection: "
        func option(_ name: StaticString, _ room: inout OutputSpan<UInt8>) {
            room.append(separator)
            room.append(name)
            separator = ", "
        }
        if !persists { option("close", &room) }
        if persists, !isHTTP11 { option("keep-alive", &room) }
        if upgrades { option("upgrade", &room) }
        if acceptsTrailers { option("te", &room) }
        room.appendLineEnd()
    }

    private static func appendLength(_ length: UInt64, to room: inout OutputSpan<UInt8>) {
        room.append("content-length: ")
        room.append(decimal: length)
        room.appendLineEnd()
    }

    private static func appendField(_ name: StaticString, _ value: String, to room: inout OutputSpan<UInt8>) {
        room.append(name)
        room.append(text: value)
        room.appendLineEnd()
    }
}
