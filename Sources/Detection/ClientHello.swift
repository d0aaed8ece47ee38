// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// What the first bytes of a connection say about TLS.
package enum ClientHelloVerdict: Equatable {
    /// A ClientHello may still come of it.
    case needMoreBytes
    /// These bytes cannot be the beginning of a ClientHello.
    case notTLS
    /// It looks like a ClientHello but is longer than ``ClientHello/byteLimit``: somebody else's.
    case tooLong
    /// A whole ClientHello.
    case complete(ClientHello)
}

/// The parts of a TLS ClientHello (RFC 8446 section 4.1.2) that decide whether a connection is ours.
///
/// A hand parser rather than a TLS library: it must look at any prefix, without consuming it, and leave bytes that are not
/// ours untouched for the application. It reads only as far as the extensions and is lenient inside what it skips; the
/// library that terminates TLS checks the rest.
package struct ClientHello: Equatable, Sendable {
    /// Beyond so many bytes, record headers included, nothing is looked at. A post-quantum key share makes about 1.8 KiB;
    /// 16 KiB is the limit of a single record (RFC 8446 section 5.1).
    package static let byteLimit = 16_384

    /// The host name of the server_name extension (RFC 6066 section 3), if there is a well-formed one.
    package let serverName: String?

    /// True if the client offers the given protocol by ALPN (RFC 7301).
    package let offersWeft: Bool

    /// The ALPN name of the protocol between sidecars, which is also its version.
    package static let weftProtocol: StaticString = "weft/1"

    /// Judges the bytes that have come so far; call again with more of the same after ``ClientHelloVerdict/needMoreBytes``.
    /// Any other verdict is the same however many bytes follow.
    package static func classify(_ bytes: RawSpan) -> ClientHelloVerdict {
        do throws(ByteCursorError) {
            return try parse(bytes.extracting(first: min(bytes.byteCount, byteLimit)))
        } catch {
            return bytes.byteCount >= byteLimit ? .tooLong : .needMoreBytes
        }
    }

    private static func parse(_ bytes: RawSpan) throws(ByteCursorError) -> ClientHelloVerdict {
        guard let fragmented = try firstRecord(bytes) else { return .notTLS }
        guard fragmented else {
            var cursor = ByteCursor(bytes)
            try cursor.skip(recordHeaderLength)
            return try handshake(&cursor)
        }
        guard let joined = try join(bytes) else { return .notTLS }
        var cursor = ByteCursor(unsafe joined.span.bytes)
        return try handshake(&cursor)
    }

    /// Checks the first record header; nil if it is not TLS, else whether the hello goes on in a second record.
    private static func firstRecord(_ bytes: RawSpan) throws(ByteCursorError) -> Bool? {
        var cursor = ByteCursor(bytes)
        guard let length = try recordLength(&cursor) else { return nil }
        guard try cursor.u8() == clientHelloType else { return nil }
        // A record shorter than the four bytes of the message header is legal, and says nothing about the rest.
        guard length >= 4 else { return true }
        return Int(try cursor.u24()) + 4 > length
    }

    /// The payload of the records one after the other, as far as they have come, without their headers.
    private static func join(_ bytes: RawSpan) throws(ByteCursorError) -> [UInt8]? {
        var cursor = ByteCursor(bytes)
        var joined: [UInt8] = []
        while !cursor.isAtEnd {
            guard let length = try recordLength(&cursor) else { return nil }
            joined += try cursor.take(min(length, cursor.remaining)).array
            guard joined.count >= 4 else { continue }
            let messageLength = Int(joined[1]) << 16 + Int(joined[2]) << 8 + Int(joined[3])
            // All here, or so long that nothing in later records can matter.
            if joined.count >= 4 + messageLength || messageLength > byteLimit { break }
        }
        return joined
    }

    /// Reads `type, version, length`; nil if that is not the header of a handshake record.
    @_lifetime(cursor: copy cursor)
    private static func recordLength(_ cursor: inout ByteCursor) throws(ByteCursorError) -> Int? {
        guard try cursor.u8() == handshakeRecordType, try cursor.u8() == 3, try cursor.u8() <= 4 else { return nil }
        let length = Int(try cursor.u16())
        // Empty handshake records are forbidden (RFC 8446 section 5.1).
        return (1...16_384).contains(length) ? length : nil
    }

    @_lifetime(cursor: copy cursor)
    private static func handshake(_ cursor: inout ByteCursor) throws(ByteCursorError) -> ClientHelloVerdict {
        guard try cursor.u8() == clientHelloType else { return .notTLS }
        let length = Int(try cursor.u24())
        guard length <= byteLimit else { return .tooLong }
        var body = ByteCursor(try cursor.take(length))
        do throws(ByteCursorError) {
            return .complete(try hello(&body))
        } catch {
            // The message is all here and its inner lengths do not add up.
            return .notTLS
        }
    }

    @_lifetime(body: copy body)
    private static func hello(_ body: inout ByteCursor) throws(ByteCursorError) -> ClientHello {
        try body.skip(2 + 32)  // legacy_version, random
        _ = try body.vector8()  // legacy_session_id
        _ = try body.vector16()  // cipher_suites
        _ = try body.vector8()  // legacy_compression_methods
        guard !body.isAtEnd else { return ClientHello(serverName: nil, offersWeft: false) }
        var extensions = ByteCursor(try body.vector16())
        var serverName: String?
        var offersWeft = false
        while !extensions.isAtEnd {
            let type = try extensions.u16()
            let content = try extensions.vector16()
            switch type {
            case 0: serverName = try Self.serverName(content)
            case 16: offersWeft = try offers(weftProtocol, content)
            default: continue
            }
        }
        return ClientHello(serverName: serverName, offersWeft: offersWeft)
    }

    private static func serverName(_ content: RawSpan) throws(ByteCursorError) -> String? {
        var content = ByteCursor(content)
        guard !content.isAtEnd else { return nil }
        var list = ByteCursor(try content.vector16())
        while !list.isAtEnd {
            let type = try list.u8()
            let name = try list.vector16().array
            guard type == 0 else { continue }
            let isHostName = (1...253).contains(name.count) && name.allSatisfy { $0 > 0x20 && $0 < 0x7f }
            return isHostName ? String(decoding: name, as: UTF8.self) : nil
        }
        return nil
    }

    private static func offers(_ name: StaticString, _ content: RawSpan) throws(ByteCursorError) -> Bool {
        var content = ByteCursor(content)
        var list = ByteCursor(try content.vector16())
        var isOffered = false
        while !list.isAtEnd {
            if try list.vector8().equals(name) { isOffered = true }
        }
        return isOffered
    }

    private static let recordHeaderLength = 5
    private static let handshakeRecordType: UInt8 = 22
    private static let clientHelloType: UInt8 = 1
}
