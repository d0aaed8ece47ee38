// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// What the first bytes of a connection say about TLS.
package enum ClientHelloVerdict: Equatable, Sendable {
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

    /// Judges bytes from the beginning of a connection. Any verdict but ``ClientHelloVerdict/needMoreBytes`` is the same
    /// however many bytes follow. Where bytes come piece by piece, a ``ClientHelloReader`` looks at each of them once.
    package static func classify(_ bytes: RawSpan) -> ClientHelloVerdict {
        var reader = ClientHelloReader()
        return reader.judge(bytes)
    }

    /// Reads a whole message, without its four bytes of header; nil if its inner lengths do not add up.
    static func read(_ message: RawSpan) -> ClientHello? {
        var body = ByteCursor(message)
        return try? hello(&body)
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
}
