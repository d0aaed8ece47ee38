// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// A connection that goes on outside the mesh although the rules would capture it if it were made now.
struct BypassingConnection: Hashable, Sendable, CustomStringConvertible {
    let socket: TCPSocket
    let isInbound: Bool

    /// Nil where nobody has accepted the connection yet.
    var user: UInt32? { socket.inode == 0 ? nil : socket.user }

    var description: String {
        let owner = user.map { "uid \($0)" } ?? "not yet accepted"
        return isInbound
            ? "\(socket.remote) to \(socket.local) (\(owner), \(socket.state))"
            : "\(socket.local) to \(socket.remote) (\(owner), \(socket.state))"
    }

    func write(_ json: inout JSONWriter) {
        json.object { json in
            json.field("direction", isInbound ? "inbound" : "outbound")
            json.field("local", socket.local.description)
            json.field("remote", socket.remote.description)
            json.field("state", "\(socket.state)")
            if let user { json.field("uid", user) }
        }
    }
}

/// Finds the connections that were open before the rules.
///
/// The kernel does not say of a socket whether it is redirected, except through conntrack, which would take a capability
/// at a time when none is left. But a redirected connection has two sockets here: the application's, with the address it
/// dialled at its far end, and the proxy's, with the application's address at *its* far end and the proxy's port at its
/// own. Where the second is missing the first is not captured.
struct BypassingConnections {
    let plans: [AddressFamily: RedirectPlan]
    let request: CaptureRequest
    let facts: NamespaceFacts

    /// States in which bytes still move.
    private static let open: Set<TCPSocket.State> = [.established, .finWait1, .finWait2, .closeWait]

    /// As the kernel has it now; empty with a warning where it cannot be asked.
    func list(_ console: Console) -> [BypassingConnection] {
        do throws(SystemError) {
            return find(try TCPSocket.all())
        } catch {
            console.warn(Problem(.netlinkFailed, "the open connections cannot be listed: \(error)"))
            return []
        }
    }

    func find(_ sockets: [TCPSocket]) -> [BypassingConnection] {
        let own = facts.ownAddresses
        let proxyUsers = Set(request.settings.proxyUsers.map(\.number))
        let proxyPorts = Set(request.ports.all.map(\.number))
        let captured = Set(
            sockets.filter { $0.local.port == request.ports.outbound.number && $0.local.address.isLoopback }.map(
                \.remote))
        let listening = Set(sockets.filter { $0.state == .listen }.map(\.local))
        return sockets.compactMap { socket in
            guard BypassingConnections.open.contains(socket.state),
                // Inside this pod everything is direct by design.
                !socket.remote.address.isLoopback, !own.contains(socket.remote.address),
                !(proxyUsers.contains(socket.user) && socket.inode != 0), !proxyPorts.contains(socket.local.port),
                !captured.contains(socket.local)
            else { return nil }
            let isInbound =
                listening.contains(socket.local)
                || listening.contains { $0.port == socket.local.port && $0.address.isUnspecified }
            return wouldCapture(socket, isInbound: isInbound)
                ? BypassingConnection(socket: socket, isInbound: isInbound) : nil
        }
    }

    /// What the rules skip is meant to be outside.
    private func wouldCapture(_ socket: TCPSocket, isInbound: Bool) -> Bool {
        guard let plan = plans[socket.local.address.family] else { return false }
        let interface = facts.addresses.first { $0.address == socket.local.address }
            .flatMap { facts.interface($0.interface)?.name }
        if isInbound {
            return plan.captures(
                ConnectionFacts(
                    .inbound, to: socket.local, isLocalDestination: true, source: socket.remote.address,
                    interface: interface))
        }
        guard let user = UserID(socket.user) else { return false }
        return plan.captures(
            ConnectionFacts(
                .outbound(user: user, service: 0), to: socket.remote, isLocalDestination: false, interface: interface))
    }
}

extension Console {
    /// How many are listed for people; a program reads the JSON.
    private static let listedMost = 20

    func tell(_ bypassing: [BypassingConnection]) {
        guard !bypassing.isEmpty else { return }
        warn(
            Problem(
                .bypassingConnections, "\(bypassing.count) connections that were open before the rules bypass the mesh",
                remedy: "`weft-init apply --established reset` ends them"))
        for connection in bypassing.prefix(Console.listedMost) { line("bypasses", connection.description) }
        if bypassing.count > Console.listedMost {
            line("", "and \(bypassing.count - Console.listedMost) more; --json lists them all")
        }
    }
}
