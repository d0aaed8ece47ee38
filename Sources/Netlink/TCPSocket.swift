// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNetlink
package import LinuxSystem
package import MeshModel

/// A TCP socket of this namespace as sock_diag shows it. Listing needs no capability; the owner's uid is shown to anyone.
package struct TCPSocket: Hashable, Sendable {
    /// As the kernel numbers them.
    package enum State: UInt8, Hashable, Sendable {
        case established = 1
        case synSent
        case synReceived
        case finWait1
        case finWait2
        case timeWait
        case closed
        case closeWait
        case lastAck
        case listen
        case closing
    }

    package let state: State
    package let local: SocketAddress
    package let remote: SocketAddress

    /// Who made the socket; 0 as well where nobody has accepted it yet, for then `inode` is 0.
    package let user: UInt32
    package let inode: UInt32

    /// The family of the socket itself, which may be IPv6 for two IPv4 addresses.
    private let family: AddressFamily
    private let interface: UInt32
    private let cookie: [UInt32]

    /// For tests, and for naming the two ends of a socket to look for.
    package init(
        state: State, local: SocketAddress, remote: SocketAddress, user: UInt32 = 0, inode: UInt32 = 1,
        family: AddressFamily? = nil
    ) {
        self.state = state
        self.local = local
        self.remote = remote
        self.user = user
        self.inode = inode
        self.family = family ?? local.address.family
        interface = 0
        cookie = [.max, .max]
    }

    private init?(_ kernel: weft_tcp_socket) {
        guard let family = AddressFamily(kernelNumber: kernel.family), let state = State(rawValue: kernel.state) else {
            return nil
        }
        self.state = state
        self.family = family
        local = SocketAddress(IPAddress(family: family, kernelBytes: bytes(kernel.local)), kernel.local_port)
        remote = SocketAddress(IPAddress(family: family, kernelBytes: bytes(kernel.remote)), kernel.remote_port)
        user = kernel.user
        inode = kernel.inode
        interface = kernel.interface
        cookie = [kernel.cookie.0, kernel.cookie.1]
    }

    private var kernel: weft_tcp_socket {
        var kernel = weft_tcp_socket()
        kernel.family = UInt8(family.kernelNumber)
        kernel.local_port = local.port
        kernel.remote_port = remote.port
        kernel.interface = interface
        kernel.cookie = (cookie[0], cookie[1])
        unsafe withUnsafeMutableBytes(of: &kernel.local) { to in
            unsafe to.copyBytes(from: local.address.kernelBytes(for: family))
        }
        unsafe withUnsafeMutableBytes(of: &kernel.remote) { to in
            unsafe to.copyBytes(from: remote.address.kernelBytes(for: family))
        }
        return kernel
    }
}

extension TCPSocket {
    /// Every TCP socket of both families, listeners and those that wait for their end included.
    package static func all() throws(SystemError) -> [TCPSocket] {
        var sockets: [TCPSocket] = []
        for family in AddressFamily.allCases {
            let found: [weft_tcp_socket]
            do throws(SystemError) {
                found = try list("sock_diag", room: 1024, empty: weft_tcp_socket()) { sockets in
                    unsafe weft_tcp_sockets(family.kernelNumber, &sockets, Int32(sockets.count))
                }
            } catch {
                // A kernel without IPv6 has no IPv6 sockets.
                guard family == .ipv6, error.errno == .noEntry || error.errno == .familyNotSupported else {
                    throw error
                }
                continue
            }
            sockets += found.compactMap { TCPSocket($0) }
        }
        return sockets
    }

    /// The connection with these two ends, if there is one.
    package static func find(local: SocketAddress, remote: SocketAddress) throws(SystemError) -> TCPSocket? {
        var kernel = TCPSocket(state: .established, local: local, remote: remote).kernel
        let result = unsafe weft_tcp_find(&kernel)
        if result == -Errno.noEntry.number { return nil }
        try check(result, "sock_diag \(local) \(remote)")
        return TCPSocket(kernel)
    }

    /// Ends the connection as if its owner had aborted it: both sides see a reset. Needs NET_ADMIN.
    package func destroy() throws(SystemError) {
        var kernel = kernel
        try check(unsafe weft_tcp_destroy(&kernel), "SOCK_DESTROY \(local) \(remote)")
    }
}
