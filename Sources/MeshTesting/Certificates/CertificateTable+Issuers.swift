// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What whoever signs has to be, and how far it may go.
extension CertificateTable {
    func issuers() throws -> [CertificateCase] {
        func intermediate(_ name: String, _ code: ErrorCode, _ edit: @escaping TestMesh.Edit) throws -> CertificateCase
        {
            try bent(name, code, intermediate: edit)
        }
        let mesh = try TestMesh(now: now)
        let signer = try mesh.leaf("spiffe://mesh.example/ns/default/sa/signer") { $0.subject = "signer" }
        let signed = [try mesh.leaf(by: signer), signer, mesh.intermediate]
        let path = "spiffe://mesh.example/ns/default/sa/ca"
        return [
            CertificateCase("a leaf signed by another leaf", mesh, signed, .rejected(.issuerNotAuthority)),
            try intermediate("an intermediate that is not a CA", .issuerNotAuthority) {
                $0.set(.basicConstraints(isAuthority: false))
            },
            try intermediate("an intermediate without basicConstraints", .issuerNotAuthority) {
                $0.remove(.basicConstraints)
            },
            try bent(
                "a root that is not a CA", .issuerNotAuthority, root: { $0.set(.basicConstraints(isAuthority: false)) }),
            try intermediate("an intermediate that may sign CRLs only", .issuerKeyUsage) {
                $0.set(.keyUsage(.cRLSign))
            },
            try intermediate("an intermediate without keyUsage", .issuerKeyUsage) { $0.remove(.keyUsage) },
            try bent("a root that may sign CRLs only", .issuerKeyUsage, root: { $0.set(.keyUsage(.cRLSign)) }),
            try bent("a root without keyUsage", .issuerKeyUsage, root: { $0.remove(.keyUsage) }),
            try intermediate("an intermediate with the identity of a workload", .issuerIdentity) {
                $0.set(.names(.uri(path), critical: false))
            },
            try intermediate("an intermediate with a root path", .issuerIdentity) {
                $0.set(.names(.uri("spiffe://mesh.example/"), critical: false))
            },
            try intermediate("an intermediate with the identity of another trust domain", .issuerIdentity) {
                $0.set(.names(.uri("spiffe://other.example"), critical: false))
            },
            try bent(
                "a root with the identity of a workload", .issuerIdentity,
                root: { $0.set(.names(.uri(path), critical: false)) }),
            try bent(
                "a root with the identity of another trust domain", .issuerIdentity,
                root: { $0.set(.names(.uri("spiffe://other.example"), critical: false)) }),
        ]
    }

    func constraints() throws -> [CertificateCase] {
        let flat = try TestMesh(now: now)
        let lower = try flat.authority("lower", by: flat.intermediate)
        let chain = [try flat.leaf(by: lower), lower, flat.intermediate]
        // Trusted for a trust domain below the one that its intermediate is held to.
        let below = trustDomain("sub.mesh.example")
        let plainRoot = try TestMesh(now: now, root: { $0.remove(.subjectAlternativeName) })
        let belowChain = [try plainRoot.leaf("spiffe://sub.mesh.example/ns/default/sa/web"), plainRoot.intermediate]
        func permitted(_ names: TestExtension.Name...) -> TestExtension { .nameConstraints(permitted: names) }
        return [
            CertificateCase("an intermediate below one that allows none", flat, chain, .rejected(.pathLength)),
            try bent(
                "an intermediate below a root that allows none", .pathLength,
                root: { $0.set(.basicConstraints(isAuthority: true, pathLength: 0)) }),
            try bent(
                "an intermediate constrained to another domain", .pathLength,
                intermediate: { $0.set(permitted(.uri("other.example"))) }),
            try bent(
                "an intermediate constrained to all below our domain", .pathLength,
                intermediate: { $0.set(permitted(.uri(".mesh.example"))) }),
            try bent(
                "an intermediate constrained to a domain that ours is a suffix of", .pathLength,
                intermediate: { $0.set(permitted(.uri("a.mesh.example"))) }),
            try bent(
                "an intermediate that excludes our domain", .pathLength,
                intermediate: { $0.set(.nameConstraints(excluded: [.uri("mesh.example")])) }),
            try bent(
                "a root constrained to another domain", .pathLength, root: { $0.set(permitted(.uri("other.example"))) }),
            CertificateCase(
                "a constraint to a domain, and a leaf below it", plainRoot, belowChain,
                bundles: [below: [plainRoot.root]],
                .rejected(.pathLength)),
        ]
    }
}
