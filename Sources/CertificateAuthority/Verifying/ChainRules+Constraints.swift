// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import X509

/// How the certificates of a chain limit those below them.
extension ChainRules {
    func constraintProblem(_ chain: [ChainMember]) -> Problem? {
        for (index, issuer) in chain.enumerated().dropFirst() {
            let below = chain[..<index]
            if let limit = issuer.pathLength, limit < Self.pathLength(below) {
                return Problem(
                    .pathLength, at: issuer.place, "it allows \(limit) intermediates below it, and there are more")
            }
            guard let constraints = issuer.nameConstraints else { continue }
            for name in below.flatMap(\.certificate.uriNames) where !Self.allows(name, constraints) {
                return Problem(
                    .pathLength, at: issuer.place, "its name constraints do not allow \(SVIDRules.quoted(name))")
            }
        }
        return nil
    }

    /// Intermediates that count: those that are not issued to themselves (RFC 5280 section 4.2.1.9).
    private static func pathLength(_ below: ArraySlice<ChainMember>) -> Int {
        below.dropFirst().filter { $0.certificate.issuer != $0.certificate.subject }.count
    }

    private static func allows(_ uri: String, _ constraints: NameConstraints) -> Bool {
        let permitted = Array(constraints.permittedURIDomains)
        let excluded = Array(constraints.forbiddenURIDomains)
        guard !permitted.isEmpty || !excluded.isEmpty else { return true }
        guard let host = host(of: uri) else { return false }
        return (permitted.isEmpty || permitted.contains { matches(host, $0) })
            && !excluded.contains { matches(host, $0) }
    }

    /// A name that begins with a dot stands for all below it, any other for exactly itself (RFC 5280 section 4.2.1.10).
    /// The library takes `mesh.example` for all below it too, as for DNS names, so it alone would not do.
    private static func matches(_ host: String, _ constraint: String) -> Bool {
        let constraint = constraint.lowercased()
        return constraint.hasPrefix(".") ? host.hasSuffix(constraint) && host != constraint : host == constraint
    }

    /// The host of `spiffe://host/...`; nil for a URI without one, which no constraint allows.
    private static func host(of uri: String) -> String? {
        guard let start = uri.firstRange(of: "://")?.upperBound else { return nil }
        let host = uri[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return host.isEmpty || host.contains("@") || host.contains(":") ? nil : host.lowercased()
    }
}
