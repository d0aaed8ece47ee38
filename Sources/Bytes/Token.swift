// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

extension UInt8 {
    /// tchar of RFC 9110 section 5.6.2: what method and field names are made of.
    package var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}
