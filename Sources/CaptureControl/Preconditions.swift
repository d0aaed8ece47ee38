// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// What must hold before anything is changed.
enum Preconditions {
    /// Goes where the rules are for. Before any thread exists, so before anything else.
    static func enter(_ request: CaptureRequest) throws(Problem) {
        guard let path = request.networkNamespace else { return }
        do throws(SystemError) {
            try ThisProcess.enterNetworkNamespace(path)
        } catch {
            let remedy: String? =
                switch error.errno {
                case .notPermitted: "it takes SYS_ADMIN in the user namespace that owns it"
                case .noEntry: "`ip netns list` shows those that have a name"
                case .invalidArgument: "a network namespace is a file such as /run/netns/web or /proc/1234/ns/net"
                default: nil
                }
            throw Problem(.namespaceUnreachable, at: path, "cannot be entered: \(error.errno)", remedy: remedy)
        }
    }

    /// Changing rules, and listing those of nf_tables, takes NET_ADMIN.
    static func checkCapability() throws(Problem) {
        guard ThisProcess.has(.netAdmin) else {
            throw Problem(
                .noNetAdmin, "the capability NET_ADMIN is missing",
                remedy: "run as root, or give the init container NET_ADMIN")
        }
    }

    /// Takes away what a run that was killed left behind.
    static func clean() throws(Problem) {
        do throws(SystemError) {
            try VirtualPair.removeLeftOvers()
        } catch {
            throw Problem(.netlinkFailed, "\(error)")
        }
    }

    static func check(
        _ facts: NamespaceFacts, _ request: CaptureRequest, verifies: Bool, _ console: Console
    ) throws(Problem) {
        for user in request.settings.proxyUsers where !ThisProcess.isMapped(user) {
            throw Problem(
                .userNotMapped, "uid \(user) does not exist in this user namespace",
                remedy: "`/proc/self/uid_map` shows which do")
        }
        if let interface = facts.interfacesWithoutAddress(request.settings.inbound.interfaces).first {
            throw Problem(
                .noInterfaceAddress, at: interface.name,
                "has no IPv4 address, so captured connections would be dropped",
                remedy: "give it one, or `--skip-inbound-interfaces \(interface.name)`")
        }
        if !facts.isLoopbackUp {
            let problem = Problem(
                .loopbackDown, "the loopback interface is down, so nothing captured can reach the proxy",
                remedy: "`ip link set lo up`")
            guard !verifies else { throw problem }
            console.warn(problem)
        }
        warnOfRoutes(facts, console)
    }

    private static func warnOfRoutes(_ facts: NamespaceFacts, _ console: Console) {
        for family in AddressFamily.allCases
        where !facts.usableAddresses(family).isEmpty && !facts.defaultRoutes.contains(family) {
            console.warn(
                Problem(
                    .noDefaultRoute,
                    "\(family) has no default route: connections to service addresses fail before any"
                        + " rule sees them", remedy: "add a default route"))
        }
        for address in facts.addresses where address.isDuplicate {
            console.warn(
                Problem(.addressTentative, "\(address.address) belongs to somebody else too and cannot be used"))
        }
    }
}
