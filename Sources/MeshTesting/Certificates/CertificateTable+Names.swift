// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Whom a leaf claims to be, and how claims go wrong.
extension CertificateTable {
    private static let uri = TestExtension.Name.uri("spiffe://mesh.example/ns/default/sa/web")

    func names() throws -> [CertificateCase] {
        let uri = Self.uri
        func leaf(_ name: String, _ code: ErrorCode, _ names: TestExtension) throws -> CertificateCase {
            try bent(name, code, leaf: { $0.set(names) })
        }
        return [
            try bent("a leaf without names", .noIdentity, leaf: { $0.remove(.subjectAlternativeName) }),
            try bent(
                "a leaf whose subject alone holds the identity", .noIdentity,
                leaf: {
                    $0.remove(.subjectAlternativeName)
                    $0.subject = "spiffe://mesh.example/ns/default/sa/web"
                }),
            try leaf("a leaf with a DNS name alone", .noIdentity, .names(.dns("web.mesh.example"))),
            try leaf(
                "a DNS name that holds the identity", .noIdentity,
                .names(.dns("spiffe://mesh.example/ns/default/sa/web"))),
            try leaf(
                "an e-mail name that holds the identity", .noIdentity,
                .names(.email("spiffe://mesh.example/ns/default/sa/web"))),
            try leaf(
                "a leaf with two identities", .severalIdentities,
                .names(uri, .uri("spiffe://mesh.example/ns/default/sa/admin"))),
            try leaf("a leaf with the same identity twice", .severalIdentities, .names(uri, uri)),
            try leaf(
                "an identity beside a URI of another scheme", .severalIdentities,
                .names(uri, .uri("https://mesh.example/web"))),
            try leaf("an identity beside a DNS name", .subjectAlternativeName, .names(uri, .dns("web.mesh.example"))),
            try leaf("an identity after a DNS name", .subjectAlternativeName, .names(.dns("web.mesh.example"), uri)),
            try leaf("an identity beside an address", .subjectAlternativeName, .names(uri, .address([10, 0, 0, 1]))),
            try leaf(
                "an identity beside an e-mail name", .subjectAlternativeName, .names(uri, .email("web@mesh.example"))),
            try leaf(
                "an empty subject with names that are not critical", .subjectAlternativeName,
                .names(uri, critical: false)),
        ]
    }

    func malformedIdentities() throws -> [CertificateCase] {
        let domain = "spiffe://mesh.example"
        let rows: [(name: String, uri: String)] = [
            ("a URI of another scheme", "https://mesh.example/ns/default/sa/web"),
            ("a scheme in upper case", "SPIFFE://mesh.example/ns/default/sa/web"),
            ("an empty URI", ""),
            ("a URI without an authority", "spiffe:/ns/default/sa/web"),
            ("no trust domain", "spiffe:///ns/default/sa/web"),
            ("no path", domain),
            ("a root path", domain + "/"),
            ("a trailing slash", domain + "/ns/default/sa/web/"),
            ("an empty segment", domain + "/ns//sa/web"),
            ("a segment of one dot", domain + "/ns/./sa/web"),
            ("a segment of two dots", domain + "/ns/default/../sa/web"),
            ("two dots at the end", domain + "/ns/default/sa/web/.."),
            ("a percent", domain + "/ns/default/sa/%77eb"),
            ("a percent in the trust domain", "spiffe://mesh%2eexample/ns/default/sa/web"),
            ("a user", "spiffe://web@mesh.example/ns/default/sa/web"),
            ("a port", "spiffe://mesh.example:443/ns/default/sa/web"),
            ("an empty port", "spiffe://mesh.example:/ns/default/sa/web"),
            ("a query", domain + "/ns/default/sa/web?x=y"),
            ("a fragment", domain + "/ns/default/sa/web#x"),
            ("a trust domain in upper case", "spiffe://Mesh.example/ns/default/sa/web"),
            ("a trust domain beyond ASCII", "spiffe://m\u{e9}sh.example/ns/default/sa/web"),
            ("a path beyond ASCII", domain + "/ns/default/sa/w\u{e9}b"),
            ("an IPv4 address as trust domain", "spiffe://192.0.2.1/ns/default/sa/web"),
            ("an IPv6 address as trust domain", "spiffe://[2001:db8::1]/ns/default/sa/web"),
            ("a NUL in the path", domain + "/ns/default/sa/web\0/evil"),
            ("a NUL at the end", domain + "/ns/default/sa/web\0"),
            ("a NUL in the trust domain", "spiffe://mesh.example\0.evil/ns/default/sa/web"),
            ("a blank", domain + "/ns/default/sa/we b"),
            ("a blank before", " " + domain + "/ns/default/sa/web"),
            ("a line feed at the end", domain + "/ns/default/sa/web\n"),
            ("a backslash", domain + "/ns/default\\sa/web"),
            ("a trust domain of 256 bytes", "spiffe://" + String(repeating: "a", count: 256) + "/web"),
            ("2049 bytes", domain + "/" + String(repeating: "a", count: 2049 - domain.utf8.count - 1)),
        ]
        return try rows.map { try named("an identity with \($0.name)", $0.uri, .malformedIdentity) }
    }

    func trustDomains() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now, intermediate: { $0.remove(.nameConstraints) })
        let other = try TestMesh("other.example", now: now, intermediate: { $0.remove(.nameConstraints) })
        let path = "/ns/default/sa/web"
        let both = [mesh.trustDomain: [mesh.root], other.trustDomain: [other.root]]
        func foreign(_ name: String, _ domain: String) throws -> CertificateCase {
            let chain = [try mesh.leaf("spiffe://\(domain)\(path)"), mesh.intermediate]
            return CertificateCase(name, mesh, chain, .rejected(.unknownTrustDomain))
        }
        return [
            try foreign("the same path in a trust domain that is unknown", "other.example"),
            try foreign("a trust domain that ours is a prefix of", "mesh.example.evil"),
            try foreign("a trust domain that ours is a suffix of", "evilmesh.example"),
            try foreign("a trust domain that is below ours", "sub.mesh.example"),
            try foreign("a trust domain that is a prefix of ours", "mesh.exampl"),
            try foreign("our trust domain with a dot at the end", "mesh.example."),
            CertificateCase(
                "an identity of another trust domain by a root of ours", mesh,
                [try mesh.leaf("spiffe://other.example\(path)"), mesh.intermediate], bundles: both,
                .rejected(.unknownRoot)),
            CertificateCase(
                "an identity of ours by a root of another trust domain", mesh,
                [try other.leaf("spiffe://mesh.example\(path)"), other.intermediate], bundles: both,
                .rejected(.unknownRoot)),
        ]
    }
}
