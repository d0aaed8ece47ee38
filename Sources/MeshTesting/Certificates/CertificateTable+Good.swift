// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What must be accepted: a verifier that refuses these cuts off somebody who has done nothing wrong.
extension CertificateTable {
    func goodChains() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now)
        let good = try accepted(mesh.identity)
        let leaf = try mesh.leaf()
        let unrelated = try TestMesh("other.example", now: now)
        let tall = try TestMesh(
            now: now, root: { $0.set(.basicConstraints(isAuthority: true)) },
            intermediate: { $0.set(.basicConstraints(isAuthority: true)) })
        let lower = try tall.authority("lower", by: tall.intermediate)
        let lowLeaf = try tall.leaf(by: lower)
        let longPath = String(repeating: "a", count: 2048 - "spiffe://mesh.example/".utf8.count)
        return [
            CertificateCase("a leaf and its intermediate, as issued", mesh, [leaf, mesh.intermediate], good),
            CertificateCase("the root sent along", mesh, [leaf, mesh.intermediate, mesh.root], good),
            CertificateCase(
                "a certificate sent along that is of no use", mesh, [leaf, mesh.intermediate, unrelated.root], good),
            CertificateCase("a leaf signed by the root itself", mesh, [try mesh.leaf(by: mesh.root)], good),
            CertificateCase("two intermediates", tall, [lowLeaf, lower, tall.intermediate], good),
            CertificateCase("two intermediates in the wrong order", tall, [lowLeaf, tall.intermediate, lower], good),
            try bent("a leaf without extendedKeyUsage", leaf: { $0.remove(.extendedKeyUsage) }),
            try bent(
                "a leaf with a critical extendedKeyUsage",
                leaf: { $0.set(.extendedKeyUsage(.serverAuth, .clientAuth, critical: true)) }),
            try bent(
                "a leaf with one more extendedKeyUsage",
                leaf: { $0.set(.extendedKeyUsage(.serverAuth, .clientAuth, .codeSigning)) }),
            try bent(
                "a leaf with one more keyUsage",
                leaf: { $0.set(.keyUsage(.digitalSignature, .keyEncipherment, .keyAgreement)) }),
            try bent("a leaf without basicConstraints", leaf: { $0.remove(.basicConstraints) }),
            try bent(
                "a leaf with an unknown extension that is not critical", leaf: { $0.add(.unknown(critical: false)) }),
            try bent(
                "a leaf with a subject and names that are not critical",
                leaf: {
                    $0.subject = "web"
                    $0.set(.names(.uri("spiffe://mesh.example/ns/default/sa/web"), critical: false))
                }),
            try named("an identity of another shape", "spiffe://mesh.example/Workload/web_1.2-3"),
            try named("an identity of exactly 2048 bytes", "spiffe://mesh.example/" + longPath),
            try bent("an intermediate without name constraints", intermediate: { $0.remove(.nameConstraints) }),
            try bent(
                "an intermediate constrained to all below a domain",
                intermediate: { $0.set(.nameConstraints(permitted: [.uri(".example")])) }),
            try bent(
                "an intermediate with the identity of its trust domain",
                intermediate: { $0.set(.names(.uri("spiffe://mesh.example"), critical: false)) }),
            try bent("a leaf that begins 30 s from now", leaf: { $0.notBefore = now + .seconds(30) }),
            try bent("an intermediate that begins 30 s from now", intermediate: { $0.notBefore = now + .seconds(30) }),
            try bent("a leaf that ends 1 s from now", leaf: { $0.notAfter = now + .seconds(1) }),
            try bent("a root without end", root: { $0.notAfter = nil }),
            try bent(
                "authorities on P-384",
                root: {
                    $0.key = .p384()
                    $0.hash = .sha384
                },
                intermediate: {
                    $0.key = .p384()
                    $0.hash = .sha384
                }),
            try bent("a leaf on P-384", leaf: { $0.key = .p384() }),
        ]
    }

    func goodBundles() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now)
        let successor = try TestMesh(now: now)
        let other = try TestMesh("other.example", now: now)
        let leaf = try mesh.leaf()
        let otherLeaf = try other.leaf()
        let both = [mesh.trustDomain: [mesh.root], other.trustDomain: [other.root]]
        // A root that may have an authority of its own name's successor below it, while that one is not yet trusted.
        let old = try TestMesh(now: now, root: { $0.set(.basicConstraints(isAuthority: true)) })
        let newKey = TestKey.p256()
        let crossSigned = try old.authority("new root", by: old.root) { $0.key = newKey }
        let newIntermediate = try old.authority("new intermediate", by: crossSigned)
        // One key, one name: the certificate of old has run out, its renewal has not.
        let rootKey = TestKey.p256()
        let spent = try TestMesh(
            now: now,
            root: {
                $0.key = rootKey
                $0.notAfter = WallTime(seconds: now.seconds - 60)
            })
        let renewed = try TestMesh(now: now, root: { $0.key = rootKey }).root
        let single = try TestMesh("mesh", now: now)
        let underscored = try TestMesh("mesh_a.example", now: now)
        return [
            CertificateCase(
                "two roots of one name in a rotation, signed by the first", mesh, [leaf, mesh.intermediate],
                bundles: [mesh.trustDomain: [mesh.root, successor.root]], try accepted(mesh.identity)),
            CertificateCase(
                "two roots of one name in a rotation, signed by the second", mesh, [leaf, mesh.intermediate],
                bundles: [mesh.trustDomain: [successor.root, mesh.root]], try accepted(mesh.identity)),
            CertificateCase(
                "a leaf under a new root that the old one has signed", old,
                [try old.leaf(by: newIntermediate), newIntermediate, crossSigned], try accepted(old.identity)),
            CertificateCase(
                "an expired root before its renewal with the same key", spent,
                [try spent.leaf(), spent.intermediate], bundles: [spent.trustDomain: [spent.root, renewed]],
                try accepted(spent.identity)),
            CertificateCase(
                "an expired root after its renewal with the same key", spent,
                [try spent.leaf(), spent.intermediate], bundles: [spent.trustDomain: [renewed, spent.root]],
                try accepted(spent.identity)),
            CertificateCase(
                "a bundle that holds the intermediate alone", mesh, [leaf, mesh.intermediate],
                bundles: [mesh.trustDomain: [mesh.intermediate]], try accepted(mesh.identity)),
            CertificateCase(
                "a peer of another trust domain whose bundle is known", mesh, [otherLeaf, other.intermediate],
                bundles: both, try accepted(other.identity)),
            CertificateCase(
                "a trust domain of one label", single, [try single.leaf(), single.intermediate],
                try accepted(single.identity)),
            CertificateCase(
                "a trust domain with an underscore", underscored, [try underscored.leaf(), underscored.intermediate],
                try accepted(underscored.identity)),
        ]
    }
}
