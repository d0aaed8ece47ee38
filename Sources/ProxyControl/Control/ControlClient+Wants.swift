// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlLink
internal import DataPlane
internal import MeshModel
internal import NameServing
internal import Reactor
internal import Telemetry

/// First use: what a proxy does not know yet it asks for, once for all who wait.
extension ControlClient {
    private static let patience = Duration.seconds(1)

    /// Somebody who wants to know a name, until an answer comes or the time is over.
    final class NameWaiter: EventHandler {
        let isOfMesh: Bool
        private let completion: (MeshAnswer) -> Void
        var timedOut: () -> Void = {}

        init(isOfMesh: Bool, _ completion: @escaping (MeshAnswer) -> Void) {
            self.isOfMesh = isOfMesh
            self.completion = completion
        }

        func answer(_ answer: MeshAnswer) { completion(answer) }

        override func deadlineReached(now: Instant) { timedOut() }
    }

    // MARK: Addresses

    /// A data thread holds a connection to an address that it does not know.
    func wanted(_ address: IPAddress) {
        let now = runtime.loop.now
        // Asked by the one before, and answered.
        if !wants.want(address, now: now), wants.isUnknown(address), isConnected {
            return runtime.dataPlane.use(unknown: [address])
        }
        // Also where it stands on the list already: what was said of it does not hold any more.
        link.say(wants.wants)
    }

    /// A connection has ended, or is open: what it was made for is still in use.
    func used(_ address: IPAddress) {
        // Bounded; who is left out now comes again.
        if usedAddresses.count < ControlProtocol.wantedAddresses { usedAddresses.insert(address) }
    }

    /// A service is in use by its addresses, whether it was asked for by one of them or by its name.
    func noteUses() {
        guard !usedAddresses.isEmpty else { return }
        let (file, now) = (runtime.state.file, runtime.loop.now)
        for address in usedAddresses { wants.used(address, now: now) }
        for service in file.resources.services where service.addresses.contains(where: { usedAddresses.contains($0) }) {
            wants.used(service.reference, from: file.proxy.workload.namespace, now: now)
        }
        usedAddresses = []
    }

    func noteUse(in batch: [FinishedWork]) {
        for work in batch {
            guard case .connection(let record) = work.record, record.direction == .outbound,
                let original = record.originalDestination
            else { continue }
            used(original.address)
        }
    }

    // MARK: Names

    /// What a name stands for, asked of the control plane where it has to be. `isOfMesh`: it ended in `.mesh`, so that
    /// nobody else can know it.
    func resolve(_ name: ServiceName, isOfMesh: Bool, _ completion: @escaping (MeshAnswer) -> Void) {
        if let known = known(name) { return completion(.addresses(known)) }
        let absent = isOfMesh ? MeshAnswer.unknownInMesh : .notOfMesh
        // Most names of two labels are of the world; the control plane need not hear of them.
        if !isOfMesh, let namespace = name.namespace, !mesh.namespaces.contains(namespace) { return completion(absent) }
        if wants.isUnknown(name) || !isConnected { return completion(absent) }
        guard nameWaiters.count < ControlProtocol.wantedNames else { return completion(absent) }
        let waiter = NameWaiter(isOfMesh: isOfMesh, completion)
        waiter.timedOut = { [unowned self, unowned waiter] in
            nameWaiters[name]?.removeAll { $0 === waiter }
            if nameWaiters[name]?.isEmpty == true { nameWaiters[name] = nil }
            runtime.loop.remove(waiter)
            waiter.answer(absent)
        }
        runtime.loop.add(waiter)
        runtime.loop.setDeadline(runtime.loop.now + Self.patience, of: waiter)
        nameWaiters[name, default: []].append(waiter)
        _ = wants.want(name, now: runtime.loop.now)
        link.say(wants.wants)
    }

    /// As the server of names asks; the control plane is asked for what is not known here.
    func answer(_ name: QueriedName, _ known: MeshAnswer, _ completion: @escaping (MeshAnswer) -> Void) {
        if case .addresses(let addresses) = known, !addresses.isEmpty { return completion(known) }
        guard name.mayBeOfMesh, var text = name.text?[...] else { return completion(known) }
        if name.isInMeshZone { text = text.dropLast(".mesh".utf8.count) }
        guard let asked = ServiceName(text) else { return completion(known) }
        resolve(asked, isOfMesh: name.isInMeshZone) { answer in
            // What is here without an address, such as a namespace, stays that.
            if case .addresses = answer { completion(answer) } else { completion(known) }
        }
    }

    /// An update is in force: who waits for what it has brought, or for what nobody has, waits no more.
    func answerNames() {
        for (name, waiters) in nameWaiters {
            let addresses = known(name)
            guard addresses != nil || wants.isUnknown(name) else { continue }
            nameWaiters[name] = nil
            for waiter in waiters {
                runtime.loop.remove(waiter)
                waiter.answer(addresses.map { .addresses($0) } ?? (waiter.isOfMesh ? .unknownInMesh : .notOfMesh))
            }
        }
    }

    private func known(_ name: ServiceName) -> [IPAddress]? {
        let file = runtime.state.file
        let reference = ResourceReference(
            namespace: name.namespace ?? file.proxy.workload.namespace, name: name.service)
        return file.resources.services.first { $0.reference == reference }?.addresses
    }
}
