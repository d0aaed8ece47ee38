// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel
package import Reactor

/// A small HTTP/1 server for questions about the proxy itself: one request per connection, everything bounded. It lives on
/// the control thread, so that a slow reader of metrics never delays a byte of anybody's traffic.
package final class AdminServer {
    /// Answers a request, now or later; later means: on the same loop.
    package typealias Handler = (AdminRequest, @escaping (AdminResponse) -> Void) -> Void

    /// How much a client may make us hold, and for how long.
    package struct Limits: Sendable {
        package var connections = 64
        package var requestTime: Duration = .seconds(5)
        package var responseTime: Duration = .seconds(20)
        package var bodyBytes = 1024
        package var http = HTTPSettings()

        package init() {
            http.headBytes = 8192
            http.targetBytes = 2048
            http.fieldCount = 64
        }
    }

    let loop: EventLoop
    let limits: Limits
    let handler: Handler
    private var listeners: [AdminListener] = []
    var connectionCount = 0

    package init(_ loop: EventLoop, limits: Limits = Limits(), handler: @escaping Handler) {
        self.loop = loop
        self.limits = limits
        self.handler = handler
    }

    /// Listens on a unix socket with mode 0600. A socket file that nobody listens on any more is replaced.
    package func listen(path: String) throws(Problem) {
        do throws(SystemError) {
            let socket = try Descriptor.unixStream()
            if Files.exists(path) { try removeStale(path) }
            // Bound under another name first: at no moment does the socket lie there with wider permissions.
            let temporary = "\(path).new"
            try? Files.remove(temporary)
            try socket.bind(toPath: temporary)
            try Files.setPermissions(temporary, 0o600)
            try socket.listen(backlog: 64)
            try Files.rename(temporary, to: path)
            listeners.append(try AdminListener(self, socket, .unix))
        } catch {
            throw Problem(.adminSocket, at: path, "cannot be created: \(error)")
        }
    }

    /// Listens on TCP, for one audience.
    package func listen(_ address: SocketAddress, for audience: AdminAudience) throws(SystemError) {
        let socket = try Descriptor.stream(address.address.family)
        try socket.set(.reuseAddress)
        if address.address.family == .ipv6 { try socket.set(.ipv6Only) }
        try socket.bind(to: address)
        try socket.listen(backlog: 64)
        listeners.append(try AdminListener(self, socket, audience == .administrator ? .loopback : .metrics))
    }

    private func removeStale(_ path: String) throws(SystemError) {
        let probe = try Descriptor.unixStream()
        do throws(SystemError) {
            try probe.connect(toPath: path)
        } catch {
            // Refused: the process that made it is gone.
            return try Files.remove(path)
        }
        throw SystemError(.addressInUse, "another process answers at \(path)")
    }
}

/// The ways in.
enum AdminDoor {
    case unix
    case loopback
    case metrics

    var audience: AdminAudience { self == .metrics ? .everybody : .administrator }
}

/// Accepts connections of one way in.
private final class AdminListener: EventHandler {
    private let server: AdminServer
    private let socket: Descriptor
    private let door: AdminDoor

    init(_ server: AdminServer, _ socket: consuming Descriptor, _ door: AdminDoor) throws(SystemError) {
        self.server = server
        self.socket = socket
        self.door = door
        super.init()
        server.loop.add(self)
        try server.loop.watch(self.socket.number, for: self, .readable)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        for _ in 0..<16 {
            do throws(SystemError) {
                switch door {
                case .unix:
                    guard let accepted = try socket.acceptUnix() else { return }
                    AdminConnection.begin(server, accepted, door)
                case .loopback, .metrics:
                    guard let accepted = try socket.accept() else { return }
                    AdminConnection.begin(server, accepted.takeSocket(), door)
                }
            } catch {
                // Out of descriptors: leave the queue alone for a moment instead of spinning.
                server.loop.unwatch(socket.number)
                return server.loop.setDeadline(now + .milliseconds(100), of: self)
            }
        }
    }

    override func deadlineReached(now: Instant) {
        do throws(SystemError) {
            try server.loop.watch(socket.number, for: self, .readable)
        } catch {
            server.loop.setDeadline(now + .milliseconds(100), of: self)
        }
    }
}
