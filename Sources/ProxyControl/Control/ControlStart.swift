// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlLink
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import ResourceDocuments
internal import TLSSession

/// What a proxy with a control plane knows when it starts: nothing, or what it knew when it ended.
struct ControlStart {
    var mesh = ControlledMesh()
    var wants = Wants()
    /// Nothing has ever come from the control plane, or it is not to be believed any more.
    var isAwaited = true
    /// Why the snapshot was not used.
    var problem: Problem?
}

extension ProxySettings {
    /// Where the identity lies: as the file says, or where the control plane puts it.
    var identityPaths: IdentityPaths? {
        identity ?? (control == nil ? nil : IdentityDirectory(in: stateDirectory).paths)
    }

    /// True if the proxy renews its certificate itself.
    var renewsIdentity: Bool { control != nil && identity == nil }
}

extension ControlledMesh {
    /// What the control plane says, as if it stood in the proxy's own file.
    func configuration(around text: [UInt8], name: String) throws(Problems) -> ConfigurationFile {
        try ConfigurationReader.read(text, name: name, with: sortedDocuments.map { ($0.id, $0.text) })
    }

    /// The roots of other trust domains, where they lie; the proxy's own file comes first.
    func trustSettings(beside file: ConfigurationFile, own: TrustDomain?) -> [TrustSettings] {
        let directory = IdentityDirectory(in: file.proxy.stateDirectory)
        let said = Set(file.resources.trust.map(\.trustDomain))
        return trust.keys.filter { $0 != own && !said.contains($0) }.sorted { $0.name < $1.name }.compactMap { domain in
            guard let path = directory.bundlePath(of: domain), Files.exists(path) else { return nil }
            return TrustSettings(trustDomain: domain, bundlePath: path)
        }
    }
}

extension ConfigurationFile {
    /// How to load the identity; nil where there is none.
    func identityLoader(_ mesh: ControlledMesh, own: TrustDomain?) -> IdentityLoader? {
        guard let paths = proxy.identityPaths else { return nil }
        let workload = resources.workloads.first { $0.reference == proxy.workload }
        return IdentityLoader(
            paths, trust: resources.trust + mesh.trustSettings(beside: self, own: own),
            expectedIdentity: workload?.identity, trustDomain: resources.mesh.trustDomain, denied: mesh.denied,
            retired: mesh.retired.compactMapValues { Certificate.list(pem: Array($0.utf8), limit: 256) })
    }

    /// Takes the last snapshot where there is a good one. `identity` is by whose roots it is judged.
    func lastKnown(_ identity: IdentityMaterial?) -> ControlStart {
        var start = ControlStart()
        guard proxy.control != nil else {
            start.isAwaited = false
            return start
        }
        let snapshot = SnapshotFile(in: proxy.stateDirectory)
        do throws(Problem) {
            guard let identity else {
                throw Problem(.snapshotIgnored, at: snapshot.path, "there is no identity to judge it by")
            }
            let judge = CheckpointJudge(
                identity.bundles, of: identity.identity.trustDomain, for: proxy.workload)
            guard let (mesh, wants) = try snapshot.load(judge, now: WallTime.now()) else { return start }
            (start.mesh, start.wants, start.isAwaited) = (mesh, wants, false)
        } catch {
            if Files.exists(snapshot.path) { start.problem = error }
        }
        return start
    }
}
