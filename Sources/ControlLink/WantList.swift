// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
package import MeshModel

/// What the workload has asked for, and when last: what a control plane is asked to tell of, and to keep telling of.
package struct WantList {
    /// What has not been asked for so long is not wanted any more.
    private static let keep = Duration.seconds(600)

    private var addresses: [IPAddress: Instant] = [:]
    private var names: [ServiceName: Instant] = [:]
    /// What the control plane has said that nobody has; holds until it says something else.
    private var unknownAddresses: Set<IPAddress> = []
    private var unknownNames: Set<ServiceName> = []

    package init() {}

    package init(_ wants: Wants, now: Instant) {
        for address in wants.addresses { addresses[address] = now }
        for name in wants.names { names[name] = now }
    }

    package var wants: Wants {
        Wants(
            addresses: addresses.keys.sorted { $0.description < $1.description },
            names: names.keys.sorted { $0.text < $1.text })
    }

    /// Somebody asks; true if the control plane has to be told.
    package mutating func want(_ address: IPAddress, now: Instant) -> Bool {
        let isNew = addresses.updateValue(now, forKey: address) == nil
        if addresses.count > ControlProtocol.wantedAddresses { dropOldestAddress() }
        return isNew
    }

    package mutating func want(_ name: ServiceName, now: Instant) -> Bool {
        let isNew = names.updateValue(now, forKey: name) == nil
        if names.count > ControlProtocol.wantedNames, let oldest = names.min(by: { $0.value < $1.value }) {
            names[oldest.key] = nil
        }
        return isNew
    }

    /// A connection goes there, or has gone.
    package mutating func used(_ address: IPAddress, now: Instant) {
        if addresses[address] != nil { addresses[address] = now }
    }

    /// The same for a service that may have been asked for by its name, from this namespace.
    package mutating func used(_ service: ResourceReference, from namespace: ResourceName, now: Instant) {
        let full = ServiceName(service: service.name, namespace: service.namespace)
        if names[full] != nil { names[full] = now }
        let short = ServiceName(service: service.name, namespace: nil)
        if service.namespace == namespace, names[short] != nil { names[short] = now }
    }

    package func isUnknown(_ address: IPAddress) -> Bool { unknownAddresses.contains(address) }
    package func isUnknown(_ name: ServiceName) -> Bool { unknownNames.contains(name) }

    /// What an update says of what was asked. `known` are the addresses that it has brought.
    package mutating func answered(_ update: Update) {
        // A whole update says everything anew, and so does one that brings resources: who was unknown may be among them.
        if update.isWhole || !update.resources.isEmpty {
            unknownAddresses = []
            unknownNames = []
        }
        unknownAddresses.formUnion(update.unknown.addresses)
        unknownNames.formUnion(update.unknown.names)
        unknownAddresses.formIntersection(addresses.keys)
        unknownNames.formIntersection(names.keys)
    }

    /// Another watch: nothing that was said before holds.
    package mutating func forgetAnswers() {
        unknownAddresses = []
        unknownNames = []
    }

    /// Drops what nobody has used for long; true if something was.
    package mutating func expire(now: Instant) -> Bool {
        let before = addresses.count + names.count
        addresses = addresses.filter { now - $0.value < Self.keep }
        names = names.filter { now - $0.value < Self.keep }
        unknownAddresses.formIntersection(addresses.keys)
        unknownNames.formIntersection(names.keys)
        return addresses.count + names.count < before
    }

    /// Drops addresses that are not of the mesh after all.
    package mutating func keep(only isOfMesh: (IPAddress) -> Bool) {
        addresses = addresses.filter { isOfMesh($0.key) }
    }

    private mutating func dropOldestAddress() {
        guard let oldest = addresses.min(by: { $0.value < $1.value }) else { return }
        addresses[oldest.key] = nil
        unknownAddresses.remove(oldest.key)
    }
}
