// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// Follows the first bytes of a connection until they are a ClientHello or cannot become one.
///
/// The message may be cut into records (RFC 8446 section 5.1) and those into segments at any byte, down to one byte each.
/// Every byte is looked at once: a client that dribbles costs no more than one that does not. At most
/// ``ClientHello/byteLimit`` bytes are kept.
package struct ClientHelloReader: Sendable {
    /// How many bytes of the connection have been looked at; a record header only once it is complete.
    private var position = 0
    /// How much of the record under way has not come yet.
    private var recordRemaining = 0
    /// The handshake message without the headers of its records, as far as it has come.
    private var message: [UInt8] = []
    private var verdict = ClientHelloVerdict.needMoreBytes

    package init() {}

    /// Judges a connection by all bytes that have come so far: those of the call before, and more.
    package mutating func judge(_ bytes: RawSpan) -> ClientHelloVerdict {
        let end = min(bytes.byteCount, ClientHello.byteLimit)
        while verdict == .needMoreBytes, position < end {
            if recordRemaining == 0 {
                guard readHeader(bytes.extracting(position..<min(end, position + Self.headerLength))) else { break }
            } else {
                let count = min(recordRemaining, end - position)
                message += bytes.extracting(position..<position + count).array
                position += count
                recordRemaining -= count
                judgeMessage()
            }
        }
        if verdict == .needMoreBytes, end == ClientHello.byteLimit { verdict = .tooLong }
        return verdict
    }

    /// Reads `type, version, length`; false while it is not all here. What is here must fit.
    private mutating func readHeader(_ header: RawSpan) -> Bool {
        let fits =
            header.byte(at: 0) == Self.handshakeRecord && (header.byteCount < 2 || header.byte(at: 1) == 3)
            && (header.byteCount < 3 || header.byte(at: 2) <= 4)
        guard fits else {
            verdict = .notTLS
            return false
        }
        guard header.byteCount == Self.headerLength else { return false }
        let length = Int(header.byte(at: 3)) << 8 | Int(header.byte(at: 4))
        // Empty handshake records are forbidden (RFC 8446 section 5.1).
        guard (1...16_384).contains(length) else {
            verdict = .notTLS
            return false
        }
        position += Self.headerLength
        recordRemaining = length
        return true
    }

    /// Looks at the header of the message, and at the message once it is all here.
    private mutating func judgeMessage() {
        guard message.first == Self.clientHello else { return verdict = .notTLS }
        guard message.count >= Self.headerLengthOfMessage else { return }
        let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
        guard length <= ClientHello.byteLimit else { return verdict = .tooLong }
        let end = Self.headerLengthOfMessage + length
        guard message.count >= end else { return }
        let hello = unsafe ClientHello.read(message.span.bytes.extracting(Self.headerLengthOfMessage..<end))
        verdict = hello.map(ClientHelloVerdict.complete) ?? .notTLS
        message = []
    }

    private static let headerLength = 5
    private static let headerLengthOfMessage = 4
    private static let handshakeRecord: UInt8 = 22
    private static let clientHello: UInt8 = 1
}
