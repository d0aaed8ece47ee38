// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec

/// A path has one normal form or none: what comes out of the normaliser is not changed by it again, climbs nowhere and hides
/// no separator.
enum FuzzPath {
    static func run(_ bytes: [UInt8]) {
        let target = String(decoding: bytes, as: UTF8.self)
        do throws(PathRefusal) {
            let normal = try NormalPath.normalise(target)
            guard normal != "*", !normal.isEmpty else { return }
            let path = normal.utf8.prefix { $0 != UInt8(ascii: "?") }
            let rest = target.utf8.drop { $0 != UInt8(ascii: "?") }
            precondition(normal.utf8.dropFirst(path.count).elementsEqual(rest), "A query goes on as it came.")
            precondition(path.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }, "A path is plain.")
            let slash = UInt8(ascii: "/")
            let segments = path.dropFirst().split(separator: slash, omittingEmptySubsequences: false)
            for (index, segment) in segments.enumerated() {
                precondition(!segment.isEmpty || index == segments.count - 1, "Slashes are merged.")
                precondition(!segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8), "Dots are gone.")
            }
            let text = String(decoding: Array(path), as: UTF8.self)
            for hidden in ["%2F", "%5C", "%2E", "%00"] {
                precondition(text.firstRange(of: hidden) == nil, "No separator is hidden.")
            }
            let again = try? NormalPath.normalise(normal)
            precondition(again.map { $0.utf8.elementsEqual(normal.utf8) } ?? false, "A normal path stays as it is.")
        } catch {
            precondition(!error.sentence.isEmpty, "A refusal says why.")
        }
    }
}
