// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Who is connected at one moment, and the virtual addresses that services have been given. Immutable.
package struct Membership: Sendable {
    package private(set) var registrations: [String: Registration] = [:]
    package private(set) var virtualAddresses: [ResourceReference: [IPAddress]] = [:]

    package static let empty = Membership()

    package var workloads: Set<ResourceReference> { Set(registrations.values.map(\.workload)) }

    mutating func forgetRegistrations() { registrations = [:] }

    mutating func forgetAddresses() { virtualAddresses = [:] }

    /// `nil` takes it out.
    mutating func set(_ registration: Registration?, key: String) {
        registrations[key] = registration
        // The room of those who have left is given back.
        guard registrations.capacity > 1024, registrations.count < registrations.capacity / 4 else { return }
        registrations = Dictionary(uniqueKeysWithValues: registrations.map { ($0.key, $0.value) })
    }

    mutating func set(_ addresses: [IPAddress]?, of service: ResourceReference) {
        virtualAddresses[service] = addresses
    }

    /// One registration for each workload: where a proxy was restarted before its old connection was missed, the newer.
    package var newest: [ResourceReference: Registration] {
        Dictionary(registrations.values.map { ($0.workload, $0) }) { $0.since >= $1.since ? $0 : $1 }
    }
}
