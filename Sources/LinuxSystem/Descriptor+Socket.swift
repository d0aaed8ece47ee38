// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
package import MeshModel

/// How long the kernel waits before it gives a peer up. On a redirected connection keepalive has a second purpose: it
/// must come at least twice in the 60 s after which conntrack forgets a half-closed connection, and with it the NAT entry.
package struct LivenessSettings: Hashable, Sendable {
    package var keepaliveIdle: Duration = .seconds(25)
    package var keepaliveInterval: Duration = .seconds(10)
    package var keepaliveCount = 3

    /// How long sent bytes may stay unacknowledged: the same 55 s that keepalive takes (25 + 3 x 10).
    package var userTimeout: Duration = .seconds(55)

    package init() {}
}

extension Descriptor {
    /// A TCP socket of the given family.
    package static func stream(_ family: AddressFamily) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_socket_stream(family == .ipv4 ? 4 : 6), "socket"))
    }

    /// A stream socket in the file system.
    package static func unixStream() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_socket_unix(), "socket"))
    }

    /// A socket for whole Ethernet frames of one interface; needs NET_RAW.
    package static func frames(interface: UInt32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_socket_packet(interface), "socket AF_PACKET"))
    }

    /// Waits until there is something to read or accept; false when the time is over first.
    package borrowing func waitForInput(_ patience: Duration) -> Bool {
        unsafe weft_poll_input([number], 1, Int32(clamping: max(0, patience.wholeMilliseconds))) > 0
    }

    /// Waits until the socket can be written to, which is when a connect is decided.
    package borrowing func waitForOutput(_ patience: Duration) -> Bool {
        weft_poll_output(number, Int32(clamping: max(0, patience.wholeMilliseconds))) > 0
    }

    package borrowing func bind(to address: SocketAddress) throws(SystemError) {
        var kernel = address.kernel
        try check(unsafe weft_bind(number, &kernel), "bind \(address)")
    }

    package borrowing func bind(toPath path: String) throws(SystemError) {
        try check(unsafe weft_bind_unix(number, path), "bind \(path)")
    }

    /// Takes a name of which there is one in this network namespace, for as long as the socket lives.
    package borrowing func bind(toAbstractName name: String) throws(SystemError) {
        try check(unsafe weft_bind_abstract(number, name), "bind @\(name)")
    }

    package borrowing func listen(backlog: Int32) throws(SystemError) {
        try check(weft_listen(number, backlog), "listen")
    }

    /// Begins a connect. Nil: it is done or under way, and the socket becomes writable when it is decided.
    package borrowing func connect(to address: SocketAddress) -> Errno? {
        var kernel = address.kernel
        let result = unsafe weft_connect(number, &kernel)
        guard result < 0 else { return nil }
        let errno = Errno(number: -result)
        return errno == .inProgress || errno == .interrupted ? nil : errno
    }

    package borrowing func connect(toPath path: String) throws(SystemError) {
        try check(unsafe weft_connect_unix(number, path), "connect \(path)")
    }

    /// The next connection in the queue. Nil: the queue is empty, or the connection has gone again.
    package borrowing func accept() throws(SystemError) -> Accepted? {
        var peer = weft_address()
        let result = unsafe weft_accept(number, &peer)
        guard result >= 0 else {
            let errno = Errno(number: -result)
            switch errno {
            case .wouldBlock, .interrupted, .connectionAborted: return nil
            default: throw SystemError(errno, "accept")
            }
        }
        let accepted = Descriptor(owning: result)
        guard let address = SocketAddress(peer) else { return nil }
        return Accepted(socket: accepted, client: ClientAddress(address))
    }

    /// The next connection of a unix socket.
    package borrowing func acceptUnix() throws(SystemError) -> Descriptor? {
        let result = weft_accept_unix(number)
        guard result >= 0 else {
            let errno = Errno(number: -result)
            guard errno != .wouldBlock, errno != .interrupted, errno != .connectionAborted else { return nil }
            throw SystemError(errno, "accept")
        }
        return Descriptor(owning: result)
    }

    /// The user at the other end of a unix socket.
    package borrowing func peerUser() throws(SystemError) -> UInt32 {
        var user: UInt32 = 0
        try check(unsafe weft_peer_user(number, &user), "getsockopt SO_PEERCRED")
        return user
    }

    /// Where the client dialled before a redirect rule brought it here. A connection that was not redirected returns the
    /// listener's own address where conntrack is active; nil where the kernel does not know.
    package borrowing func originalDestination(_ family: AddressFamily) -> OriginalDestination? {
        var kernel = weft_address()
        guard unsafe weft_original_destination(number, family == .ipv4 ? 4 : 6, &kernel) == 0 else { return nil }
        return SocketAddress(kernel).map(OriginalDestination.init)
    }

    package borrowing func localAddress() throws(SystemError) -> SocketAddress? {
        var kernel = weft_address()
        try check(unsafe weft_local_address(number, &kernel), "getsockname")
        return SocketAddress(kernel)
    }

    package borrowing func peerAddress() throws(SystemError) -> SocketAddress? {
        var kernel = weft_address()
        try check(unsafe weft_peer_address(number, &kernel), "getpeername")
        return SocketAddress(kernel)
    }

    /// The error that a connect or the network left on the socket.
    package borrowing func pendingError() -> Errno? {
        let result = weft_socket_error(number)
        return result == 0 ? nil : Errno(number: -result)
    }

    package borrowing func set(_ option: SocketOption) throws(SystemError) {
        let (name, value) = option.kernel
        try check(weft_set_option(number, name, value), "setsockopt \(option)")
    }

    /// Keepalive and user timeout. A failure is no reason to refuse a connection and is ignored.
    package borrowing func set(_ liveness: LivenessSettings) {
        _ = weft_set_option(number, WEFT_KEEPALIVE, 1)
        _ = weft_set_option(number, WEFT_KEEPALIVE_IDLE, Int32(clamping: liveness.keepaliveIdle.components.seconds))
        _ = weft_set_option(
            number, WEFT_KEEPALIVE_INTERVAL, Int32(clamping: liveness.keepaliveInterval.components.seconds))
        _ = weft_set_option(number, WEFT_KEEPALIVE_COUNT, Int32(clamping: liveness.keepaliveCount))
        set(userTimeout: liveness.userTimeout)
    }

    /// How long sent bytes may stay unacknowledged, or unsent because the peer's window is shut (tcp(7)).
    package borrowing func set(userTimeout: Duration) {
        _ = weft_set_option(number, WEFT_USER_TIMEOUT, Int32(clamping: userTimeout.wholeMilliseconds))
    }

    /// With `true`, whatever closes the socket, even the death of the process, is seen by the peer as a reset.
    package borrowing func setResetOnClose(_ resets: Bool) {
        _ = weft_set_option(number, WEFT_LINGER, resets ? 0 : -1)
    }

    package borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        receiveResult(unsafe weft_receive(number, buffer.baseAddress, buffer.count))
    }

    /// Looks at what has come without taking it.
    package borrowing func peek(into buffer: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        receiveResult(unsafe weft_peek(number, buffer.baseAddress, buffer.count))
    }

    /// Receives into pieces of `slotByteCount` that lie one after the other, leaving the first `gap` bytes of each alone:
    /// room for a header before each payload.
    package borrowing func receive(
        intoSlotsOf buffer: UnsafeMutableRawBufferPointer, slotByteCount: Int, gap: Int, count: Int
    ) -> ReceiveResult {
        precondition(count <= 64 && count * slotByteCount <= buffer.count, "The slots lie inside the buffer.")
        return receiveResult(
            unsafe weft_receive_spaced(number, buffer.baseAddress, slotByteCount, gap, Int32(count)))
    }

    /// Sends several pieces with one call.
    package borrowing func send(slices: SliceList) -> SendResult {
        sendResult(unsafe weft_send_slices(number, slices.base, Int32(slices.count)))
    }

    package borrowing func send(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        sendResult(unsafe weft_send(number, bytes.baseAddress, bytes.count))
    }

    /// Ends our direction (FIN). The other one stays open.
    package borrowing func endWriting() -> Errno? {
        let result = weft_shutdown_write(number)
        return result < 0 ? Errno(number: -result) : nil
    }

    /// Bytes the peer has not acknowledged.
    package borrowing func unacknowledgedByteCount() -> Int { max(0, Int(weft_unacknowledged(number))) }

    /// Bytes not yet sent even once.
    package borrowing func unsentByteCount() -> Int { max(0, Int(weft_unsent(number))) }
}

