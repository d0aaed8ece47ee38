// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import Glibc
package import MeshModel

/// The signals that a daemon of ours answers to.
package enum Signal: Int32, Sendable {
    case hangup = 1
    case interrupt = 2
    case kill = 9
    case user1 = 10
    case terminate = 15
    case childEnded = 17
}

/// Capabilities by their kernel number (linux/capability.h).
package enum Capability: Int, Sendable {
    case setUser = 7
    case netAdmin = 12
    case netRaw = 13
    case systemAdmin = 21
}

/// Facts about this process and what it may do.
package enum ThisProcess {
    package static var user: UserID? { UserID(weft_user()) }
    package static var isRoot: Bool { weft_effective_user() == 0 }
    package static var effectiveUser: UInt32 { weft_effective_user() }

    package static func has(_ capability: Capability) -> Bool {
        var effective: UInt64 = 0
        guard unsafe weft_capabilities(&effective) == 0 else { return false }
        return effective >> UInt64(capability.rawValue) & 1 == 1
    }

    /// True if any capability is effective.
    package static var hasAnyCapability: Bool {
        var effective: UInt64 = 0
        return unsafe weft_capabilities(&effective) == 0 && effective != 0
    }

    /// Makes the sockets created from now on belong to another user, as the owner match sees it; needs SETUID.
    package static func becomeForFiles(_ user: UserID) throws(SystemError) {
        try check(weft_become_for_files(user.number), "setfsuid \(user)")
    }

    /// Raises the descriptor limit as far as it goes; the limit that holds now.
    package static func raiseDescriptorLimit() -> Int {
        Int(clamping: max(0, weft_raise_descriptor_limit()))
    }

    /// CPU time used and memory resident.
    package static func usage() -> (cpu: Duration, residentBytes: Int64) {
        var cpu: Int64 = 0
        var resident: Int64 = 0
        guard unsafe weft_usage(&cpu, &resident) == 0 else { return (.zero, 0) }
        return (.nanoseconds(cpu), resident)
    }

    /// Gives freed memory back to the kernel; milliseconds on a large heap, so not on the data path's busy moments.
    package static func trimHeap() { weft_trim_heap() }

    /// To be called once, before there is much to allocate. Blocks of `mapped` bytes and more, at most 1 MiB, lie outside
    /// the heap: they cost a call of the kernel each, take only the pages that are touched, and are given back when freed.
    package static func tuneHeap(mapping mapped: Int = 512 << 10) { weft_tune_heap(min(mapped, 1 << 20)) }

    /// Lets no thread keep freed blocks for itself: each keeps a few of every size, which lie anywhere in the heap, and a page
    /// with one of them in it is never given back. glibc takes this setting from the environment when a program begins
    /// (its manual, "Memory Allocation Tunables"), so this one begins once more, as the same process: to be called before
    /// anything else is done. Where that cannot be, all works as before with more memory.
    package static func keepNoHeapPerThread() {
        let (name, setting) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count")
        let given = unsafe getenv(name).map { unsafe String(cString: $0) } ?? ""
        // Set already: by us, or by somebody who knows why.
        guard !given.contains(setting) else { return }
        let value = given.isEmpty ? "\(setting)=0" : "\(given):\(setting)=0"
        _ = unsafe withCStrings(Swift::CommandLine.arguments) { arguments in
            unsafe weft_execute_again(arguments, name, value)
        }
    }

    /// A write to a broken connection is an error to handle, not a reason to die.
    package static func ignoreBrokenPipes() { _ = weft_ignore_signal(13) }

    /// Whether a uid means anybody in this user namespace; the kernel refuses rules about one that does not.
    package static func isMapped(_ user: UserID) -> Bool {
        guard let map = try? Files.read("/proc/self/uid_map", limit: 65_536).bytes else { return true }
        return UserNamespaceMap(text: String(decoding: map, as: UTF8.self)).contains(user)
    }

    package static func send(_ signal: Signal, to process: Int32) throws(SystemError) {
        try check(weft_kill(process, signal.rawValue), "kill \(process)")
    }

    /// Becomes another program, looked for in PATH and with our environment; returns only to throw.
    package static func become(_ words: [String]) throws(SystemError) -> Never {
        let program = words.first ?? ""
        let result = unsafe withCStrings(words) { arguments in unsafe weft_execute(program, arguments) }
        throw SystemError(Errno(number: -result), "exec \(program)")
    }

    /// Lets the signals that end a process end this one even where it is the first of a container.
    package static func endOnSignals() { weft_end_on_signals() }

    /// Collects children that have ended; as process 1 of a container these may be anybody's.
    package static func reapChildren() {
        while weft_reap() > 0 {}
    }

    /// The command line without the program's own name.
    package static var arguments: [String] { Array(Swift::CommandLine.arguments.dropFirst()) }

    /// Ends the process.
    package static func exit(_ code: Int32) -> Never { Glibc.exit(code) }

    /// Sleeps; for command line tools that ask again and again.
    package static func pause(_ duration: Duration) {
        _ = unsafe weft_poll_input([], 0, Int32(clamping: duration.wholeMilliseconds))
    }

    /// Enters a network namespace given as a file, first the user namespace that owns it where that is needed. Only
    /// while this process has a single thread.
    package static func enterNetworkNamespace(_ path: String) throws(SystemError) {
        let namespace = try Files.open(path)
        try check(weft_enter_network_namespace(namespace.number), "setns \(path)")
    }
}

