// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import X509

/// Whom a leaf claims to be. Read before anything is verified, because the claim chooses the bundle to verify against.
enum LeafIdentity {
    private static let place = "the leaf"

    static func read(_ leaf: Certificate) throws(Problem) -> SPIFFEID {
        let names: SubjectAlternativeNames?
        do {
            names = try leaf.extensions.subjectAlternativeNames
        } catch {
            throw Problem(.malformedIdentity, at: place, "its alternative names cannot be read")
        }
        var uris: [String] = []
        var hasOthers = false
        for name in names ?? SubjectAlternativeNames() {
            if case .uniformResourceIdentifier(let uri) = name { uris.append(uri) } else { hasOthers = true }
        }
        guard let uri = uris.first else { throw Problem(.noIdentity, at: place, "it has no URI name") }
        guard uris.count == 1 else {
            throw Problem(.severalIdentities, at: place, "it has \(uris.count) URI names")
        }
        guard let identity = SPIFFEID(uri) else {
            // Quoted with escapes: the peer chose these bytes, and they go into logs.
            let shown = String(uri.prefix(100)).debugDescription
            throw Problem(.malformedIdentity, at: place, "\(shown) is not the SPIFFE ID of a workload")
        }
        guard !hasOthers else {
            throw Problem(.subjectAlternativeName, at: place, "it carries names of other types beside its SPIFFE ID")
        }
        return identity
    }
}
