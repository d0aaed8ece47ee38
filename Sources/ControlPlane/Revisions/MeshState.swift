// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
package import ResourceDocuments

/// The mesh's configuration in one revision. Immutable: a new revision is a new state.
package struct MeshState: Sendable {
    /// 0 before anything was written.
    package let revision: UInt64
    package let documents: [ResourceID: ResourceDocument]

    package static let empty = MeshState(revision: 0, documents: [:])

    /// The same as typed resources, in the order of their ids.
    package var resources: MeshResources {
        var resources = MeshResources()
        for id in documents.keys.sorted() {
            if let document = documents[id] { resources.add(document.resource) }
        }
        return resources
    }

    package var mesh: MeshSettings {
        if case .mesh(let settings) = documents[.mesh]?.resource { settings } else { MeshSettings() }
    }

    /// That there is no such resource, with the one that was probably meant.
    package func missing(_ id: ResourceID) -> Problem {
        let nearest = id.reference.nearest(among: documents.keys.filter { $0.kind == id.kind }.map(\.reference))
        let shown = nearest.map { $0.namespace == id.reference.namespace ? $0.name.text : $0.description }
        return Problem(
            .resourceMissing, at: id.description, "does not exist",
            remedy: shown.map { "did you mean `\($0)`?" }
                ?? "`weft get \(id.kind.rawValue.lowercased())` lists what does")
    }

    /// This state with changes on top of it.
    package func applying(_ changes: [ResourceChange], as revision: UInt64) -> MeshState {
        var documents = documents
        for change in changes {
            switch change {
            case .put(let document): documents[document.id] = document
            case .delete(let id): documents[id] = nil
            }
        }
        return MeshState(revision: revision, documents: documents)
    }

    /// What leads from this state to another.
    package func changes(to target: MeshState) -> [ResourceChange] {
        var changes: [ResourceChange] = []
        for (id, document) in target.documents where documents[id]?.text != document.text {
            changes.append(.put(document))
        }
        for id in documents.keys where target.documents[id] == nil { changes.append(.delete(id)) }
        return changes.sorted { $0.id < $1.id }
    }
}

/// One step from a revision to the next.
package enum ResourceChange: Hashable, Sendable {
    case put(ResourceDocument)
    case delete(ResourceID)

    package var id: ResourceID {
        switch self {
        case .put(let document): document.id
        case .delete(let id): id
        }
    }
}

/// What is told of a revision beside its content.
package struct RevisionRecord: Hashable, Sendable {
    package let number: UInt64
    /// Tells apart two that tried to write the same revision at once; only one was published.
    package let attempt: String
    package let author: String
    package let time: WallTime
    package let message: String?
    /// How many resources it put and deleted.
    package let put: UInt64
    package let deleted: UInt64
    /// The revision whose content it brought back.
    package let rolledBackTo: UInt64?
}
