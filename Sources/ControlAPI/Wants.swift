// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// What a proxy asks the control plane for because its workload has asked for it: whole lists, the later one holds.
package struct Wants: ControlMessage {
    package var addresses: [IPAddress]
    /// `api` in the proxy's own namespace, or `db.prod`.
    package var names: [ServiceName]

    package init(addresses: [IPAddress] = [], names: [ServiceName] = []) {
        self.addresses = addresses
        self.names = names
    }

    package var isEmpty: Bool { addresses.isEmpty && names.isEmpty }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("addresses", addresses.map(\.description))
            writer.list("names", names.map(\.text))
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        addresses = try reader.list("addresses", "an IP address", atMost: ControlProtocol.wantedAddresses) {
            IPAddress($0)
        }
        names = try reader.list("names", "the name of a service", atMost: ControlProtocol.wantedNames) {
            ServiceName($0)
        }
    }
}

/// A service as clients call it: its name, perhaps with a dot and its namespace. Neither has a dot itself, as nobody could
/// say then where the one ends; in lower case.
package struct ServiceName: Hashable, Sendable, CustomStringConvertible {
    package let service: ResourceName
    /// Nil: that of whoever asks.
    package let namespace: ResourceName?

    package init(service: ResourceName, namespace: ResourceName?) {
        self.service = service
        self.namespace = namespace
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let service = ResourceName(first) else { return nil }
        let namespace = parts.dropFirst().first.map { ResourceName($0) }
        if case .some(.none) = namespace { return nil }
        self.init(service: service, namespace: namespace ?? nil)
    }

    package var text: String { namespace.map { "\(service).\($0)" } ?? service.text }
    package var description: String { text }
}
