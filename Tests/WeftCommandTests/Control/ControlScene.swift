// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Synchronization
import Testing

/// A control plane with a directory, ports and a mesh of its own, and `weft` that talks to it. Gone with the test.
final class ControlScene: Sendable {
    let directory: String
    let apiPort: UInt16
    let joinPort: UInt16
    let proxyPort: UInt16
    private let control: Mutex<RunningProgram>
    private let count = Atomic(0)

    static let trustDomain = "mesh.test"
    /// Whom the proxy would run as: never root.
    static let proxyUser = geteuid() == 0 ? 2102 : geteuid()

    init() async throws {
        directory = NSTemporaryDirectory() + "weft-control-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory + "/home", withIntermediateDirectories: true)
        let ports = try Self.freePorts(3)
        (apiPort, joinPort, proxyPort) = (ports[0], ports[1], ports[2])
        control = Mutex(try Self.run(directory, ports, [:]))
        try await answers()
    }

    private static func run(
        _ directory: String, _ ports: [UInt16], _ variables: [String: String]
    ) throws -> RunningProgram {
        try RunningProgram(
            [
                BuiltProgram.path("weft-control"), "run", "--data", directory + "/data", "--trust-domain",
                Self.trustDomain, "--address", "127.0.0.1", "--listen", "127.0.0.1", "--api-port", String(ports[0]),
                "--join-port", String(ports[1]), "--proxy-port", String(ports[2]), "--metrics-port", "0",
            ], environment: ProcessInfo.processInfo.environment.merging(variables) { $1 }, log: directory + "/control")
    }

    private func answers() async throws {
        let control = control.withLock { $0 }
        try await eventually("the control plane's answer") {
            guard control.isRunning else { throw DidNotHappen("weft-control has ended: \(control.error)") }
            return try await weft("ca status").succeeded ? true : nil
        }
    }

    /// Ends the control plane, and starts it again on what it has kept.
    func restart(variables: [String: String]) async throws {
        try await stop()
        let program = try Self.run(directory, [apiPort, joinPort, proxyPort], variables)
        control.withLock { $0 = program }
        try await answers()
    }

    deinit {
        control.withLock { $0.send(SIGKILL) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Of the control plane.
    var process: Int32 { control.withLock { $0.identifier } }
    var socket: String { directory + "/data/control.sock" }

    func stop() async throws {
        let control = control.withLock { $0 }
        try await control.stop()
    }

    /// Runs `weft` with the words of a line; `%` stands for the directory. `place`: where WEFT_CONTROL points, the socket if
    /// not said.
    @discardableResult
    func weft(_ line: String, place: String? = nil, variables: [String: String] = [:]) async throws -> ProgramResult {
        try await weft(words: line.split(separator: " ").map(String.init), place: place, variables: variables)
    }

    @discardableResult
    func weft(
        words: [String], place: String? = nil, variables: [String: String] = [:]
    ) async throws -> ProgramResult {
        let words = words.map { $0.replacingOccurrences(of: "%", with: directory) }
        return try await run([BuiltProgram.path("weft")] + words, place: place, variables: variables)
    }

    /// Runs a line of the shell, in which `weft` is ours.
    func shell(_ line: String) async throws -> ProgramResult {
        let weft = "weft() { \(BuiltProgram.path("weft")) \"$@\"; }; "
        return try await run(
            ["/bin/sh", "-c", weft + line.replacingOccurrences(of: "%", with: directory)], place: nil, variables: [:])
    }

    private func run(_ words: [String], place: String?, variables: [String: String]) async throws -> ProgramResult {
        let number = count.add(1, ordering: .relaxed).newValue
        var environment = ProcessInfo.processInfo.environment
        environment["HOME"] = directory + "/home"
        environment["XDG_CONFIG_HOME"] = nil
        environment["WEFT_CONTROL"] = place ?? socket
        for (name, value) in variables { environment[name] = value.isEmpty ? nil : value }
        return try await RunningProgram(words, environment: environment, log: "\(directory)/run-\(number)").result()
    }

    /// The result of a command read as JSON, whatever its exit code.
    func json(_ line: String) async throws -> [String: Any] {
        let result = try await weft(line + " -o json")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result)")
    }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8) }

    func permissions(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")[.posixPermissions] as? Int
    }

    func owner(_ name: String) throws -> UInt32? {
        (try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")[.ownerAccountID] as? NSNumber)?
            .uint32Value
    }

    /// A mesh of two services, of which one has a policy.
    static let shop = """
        kind: Service
        metadata: {name: web}
        spec: {ports: [{port: 80}], endpoints: [{workload: web-1}]}
        ---
        kind: Workload
        metadata: {name: web-1}
        spec: {addresses: [10.7.0.1], spiffeID: spiffe://mesh.test/ns/default/sa/web}
        ---
        kind: Workload
        metadata: {name: api-1}
        spec: {addresses: [10.7.0.2], spiffeID: spiffe://mesh.test/ns/default/sa/api}
        ---
        kind: Service
        metadata: {name: api}
        spec: {ports: [{port: 80, targetPort: 8080}], endpoints: [{workload: api-1}]}
        """

    /// Ports that nobody listens on at this moment.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
                }
            }
            guard result == 0 else { throw DidNotHappen("no free port: errno \(errno)") }
            return UInt16(bigEndian: address.sin_port)
        }
    }
}
