// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
package import MeshModel
internal import ResourceDocuments

/// What a change would mean to those who call and are called, before it is made.
extension ControlPlane {
    /// A caller and a service between whom something would be otherwise.
    package struct Effect: Hashable, Sendable {
        package let caller: String
        package let service: String
        package let before: String
        package let after: String
    }

    /// The pairs of workload and service for which documents would change the verdict on a connection, or the routes. Of
    /// verdicts that depend on the request it is said that they do.
    package func effects(of text: [UInt8], _ options: ApplyOptions) async throws(Problems) -> [Effect] {
        let index = await keeper.index
        let reading: ResourceReading
        do throws(Problem) { reading = try ResourceReading(text, name: "input") } catch { throw Problems(error) }
        guard reading.problems.isEmpty else { throw Problems(reading.problems) }
        let target = index.state.applying(reading.documents.map { .put($0) }, as: index.state.revision + 1)
        let later = MeshIndex(target, index.membership, trustDomain: trustDomain)
        let (before, after) = (Verdicts(index, trustDomain), Verdicts(later, trustDomain))
        var effects: [Effect] = []
        let callers = Set(before.callers).union(after.callers).sorted()
        let services = Set(before.services).union(after.services).sorted()
        for service in services {
            for caller in callers {
                let (old, new) = (before.words(caller, service), after.words(caller, service))
                guard old != new else { continue }
                effects.append(
                    Effect(caller: caller.description, service: service.description, before: old, after: new))
            }
        }
        return effects
    }
}
