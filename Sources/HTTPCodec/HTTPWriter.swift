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
        bytes.reserveCapacity(
            bytes.count + request.method.utf8.count + request.authority.utf8.count + request.target.utf8.count
                + request.fields.writtenByteCount + moreByteCount)
        bytes.append(text: request.method)
        bytes.append(0x20)
        bytes.append(text: request.method == "CONNECT" ? request.authority : request.target)
        bytes.append(isHTTP11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
        if isHTTP11 || !request.authority.isEmpty { appendField("host: ", request.authority, to: &bytes) }
        request.fields.write(to: &bytes, inRequest: true)
        appendFraming(request.body, to: &bytes)
        if request.expectsContinue { bytes.append("expect: 100-continue\r\n") }
        if request.acceptsTrailers { bytes.append("te: trailers\r\n") }
        if let upgrade = request.upgrade { appendField("upgrade: ", upgrade, to: &bytes) }
        appendConnection(
            persists: request.persists, isHTTP11: isHTTP11, upgrades: request.upgrade != nil,
            acceptsTrailers: request.acceptsTrailers, to: &bytes)
        bytes.append("\r\n")
    }

    /// Appends a response: line with the standard reason where it has none, fields, framing. 1xx and 204 get no framing;
    /// other responses with body `.none` get ``HTTPResponse/absentLength`` if it is known.
    package static func append(_ response: HTTPResponse, to bytes: inout [UInt8]) {
        let isHTTP11 = response.isHTTP11 || response.body == .chunked
        bytes.reserveCapacity(
            bytes.count + response.reason.utf8.count + response.fields.writtenByteCount + moreByteCount)
        bytes.append(isHTTP11 ? "HTTP/1.1 " : "HTTP/1.0 ")
        bytes.append(decimal: UInt64(max(0, response.status)))
        bytes.append(0x20)
        if response.reason.isEmpty {
            bytes.append(StatusLine.reason(response.status))
        } else {
            bytes.append(text: response.reason)
        }
        bytes.append("\r\n")
        response.fields.write(to: &bytes, inRequest: false)
        let mayHaveBody = response.status >= 200 && response.status != 204
        if mayHaveBody {
            if response.body == .none, let length = response.absentLength {
                appendLength(length, to: &bytes)
            } else if response.status != 304 {
                appendFraming(response.body, to: &bytes)
            }
        }
        let upgrades = response.upgrade != nil && (response.status == 101 || response.status == 426)
        if upgrades, let upgrade = response.upgrade { appendField("upgrade: ", upgrade, to: &bytes) }
        // An interim head says nothing of the connection, nor does one after which there are no messages on it.
        let isSilent = response.isInterim || response.body == .tunnel
        appendConnection(
            persists: isSilent || response.persists && response.body != .untilClose,
            isHTTP11: isHTTP11 || isSilent, upgrades: upgrades, acceptsTrailers: false, to: &bytes)
        bytes.append("\r\n")
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
        bytes.append("0\r\n")
        trailers.write(to: &bytes, inRequest: true)
        bytes.append("\r\n")
    }

    private static func appendFraming(_ body: HTTPBody, to bytes: inout [UInt8]) {
        switch body {
        case .none, .untilClose, .tunnel: break
        case .length(let length): appendLength(length, to: &bytes)
        case .chunked: bytes.append("transfer-encoding: chunked\r\n")
        }
    }

    private static func appendConnection(
        persists: Bool, isHTTP11: Bool, upgrades: Bool, acceptsTrailers: Bool, to bytes: inout [UInt8]
    ) {
        var separator: StaticString = "connection: "
        func option(_ name: StaticString, _ bytes: inout [UInt8]) {
            bytes.append(separator)
            bytes.append(name)
            separator = ", "
        }
        if !persists { option("close", &bytes) }
        if persists, !isHTTP11 { option("keep-alive", &bytes) }
        if upgrades { option("upgrade", &bytes) }
        if acceptsTrailers { option("te", &bytes) }
        if !persists || !isHTTP11 || upgrades || acceptsTrailers { bytes.append("\r\n") }
    }

    private static func appendLength(_ length: UInt64, to bytes: inout [UInt8]) {
        bytes.append("content-length: ")
        bytes.append(decimal: length)
        bytes.append("\r\n")
    }

    private static func appendField(_ name: StaticString, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(name)
        bytes.append(text: value)
        bytes.append("\r\n")
    }
}
