// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink

/// What there is in the network namespace that the rules are for.
struct NamespaceFacts: Sendable {
    let interfaces: [NetworkInterface]
    let addresses: [InterfaceAddress]
    let defaultRoutes: Set<AddressFamily>

    static func gather() throws(Problem) -> NamespaceFacts {
        do throws(SystemError) {
            var routes: Set<AddressFamily> = []
            for family in AddressFamily.allCases where try Route.hasDefault(family) { routes.insert(family) }
            return NamespaceFacts(
                interfaces: try NetworkInterface.all(), addresses: try InterfaceAddress.all(), defaultRoutes: routes)
        } catch {
            throw Problem(.netlinkFailed, "\(error)")
        }
    }

    init(interfaces: [NetworkInterface], addresses: [InterfaceAddress], defaultRoutes: Set<AddressFamily>) {
        self.interfaces = interfaces
        self.addresses = addresses
        self.defaultRoutes = defaultRoutes
    }

    func interface(_ index: UInt32) -> NetworkInterface? { interfaces.first { $0.index == index } }

    private func isLoopback(_ address: InterfaceAddress) -> Bool {
        address.address.isLoopback || interface(address.interface)?.isLoopback ?? false
    }

    /// Every address of this namespace, loopback included.
    var ownAddresses: Set<IPAddress> { Set(addresses.map(\.address)) }

    /// The addresses by which others reach this namespace, whatever their state.
    func outerAddresses(_ family: AddressFamily) -> [InterfaceAddress] {
        addresses.filter { $0.address.family == family && !isLoopback($0) }
    }

    /// Those of them that a connection from afar can use now. Link-local ones mean something on one cable only.
    func usableAddresses(_ family: AddressFamily) -> [InterfaceAddress] {
        lastingAddresses(family).filter { !$0.isTentative }
    }

    /// Addresses that will be usable as soon as no duplicate has been found.
    func tentativeAddresses(_ family: AddressFamily) -> [InterfaceAddress] {
        lastingAddresses(family).filter(\.isTentative)
    }

    private func lastingAddresses(_ family: AddressFamily) -> [InterfaceAddress] {
        outerAddresses(family).filter { address in
            !address.isDuplicate && !address.address.isLinkLocal && interface(address.interface)?.isUp ?? false
        }
    }

    var isLoopbackUp: Bool { interfaces.contains { $0.isLoopback && $0.isUp } }

    /// The interfaces by which IPv4 connections are captured but would be dropped: a redirect goes to the address of the
    /// interface, and where there is none the kernel drops the packet without a word. Only where IPv4 is in use at all;
    /// packets of a bridge's ports are seen on the bridge.
    func interfacesWithoutAddress(_ capture: Selection<InterfaceName>) -> [NetworkInterface] {
        let addressed = Set(outerAddresses(.ipv4).map(\.interface))
        guard !addressed.isEmpty else { return [] }
        return interfaces.filter { interface in
            guard interface.isUp, !interface.isLoopback, !interface.isEnslaved, !addressed.contains(interface.index)
            else {
                return false
            }
            return !capture.skip.contains { $0.matches(interface.name) }
                && (capture.include.isEmpty || capture.include.contains { $0.matches(interface.name) })
        }
    }
}
