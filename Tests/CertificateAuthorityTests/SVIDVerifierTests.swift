// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import MeshModel
import MeshTesting
import Testing

@Suite("Verifying SVIDs")
struct SVIDVerifierTests {
    @Test("the shared table of certificates", arguments: try CertificateTable.cases())
    func table(_ row: CertificateCase) async throws {
        do throws(Problem) {
            let identity = try await verifier(of: row).verify(row.chain, now: row.now)
            #expect(.accepted(identity) == row.expectation)
        } catch {
            #expect(.rejected(error.code) == row.expectation, "\(error)")
        }
    }

    @Test("the table has a row for every code of a peer's certificate")
    func coverage() throws {
        let expected = try CertificateTable.cases().compactMap { row in
            if case .rejected(let code) = row.expectation { code } else { nil }
        }
        #expect(Set(expected) == Set(ErrorCode.allCases.filter { 4101...4199 ~= $0.rawValue }))
    }

    @Test("the table's names are unique, so that a failure tells its row")
    func uniqueNames() throws {
        let names = try CertificateTable.cases().map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("a skewed clock is named with direction and amount")
    func skew() async throws {
        let early = try await problem(of: "a leaf that begins 10 minutes from now")
        #expect(early.description.contains("the leaf: begins 10m from now"))
        #expect(early.description.contains("the clock here is behind"))
        let late = try await problem(of: "an intermediate that has expired")
        #expect(late.description.contains("intermediate 1: expired 1m ago"))
        #expect(late.description.contains("the clock here is ahead"))
    }

    @Test("what a peer wrote is quoted and cut short in messages")
    func quoting() async throws {
        #expect(try await problem(of: "an identity with a NUL at the end").message.contains("web\\0\""))
        #expect(try await problem(of: "an identity with a line feed at the end").message.contains("web\\n\""))
        #expect(try await problem(of: "an identity with 2049 bytes").message.utf8.count < 200)
    }

    @Test("no certificate with one altered byte is accepted, and none cut short", arguments: [0, 1])
    func damage(position: Int) async throws {
        let row = try #require(
            try CertificateTable.cases().first { $0.name == "a leaf and its intermediate, as issued" })
        let verifier = try verifier(of: row)
        let good = row.chain[position]
        for index in good.indices {
            var altered = row.chain
            altered[position][index] ^= UInt8.random(in: 1...255)
            await #expect(throws: Problem.self, "byte \(index)") { try await verifier.verify(altered, now: row.now) }
            altered[position] = Array(good.prefix(index))
            await #expect(throws: Problem.self, "cut at \(index)") { try await verifier.verify(altered, now: row.now) }
        }
    }

    private func problem(of name: String) async throws -> Problem {
        let row = try #require(try CertificateTable.cases().first { $0.name == name })
        do throws(Problem) {
            _ = try await verifier(of: row).verify(row.chain, now: row.now)
        } catch {
            return error
        }
        throw Unexpected(what: "\(name) was accepted")
    }

    private func verifier(of row: CertificateCase) throws(Problem) -> SVIDVerifier {
        var bundles: [TrustDomain: [SignedCertificate]] = [:]
        for (trustDomain, roots) in row.bundles {
            bundles[trustDomain] = roots.compactMap { SignedCertificate(der: $0) }
        }
        return SVIDVerifier(TrustBundles(bundles))
    }
}

/// Ends a test that cannot go on.
struct Unexpected: Error {
    let what: String
}
