// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Writes heads and framing from the parsed form, never from the bytes that came.
///
/// What frames a message and what belongs to its hop is made from the values of the message alone; fields of these names
/// among ``HTTPRequest/fields`` are passed over, so that there is never a second one. Values must have come through a reader
/// or be as clean: no line end is looked for here.
package enum HTTPWriter {
    /// Appends a request: line, `host`, fields, framing. The target is written in origin form, or as CONNECT and
    /// `OPTIONS *` have it; ``HTTPRequest/scheme`` is not written.
    package static func append(_ request: HTTPRequest, to bytes: inout [UInt8]) {
        let isHTTP11 = request.isHTTP11 || request.body == .chunked
        bytes.reserveCapacity(bytes.count + request.fields.byteCount + request.fields.count * 4 + 256)
        bytes.append(contentsOf: request.method.utf8)
        bytes.append(0x20)
        bytes.append(contentsOf: (request.method == "CONNECT" ? request.authority : request.target).utf8)
        append(isHTTP11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n", to: &bytes)
        if isHTTP11 || !request.authority.isEmpty { appendField("host: ", request.authority, to: &bytes) }
        request.fields.write(to: &bytes, inRequest: true)
        appendFraming(request.body, to: &bytes)
        if request.expectsContinue { append("expect: 100-continue\r\n", to: &bytes) }
        if request.acceptsTrailers { append("te: trailers\r\n", to: &bytes) }
        if let upgrade = request.upgrade { appendField("upgrade: ", upgrade, to: &bytes) }
        appendConnection(
            persists: request.persists, isHTTP11: isHTTP11, upgrades: request.upgrade != nil,
            acceptsTrailers: request.acceptsTrailers, to: &bytes)
        append("\r\n", to: &bytes)
    }

    /// Appends a response: line with the standard reason where it has none, fields, framing. 1xx and 204 get no framing;
    /// other responses with body `.none` get ``HTTPResponse/absentLength`` if it is known.
    package static func append(_ response: HTTPResponse, to bytes: inout [UInt8]) {
        let isHTTP11 = response.isHTTP11 || response.body == .chunked
        bytes.reserveCapacity(bytes.count + response.fields.byteCount + response.fields.count * 4 + 192)
        append(isHTTP11 ? "HTTP/1.1 " : "HTTP/1.0 ", to: &bytes)
        appendDecimal(UInt64(max(0, response.status)), to: &bytes)
        bytes.append(0x20)
        if response.reason.isEmpty {
            append(StatusLine.reason(response.status), to: &bytes)
        } else {
            bytes.append(contentsOf: response.reason.utf8)
        }
        append("\r\n", to: &bytes)
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
        append("\r\n", to: &bytes)
    }

    /// Appends a chunk; nothing for an empty payload, which would end the body.
    package static func appendChunk(_ payload: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let count = payload.count
        guard count > 0 else { return }
        bytes.reserveCapacity(bytes.count + count + 20)
        let digits = max(1, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4)
        for index in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: count >> (index * 4)) & 15
            bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
        append("\r\n", to: &bytes)
        unsafe bytes.append(contentsOf: payload)
        append("\r\n", to: &bytes)
    }

    /// Appends the end of a chunked body.
    package static func appendLastChunk(trailers: HTTPFields, to bytes: inout [UInt8]) {
        append("0\r\n", to: &bytes)
        trailers.write(to: &bytes, inRequest: true)
        append("\r\n", to: &bytes)
    }

    private static func appendFraming(_ body: HTTPBody, to bytes: inout [UInt8]) {
        switch body {
        case .none, .untilClose, .tunnel: break
        case .length(let length): appendLength(length, to: &bytes)
        case .chunked: append("transfer-encoding: chunked\r\n", to: &bytes)
        }
    }

    private static func appendConnection(
        persists: Bool, isHTTP11: Bool, upgrades: Bool, acceptsTrailers: Bool, to bytes: inout [UInt8]
    ) {
        var separator: StaticString = "connection: "
        func option(_ name: StaticString, _ bytes: inout [UInt8]) {
            append(separator, to: &bytes)
            append(name, to: &bytes)
            separator = ", "
        }
        if !persists { option("close", &bytes) }
        if persists, !isHTTP11 { option("keep-alive", &bytes) }
        if upgrades { option("upgrade", &bytes) }
        if acceptsTrailers { option("te", &bytes) }
        if !persists || !isHTTP11 || upgrades || acceptsTrailers { append("\r\n", to: &bytes) }
    }

    private static func appendLength(_ length: UInt64, to bytes: inout [UInt8]) {
        append("content-length: ", to: &bytes)
        appendDecimal(length, to: &bytes)
        append("\r\n", to: &bytes)
    }

    private static func appendField(_ name: StaticString, _ value: String, to bytes: inout [UInt8]) {
        append(name, to: &bytes)
        bytes.append(contentsOf: value.utf8)
        append("\r\n", to: &bytes)
    }

    private static func appendDecimal(_ number: UInt64, to bytes: inout [UInt8]) {
        let start = bytes.count
        var left = number
        repeat {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: left % 10))
            left /= 10
        } while left > 0
        bytes[start...].reverse()
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
