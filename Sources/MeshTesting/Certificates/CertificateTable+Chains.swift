// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Dates, signatures and paths: what holds a chain together.
extension CertificateTable {
    func dates() throws -> [CertificateCase] {
        func ended(_ recipe: inout CertificateRecipe) { recipe.notAfter = WallTime(seconds: now.seconds - 60) }
        func begins(_ recipe: inout CertificateRecipe) { recipe.notBefore = now + .seconds(600) }
        return [
            try bent("a leaf that has expired", .expired, leaf: ended),
            try bent(
                "a leaf that expired 2 s ago", .expired, leaf: { $0.notAfter = WallTime(seconds: now.seconds - 2) }),
            try bent("an intermediate that has expired", .expired, intermediate: ended),
            try bent("a root that has expired", .expired, root: ended),
            try bent("a leaf that begins 10 minutes from now", .notYetValid, leaf: begins),
            try bent("a leaf that begins 62 s from now", .notYetValid, leaf: { $0.notBefore = now + .seconds(62) }),
            try bent("an intermediate that begins 10 minutes from now", .notYetValid, intermediate: begins),
            try bent("a root that begins 10 minutes from now", .notYetValid, root: begins),
        ]
    }

    func signatures() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now)
        let twin = try TestMesh(now: now)
        let bare = try TestMesh(now: now, root: withoutIdentifiers, intermediate: withoutIdentifiers)
        let bareTwin = try TestMesh(now: now, root: withoutIdentifiers, intermediate: withoutIdentifiers)
        let leaf = try mesh.leaf()
        let bareLeaf = try bare.leaf(nil, withoutIdentifiers)
        let bad = CertificateCase.Expectation.rejected(.badSignature)
        return [
            CertificateCase("an altered signature", mesh, [leaf.withBrokenSignature, mesh.intermediate], bad),
            CertificateCase(
                "an altered signature of the intermediate", mesh, [leaf, mesh.intermediate.withBrokenSignature], bad),
            CertificateCase(
                "an identity altered after signing", mesh,
                [leaf.altered("default/sa/web", to: "default/sa/adm"), mesh.intermediate], bad),
            CertificateCase(
                "a root of the same name with another key, told apart by key identifiers", mesh,
                [leaf, mesh.intermediate], bundles: [mesh.trustDomain: [twin.root]], .rejected(.unknownRoot)),
            try bent(
                "a leaf that names another key as that of its issuer", .unknownRoot,
                leaf: {
                    $0.hasKeyIdentifiers = false
                    $0.add(.authorityKeyIdentifier(.p256()))
                }),
            CertificateCase(
                "a root of the same name with another key, without key identifiers", bare,
                [bareLeaf, bare.intermediate], bundles: [bare.trustDomain: [bareTwin.root]], bad),
            CertificateCase(
                "an intermediate of the same name with another key, without key identifiers", bare,
                [bareLeaf, bareTwin.intermediate], bundles: [bare.trustDomain: [bareTwin.root]], bad),
            try bent("a signature by another algorithm than named", .badSignature, leaf: { $0.claimedHash = .sha384 }),
        ]
    }

    private func withoutIdentifiers(_ recipe: inout CertificateRecipe) { recipe.hasKeyIdentifiers = false }

    func paths() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now)
        let stranger = try TestMesh(now: now)
        let leaf = try mesh.leaf()
        let chain = [leaf, mesh.intermediate]
        let lone = try mesh.selfSignedLeaf()
        let unknown = CertificateCase.Expectation.rejected(.unknownRoot)
        let long = CertificateCase.Expectation.rejected(.chainTooLong)
        let open = try TestMesh(
            now: now, root: { $0.set(.basicConstraints(isAuthority: true)) },
            intermediate: { $0.set(.basicConstraints(isAuthority: true)) })
        let second = try open.authority("second", by: open.intermediate)
        let third = try open.authority("third", by: second)
        let spare = try (0..<4).map { try mesh.authority("spare \($0)", by: nil) }
        return [
            CertificateCase("a leaf without its intermediate", mesh, [leaf], unknown),
            CertificateCase(
                "a leaf with an intermediate of somebody else", mesh, [leaf, stranger.intermediate], unknown),
            CertificateCase(
                "a chain of a stranger who uses our names", mesh, [try stranger.leaf(), stranger.intermediate], unknown),
            CertificateCase(
                "a chain of a stranger who sends his root along", mesh,
                [try stranger.leaf(), stranger.intermediate, stranger.root], unknown),
            CertificateCase(
                "a bundle from which everything is gone", mesh, chain, bundles: [mesh.trustDomain: []], unknown),
            CertificateCase("a leaf that signs itself", mesh, [lone], unknown),
            CertificateCase(
                "a leaf that stands in the bundle itself", mesh, [lone], bundles: [mesh.trustDomain: [lone]],
                .rejected(.issuerNotAuthority)),
            CertificateCase(
                "three intermediates", open, [try open.leaf(by: third), third, second, open.intermediate], long),
            CertificateCase("more certificates than are looked at", mesh, chain + spare, long),
        ]
    }

    func strengths() throws -> [CertificateCase] {
        let short = try TestKey.rsa(bits: 1024)
        let enough = try TestKey.rsa(bits: 2048)
        let old = try TestMesh(
            now: now,
            root: {
                $0.key = enough
                $0.hash = .sha1
            })
        return [
            CertificateCase(
                "a root of its own time, signed with SHA-1 and sent along", old,
                [try old.leaf(), old.intermediate, old.root], try accepted(old.identity)),
            try bent("an RSA root of 2048 bits", root: { $0.key = enough }),
            try bent("an RSA leaf of 2048 bits", leaf: { $0.key = enough }),
            try bent("an RSA leaf of 1024 bits", .weakSignature, leaf: { $0.key = short }),
            try bent("an RSA intermediate of 1024 bits", .weakSignature, intermediate: { $0.key = short }),
            try bent("a leaf signed with SHA-1", .weakSignature, leaf: { $0.hash = .sha1 }),
            try bent("an intermediate signed with SHA-1", .weakSignature, intermediate: { $0.hash = .sha1 }),
            try bent(
                "a leaf signed with RSA and SHA-1", .weakSignature, intermediate: { $0.key = enough },
                leaf: { $0.hash = .sha1 }),
        ]
    }
}
