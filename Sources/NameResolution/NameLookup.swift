// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CCares
internal import LinuxSystem
package import MeshModel
internal import Reactor

/// One question about one name: /etc/hosts and DNS, as /etc/nsswitch.conf and /etc/resolv.conf say it, on the loop of the
/// control thread.
///
/// Each has a channel of c-ares of its own. So what changed in resolv.conf holds at once, a question can be given up alone,
/// and each has source ports of its own, which whoever forges answers would have to guess.
///
/// c-ares keeps an unretained pointer to this object until the channel is destroyed, which happens before it goes.
@safe
final class NameLookup: EventHandler {
    private let loop: EventLoop
    private let done: (_ ipv4: AddressAnswer?, _ ipv6: AddressAnswer?) -> Void
    private let families: AddressFamilies
    private var channel: OpaquePointer?
    /// The descriptors of c-ares by slot; -1: free.
    private var sockets: [Int32] = []
    private var watched: [Bool] = []
    private var givesUpAt: Instant
    private var answers: (ipv4: AddressAnswer?, ipv6: AddressAnswer?)
    private var isOver = false
    private var isCancelled = false

    /// Asks; `done` is called once, not from in here.
    static func begin(
        _ name: DNSName, _ families: AddressFamilies, _ servers: NameServers, on loop: EventLoop,
        _ done: @escaping (AddressAnswer?, AddressAnswer?) -> Void
    ) -> NameLookup {
        let lookup = NameLookup(families, loop, servers.patience, done)
        loop.add(lookup)
        lookup.ask(name, servers)
        return lookup
    }

    private init(
        _ families: AddressFamilies, _ loop: EventLoop, _ patience: Duration,
        _ done: @escaping (AddressAnswer?, AddressAnswer?) -> Void
    ) {
        self.loop = loop
        self.done = done
        self.families = families
        givesUpAt = loop.now + patience
        super.init()
    }

    deinit {
        // Whoever forgets a lookup without cancelling it must not leave callbacks behind.
        assert(unsafe channel == nil, "A lookup ends by an answer or by being cancelled.")
    }

    /// Ends without an answer.
    func cancel() {
        isCancelled = true
        guard !isOver else { return }
        isOver = true
        close()
    }

