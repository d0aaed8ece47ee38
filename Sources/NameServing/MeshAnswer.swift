// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What the mesh knows of a name.
package enum MeshAnswer: Hashable, Sendable {
    /// It is a name of the mesh, with these addresses. None: the name is there, but has no address, such as a namespace.
    case addresses([IPAddress])
    /// Somebody else has to be asked for it.
    case notOfMesh
    /// It ends in `.mesh`, and there is none.
    case unknownInMesh
}

/// Names of Services by the ways they can be written: `<service>.<namespace>.mesh`, `<service>.<namespace>`, and
/// `<service>` for those of the own namespace. Immutable; made anew with each set of resources.
package struct MeshNames: Sendable {
    private var answers: [String: MeshAnswer] = [:]

    /// No names at all.
    package init() {}

    package init(_ resources: MeshResources, workload: ResourceReference) {
        // The longer a way to write a name, the surer what is meant: a service of the own namespace whose name has a dot
        // does not hide one of another namespace.
        for service in resources.services { addFull(service) }
        for service in resources.services where !service.addresses.isEmpty {
            add("\(service.reference.name).\(service.reference.namespace)", .addresses(service.addresses))
        }
        for service in resources.services
        where !service.addresses.isEmpty && service.reference.namespace == workload.namespace {
            add("\(service.reference.name)", .addresses(service.addresses))
        }
    }

    package func answer(_ name: QueriedName) -> MeshAnswer {
        let other: MeshAnswer = name.isInMeshZone ? .unknownInMesh : .notOfMesh
        guard name.mayBeOfMesh, let text = name.text else { return other }
        return answers[text] ?? other
    }

    /// The names above it are there too, without an address: a resolver that goes down label by label (RFC 9156) would
    /// take "no such name" for an answer about everything below (RFC 8020).
    private mutating func addFull(_ service: Service) {
        let full = "\(service.reference.name).\(service.reference.namespace).mesh"
        if let other = answers[full], other != .addresses([]) { return }
        answers[full] = .addresses(service.addresses)
        var above = full[...]
        while let dot = above.firstIndex(of: ".") {
            above = above[above.index(after: dot)...]
            add(String(above), .addresses([]))
        }
    }

    private mutating func add(_ name: String, _ answer: MeshAnswer) {
        if answers[name] == nil { answers[name] = answer }
    }
}
