// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

extension WallTime {
    /// Reads RFC 3339, `2026-11-21T05:25:00Z`, with a fraction of a second or an offset if there is one. Strict: `T`
    /// and `Z` in upper case, days that the calendar has, no leap second, which Go's reader refuses too.
    package init?(timestamp text: String) {
        var reader = TimestampReader(rest: text.utf8[...])
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T"), let hour = reader.number(2), reader.skip(":"),
            let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.rest.isEmpty,
            (1...12).contains(month), (1...WallTime.length(ofMonth: month, year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = WallTime.days(year, month, day)
        self = WallTime(seconds: days * 86_400 + hour * 3600 + minute * 60 + second - offset) + .nanoseconds(fraction)
    }

    private static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Since 1970, in years that begin in March, so that the leap day is last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = (month <= 2 ? year - 1 : year) + 400
        let shiftedMonth = month <= 2 ? month + 9 : month - 3
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let all = shiftedYear * 365 + shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400 + dayOfYear
        // 719,468 days from the first of March of the year 0 to 1970, and an era of 400 years that keeps all positive.
        return all - 719_468 - 146_097
    }
}

private struct TimestampReader {
    var rest: Substring.UTF8View

    /// So many digits.
    mutating func number(_ count: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Nanoseconds; 0 where there is none.
    mutating func fraction() -> Int64? {
        guard skip(".") else { return 0 }
        guard var number = digit() else { return nil }
        var count = 1
        while let next = digit() {
            count += 1
            guard count <= 9 else { return nil }
            number = number * 10 + next
        }
        for _ in count..<9 { number *= 10 }
        return number
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
        if skip("Z") { return 0 }
        let isEast = skip("+")
        guard isEast || skip("-"), let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
    }

    private mutating func digit() -> Int64? {
        guard let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        rest = rest.dropFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }
}
