// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import LinuxSystem
import MeshModel
import Testing

@Suite("Verifying a control plane")
struct ControlVerifierTests {
    private let authority: IssuingAuthority
    private let verifier: SVIDVerifier

    init() throws {
        authority = try makeAuthority()
        verifier = SVIDVerifier(TrustBundles([.example: authority.roots]))
    }

    private func code(_ certificate: WorkloadCertificate, _ verifier: SVIDVerifier? = nil) async -> ErrorCode? {
        do throws(Problem) {
            _ = try await (verifier ?? self.verifier).verifyControl(certificate.chain.map(\.der), now: .now())
            return nil
        } catch {
            return error.code
        }
    }

    @Test("identity and DNS name together are a control plane")
    func accepted() async throws {
        let certificate = try authority.issueForControl(SigningKey().publicKey, now: .now())
        #expect(try await verifier.verifyControl(certificate.chain.map(\.der), now: .now()) == .example)
    }

    @Test("neither a workload nor who has the identity without the name is one")
    func refused() async throws {
        let workload = try authority.issue(SigningKey().publicKey, identity: .example("/ns/a/sa/b"), now: .now())
        #expect(await code(workload) == .wrongIdentity)
        let nameless = try authority.issue(
            SigningKey().publicKey, identity: ControlIdentity.spiffeID(in: .example), now: .now())
        #expect(await code(nameless) == .subjectAlternativeName)
        let stranger = try makeAuthority().issueForControl(SigningKey().publicKey, now: .now())
        #expect(await code(stranger) == .unknownRoot)
    }

    @Test("a control plane's certificate is no workload's")
    func noWorkload() async throws {
        let certificate = try authority.issueForControl(SigningKey().publicKey, now: .now())
        await #expect(throws: Problem.self) {
            try await verifier.verify(certificate.chain.map(\.der), now: .now())
        }
    }
}
