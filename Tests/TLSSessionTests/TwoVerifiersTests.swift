// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import TLSSession
import Testing

/// The authority's verifier stands on swift-certificates, the sidecar's on OpenSSL. Where they differ over whom to accept,
/// one of them is a hole or an outage.
@Suite("Two verifiers, one verdict")
struct TwoVerifiersTests {
    private static let seed: UInt64 = 20_270_115

    @Test("they agree over every row of the table, down to the code")
    func table() async throws {
        for row in try CertificateTable.cases() {
            #expect(await row.authorityVerdict(row.chain) == row.sidecarVerdict(row.chain), "\(row)")
        }
    }

    @Test("they agree over good chains in which bytes were changed", arguments: 0..<8)
    func changedBytes(part: Int) async throws {
        var random = SeededRandom(seed: Self.seed + UInt64(part))
        let good = try CertificateTable.cases().filter { if case .accepted = $0.expectation { true } else { false } }
        for _ in 0..<100 {
            let row = good[Int.random(in: good.indices, using: &random)]
            var chain = row.chain
            let position = Int.random(in: chain.indices, using: &random)
            chain[position].change(using: &random)
            await expectAgreement(row, chain, isSigned: false, "part \(part)")
        }
    }

    /// The signature hides most of what a change does; with the change signed, the decoders themselves are compared.
    @Test("they agree over certificates that say something broken and are signed all the same", arguments: 0..<8)
    func changedBeforeSigning(part: Int) async throws {
        var random = SeededRandom(seed: Self.seed + 100 + UInt64(part))
        for _ in 0..<100 {
            let isLeaf = Bool.random(using: &random)
            var changed = random
            let tamper: TestMesh.Edit = { recipe in recipe.tamper = { $0.change(using: &changed) } }
            let mesh = try TestMesh(now: CertificateTable.moment, intermediate: isLeaf ? { _ in } : tamper)
            let leaf = try mesh.leaf(nil, by: nil, isLeaf ? tamper : { _ in })
            random = changed
            let row = CertificateCase(
                "a change that is signed", mesh, [leaf, mesh.intermediate], .accepted(try mesh.workload("web")))
            await expectAgreement(row, row.chain, isSigned: true, "part \(part)")
        }
    }

    /// Two differences are let pass, in both of which OpenSSL takes more. It reads BER, so it takes a flag of 0x89 for true
    /// and passes over padding that DER does not have; and it compares the names of issuers without regard to case, as
    /// RFC 5280 section 7.1 asks, where swift-certificates compares bytes. Nobody gains by either: whoever changes
    /// something on the path holds an issuer's key and could have signed the same without it, and anybody else can only
    /// change what is of no use to the path.
    private func isLax(_ authority: CertificateCase.Expectation) -> Bool {
        authority == .rejected(.certificateInvalid) || authority == .rejected(.unknownRoot)
    }

    private func expectAgreement(
        _ row: CertificateCase, _ chain: [[UInt8]], isSigned: Bool, _ comment: String
    ) async {
        let (authority, sidecar) = (await row.authorityVerdict(chain), row.sidecarVerdict(chain))
        let isSame =
            switch (authority, sidecar) {
            case (.accepted(let first), .accepted(let second)): first == second
            case (.rejected, .rejected): true
            case (_, .accepted): isLax(authority) && (isSigned || sidecar == row.expectation)
            default: false
            }
        #expect(
            isSame,
            """
            seed \(Self.seed), \(comment), \(row): the authority says \(authority), the sidecar \(sidecar), of
            \(chain.map { Hexadecimal.text(of: $0) }.joined(separator: "\n"))
            """)
    }
}

extension [UInt8] {
    /// Changes one to three bytes, or takes one away, or adds one.
    fileprivate mutating func change(using random: inout SeededRandom) {
        for _ in 0..<Int.random(in: 1...3, using: &random) where !isEmpty {
            let index = Int.random(in: indices, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: remove(at: index)
            case 1: insert(UInt8.random(in: 0...255, using: &random), at: index)
            case 2...4: self[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default: self[index] = UInt8.random(in: 0...255, using: &random)
            }
        }
    }
}

extension CertificateCase {
    fileprivate func sidecarVerdict(_ chain: [[UInt8]]) -> Expectation {
        do throws(CertificateRejection) {
            return .accepted(try verify(chain).identity)
        } catch {
            return .rejected(error.code)
        }
    }
}
