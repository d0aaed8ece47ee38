// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

extension String {
    /// The same text on one line and harmless to a terminal: control characters, of which U+009B begins an escape sequence
    /// as ESC does, and Unicode's line separators are written as `\u{9b}`. For texts that somebody else had a part in.
    package var printable: String {
        guard !utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\0"..<" ", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
