// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Proves that what leaves the pod is captured, by a real connection of another user than the proxy's.
///
/// It goes to an address that nobody has, so that it reaches nobody should it get past the rules.
struct OutboundProof {
    let plan: RedirectPlan
    let request: CaptureRequest
    let facts: NamespaceFacts

    private var family: AddressFamily { plan.family }

    private struct Probe {
        let user: UserID
        let target: SocketAddress
    }

    /// How long a connection inside one machine may take.
    private static let patience: Duration = .seconds(1)

    func run() -> Proof {
        do throws(NoProof) {
            let probe = try choose()
            try attempt(probe)
            return proof(
                .proven,
                "a connection to \(probe.target) as uid \(probe.user) came to the proxy's port \(request.ports.outbound)"
            )
        } catch {
            return proof(error.verdict, error.detail)
        }
    }

    private func proof(_ verdict: Proof.Verdict, _ detail: String) -> Proof {
        Proof(family: family, direction: .outbound, verdict: verdict, detail: detail)
    }

    /// A user, an address and a port that the plan captures and the kernel has a way to.
    private func choose() throws(NoProof) -> Probe {
        guard !facts.usableAddresses(family).isEmpty else { throw .notApplicable("no usable address") }
        guard !CapturedSpace.isEmpty(request.settings.outbound, family) else {
            throw .notApplicable("the configuration captures nothing")
        }
        let destinations = try reachable()
        guard !destinations.isEmpty else { throw .notApplicable("no way to anywhere") }
        let users = try possibleUsers()
        for user in users {
            for (address, interface) in destinations {
                for port in ProbeCandidates.ports(request.settings.outbound.ports) {
                    let connection = ConnectionFacts(
                        .outbound(user: user, service: 0), to: SocketAddress(address, port), isLocalDestination: false,
                        interface: interface)
                    // Not what goes to the port for names: that is watched by nobody here.
                    if plan.explain(connection).outcome == .redirected(request.ports.outbound) {
                        return Probe(user: user, target: connection.destination)
                    }
                }
            }
        }
        throw .notProven("of what the configuration captures nothing could be tried from here")
    }

    func reachable() throws(NoProof) -> [(address: IPAddress, interface: String)] {
        let listed = request.settings.outbound.destinations.include.filter { $0.family == family }.prefix(64)
        let candidates =
            listed.flatMap { ProbeCandidates.addresses(in: $0) }
            + ProbeCandidates.nowhere(family) + ProbeCandidates.neighbours(facts, family)
        let own = facts.ownAddresses
        var reachable: [(address: IPAddress, interface: String)] = []
        for address in candidates where !own.contains(address) && !address.isMulticast {
            do throws(SystemError) {
                guard let route = try Route.lookup(address), !route.isLocal else { continue }
                if let interface = facts.interface(route.interface) { reachable.append((address, interface.name)) }
            } catch {
                throw .notProven("\(error)")
            }
        }
        return reachable
    }

    func possibleUsers() throws(NoProof) -> [UserID] {
        guard let current = ThisProcess.user else { throw .notProven("this process has no uid") }
        let users = ProbeCandidates.users(request.settings.outbound.users, current: current)
        let mayChange = ThisProcess.has(.setUser)
        return users.filter { user in
            !request.settings.proxyUsers.contains(user)
                && (user == current || mayChange && ThisProcess.isMapped(user))
        }
    }

    private func attempt(_ probe: Probe) throws(NoProof) {
        let port = try ProxyPort(SocketAddress(.loopback(family), request.ports.outbound))
        // A running proxy may end the connection before it has been seen there, but hardly every time.
        for _ in 0..<3 where try hasArrived(probe, port) { return }
        throw .notProven("the proxy ended the connection to \(probe.target) before it could be seen")
    }

    /// False if the connection was made and ended at once, which proves nothing.
    private func hasArrived(_ probe: Probe, _ port: borrowing ProxyPort) throws(NoProof) -> Bool {
        let what = "a connection to \(probe.target) as uid \(probe.user)"
        let socket = try makeSocket(as: probe.user)
        socket.setResetOnClose(true)
        if let errno = socket.connect(to: probe.target) { throw .failed("\(what) was refused at once: \(errno)") }
        // Inside one machine the handshake is over when the call returns, or never will be.
        guard socket.waitForOutput(OutboundProof.patience) else { throw .failed("\(what) was not answered") }
        if let errno = socket.pendingError() {
            if errno == .connectionReset, !port.isOurs { return false }
            throw .failed("\(what) failed: \(errno)")
        }
        guard let client = try? socket.localAddress() else { throw .notProven("\(what) has no address of its own") }
        if try port.hasReceived(from: client, to: probe.target, within: OutboundProof.patience) { return true }
        if socket.pendingError() == .connectionReset { return false }
        throw .failed("\(what) went past the proxy")
    }

    private func makeSocket(as user: UserID) throws(NoProof) -> Descriptor {
        try Self.makeSocket(as: user) { () throws(SystemError) in try Descriptor.stream(family) }
    }

    /// A socket that belongs to a user, which is what the owner match looks at.
    static func makeSocket(
        as user: UserID, _ make: () throws(SystemError) -> Descriptor
    ) throws(NoProof) -> Descriptor {
        guard let current = ThisProcess.user else { throw .notProven("this process has no uid") }
        do throws(SystemError) {
            if user != current { try ThisProcess.becomeForFiles(user) }
            let socket = try make()
            if user != current { try ThisProcess.becomeForFiles(current) }
            return socket
        } catch {
            throw .notProven("no socket for uid \(user): \(error)")
        }
    }
}
