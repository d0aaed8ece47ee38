// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import LinuxSystem
import MeshModel

/// What `weft ca issue` does once its command line has been understood: decides, signs, checks its own work, and only
/// then writes.
struct IssueWork {
    /// What was asked for.
    struct Order {
        /// Nil takes the identity of the set that is renewed.
        let identity: SPIFFEID?
        /// Nil takes the usual, or what is left.
        let lifetime: Duration?
        /// A signing request whose key is to be certified; nil makes a key.
        let requestPath: String?
        /// Who is to own a new set.
        let owner: FileOwner?
        /// In place of the set that is there.
        let isRenewal: Bool
    }

    struct Issued {
        let certificate: WorkloadCertificate
        let warnings: [Problem]
    }

    let authority: IssuingAuthority
    let directory: IdentityDirectory
    let now: WallTime

    func run(_ order: Order) async throws(Problem) -> Issued {
        var warnings = CertificateFacts(authority.certificate).warning(at: now).map { [$0] } ?? []
        let current = order.isRenewal ? try directory.current() : nil
        let identity = try Self.settle(order.identity, current)
        let key = order.requestPath == nil ? SigningKey() : nil
        if let current { try Self.requireFit(current, hasKey: key != nil, directory) }
        let publicKey = if let key { key.publicKey } else { try Self.publicKey(order.requestPath ?? "") }
        let lifetime = settle(order.lifetime, &warnings)
        let certificate = try authority.issue(publicKey, identity: identity, lifetime: lifetime, now: now)
        try await certificate.requireAccepted(now: now)
        if let current {
            if !Set(certificate.roots).isSubset(of: current.roots) {
                warnings.append(
                    Problem(
                        .bundleGrown, "the bundle had not known this authority", remedy: "peers have to trust it too"))
            }
            try directory.renew(certificate, key: key, current)
        } else {
            try directory.create(certificate, key: key, owner: order.owner)
        }
        return Issued(certificate: certificate, warnings: warnings)
    }

    /// A running proxy keeps its identity for life, so a renewal under another name would only be refused there.
    private static func settle(
        _ wanted: SPIFFEID?, _ current: IdentityDirectory.Current?
    ) throws(Problem) -> SPIFFEID {
        guard let identity = wanted ?? current?.identity else {
            throw Problem(.missingValue, at: "--service-account", "nobody is named to issue for")
        }
        if let current, current.identity != identity {
            throw Problem(
                .identityChanged, "the set that is to be renewed is of \(current.identity), not of \(identity)",
                remedy: "issue into another directory")
        }
        return identity
    }

    /// A key beside a chain that is not its own would break the set.
    private static func requireFit(
        _ current: IdentityDirectory.Current, hasKey: Bool, _ directory: IdentityDirectory
    ) throws(Problem) {
        guard current.hasKey != hasKey else { return }
        let path = directory.file(IdentityDirectory.keyName)
        throw Problem(
            .notRenewable, at: path,
            hasKey ? "the set has no key here" : "the set has a key of its own",
            remedy: hasKey ? "give the request of its holder with `--csr`" : "renew it without `--csr`")
    }

    private static func publicKey(_ path: String) throws(Problem) -> PublicKey {
        let text = try PEMFile.text(path, .workload)
        do throws(Problem) {
            return try CertificateRequest(pem: text).publicKey
        } catch {
            throw Problem(error.code, at: path, error.message, remedy: error.remedy)
        }
    }

    /// What was asked for is granted or refused; where nothing was asked for, what is left will do.
    private func settle(_ wanted: Duration?, _ warnings: inout [Problem]) -> Duration {
        if let wanted { return wanted }
        guard let longest = authority.longestLifetime(now: now), longest < CertificateLifetime.workload else {
            return CertificateLifetime.workload
        }
        let span = DurationText.lifetimeText(longest)
        warnings.append(
            Problem(.lifetimeShortened, "the certificate lives for \(span) only: the intermediate ends then"))
        return longest
    }
}
