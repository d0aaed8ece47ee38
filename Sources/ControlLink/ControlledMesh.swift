// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
package import MeshModel
internal import TLSSession

/// Everything that a proxy has of its control plane at a moment. A value: an update makes another one of it, which takes
/// its place when it is in force.
package struct ControlledMesh: Hashable, Sendable {
    package private(set) var revision: UInt64 = 0
    package private(set) var documents: [String: ResourceText] = [:]
    /// Of the mesh: a name of two labels is one of it if the second is here.
    package private(set) var namespaces: Set<ResourceName> = []
    package private(set) var trust: TrustTexts = [:]
    /// Means something for open connections only, so that it is not kept on disk.
    package private(set) var retired: TrustTexts = [:]
    package private(set) var denied = DeniedPeers()
    package private(set) var checkpoint: Checkpoint?

    package init() {}

    /// What holds after an update. Throws where the update is not what the control plane meant to send: a digest that is not
    /// the text's, or a checkpoint over other documents than these would be.
    package func applying(_ update: Update) throws(Problem) -> ControlledMesh {
        var next = self
        if update.isWhole { next.documents = [:] }
        for id in update.removed { next.documents[id] = nil }
        for resource in update.resources {
            guard ResourceDigest(hash: SecureHash.sha256(Array(resource.text.utf8))) == resource.digest else {
                throw Problem(.updateRejected, at: resource.id, "its digest is not that of its text")
            }
            next.documents[resource.id] = resource
        }
        guard next.documents.count <= ControlProtocol.resourceCount else {
            throw Problem(.updateRejected, "there would be \(next.documents.count) documents")
        }
        next.revision = update.revision
        if let namespaces = update.namespaces { next.namespaces = Set(namespaces) }
        if let trust = update.trust {
            next.trust = trust
            next.retired = update.retired ?? [:]
        }
        if let denied = update.denied { next.denied = denied }
        next.checkpoint = update.checkpoint
        if let checkpoint = update.checkpoint { try next.checkDrift(try checkpoint.contents()) }
        return next
    }

    /// Takes the roots and denials of another, which hold whether or not its documents do.
    package mutating func take(trustOf other: ControlledMesh) {
        trust = other.trust
        retired = other.retired
        denied = other.denied
    }

    /// That what was signed is what is here.
    private func checkDrift(_ signed: Checkpoint.Contents) throws(Problem) {
        guard signed.revision == revision else {
            throw Problem(.updateRejected, "the checkpoint is of revision \(signed.revision), not \(revision)")
        }
        guard signed.digests == digests else {
            let different = Set(signed.digests.keys).symmetricDifference(digests.keys).union(
                digests.filter { signed.digests[$0.key] != $0.value }.keys)
            let first = different.sorted().prefix(3).joined(separator: ", ")
            throw Problem(.updateRejected, "the checkpoint is over other documents than are here: \(first)")
        }
    }

    package var digests: [String: ResourceDigest] { documents.mapValues(\.digest) }

    /// What to say in the greeting; nil: nothing is here.
    package var holdings: WatchRequest.Holdings? {
        documents.isEmpty && revision == 0 ? nil : WatchRequest.Holdings(revision: revision, digests: digests)
    }

    /// In an order that does not depend on how they came.
    package var sortedDocuments: [ResourceText] { documents.values.sorted { $0.id < $1.id } }

    /// The update that would bring a proxy without anything here.
    package var wholeUpdate: Update {
        Update(
            sequence: 0, revision: revision, isWhole: true, resources: sortedDocuments,
            namespaces: namespaces.sorted(), trust: trust, denied: denied, checkpoint: checkpoint)
    }
}
