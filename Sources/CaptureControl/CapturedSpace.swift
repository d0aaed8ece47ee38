// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Whether the lists of a configuration leave anything to capture at all. Where they do not, there is nothing to prove;
/// where they do, a proof that cannot be had is a proof that is missing.
enum CapturedSpace {
    static func isEmpty(_ outbound: CaptureSettings.Outbound, _ family: AddressFamily) -> Bool {
        isEmpty(outbound.ports) || isEmpty(outbound.destinations, family) || isEmpty(outbound.users)
    }

    static func isEmpty(_ inbound: CaptureSettings.Inbound, _ family: AddressFamily) -> Bool {
        isEmpty(inbound.ports) || isEmpty(inbound.sources, family)
    }

    private static func isEmpty(_ ports: Selection<PortRange>) -> Bool {
        isEmpty(ports.include.map(span), skip: ports.skip.map(span), all: 1...65_535)
    }

    private static func isEmpty(_ users: Selection<UserIDRange>) -> Bool {
        isEmpty(users.include.map(span), skip: users.skip.map(span), all: 0...UInt128(UInt32.max - 1))
    }

    private static func isEmpty(_ ranges: Selection<AddressRange>, _ family: AddressFamily) -> Bool {
        let included = ranges.include.filter { $0.family == family }
        // A list with entries of the other family only is a list all the same.
        if included.isEmpty, !ranges.include.isEmpty { return true }
        let all = 0...(UInt128.max >> UInt128(128 - family.bitWidth))
        return isEmpty(included.map(span), skip: ranges.skip.filter { $0.family == family }.map(span), all: all)
    }

    /// What is listed, or everything where nothing is, less what is skipped.
    private static func isEmpty(
        _ include: [ClosedRange<UInt128>], skip: [ClosedRange<UInt128>], all: ClosedRange<UInt128>
    ) -> Bool {
        let skipped = skip.sorted { $0.lowerBound < $1.lowerBound }
        return (include.isEmpty ? [all] : include).allSatisfy { isCovered($0, by: skipped) }
    }

    /// Whether spans, sorted by their beginnings, cover another one without a gap.
    private static func isCovered(_ span: ClosedRange<UInt128>, by sorted: [ClosedRange<UInt128>]) -> Bool {
        var next = span.lowerBound
        for cover in sorted where cover.upperBound >= next {
            guard cover.lowerBound <= next else { return false }
            guard cover.upperBound < span.upperBound else { return true }
            next = cover.upperBound + 1
        }
        return false
    }

    private static func span(_ range: PortRange) -> ClosedRange<UInt128> {
        UInt128(range.lower.number)...UInt128(range.upper.number)
    }

    private static func span(_ range: UserIDRange) -> ClosedRange<UInt128> {
        UInt128(range.lower.number)...UInt128(range.upper.number)
    }

    private static func span(_ range: AddressRange) -> ClosedRange<UInt128> {
        let hostBits = UInt128(range.family.bitWidth - range.prefixLength)
        let hosts = hostBits == 128 ? UInt128.max : (UInt128(1) << hostBits) - 1
        return range.base.bits...(range.base.bits | hosts)
    }
}
