// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlStore
package import MeshModel
internal import ResourceDocuments

extension MeshSettings {
    package var virtualAddressRanges: [AddressRange] { virtualRanges ?? Self.defaultVirtualRanges }
}

/// Gives services without an address of their own one that nobody else has, for as long as they exist. Callers remember
/// addresses, so a service keeps its own whatever else changes, and over a restart.
///
/// Two keys for each, written together: `virtual/<ns>/<name>` says what a service has, `virtual/<address>` that it is taken.
struct VirtualAddresses {
    private let store: any Store

    init(_ store: any Store) { self.store = store }

    /// How many places are looked at before a range counts as full.
    private static let probes = 4096

    /// What services have, by name.
    func all() async throws(StoreError) -> [ResourceReference: [IPAddress]] {
        var all: [ResourceReference: [IPAddress]] = [:]
        for entry in try await store.list(prefix: StoreKeys.virtualAddresses).entries {
            guard let (service, addresses) = Self.read(entry.key, entry.value) else { continue }
            all[service] = addresses
        }
        return all
    }

    /// What an entry says; nil for the other one of the two.
    static func read(_ key: String, _ value: [UInt8]) -> (ResourceReference, [IPAddress])? {
        guard let service = ResourceReference(key.dropFirst(StoreKeys.virtualAddresses.count)) else { return nil }
        let texts = String(decoding: value, as: UTF8.self).split(separator: ",")
        return (service, texts.compactMap { IPAddress($0) })
    }

    /// Gives addresses to services that have none; those that cannot get one are thrown as a problem after all others have.
    func assign(_ state: MeshState, _ known: [ResourceReference: [IPAddress]]) async throws(Problem) {
        let ranges = state.mesh.virtualAddressRanges
        let families = AddressFamily.allCases.map { family in ranges.filter { $0.family == family } }
            .filter { !$0.isEmpty }
        guard !families.isEmpty else { return }
        let services = state.documents.compactMap { id, document -> ResourceReference? in
            guard case .service(let service) = document.resource, service.addresses.isEmpty else { return nil }
            return id.reference
        }
        var lacking = services.filter { known[$0] == nil }.sorted()
        var poor: ResourceReference?
        // Another replica may give them theirs in the same moment; what it was faster with is seen at the next look.
        for _ in 0..<Self.attempts where !lacking.isEmpty {
            let given: [ResourceReference: [IPAddress]]
            do throws(StoreError) { given = try await all() } catch { throw error.problem }
            lacking = lacking.filter { given[$0] == nil }
            var taken = Set(given.values.joined())
            var chosen: [(service: ResourceReference, addresses: [IPAddress])] = []
            for service in lacking {
                let addresses = families.compactMap { Self.address(of: service, $0, &taken) }
                if addresses.count < families.count { poor = service }
                if !addresses.isEmpty { chosen.append((service, addresses)) }
            }
            for start in stride(from: 0, to: chosen.count, by: Self.batch) {
                try await give(chosen[start..<min(start + Self.batch, chosen.count)])
            }
            if chosen.isEmpty { break }
        }
        guard let poor else { return }
        throw Problem(
            .virtualAddressesSpent, at: "Service \(poor)",
            "no address is free in \(ranges.map(\.description).joined(separator: ", "))",
            remedy: "add a range to `spec.vips` of the Mesh")
    }

    private static let attempts = 8
    /// As many as a transaction takes: each needs an entry for itself and one for each address.
    private static let batch = 40

    /// All of them or, where somebody was faster with one, none.
    private func give(
        _ chosen: ArraySlice<(service: ResourceReference, addresses: [IPAddress])>
    ) async throws(Problem) {
        var transaction = StoreTransaction(operations: [])
        for (service, addresses) in chosen {
            let texts = addresses.map(\.description)
            let entries =
                [(StoreKeys.virtualAddress(service), texts.joined(separator: ","))]
                + texts.map { ("\(StoreKeys.virtualAddresses)\($0)", service.description) }
            for (key, value) in entries {
                transaction.compares.append(.absent(key))
                transaction.operations.append(.put(key: key, value: Array(value.utf8)))
            }
        }
        do throws(StoreError) { _ = try await store.commit(transaction) } catch { throw error.problem }
    }

    /// The first one that nobody has, from where the service's name says on; nil where none is free.
    private static func address(
        of service: ResourceReference, _ ranges: [AddressRange], _ taken: inout Set<IPAddress>
    ) -> IPAddress? {
        for range in ranges {
            for probe in 0..<probes {
                guard let address = range.address(number: start(service) &+ UInt64(probe)) else { break }
                if taken.insert(address).inserted { return address }
            }
        }
        return nil
    }

    /// Where the search begins: by the name, so that a mesh that is made anew has the same addresses again.
    private static func start(_ service: ResourceReference) -> UInt64 {
        service.description.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// Takes back the addresses of services that are no more.
    func collect(_ state: MeshState) async throws(StoreError) {
        for (service, addresses) in try await all() where state.documents[ResourceID(.service, service)] == nil {
            let keys = [StoreKeys.virtualAddress(service)] + addresses.map { "\(StoreKeys.virtualAddresses)\($0)" }
            _ = try await store.commit(StoreTransaction(operations: keys.map { .delete(key: $0) }))
        }
    }
}

extension AddressRange {
    /// An address of the range by a number of any size, neither the first nor the last of it; nil where it has no such.
    fileprivate func address(number: UInt64) -> IPAddress? {
        let hostBits = family.bitWidth - prefixLength
        guard hostBits >= 2 else { return hostBits == 0 && number == 0 ? base : nil }
        let count = hostBits >= 63 ? UInt64.max : (UInt64(1) << UInt64(hostBits)) - 2
        let offset = UInt128(number % count + 1)
        return switch base {
        case .v4(let address): .v4(IPv4Address(bits: address.bits + UInt32(truncatingIfNeeded: offset)))
        case .v6(let address): .v6(IPv6Address(bits: address.bits + offset))
        }
    }
}
