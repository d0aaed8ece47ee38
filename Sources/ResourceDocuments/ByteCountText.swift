// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Sizes as people write them: `65536`, `64Ki`, `1Mi`.
enum ByteCountText {
    private static let units = [("Mi", 20), ("Ki", 10), ("", 0)]

    static func parse(_ text: String) -> Int? {
        for (suffix, shift) in units where text.hasSuffix(suffix) {
            return Decimal.parse(text.utf8.dropLast(suffix.utf8.count), atMost: 1 << 40).map { Int($0) << shift }
        }
        return nil
    }

    /// With the largest unit that leaves no rest.
    static func text(_ count: Int) -> String {
        for (suffix, shift) in units where count > 0 && count % (1 << shift) == 0 {
            return "\(count >> shift)\(suffix)"
        }
        return "\(count)"
    }
}