/// A connection just accepted.
package struct Accepted: ~Copyable {
    package let socket: Descriptor
    package let client: ClientAddress

    package init(socket: consuming Descriptor, client: ClientAddress) {
        self.socket = socket
        self.client = client
    }

    package consuming func takeSocket() -> Descriptor { socket }
}

/// The options that are set one by one.
package enum SocketOption: Hashable, Sendable {
    case reuseAddress
    case reusePort
    case ipv6Only
    case noDelay
    /// The type of service of the SYN and all that follows, DSCP in the upper six bits.
    case typeOfService(AddressFamily, UInt8)

    var kernel: (weft_option, Int32) {
        switch self {
        case .reuseAddress: (WEFT_REUSE_ADDRESS, 1)
        case .reusePort: (WEFT_REUSE_PORT, 1)
        case .ipv6Only: (WEFT_V6_ONLY, 1)
        case .noDelay: (WEFT_NO_DELAY, 1)
        case .typeOfService(.ipv4, let value): (WEFT_TOS_V4, Int32(value))
        case .typeOfService(.ipv6, let value): (WEFT_TOS_V6, Int32(value))
        }
    }
}

func receiveResult(_ result: Int) -> ReceiveResult {
    if result > 0 { return .bytes(result) }
    if result == 0 { return .ended }
    let errno = Errno(number: Int32(truncatingIfNeeded: -result))
    return errno == .wouldBlock || errno == .interrupted ? .wouldBlock : .failed(errno)
}

func sendResult(_ result: Int) -> SendResult {
    if result >= 0 { return .bytes(result) }
    let errno = Errno(number: Int32(truncatingIfNeeded: -result))
    return errno == .wouldBlock || errno == .interrupted ? .wouldBlock : .failed(errno)
}
