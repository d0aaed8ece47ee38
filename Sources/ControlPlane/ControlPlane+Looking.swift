// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
internal import ControlStore
package import MeshModel
internal import ResourceDocuments

/// What operators look at.
extension ControlPlane {
    /// The mesh as it is, or was in a revision; throws where that is not kept.
    package func state(at revision: UInt64? = nil) async throws(Problem) -> MeshState {
        guard let revision else { return await revisions.state }
        let state: MeshState?
        do throws(StoreError) { state = try await revisions.content(of: revision) } catch { throw error.problem }
        guard let state else {
            throw Problem(.revisionMissing, "there is no revision \(revision)", remedy: "`weft history` lists them")
        }
        return state
    }

    /// Newest first.
    package func history() async -> [RevisionRecord] { await revisions.history.reversed() }

    package func index() async -> MeshIndex { await keeper.index }

    package func denied() async -> DeniedList {
        let denied = await keeper.denied
        return DeniedList(serials: denied.serials.sorted(), identities: denied.identities.map(\.description).sorted())
    }

    package struct DeniedList: Sendable {
        package let serials: [String]
        package let identities: [String]
    }

    /// Takes back an identity or one certificate, or gives it back.
    package func deny(
        identity: SPIFFEID?, serial: String?, isDenied: Bool, author: String
    ) async throws(Problem) {
        let keys = [identity.map { StoreKeys.deniedIdentity($0) }, serial.map { StoreKeys.deniedSerial($0) }]
            .compactMap(\.self)
        let value = Array("\(now()) \(author)".utf8)
        do throws(StoreError) {
            _ = try await store.commit(
                StoreTransaction(
                    operations: keys.map { isDenied ? .put(key: $0, value: value) : .delete(key: $0) }))
        } catch {
            throw error.problem
        }
        for key in keys { await audit.note(isDenied ? "deny" : "permit", by: author, on: key, outcome: nil) }
    }
}
