// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The name of a resource, a namespace or a service account: DNS labels joined by dots (RFC 1123), each 1 to 63 of
/// `a-z 0-9 -`, 253 in all, so that it can stand in a SPIFFE ID, a host name and a file name without quoting.
package struct ResourceName: Hashable, Comparable, Sendable, CustomStringConvertible {
    @usableFromInline package let text: String

    package init?(_ text: some StringProtocol) {
        guard (1...253).contains(text.utf8.count) else { return nil }
        for label in Array(text.utf8).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard ResourceName.isLabel(label) else { return nil }
        }
        self.text = String(text)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        let dash = UInt8(ascii: "-")
        guard (1...63).contains(label.count), label.first != dash, label.last != dash else { return false }
        return label.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), dash: true
            default: false
            }
        }
    }

    package static let defaultNamespace: ResourceName = {
        guard let name = ResourceName("default") else { preconditionFailure("`default` is a DNS label.") }
        return name
    }()

    /// Inlined, as are the other names': where both are one and the same text that is seen at its address.
    @inlinable package static func == (left: ResourceName, right: ResourceName) -> Bool { left.text == right.text }

    package static func < (left: ResourceName, right: ResourceName) -> Bool { left.text < right.text }

    package var description: String { text }
}

/// A resource of one kind is found by namespace and name.
package struct ResourceReference: Hashable, Comparable, Sendable, CustomStringConvertible {
    @usableFromInline package let namespace: ResourceName
    @usableFromInline package let name: ResourceName

    package init(namespace: ResourceName = .defaultNamespace, name: ResourceName) {
        self.namespace = namespace
        self.name = name
    }

    @inlinable package static func == (left: ResourceReference, right: ResourceReference) -> Bool {
        left.name == right.name && left.namespace == right.namespace
    }

    /// Reads `namespace/name`, as it is written.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let namespace = ResourceName(parts[0]), let name = ResourceName(parts[1]) else {
            return nil
        }
        self.init(namespace: namespace, name: name)
    }

    package static func < (left: ResourceReference, right: ResourceReference) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }

    package var description: String { "\(namespace)/\(name)" }
}
