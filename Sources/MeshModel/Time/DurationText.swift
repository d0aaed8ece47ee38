// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Durations as people write them: GEP-2257, `1h2m3s4ms`. No sign, no fraction, no bare number.
///
/// Configuration knows no days, since Gateway API knows none. The lifetime of a certificate does, `90d` or `1d12h`: nobody
/// reads 2160 hours as a quarter of a year. A day is 24 hours.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    private static let unitsWithDays = [(name: "d", milliseconds: 86_400_000)] + units

    package static func parse(_ text: String) -> Duration? { parse(text, units) }

    /// As ``parse(_:)``, and days.
    package static func parseLifetime(_ text: String) -> Duration? { parse(text, unitsWithDays) }

    package static func text(_ duration: Duration) -> String { text(duration, units) }

    /// As ``text(_:)``, with whole days first: `90d`, `1d12h`.
    package static func lifetimeText(_ duration: Duration) -> String { text(duration, unitsWithDays) }

    private static func parse(_ text: String, _ units: [(name: String, milliseconds: Int64)]) -> Duration? {
        var rest = Substring(text)
        var total: Int64 = 0
        // At most one part for each unit, as GEP-2257 has it.
        for _ in units where !rest.isEmpty {
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

    private static func text(_ duration: Duration, _ units: [(name: String, milliseconds: Int64)]) -> String {
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
