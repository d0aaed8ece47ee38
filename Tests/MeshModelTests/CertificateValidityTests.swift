// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("How long a certificate holds")
struct CertificateValidityTests {
    private static let validity = CertificateValidity(
        notBefore: WallTime(seconds: 1_000_000), notAfter: WallTime(seconds: 1_003_600))

    @Test(
        "to the second at its end, with a tolerance at its beginning",
        arguments: [
            (Int64(1_000_000), ErrorCode?.none), (999_940, nil), (999_939, .notYetValid), (0, .notYetValid),
            (1_003_600, nil), (1_003_601, .expired), (.max, .expired),
        ])
    func moments(_ seconds: Int64, _ code: ErrorCode?) {
        let problem = Self.validity.problem(at: WallTime(seconds: seconds), of: "the leaf")
        #expect(problem?.code == code)
        #expect(problem.map { $0.place == "the leaf" && $0.remedy != nil } ?? true)
    }

    @Test("says by how much")
    func amounts() {
        let late = Self.validity.problem(at: WallTime(seconds: 1_003_600 + 90_000), of: "the leaf")
        #expect(late?.message.hasPrefix("expired 1d1h ago, at 1970-01-12T14:46:40") == true)
        let early = Self.validity.problem(at: WallTime(seconds: 1_000_000 - 61), of: "the leaf")
        #expect(early?.message.hasPrefix("begins 1m1s from now") == true)
    }

    @Test(
        "the share that is over",
        arguments: [(Int64(0), 0.0), (1_000_000, 0), (1_001_800, 0.5), (1_003_600, 1), (.max, 1)])
    func share(_ seconds: Int64, _ expected: Double) {
        #expect(Self.validity.elapsedShare(at: WallTime(seconds: seconds)) == expected)
        let empty = CertificateValidity(notBefore: WallTime(seconds: 5), notAfter: WallTime(seconds: 5))
        #expect(empty.elapsedShare(at: WallTime(seconds: seconds)) == 1)
        // From the year 1 to the year 9999, as some authorities write them.
        let endless = CertificateValidity(
            notBefore: WallTime(seconds: -62_135_596_800), notAfter: WallTime(seconds: 253_402_300_799))
        #expect((0...1).contains(endless.elapsedShare(at: WallTime(seconds: seconds))))
    }
}
