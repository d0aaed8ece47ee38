// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import HTTPCodec

/// The table that both sides know from the start (RFC 7541 appendix A). Its places count from one.
struct StandardFields: Sendable {
    struct Place: Sendable {
        let name: Range<Int>
        let value: Range<Int>
        /// What its name is, if that begins with a colon.
        var pseudo: DecodedHead.Pseudo?
    }

    static let count = 61
    static let shared = StandardFields()

    /// Names and values, one behind the other.
    let bytes: [UInt8]
    /// The first one is nothing.
    let places: [Place]
    /// By the hash of a name: its first place; zero where there is none.
    private let names: [UInt8]

    private init() {
        var bytes: [UInt8] = []
        var places = [Place(name: 0..<0, value: 0..<0)]
        var names = [UInt8](repeating: 0, count: 256)
        var last = ""
        for (name, value) in Self.fields {
            let start = bytes.count
            bytes.append(contentsOf: name.utf8)
            let middle = bytes.count
            bytes.append(contentsOf: value.utf8)
            if name != last {
                var slot = unsafe Int(FieldHash.of(name.utf8.span.bytes)) & 255
                while names[slot] != 0 { slot = (slot + 1) & 255 }
                names[slot] = UInt8(places.count)
            }
            last = name
            let pseudo = Self.pseudo[name]
            places.append(Place(name: start..<middle, value: middle..<bytes.count, pseudo: pseudo))
        }
        (self.bytes, self.places, self.names) = (bytes, places, names)
    }

    /// The first place with this name, whose hash comes with it; zero if there is none.
    func place(named name: RawSpan, hash: UInt32) -> Int {
        var slot = Int(hash) & 255
        while names[slot] != 0 {
            let place = places[Int(names[slot])]
            if unsafe bytes.span.bytes.extracting(place.name).isEqual(to: name) { return Int(names[slot]) }
            slot = (slot + 1) & 255
        }
        return 0
    }

    static let contentLength = 28

    /// Where the pseudo-header fields stand that are written most.
    enum Known {
        static let authority = 1
        static let get = 2
        static let post = 3
        static let path = 4
        static let http = 6
        static let https = 7
        static let status = 8

        /// A status that stands there with its value.
        static func place(ofStatus status: Int) -> Int? {
            switch status {
            case 200: 8
            case 204: 9
            case 206: 10
            case 304: 11
            case 400: 12
            case 404: 13
            case 500: 14
            default: nil
            }
        }
    }

    private static let pseudo: [String: DecodedHead.Pseudo] = [
        ":authority": .authority, ":method": .method, ":path": .path, ":scheme": .scheme, ":status": .status,
    ]

    private static let fields: [(String, String)] = [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
        (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
        (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
        ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
        ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
        ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
        ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""),
        ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""),
        ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""),
        ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
        ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""),
        ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
        ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ]
}

/// A quick hash of fields, of their length, their beginning, their middle and their end. Nothing depends on its quality:
/// whoever makes fields that collide makes his own heads longer.
enum FieldHash {
    private static let factor: UInt64 = 0x9e37_79b9_7f4a_7c15

    static func of(_ bytes: RawSpan, after hash: UInt32 = 0) -> UInt32 {
        let count = bytes.byteCount
        var state = UInt64(hash) ^ UInt64(count)
        if count >= 8 {
            state = mix(state, bytes.word(at: 0))
            if count > 16 { state = mix(state, bytes.word(at: count / 2 - 4)) }
            state = mix(state, bytes.word(at: count - 8))
        } else {
            var rest: UInt64 = 0
            for index in 0..<count {
                rest = rest << 8 | UInt64(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
            }
            state = mix(state, rest)
        }
        return UInt32(truncatingIfNeeded: state >> 32)
    }

    /// The same of a field as ``HTTPFields`` lays it out: its lengths, the end of its name, and the middle and end of its value.
    @inline(__always)
    static func of(laidOut field: RawSpan, nameCount: Int) -> UInt32 {
        let count = field.byteCount
        // Behind the name stand at least the eight bytes of the lengths in front of it.
        var state = mix(field.word(at: 0), field.word(at: nameCount))
        if count >= nameCount + 24 { state = mix(state, field.word(at: (nameCount + count) / 2)) }
        return UInt32(truncatingIfNeeded: mix(state, field.word(at: count - 8)) >> 32)
    }

    @inline(__always)
    private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* factor
        return product ^ product >> 29
    }
}

extension RawSpan {
    /// Eight bytes as they lie; traps where they are not all there.
    @inline(__always)
    fileprivate func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= byteCount - 8, "A word is read only where there is one.")
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
    }
}
