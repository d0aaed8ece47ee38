// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
internal import ControlStore
internal import MeshModel

/// What replicas tell each other of the proxies that watch at them.
extension ControlPlane {
    /// How far a revision has come among the proxies of every replica.
    package func progress(of revision: UInt64) async -> RevisionProgress {
        var sum = await hub.progress(of: revision)
        for (replica, report) in await others() {
            if let told = report?.progress(of: revision) {
                sum = sum + told
            } else {
                // It has not come so far, or has not said so yet.
                let names = await proxies(of: replica)
                sum.late += names
                sum.concerned += names.count
            }
        }
        return sum
    }

    /// Workloads that have not acknowledged the newest roots, at any replica.
    func behindTrust() async -> [String] {
        var all = await hub.behindTrust.map(\.description)
        let digest = await hub.trustDigest
        for (replica, report) in await others() {
            if let report, report.trust == digest {
                all += report.behindTrust
            } else {
                all += await proxies(of: replica)
            }
        }
        return all
    }

    /// The processes of proxies at other replicas that have not acknowledged what they were told.
    package func behindElsewhere() async -> Set<String> {
        var all: Set<String> = []
        for report in await others().values { all.formUnion(report?.behind ?? []) }
        return all
    }

    /// What the other replicas say; nil of one that has proxies and says nothing.
    private func others() async -> [ResourceName: ReplicaReport?] {
        guard settings.isShared else { return [:] }
        var all: [ResourceName: ReplicaReport?] = [:]
        for registration in await keeper.membership.connected.values { all[registration.replica] = .some(nil) }
        for entry in (try? await store.list(prefix: StoreKeys.acknowledged).entries) ?? [] {
            guard let name = ResourceName(entry.key.dropFirst(StoreKeys.acknowledged.count)) else { continue }
            all[name] = .some(try? ReplicaReport.decode(entry.value))
        }
        all[settings.replica] = nil
        return all
    }

    private func proxies(of replica: ResourceName) async -> [String] {
        await keeper.membership.connected.values.filter { $0.replica == replica }.map(\.workload.description)
    }

    /// Writes down what the others are asked about, a few times a second where something has changed.
    func tellOthers() async {
        guard settings.isShared else { return }
        var told: UInt64?
        let key = StoreKeys.acknowledged(settings.replica)
        while !Task.isCancelled {
            let (count, report) = await hub.report(unless: told)
            if let report, (try? await lease.put(key, report.encode(), isLeased: true)) != nil { told = count }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}

extension ControlPlane.Settings {
    /// Where proxies can go elsewhere they are to notice in time that they must: three times this is less than
    /// ``LeaseHolder/timeToLive``, so that they are back before their endpoints go.
    var heartbeatSeconds: Int { isShared ? 2 : ControlProtocol.heartbeatSeconds }
}
