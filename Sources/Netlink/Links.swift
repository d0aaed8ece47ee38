// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNetlink
package import LinuxSystem
package import MeshModel

/// A network interface of this namespace.
package struct NetworkInterface: Hashable, Sendable {
    package let index: UInt32
    package let name: String
    package let isUp: Bool
    package let isLoopback: Bool

    /// Attached to a bridge or bond, where packets are seen instead.
    package let isEnslaved: Bool

    /// Nil for an interface that is not of Ethernet's kind.
    package let hardware: HardwareAddress?

    package init(
        index: UInt32, name: String, isUp: Bool = true, isLoopback: Bool = false, isEnslaved: Bool = false,
        hardware: HardwareAddress? = nil
    ) {
        self.hardware = hardware
        self.index = index
        self.name = name
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.isEnslaved = isEnslaved
    }

    package static func all() throws(SystemError) -> [NetworkInterface] {
        let links = try list("RTM_GETLINK", empty: weft_link()) { links in
            unsafe weft_links(&links, Int32(links.count))
        }
        return links.map { link in
            NetworkInterface(
                index: link.index, name: text(link.name), isUp: link.flags & WEFT_LINK_UP.rawValue != 0,
                isLoopback: link.flags & WEFT_LINK_LOOPBACK.rawValue != 0,
                isEnslaved: link.flags & WEFT_LINK_ENSLAVED.rawValue != 0,
                hardware: HardwareAddress(bytes(link.hardware)))
        }
    }

    /// Removes the interface; with a pair the other one goes too.
    package func delete() throws(SystemError) {
        try check(weft_delete_link(index), "RTM_DELLINK \(name)")
    }
}

/// An address of an interface of this namespace.
package struct InterfaceAddress: Hashable, Sendable {
    package let interface: UInt32
    package let address: IPAddress
    package let prefixLength: Int

    /// Still being checked for duplicates and not to be used before.
    package let isTentative: Bool

    /// Found to belong to somebody else; never usable.
    package let isDuplicate: Bool

    package init(
        interface: UInt32, address: IPAddress, prefixLength: Int, isTentative: Bool = false, isDuplicate: Bool = false
    ) {
        self.interface = interface
        self.address = address
        self.prefixLength = prefixLength
        self.isTentative = isTentative
        self.isDuplicate = isDuplicate
    }

    package static func all() throws(SystemError) -> [InterfaceAddress] {
        let addresses = try list("RTM_GETADDR", empty: weft_link_address()) { addresses in
            unsafe weft_link_addresses(&addresses, Int32(addresses.count))
        }
        return addresses.compactMap { address in
            guard let family = AddressFamily(kernelNumber: address.family) else { return nil }
            let isDuplicate = address.flags & WEFT_ADDRESS_DUPLICATE.rawValue != 0
            let isOptimistic = address.flags & WEFT_ADDRESS_OPTIMISTIC.rawValue != 0
            let isTentative = address.flags & WEFT_ADDRESS_TENTATIVE.rawValue != 0
            return InterfaceAddress(
                interface: address.index, address: IPAddress(family: family, kernelBytes: bytes(address.bytes)),
                prefixLength: Int(address.prefix_length), isTentative: isTentative && !isOptimistic && !isDuplicate,
                isDuplicate: isDuplicate)
        }
    }
}

/// Where packets go.
package struct Route: Hashable, Sendable {
    /// The interface they leave by.
    package let interface: UInt32

    /// True if the destination is an address of this namespace.
    package let isLocal: Bool

    package init(interface: UInt32, isLocal: Bool) {
        self.interface = interface
        self.isLocal = isLocal
    }

    /// The kernel's own answer for a destination; nil where it has no way to it.
    package static func lookup(_ destination: IPAddress) throws(SystemError) -> Route? {
        var route = weft_route()
        let bytes = destination.kernelBytes
        let result = unsafe weft_route(destination.family.kernelNumber, bytes, &route)
        guard result < 0 else { return Route(interface: route.interface, isLocal: route.is_local == 1) }
        switch Errno(number: -result) {
        case .networkUnreachable, .hostUnreachable, .accessDenied, .invalidArgument, .notPermitted: return nil
        case let errno: throw SystemError(errno, "netlink RTM_GETROUTE \(destination)")
        }
    }

    package static func hasDefault(_ family: AddressFamily) throws(SystemError) -> Bool {
        try check(weft_has_default_route(family.kernelNumber), "RTM_GETROUTE") == 1
    }
}
