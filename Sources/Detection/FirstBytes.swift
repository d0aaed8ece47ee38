// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// Judges the first bytes of a client one by one, however they dribble in, and keeps none of them.
///
/// ```
///            0x16 0x03                   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
///   start ───────────────▶ tls   start ───────────────────────────────────▶ http2
///     │ token     space      target      space      "HTTP/1." digit CRLF
///     └─▶ method ───────▶ target ───────────────▶ version ───────────────▶ http1
/// ```
/// Every byte that fits none of the open possibilities ends it: opaque. HTTP/1 is said only at the end of the request
/// line, because memcached's `get key` and SMTP's `HELO host` begin like one.
package struct FirstBytes: Sendable {
    /// A request line longer than this is not waited for (RFC 9112 section 3 recommends at least 8000).
    package static let requestLineLimit = 16_384

    private enum State {
        case start
        case tls(matched: Int)
        case preface(matched: Int)
        case method(count: Int)
        case target(count: Int)
        case version(matched: Int)
        case decided(DetectedProtocol)
    }

    private var state = State.start
    private var count = 0

    package init() {}

    /// The verdict so far; ``DetectedProtocol/unknown`` while more bytes are needed.
    package var verdict: DetectedProtocol {
        if case .decided(let verdict) = state { verdict } else { .unknown }
    }

    /// Looks at the next bytes and returns the verdict so far.
    package mutating func consume(_ bytes: RawSpan) -> DetectedProtocol {
        for index in 0..<bytes.byteCount {
            if case .decided = state { break }
            consume(bytes.byte(at: index))
        }
        return verdict
    }

    private mutating func consume(_ byte: UInt8) {
        count += 1
        switch state {
        case .start: state = first(byte)
        case .tls(let matched): state = tls(byte, matched)
        case .preface(let matched): state = preface(byte, matched)
        case .method(let count): state = method(byte, count)
        case .target(let count): state = target(byte, count)
        case .version(let matched): state = version(byte, matched)
        case .decided: break
        }
    }

    private func first(_ byte: UInt8) -> State {
        if byte == 22 { return .tls(matched: 1) }
        if byte == UInt8(ascii: "P") { return .preface(matched: 1) }
        return byte.isTokenCharacter ? .method(count: 1) : .decided(.opaque)
    }

    /// Handshake record, major version 3, any minor one, two bytes of length, ClientHello.
    private func tls(_ byte: UInt8, _ matched: Int) -> State {
        let fits =
            switch matched {
            case 1: byte == 3
            case 2: byte <= 4
            case 5: byte == 1
            default: true
            }
        guard fits else { return .decided(.opaque) }
        return matched == 5 ? .decided(.tls) : .tls(matched: matched + 1)
    }

    private func preface(_ byte: UInt8, _ matched: Int) -> State {
        if byte == Self.http2Preface[matched] {
            return matched + 1 == Self.http2Preface.count ? .decided(.http2) : .preface(matched: matched + 1)
        }
        // `POST`, `PUT`, `PATCH` part from `PRI` within the method; later nothing else can begin with the preface.
        return matched <= 3 ? method(byte, matched) : .decided(.opaque)
    }

    private func method(_ byte: UInt8, _ count: Int) -> State {
        if byte == UInt8(ascii: " ") { return .target(count: 0) }
        // The longest registered method has 17 letters (UPDATEREDIRECTREF).
        return byte.isTokenCharacter && count < 32 ? .method(count: count + 1) : .decided(.opaque)
    }

    private func target(_ byte: UInt8, _ count: Int) -> State {
        if byte == UInt8(ascii: " ") { return count > 0 ? .version(matched: 0) : .decided(.opaque) }
        let fits = byte > 0x20 && byte != 0x7f && self.count < Self.requestLineLimit
        return fits ? .target(count: count + 1) : .decided(.opaque)
    }

    private func version(_ byte: UInt8, _ matched: Int) -> State {
        let template = Self.version
        let fits = matched == 7 ? byte == UInt8(ascii: "0") || byte == UInt8(ascii: "1") : byte == template[matched]
        guard fits else { return .decided(.opaque) }
        return matched + 1 == template.count ? .decided(.http1) : .version(matched: matched + 1)
    }

    /// The first bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4).
    package static let http2Preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let version = Array("HTTP/1.x\r\n".utf8)
}