    private func ask(_ name: DNSName, _ servers: NameServers) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        if !servers.isFixed, unsafe findInFile(name, context) { return review() }
        var opened: OpaquePointer?
        let place = CChar(UInt8(ascii: "b"))
        let status = unsafe weft_cares_open(&opened, place, Self.socketChanged, context, servers.isFixed ? 1 : 0)
        guard status == ARES_SUCCESS, let channel = unsafe opened else {
            return failBoth(Self.text(of: status))
        }
        unsafe self.channel = channel
        if let list = servers.list, unsafe ares_set_servers_ports_csv(channel, list) != ARES_SUCCESS {
            return failBoth("the servers cannot be used")
        }
        if families.contains(.ipv4) { unsafe weft_cares_ask(channel, name.text, 4, Self.answered4, context) }
        if families.contains(.ipv6) { unsafe weft_cares_ask(channel, name.text, 6, Self.answered6, context) }
        review()
    }

    /// Looks into /etc/hosts, for both families at once: a name that stands there is not asked for anywhere else, not even
    /// for the family that it has not (getaddrinfo(3) does the same). True if it stands there.
    private func findInFile(_ name: DNSName, _ context: UnsafeMutableRawPointer) -> Bool {
        var opened: OpaquePointer?
        let place = CChar(UInt8(ascii: "f"))
        let status = unsafe weft_cares_open(&opened, place, Self.socketChanged, context, 0)
        guard status == ARES_SUCCESS, let file = unsafe opened else { return false }
        // No socket is involved: the answer comes before this returns.
        unsafe weft_cares_ask(file, name.text, 0, Self.answered4, context)
        unsafe ares_destroy(file)
        guard case .addresses(let all, _)? = answers.ipv4 else {
            answers = (nil, nil)
            return false
        }
        func part(_ family: AddressFamily) -> AddressAnswer {
            let addresses = all.filter { $0.family == family }
            return addresses.isEmpty
                ? .absent("the name has no address of this family") : .addresses(addresses, timeToLive: nil)
        }
        answers = (
            families.contains(.ipv4) ? part(.ipv4) : nil, families.contains(.ipv6) ? part(.ipv6) : nil
        )
        return true
    }

    private func failBoth(_ reason: String) {
        if families.contains(.ipv4) { answers.ipv4 = .failed(reason) }
        if families.contains(.ipv6) { answers.ipv6 = .failed(reason) }
        review()
    }

    // MARK: Events

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        guard let channel = unsafe channel, sockets.indices.contains(Int(slot)) else { return }
        let socket = sockets[Int(slot)]
        guard socket >= 0 else { return }
        let isReadable = !readiness.isDisjoint(with: [.readable, .error, .hangup, .peerEnded])
        let isWritable = !readiness.isDisjoint(with: [.writable, .error, .hangup])
        unsafe ares_process_fd(channel, isReadable ? socket : -1, isWritable ? socket : -1)
        review()
    }

    override func deadlineReached(now: Instant) {
        guard let channel = unsafe channel else { return }
        // Cancelling calls back for what is still open.
        if now >= givesUpAt { unsafe ares_cancel(channel) } else { unsafe ares_process_fd(channel, -1, -1) }
        review()
    }

    /// Ends once both families are answered; else sees to the next deadline. Called outside of c-ares only.
    private func review() {
        guard !isOver else { return }
        let isDone =
            (!families.contains(.ipv4) || answers.ipv4 != nil) && (!families.contains(.ipv6) || answers.ipv6 != nil)
        guard isDone else {
            var deadline = givesUpAt
            if let channel = unsafe channel {
                let milliseconds = unsafe weft_cares_patience(channel)
                if milliseconds >= 0 { deadline = min(deadline, loop.now + .milliseconds(milliseconds)) }
            }
            return loop.setDeadline(deadline, of: self)
        }
        isOver = true
        close()
        // Not from here: whoever asked may still be in the middle of it.
        loop.atEndOfTurn { [self] in
            if !isCancelled { done(answers.ipv4, answers.ipv6) }
        }
    }

    private func close() {
        if let channel = unsafe channel {
            // Takes its sockets down by the callback; callbacks for what is open find that it is over.
            unsafe ares_destroy(channel)
        }
        unsafe channel = nil
        loop.remove(self)
    }

    // MARK: What c-ares tells; all of it from inside its calls, on this thread

    private static let socketChanged: @convention(c) (UnsafeMutableRawPointer?, Int32, Int32, Int32) -> Void = {
        context, socket, reads, writes in
        guard let context = unsafe context else { return }
        let lookup = unsafe Unmanaged<NameLookup>.fromOpaque(context).takeUnretainedValue()
        lookup.watch(socket, reads: reads != 0, writes: writes != 0)
    }

    private static let answered4: ares_addrinfo_callback = { context, status, _, result in
        guard let context = unsafe context else { return }
        let lookup = unsafe Unmanaged<NameLookup>.fromOpaque(context).takeUnretainedValue()
        lookup.answers.ipv4 = unsafe NameLookup.answer(status, result)
        unsafe ares_freeaddrinfo(result)
    }

    private static let answered6: ares_addrinfo_callback = { context, status, _, result in
        guard let context = unsafe context else { return }
        let lookup = unsafe Unmanaged<NameLookup>.fromOpaque(context).takeUnretainedValue()
        lookup.answers.ipv6 = unsafe NameLookup.answer(status, result)
        unsafe ares_freeaddrinfo(result)
    }

    private func watch(_ socket: Int32, reads: Bool, writes: Bool) {
        var readiness: Readiness = []
        if reads { readiness.insert(.readable) }
        if writes { readiness.insert(.writable) }
        if let slot = sockets.firstIndex(of: socket) {
            if readiness.isEmpty {
                // It is about to be closed.
                if watched[slot] { loop.unwatch(socket) }
                sockets[slot] = -1
                watched[slot] = false
            } else if watched[slot] {
                try? loop.rewatch(socket, for: self, slot: UInt8(slot), readiness)
            }
            return
        }
        guard !readiness.isEmpty, token != 0 else { return }
        let slot: Int
        if let free = sockets.firstIndex(of: -1) {
            slot = free
        } else {
            // More servers than that are not asked; what is not watched runs into its timeout.
            guard sockets.count < Int(UInt8.max) else { return }
            slot = sockets.count
            sockets.append(-1)
            watched.append(false)
        }
        sockets[slot] = socket
        do throws(SystemError) {
            try loop.watch(socket, for: self, slot: UInt8(slot), readiness)
            watched[slot] = true
        } catch {
            watched[slot] = false
        }
    }

    /// Reads what c-ares found; the list stays its own.
    private static func answer(_ status: Int32, _ result: UnsafeMutablePointer<ares_addrinfo>?) -> AddressAnswer {
        guard status == ARES_SUCCESS, let result = unsafe result else {
            let isAbsence =
                status == ARES_ENODATA || status == ARES_ENOTFOUND
            return isAbsence ? .absent(text(of: status)) : .failed(text(of: status))
        }
        var addresses: [IPAddress] = []
        var timeToLive = Int32.max
        var node = unsafe result.pointee.nodes
        // One more than is used tells that there were more; a list is never followed further than that.
        while let current = unsafe node, addresses.count <= AnswerRules.addressesMax {
            if let address = unsafe address(of: current) { addresses.append(address) }
            timeToLive = unsafe min(timeToLive, current.pointee.ai_ttl)
            unsafe node = current.pointee.ai_next
        }
        var alias = unsafe result.pointee.cnames
        while let current = unsafe alias {
            timeToLive = unsafe min(timeToLive, current.pointee.ttl)
            unsafe alias = current.pointee.next
        }
        guard !addresses.isEmpty else { return .absent("no address") }
        return .addresses(addresses, timeToLive: timeToLive > 0 && timeToLive < .max ? Int(timeToLive) : nil)
    }

    private static func address(of node: UnsafeMutablePointer<ares_addrinfo_node>) -> IPAddress? {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes -> IPAddress? in
            guard let base = bytes.baseAddress else { return nil }
            unsafe base.initialize(repeating: 0, count: 16)
            switch unsafe weft_cares_address(node, base) {
            case 4:
                let bits = (0..<4).reduce(UInt32(0)) { unsafe $0 << 8 | UInt32(bytes[$1]) }
                return .v4(IPv4Address(bits: bits))
            case 16:
                let bits = (0..<16).reduce(UInt128(0)) { unsafe $0 << 8 | UInt128(bytes[$1]) }
                return IPAddress(IPv6Address(bits: bits))
            default: return nil
            }
        }
    }

    private static func text(of status: Int32) -> String {
        switch status {
        case ARES_ECANCELLED, ARES_ETIMEOUT: return "no answer in time"
        case ARES_ENOTFOUND: return "there is no such name"
        case ARES_ENODATA: return "the name has no address of this family"
        case ARES_ECONNREFUSED: return "no server gave an answer"
        default: return unsafe ares_strerror(status).map { unsafe String(cString: $0) } ?? "status \(status)"
        }
    }
}

/// Whom to ask.
package struct NameServers: Sendable {
    /// As c-ares takes it, `192.0.2.1:53,[2001:db8::1]:53`; nil: those of /etc/resolv.conf.
    let list: String?
    /// /etc/hosts is left aside.
    let isFixed: Bool
    /// In all, over all servers and attempts: beyond it the answer is no longer waited for.
    let patience: Duration

    /// As the system is set up.
    package static let system = NameServers(list: nil, isFixed: false, patience: .seconds(10))

    /// These alone, for tests.
    package static func only(_ servers: [SocketAddress], patience: Duration) -> NameServers {
        NameServers(list: servers.map(\.description).joined(separator: ","), isFixed: true, patience: patience)
    }
}
