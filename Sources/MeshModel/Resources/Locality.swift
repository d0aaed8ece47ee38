// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Where something runs: `zone-a`, or a region with a zone in it, `eu-west/a`. What stands before the slash is the region.
package struct Locality: Hashable, Sendable, CustomStringConvertible {
    /// How far one place is from another; what is near is preferred.
    package enum Distance: Int, Hashable, Sendable, CaseIterable, Comparable {
        case sameZone
        case sameRegion
        /// Also where one of the two does not say where it is.
        case elsewhere

        package static func < (left: Distance, right: Distance) -> Bool { left.rawValue < right.rawValue }
    }

    private static let partBytesMax = 63

    package let region: String
    /// Nil where one word says all.
    package let zone: String?

    /// Reads one or two parts of letters, digits, `-`, `_` and `.`, at most 63 of them each.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard (1...2).contains(parts.count), parts.allSatisfy(Self.isPart), let region = parts.first else { return nil }
        self.region = region
        zone = parts.dropFirst().first
    }

    private static func isPart(_ part: String) -> Bool {
        !part.isEmpty && part.utf8.count <= partBytesMax
            && part.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    package func distance(to other: Locality?) -> Distance {
        guard let other, other.region == region else { return .elsewhere }
        return other.zone == zone ? .sameZone : .sameRegion
    }

    package var description: String { zone.map { "\(region)/\($0)" } ?? region }
}
