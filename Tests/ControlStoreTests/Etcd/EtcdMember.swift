// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Synchronization

/// A real etcd of the distribution, on loopback ports of its own.
final class EtcdMember: Sendable {
    let endpoint: String
    let peer: String
    let name: String
    private let directory: TestDirectory
    private let options: [String]
    private let running = Mutex<RunningProgram?>(nil)

    var endpoints: [String] { [endpoint] }

    init(name: String = "solo", scheme: String = "http", options: [String] = []) throws {
        self.name = name
        endpoint = "\(scheme)://127.0.0.1:\(try Self.freePort())"
        peer = "http://127.0.0.1:\(try Self.freePort())"
        directory = try TestDirectory()
        self.options = options
    }

    private static let lasting = Mutex<EtcdMember?>(nil)

    /// One for all tests that change nothing about it; it ends with the tests.
    static let shared = Task {
        let member = try EtcdMember()
        try await member.start()
        lasting.withLock { $0 = member }
        // Nothing that is static is ever taken down.
        atexit { EtcdMember.lasting.withLock { $0 }?.remove() }
        return member
    }

    /// Several that have found each other.
    static func cluster(_ count: Int) async throws -> [EtcdMember] {
        let members = try (0..<count).map { try EtcdMember(name: "member-\($0)") }
        for member in members { try member.launch(among: members) }
        for member in members { try await member.ready() }
        return members
    }

    func start() async throws {
        try launch(among: [self])
        try await ready()
    }

    func launch(among members: [EtcdMember]) throws {
        let cluster = members.map { "\($0.name)=\($0.peer)" }.joined(separator: ",")
        // setpriv: should the tests be killed, it is too.
        let words =
            [
                "setpriv", "--pdeathsig", "KILL", "etcd", "--name", name, "--data-dir", directory("data"),
                "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                "--heartbeat-interval", "100", "--election-timeout", "1000", "--logger", "zap",
                "--log-level", "error",
            ] + options
        let program = try RunningProgram(words, log: directory("log-\(UUID().uuidString)"))
        running.withLock { $0 = program }
    }

    /// Waits until it takes connections and, unless TLS hides it, knows a leader.
    func ready() async throws {
        try await eventually("etcd answers at \(endpoint)", within: .seconds(30)) {
            guard let program = running.withLock({ $0 }), program.isRunning else {
                throw DidNotHappen("etcd has ended: \(running.withLock { $0?.error ?? "" })")
            }
            return await answers() ? true : nil
        }
    }

    private func answers() async -> Bool {
        guard endpoint.hasPrefix("http://") else { return (try? Self.connects(endpoint)) ?? false }
        let command = ["curl", "-s", "-m", "1", "\(endpoint)/health"]
        guard let program = try? RunningProgram(command, log: directory("health")),
            let result = try? await program.result(within: .seconds(5))
        else { return false }
        return result.output.contains("true")
    }

    func send(_ signal: Int32) { running.withLock { $0 }?.send(signal) }

    func kill() async throws {
        send(SIGKILL)
        _ = try await running.withLock { $0 }?.result()
    }

    deinit { remove() }

    /// Ends it, and takes away what it has written once it writes no more.
    private func remove() {
        send(SIGKILL)
        for _ in 0..<200 where running.withLock({ $0?.isRunning == true }) { usleep(5_000) }
        try? FileManager.default.removeItem(atPath: directory.path)
    }

    /// A port that nobody has at the moment.
    static func freePort() throws -> UInt16 {
        let socket = try LoopbackSocket()
        return try socket.bind()
    }

    private static func connects(_ endpoint: String) throws -> Bool {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else { return false }
        return try LoopbackSocket().connects(to: port)
    }
}

/// An endpoint whose handshakes are never finished, as where a network swallows what is sent: its backlog is full.
final class BlackHole {
    let endpoint: String
    private let listener: LoopbackSocket
    private let fillers: [LoopbackSocket]

    init() throws {
        listener = try LoopbackSocket()
        let port = try listener.bind()
        listener.listen(backlog: 0)
        endpoint = "http://127.0.0.1:\(port)"
        fillers = try (0..<4).map { _ in try LoopbackSocket(isBlocking: false) }
        for filler in fillers { _ = filler.connects(to: port) }
    }
}

/// A TCP socket on 127.0.0.1.
private final class LoopbackSocket {
    private let number: Int32

    init(isBlocking: Bool = true) throws {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (isBlocking ? 0 : SOCK_NONBLOCK.rawValue))
        number = socket(AF_INET, kind, 0)
        guard number >= 0 else { throw DidNotHappen("no socket: errno \(errno)") }
    }

    deinit { close(number) }

    /// Takes a port that is free, and tells which.
    func bind() throws -> UInt16 {
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(number, pointer, length) + getsockname(number, pointer, &length)
            }
        }
        guard result == 0 else { throw DidNotHappen("no free port: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }

    func listen(backlog: Int32) { _ = Glibc.listen(number, backlog) }

    func connects(to port: UInt16) -> Bool {
        var address = Self.loopback(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                connect(number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