/// The ids that exist in a user namespace (user_namespaces(7)): lines of first id inside, first id outside, count.
package struct UserNamespaceMap: Hashable, Sendable {
    private let ranges: [Range<UInt64>]

    package init(text: String) {
        ranges = text.split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            guard numbers.count == 3, numbers[0] <= UInt32.max, numbers[2] <= UInt32.max else { return nil }
            return numbers[0]..<numbers[0] + numbers[2]
        }
    }

    package func contains(_ user: UserID) -> Bool { ranges.contains { $0.contains(UInt64(user.number)) } }
}

/// Descriptors that make happenings readable, so that one loop can wait for everything.
extension Descriptor {
    /// Blocks the signals of ``Signal`` for this thread and those it starts, and queues them here instead.
    package static func signals() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_signal_descriptor(), "signalfd"))
    }

    package borrowing func nextSignal() -> Signal? {
        Signal(rawValue: weft_next_signal(number))
    }

    /// Readable while the other side of a mailbox has rung.
    package static func bell() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_eventfd(), "eventfd"))
    }

    package borrowing func ring() {
        var one: UInt64 = 1
        _ = unsafe weft_write(number, &one, MemoryLayout<UInt64>.size)
    }

    package borrowing func silence() {
        var count: UInt64 = 0
        _ = unsafe weft_read(number, &count, MemoryLayout<UInt64>.size)
    }

    /// Readable when something changed in a watched directory.
    package static func directoryWatch() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_watch_create(), "inotify_init1"))
    }

    package borrowing func watch(directory: String) throws(SystemError) {
        try check(unsafe weft_watch_directory(number, directory), "inotify_add_watch \(directory)")
    }

    /// Forgets what changed; true if anything did.
    package borrowing func drainDirectoryWatch() -> Bool { weft_watch_drain(number) > 0 }

    /// Readable when an address of this namespace came or went.
    package static func addressChanges() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_address_changes(), "netlink"))
    }

    package borrowing func drainAddressChanges() { _ = weft_drain_changes(number) }

    /// Readable when the process ends.
    package static func process(_ process: Int32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_pid_descriptor(process), "pidfd_open \(process)"))
    }
}

/// The addresses of this network namespace.
package enum OwnAddresses {
    package static func all() throws(SystemError) -> Set<IPAddress> {
        var capacity: Int32 = 64
        while true {
            var kernel = [weft_address](repeating: weft_address(), count: Int(capacity))
            let count = try check(unsafe weft_own_addresses(&kernel, capacity), "getifaddrs")
            if count <= capacity {
                return Set(kernel.prefix(Int(count)).compactMap { SocketAddress($0)?.address })
            }
            capacity = count
        }
    }
}
