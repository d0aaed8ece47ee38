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
        guard !ranges.isEmpty else { return }
        var lacking: [ResourceReference] = []
        for (id, document) in state.documents {
            guard case .service(let service) = document.resource, service.addresses.isEmpty, known[id.reference] == nil
            else { continue }
            lacking.append(id.reference)
        }
        var failure: Problem?
        for service in lacking.sorted() {
            do throws(Problem) { try await assign(service, ranges) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func assign(_ service: ResourceReference, _ ranges: [AddressRange]) async throws(Problem) {
        for family in [AddressFamily.ipv4, .ipv6] {
            guard let range = ranges.first(where: { $0.family == family }) else { continue }
            for probe in 0..<Self.probes {
                guard let address = range.address(number: Self.start(service) &+ UInt64(probe)) else { break }
                let key = StoreKeys.virtualAddress(service)
                let taken = "\(StoreKeys.virtualAddresses)\(address)"
                let outcome: StoreOutcome
                do throws(StoreError) {
                    outcome = try await store.commit(
                        StoreTransaction(
                            compares: [.absent(key), .absent(taken)],
                            operations: [
                                .put(key: key, value: Array(address.description.utf8)),
                                .put(key: taken, value: Array(service.description.utf8)),
                            ]))
                } catch {
                    throw error.problem
                }
                // Somebody else gave the service one in the meantime.
                if case .conflict(let entries) = outcome, !entries.contains(where: { $0.key == key }) { continue }
                return
            }
        }
        throw Problem(
            .virtualAddressesSpent, at: "Service \(service)",
            "no address is free in \(ranges.map(\.description).joined(separator: ", "))",
            remedy: "add a range to `spec.vips` of the Mesh")
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
