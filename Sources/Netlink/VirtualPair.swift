// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNetlink
package import LinuxSystem
package import MeshModel

/// The hardware address of an Ethernet interface.
package struct HardwareAddress: Hashable, Sendable {
    package let bytes: [UInt8]

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 6, bytes.contains(where: { $0 != 0 }) else { return nil }
        self.bytes = bytes
    }

    /// One out of the range that is free for local use (the second bit of the first byte), and ours: "weft" in ASCII.
    package init(local last: UInt8) { bytes = [0x02, 0x77, 0x65, 0x66, 0x74, last] }
}

/// Two Ethernet interfaces of this namespace joined by a cable, made for a moment. What is sent into the far one comes in
/// at the near one as from a neighbour: the only way to see PREROUTING work without another machine.
package struct VirtualPair: ~Copyable {
    package let near: NetworkInterface
    package let far: NetworkInterface
    package let nearHardware: HardwareAddress
    package let farHardware: HardwareAddress

    /// Makes the pair, both ends up. Needs NET_ADMIN.
    package init(near: String, far: String) throws(SystemError) {
        nearHardware = HardwareAddress(local: 1)
        farHardware = HardwareAddress(local: 2)
        let hardware = (nearHardware.bytes, farHardware.bytes)
        try check(unsafe weft_create_pair(near, hardware.0, far, hardware.1), "RTM_NEWLINK \(near) \(far)")
        // From here on the pair is there; should it not be found, the next run removes it (see `removeLeftOvers`).
        let links = try NetworkInterface.all()
        guard let near = links.first(where: { $0.name == near }), let far = links.first(where: { $0.name == far })
        else {
            throw SystemError(.noSuchDevice, "netlink RTM_GETLINK \(near) \(far)")
        }
        try check(weft_bring_up(far.index), "RTM_NEWLINK \(far.name)")
        self.near = near
        self.far = far
    }

    /// Gives the near end an address, and a neighbour beyond the cable that seems to have `peer`.
    package borrowing func connect(_ local: IPAddress, to peer: IPAddress) throws(SystemError) {
        let (ours, theirs) = (local.kernelBytes, peer.kernelBytes)
        let family = local.family.kernelNumber
        try check(unsafe weft_add_address(near.index, family, ours, theirs), "RTM_NEWADDR \(local) \(near.name)")
        try check(
            unsafe weft_add_neighbour(near.index, family, theirs, farHardware.bytes),
            "RTM_NEWNEIGH \(peer) \(near.name)")
    }

    /// Removes pairs that a run left behind when it was killed. They are known by their hardware addresses.
    package static func removeLeftOvers() throws(SystemError) {
        let near = HardwareAddress(local: 1)
        for link in try NetworkInterface.all() where link.hardware == near { try link.delete() }
    }

    /// Takes the pair away; whoever holds the value does so, or it goes with it.
    deinit {
        _ = weft_delete_link(near.index)
    }
}
