// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
@_spi(DisableValidityCheck) internal import X509

/// The roots of each trust domain, never pooled: a root of one domain says nothing of another's identities.
package struct TrustBundles: Sendable {
    private let roots: [TrustDomain: [SignedCertificate]]

    package init(_ roots: [TrustDomain: [SignedCertificate]]) { self.roots = roots }

    /// Nil where the domain is unknown; empty where everything of it has been revoked.
    package func roots(of trustDomain: TrustDomain) -> [SignedCertificate]? { roots[trustDomain] }
}

/// Decides whether a chain that somebody shows proves a SPIFFE ID, for what is written in Swift off the data path. The
/// sidecar's verifier, on OpenSSL, is held to the same verdicts by the same table of certificates.
///
/// The chain passes two gates, and both must open. ``SVIDRules`` and ``ChainRules`` hold everything that SPIFFE asks for
/// and, so that every refusal has its own code, most of what RFC 5280 does; the library's `RFC5280Policy` stands behind
/// them and would catch what was forgotten. Where no path to a root can be found, ``ChainDiagnosis`` says why.
package struct SVIDVerifier: Sendable {
    private let bundles: TrustBundles

    package init(_ bundles: TrustBundles) { self.bundles = bundles }

    /// The identity that `chain`, DER with the leaf first, proves at a moment; throws a code of the 41xx. The caller still
    /// has to compare it with the identity that he expects: a good certificate of somebody else is good.
    package func verify(_ chain: [[UInt8]], now: WallTime) async throws(Problem) -> SPIFFEID {
        let certificates = try Self.read(chain)
        let identity = try SVIDRules.identity(of: try ChainMember(certificates[0], place: ChainPlace.leaf).facts)
        return try await verify(certificates, identity, now)
    }

    /// The trust domain whose control plane `chain` proves: it has both, the identity and the DNS name that only a control
    /// plane is given.
    package func verifyControl(_ chain: [[UInt8]], now: WallTime) async throws(Problem) -> TrustDomain {
        let certificates = try Self.read(chain)
        let facts = try ChainMember(certificates[0], place: ChainPlace.leaf).facts
        let identity = try await verify(certificates, try SVIDRules.identity(of: facts, mayHaveNames: true), now)
        let expected = ControlIdentity.spiffeID(in: identity.trustDomain)
        guard identity == expected else {
            throw Problem(.wrongIdentity, at: ChainPlace.leaf, "expected \(expected), found \(identity)")
        }
        let name = ControlIdentity.hostName(in: identity.trustDomain)
        guard certificates[0].dnsNames == [name] else {
            throw Problem(.subjectAlternativeName, at: ChainPlace.leaf, "it has not the DNS name \(name)")
        }
        return identity.trustDomain
    }

    private func verify(
        _ certificates: [Certificate], _ identity: SPIFFEID, _ now: WallTime
    ) async throws(Problem) -> SPIFFEID {
        let leaf = certificates[0]
        guard let roots = bundles.roots(of: identity.trustDomain) else {
            throw SVIDRules.unknownTrustDomain(identity.trustDomain)
        }
        let rules = ChainRules(identity: identity, now: now)
        var verifier = Verifier(rootCertificates: CertificateStore(roots.map(\.certificate))) {
            SVIDPolicy(rules: rules)
            // Dates are judged by the rules, which tolerate a start in the near future; the library would not.
            RFC5280Policy.withValidityCheckDisabled()
        }
        let others = CertificateStore(certificates.dropFirst())
        switch await verifier.validate(leaf: leaf, intermediates: others) {
        case .validCertificate:
            return identity
        case .couldNotValidate(let failures):
            if let failure = failures.first { throw Self.problem(failure, rules) }
            let diagnosis = ChainDiagnosis(roots: roots.map(\.certificate), shown: Array(certificates.dropFirst()))
            throw diagnosis.problem(of: leaf)
        }
    }

    private static func read(_ chain: [[UInt8]]) throws(Problem) -> [Certificate] {
        if let problem = SVIDRules.countProblem(chain.count) { throw problem }
        var certificates: [Certificate] = []
        for (index, der) in chain.enumerated() {
            let place = ChainPlace.name(index, of: chain.count + 1)
            guard let certificate = SignedCertificate(der: der) else {
                throw RawCertificate.problem(with: der, at: place)
            }
            guard RawCertificate.namesItsAlgorithm(der) else {
                throw Problem(.badSignature, at: place, "its signature is not by the algorithm that it names")
            }
            // What is of no use has to be readable too.
            _ = try ChainMember(certificate.certificate, place: place)
            certificates.append(certificate.certificate)
        }
        return certificates
    }

    /// The library tells of a failure in words only; our rules are asked again, for their code. Its words repeat what the
    /// peer wrote, so they are quoted and cut short.
    private static func problem(_ failure: CertificateValidationResult.PolicyFailure, _ rules: ChainRules) -> Problem {
        if let problem = rules.problem(in: Array(failure.chain)) { return problem }
        return Problem(
            .certificateInvalid, String(failure.policyFailureReason.description.prefix(200)).debugDescription)
    }
}

/// The rules as the library's verifier asks for them.
private struct SVIDPolicy: VerifierPolicy {
    let rules: ChainRules

    /// The library knows the others of RFC 5280; these two are checked here.
    let verifyingCriticalExtensions = ChainRules.criticalExtensions

    mutating func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        guard let problem = rules.problem(in: Array(chain)) else { return .meetsPolicy }
        return .failsToMeetPolicy(reason: problem.description)
    }
}
