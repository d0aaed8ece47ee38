// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Who is connected at one moment, and the virtual addresses that services have been given. Immutable.
///
/// A registration belongs to the session of the replica that its proxy is connected to, and counts no more when that has
/// ended. But a replica that was away itself cannot know who has gone and who is on his way back: until these had the time
/// for it, everybody counts who was there last (``ControlPlane/Settings/returning``).
package struct Membership: Sendable {
    private var told: [String: Registration] = [:]
    private var sessions: Set<String> = []
    /// Who was connected to a replica that is gone still counts.
    package var awaitsReturn = false
    package private(set) var virtualAddresses: [ResourceReference: [IPAddress]] = [:]

    package static let empty = Membership()

    /// Those who are endpoints.
    package var registrations: [String: Registration] { awaitsReturn ? told : connected }

    /// Those who are connected to a replica that is there.
    package var connected: [String: Registration] { told.filter { isConnected($0.value) } }

    /// By its key; one that is an endpoint.
    package func registration(at key: String) -> Registration? {
        told[key].flatMap { awaitsReturn || isConnected($0) ? $0 : nil }
    }

    private func isConnected(_ registration: Registration) -> Bool {
        // Those of before there were sessions end by themselves.
        registration.session.map(sessions.contains) ?? true
    }

    package var workloads: Set<ResourceReference> { Set(registrations.values.map(\.workload)) }

    mutating func forgetRegistrations() {
        told = [:]
        sessions = []
    }

    mutating func forgetAddresses() { virtualAddresses = [:] }

    /// `nil` takes it out.
    mutating func set(_ registration: Registration?, key: String) {
        told[key] = registration
        // The room of those who have left is given back.
        guard told.capacity > 1024, told.count < told.capacity / 4 else { return }
        told = Dictionary(uniqueKeysWithValues: told.map { ($0.key, $0.value) })
    }

    mutating func set(session: String, isThere: Bool) {
        if isThere { sessions.insert(session) } else { sessions.remove(session) }
    }

    mutating func set(_ addresses: [IPAddress]?, of service: ResourceReference) {
        virtualAddresses[service] = addresses
    }

    /// One registration for each workload: where a proxy was restarted before its old connection was missed, the newer.
    package var newest: [ResourceReference: Registration] {
        Dictionary(registrations.values.map { ($0.workload, $0) }) { $0.since >= $1.since ? $0 : $1 }
    }
}
