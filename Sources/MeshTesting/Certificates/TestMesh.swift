// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// A trust domain with a root and an intermediate that can be bent in any way, and the leaves it issues. Unbent, its
/// certificates say what those of `weft ca` say.
package struct TestMesh: Sendable {
    package typealias Edit = (inout CertificateRecipe) -> Void

    package let trustDomain: TrustDomain
    package let now: WallTime
    package let root: MintedCertificate
    package let intermediate: MintedCertificate

    package init(
        _ name: String = "mesh.example", now: WallTime, root editRoot: Edit = { _ in },
        intermediate editIntermediate: Edit = { _ in }
    ) throws {
        guard let trustDomain = TrustDomain(name) else { preconditionFailure("\(name) is not a trust domain.") }
        self.trustDomain = trustDomain
        self.now = now
        var recipe = Self.authority("root", pathLength: 1, now: now)
        recipe.set(.names(.uri("spiffe://\(name)"), critical: false))
        editRoot(&recipe)
        root = try MintedCertificate.mint(recipe, by: nil)
        recipe = Self.authority("intermediate", pathLength: 0, now: now)
        recipe.set(.nameConstraints(permitted: [.uri(name)]))
        editIntermediate(&recipe)
        intermediate = try MintedCertificate.mint(recipe, by: root)
    }

    /// A leaf, by the intermediate unless told otherwise.
    package func leaf(
        _ identity: String? = nil, by issuer: MintedCertificate? = nil, _ edit: Edit = { _ in }
    ) throws -> MintedCertificate {
        var recipe = Self.leafRecipe(identity ?? self.identity, now: now)
        edit(&recipe)
        return try MintedCertificate.mint(recipe, by: issuer ?? intermediate)
    }

    /// A leaf that nobody but itself has signed.
    package func selfSignedLeaf(_ edit: Edit = { _ in }) throws -> MintedCertificate {
        var recipe = Self.leafRecipe(identity, now: now)
        edit(&recipe)
        return try MintedCertificate.mint(recipe, by: nil)
    }

    /// Another certificate that signs, without limits of its own.
    package func authority(
        _ name: String, by issuer: MintedCertificate?, _ edit: Edit = { _ in }
    ) throws -> MintedCertificate {
        var recipe = Self.authority(name, pathLength: nil, now: now)
        edit(&recipe)
        return try MintedCertificate.mint(recipe, by: issuer)
    }

    package var identity: String { "spiffe://\(trustDomain)/ns/default/sa/web" }

    private static func leafRecipe(_ identity: String, now: WallTime) -> CertificateRecipe {
        var recipe = CertificateRecipe(
            notBefore: WallTime(seconds: now.seconds - 600), notAfter: WallTime(seconds: now.seconds + 86_400),
            key: .p256())
        recipe.set(.basicConstraints(isAuthority: false))
        recipe.set(.keyUsage(.digitalSignature))
        recipe.set(.extendedKeyUsage(.serverAuth, .clientAuth))
        recipe.set(.names(.uri(identity)))
        return recipe
    }

    private static func authority(_ name: String, pathLength: UInt8?, now: WallTime) -> CertificateRecipe {
        var recipe = CertificateRecipe(
            subject: name, notBefore: WallTime(seconds: now.seconds - 86_400),
            notAfter: WallTime(seconds: now.seconds + 86_400 * 90), key: .p256())
        recipe.set(.basicConstraints(isAuthority: true, pathLength: pathLength))
        recipe.set(.keyUsage(.keyCertSign, .cRLSign))
        return recipe
    }
}
