// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
package import MeshModel

extension WatchHub {
    /// What is known of one proxy that is connected here.
    package struct ProxyStatus: Sendable {
        package let workload: ResourceReference
        package let instance: String
        package let identity: SPIFFEID
        package let serial: String
        package let version: String
        package let since: WallTime
        package let sentRevision: UInt64
        package let acknowledgedRevision: UInt64
        package let isSynced: Bool
        package let resourceCount: Int
        package let rejection: Rejected?
        package let wants: Wants
    }

    /// All of them, by name.
    package var status: [ProxyStatus] {
        watches.values.map { watch in
            ProxyStatus(
                workload: watch.workload, instance: watch.instance, identity: watch.identity, serial: watch.serial,
                version: watch.version, since: watch.since, sentRevision: watch.sentRevision,
                acknowledgedRevision: watch.acknowledgedRevision, isSynced: watch.isSynced,
                resourceCount: watch.target.count, rejection: watch.rejection, wants: watch.wants)
        }.sorted { ($0.workload, $0.instance) < ($1.workload, $1.instance) }
    }
}
