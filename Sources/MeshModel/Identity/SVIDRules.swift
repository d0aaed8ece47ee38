// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What X509-SVID asks of a chain beyond what RFC 5280 does, and what RFC 5280 asks in a way that libraries differ over.
/// The verifier of the authority and that of the sidecar stand on different libraries; both end here, so that nobody is
/// accepted by the one and refused by the other.
///
/// | rule | where |
/// |---|---|
/// | exactly one URI name, a SPIFFE ID with a path, no name of another type | ``identity(of:)`` |
/// | version, dates | `commonProblem` |
/// | the leaf is no CA, may not sign, has its usages; its name is critical under an empty subject | `leafProblem` |
/// | whoever signs is a CA, may sign, is nobody's identity | `issuerProblem` |
/// | nobody is his own proof; no more intermediates than allowed | ``problem(in:claiming:at:)`` |
///
/// The libraries do the rest: signatures, names of issuers, path lengths, name constraints, critical extensions.
///
/// The first rule that is broken gives the code. The order is from what one certificate is to how several fit together.
package enum SVIDRules {
    /// Whom a leaf claims to be. Read before anything is verified, because the claim chooses the bundle to verify against.
    /// `mayHaveNames`: of names of other types nothing is said here, as a server's host name is another's to judge.
    package static func identity(of leaf: SVIDFacts, mayHaveNames: Bool = false) throws(Problem) -> SPIFFEID {
        let place = ChainPlace.leaf
        guard let uri = leaf.uriNames.first else { throw Problem(.noIdentity, at: place, "it has no URI name") }
        guard leaf.uriNames.count == 1 else {
            throw Problem(.severalIdentities, at: place, "it has \(leaf.uriNames.count) URI names")
        }
        guard let identity = SPIFFEID(uri) else {
            throw Problem(.malformedIdentity, at: place, "\(quoted(uri)) is not the SPIFFE ID of a workload")
        }
        guard mayHaveNames || !leaf.hasOtherNames else {
            throw Problem(.subjectAlternativeName, at: place, "it carries names of other types beside its SPIFFE ID")
        }
        return identity
    }

    /// What is wrong with a path whose signatures have been verified, leaf first and root last; nil if nothing is.
    /// `identity` is the claim of the leaf.
    package static func problem(in path: [SVIDFacts], claiming identity: SPIFFEID, at now: WallTime) -> Problem? {
        guard path.count - 2 <= ChainLimits.intermediates else {
            return Problem(
                .chainTooLong, "there are \(path.count - 2) intermediates between the leaf and its root",
                remedy: "at most \(ChainLimits.intermediates)")
        }
        // Of one certificate alone it is said below that it proves nothing; until then it is the leaf.
        let members = path.enumerated().map { ($0.element, ChainPlace.name($0.offset, of: max(2, path.count))) }
        for (member, place) in members {
            if let problem = commonProblem(member, place, now) { return problem }
        }
        if let (leaf, place) = members.first, let problem = leafProblem(leaf, place) { return problem }
        for (issuer, place) in members.dropFirst() {
            if let problem = issuerProblem(issuer, place, identity.trustDomain) { return problem }
        }
        // A certificate that stands in the bundle itself would be its own proof.
        guard path.count > 1 else {
            return Problem(
                .issuerNotAuthority, at: ChainPlace.leaf, "it stands in the bundle, but signs only itself")
        }
        return nil
    }

    /// Everything that is wrong with the number of certificates a peer shows.
    package static func countProblem(_ count: Int) -> Problem? {
        if count == 0 { return Problem(.noCertificate, "no certificate was shown") }
        guard count > ChainLimits.shown else { return nil }
        return Problem(.chainTooLong, "\(count) certificates were shown", remedy: "at most \(ChainLimits.shown)")
    }

    /// That no bundle is known for what a leaf claims.
    package static func unknownTrustDomain(_ trustDomain: TrustDomain) -> Problem {
        Problem(.unknownTrustDomain, "no bundle is known for the trust domain \(trustDomain)")
    }

    /// Quoted with escapes and cut short: the peer chose these bytes, and they go into logs.
    package static func quoted(_ text: String) -> String { String(text.prefix(100)).debugDescription }

    private static func commonProblem(_ member: SVIDFacts, _ place: String, _ now: WallTime) -> Problem? {
        guard member.isVersion3 else { return Problem(.certificateInvalid, at: place, "it is not of version 3") }
        return member.validity.problem(at: now, of: place)
    }

    private static func leafProblem(_ leaf: SVIDFacts, _ place: String) -> Problem? {
        func problem(_ code: ErrorCode, _ message: String) -> Problem { Problem(code, at: place, message) }
        if leaf.isAuthority { return problem(.leafIsAuthority, "it says that it is a CA") }
        guard let usages = leaf.usages, leaf.areUsagesCritical else {
            return problem(.leafKeyUsage, "it has no critical keyUsage")
        }
        guard usages.contains(.digitalSignature) else {
            return problem(.leafKeyUsage, "its keyUsage lacks digitalSignature")
        }
        guard usages.isDisjoint(with: [.keyCertSign, .cRLSign]) else {
            return problem(.leafKeyUsage, "its keyUsage lets it sign certificates or CRLs")
        }
        if let purposes = leaf.purposes {
            for (purpose, name) in [(SVIDFacts.Purposes.serverAuth, "serverAuth"), (.clientAuth, "clientAuth")] {
                guard purposes.contains(purpose) else {
                    return problem(.leafExtendedKeyUsage, "its extendedKeyUsage lacks \(name)")
                }
            }
        }
        if leaf.isSubjectEmpty, !leaf.areNamesCritical {
            return problem(.subjectAlternativeName, "its subject is empty, and its names are not critical")
        }
        return nil
    }

    private static func issuerProblem(_ issuer: SVIDFacts, _ place: String, _ trustDomain: TrustDomain) -> Problem? {
        guard issuer.isAuthority else { return Problem(.issuerNotAuthority, at: place, "it signs, but is not a CA") }
        guard issuer.usages?.contains(.keyCertSign) == true else {
            return Problem(.issuerKeyUsage, at: place, "it signs, but its keyUsage lacks keyCertSign")
        }
        for name in issuer.uriNames where name.lowercased().hasPrefix("spiffe:") {
            guard name == "spiffe://\(trustDomain)" else {
                return Problem(.issuerIdentity, at: place, "it signs for \(trustDomain), but is \(quoted(name))")
            }
        }
        return nil
    }
}
