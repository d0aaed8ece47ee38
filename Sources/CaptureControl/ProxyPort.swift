// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink

/// The proxy's end of a probe. Before the proxy runs we listen on its port for a moment and see the connection come;
/// once it runs the kernel's list of sockets shows the other end of our connection at its port.
struct ProxyPort: ~Copyable {
    private let listener: Descriptor?
    private let address: SocketAddress

    /// Nil where the port is held by somebody, which should be the proxy.
    init(_ address: SocketAddress) throws(NoProof) {
        self.address = address
        do throws(SystemError) {
            let socket = try Descriptor.stream(address.address.family)
            if address.address.family == .ipv6 { try socket.set(.ipv6Only) }
            try socket.set(.reuseAddress)
            try socket.bind(to: address)
            try socket.listen(backlog: 64)
            listener = consume socket
        } catch {
            guard error.errno == .addressInUse else {
                throw .notProven("the proxy's port \(address) cannot be listened on: \(error.errno)")
            }
            listener = nil
        }
    }

    /// True while it is we who listen.
    var isOurs: Bool {
        switch listener {
        case .some: true
        case .none: false
        }
    }

    /// Whether a connection from `client` that meant to go to `target` has come here.
    borrowing func hasReceived(
        from client: SocketAddress, to target: SocketAddress, within patience: Duration
    ) throws(NoProof) -> Bool {
        let deadline = Instant.now() + patience
        repeat {
            if try arrived(from: client, to: target, waiting: deadline - Instant.now()) { return true }
        } while Instant.now() < deadline
        return false
    }

    private borrowing func arrived(
        from client: SocketAddress, to target: SocketAddress, waiting patience: Duration
    ) throws(NoProof) -> Bool {
        do throws(SystemError) {
            switch listener {
            case .some(let listener):
                guard listener.waitForInput(patience), let accepted = try listener.accept() else { return false }
                // An application may have been captured meanwhile: as long as there is no proxy it is refused.
                accepted.socket.setResetOnClose(true)
                return accepted.client.value == client
                    && accepted.socket.originalDestination(client.address.family)?.value == target
            case .none:
                let isThere = try TCPSocket.all().contains { socket in
                    socket.remote == client && socket.local.port == address.port && socket.state != .listen
                }
                if !isThere { ThisProcess.pause(min(patience, .milliseconds(5))) }
                return isThere
            }
        } catch {
            throw .notProven("the proxy's port could not be looked at: \(error)")
        }
    }
}
