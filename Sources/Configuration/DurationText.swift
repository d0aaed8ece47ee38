// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Durations as people write them: GEP-2257, `1h2m3s4ms`. No sign, no fraction, no bare number.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    package static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var total: Int64 = 0
        // At most four parts, as GEP-2257 has it.
        for _ in 0..<4 where !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            // Five digits a part, so that no sum can overflow.
            guard (1...5).contains(digits.count), let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isLetter }
            guard let unit = units.first(where: { $0.name == name }) else { return nil }
            rest = rest.dropFirst(name.count)
            total += number * unit.milliseconds
        }
        return rest.isEmpty && !text.isEmpty ? .milliseconds(total) : nil
    }

    package static func text(_ duration: Duration) -> String {
        var rest = duration.wholeMilliseconds
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in units where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }
}
