// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem

/// A control plane with whatever talks to it, on an address of loopback of its own, so that every port is the usual one.
///
///     benchmark ── control.sock ──▶ weft-control :15012 ◀══ mutual TLS ══ crowd (simulated proxies), or weft-proxy
final class ControlLab {
    static let host = "127.98.0.1"
    static let proxyAddress = "\(host):15012"
    static let trustDomain = "benchmark.weft"
    /// Who the sidecars run as, where we are root.
    private static let user = 2102

    let programs: ControlPrograms
    let cleaner: Cleaner
    private let lock: Int32
    private let signals: [any DispatchSourceSignal]
    private var control: Child?
    private var data = ""

    init(_ programs: ControlPrograms) throws {
        self.programs = programs
        lock = open("\(NSTemporaryDirectory())/weft-control-benchmark.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw BenchmarkFailure("another benchmark is running, and both would measure each other")
        }
        let directory = try Shell.run("mktemp -d -t weft-control-benchmark.XXXXXX").split(separator: "\n").joined()
        cleaner = Cleaner(directory: directory, removal: "rm -rf '\(directory)'")
        signals = cleaner.listenForSignals()
        // The sidecar's user has to come to its own directory.
        try Shell.run("chmod 0711 '\(directory)'")
        // The connections of each proxy, at both ends, and room for two.
        guard ThisProcess.raiseDescriptorLimit() >= 20_000 else {
            throw BenchmarkFailure("20000 open files must be allowed: ulimit -Hn")
        }
    }

    var directory: String { cleaner.directory }
    var administrator: Administrator { Administrator(socketPath: "\(data)/control.sock") }

    // MARK: The control plane

    /// Starts the control plane over the data directory of that name.
    func start(_ name: String) throws {
        data = "\(directory)/\(name)"
        try Shell.run("mkdir -p -m 0700 '\(data)'; rm -f '\(data)/control.sock'")
        control = try Child(
            cleaner,
            [
                programs.weftControl, "run", "--data", data, "--trust-domain", Self.trustDomain, "--name", "control",
                "--listen", Self.host, "--api-listen", Self.host, "--address", Self.host,
            ], after: logging(to: "control"))
        try wait("the control plane answers") {
            (try? administrator.ask("/v1/info")) != nil
                && (try? Shell.run("curl -sf -o \(directory)/ready http://\(Self.host):15014/ready")) != nil
        }
    }

    func stop() {
        control?.kill()
        control = nil
    }

    func controlProcess() throws -> Int32 {
        guard let control else { throw BenchmarkFailure("no control plane runs") }
        return control.identifier
    }

    func controlMemory() throws -> Double { try ProcessFamily.residentBytes(try controlProcess()) }
    func controlTime() throws -> Double { try ProcessFamily.processorTime(try controlProcess()) }

    // MARK: Who talks to it

    /// Lets a machine join as a service by a token, as `weft join` does it; its state is below that directory.
    func join(_ service: String, name: String, to state: String) throws {
        guard let token = try administrator.ask("/v1/tokens", #"{"service":"\#(service)"}"#)["token"] as? String else {
            throw BenchmarkFailure("there is no token in the answer")
        }
        try Shell.run(
            "mkdir -p \"$(dirname '\(state)')\"; '\(programs.weft)' join '\(token)' --name \(name) --state '\(state)' "
                + "--config '\(state)/proxy.yaml' --owner \(Self.owner)")
    }

    /// Nil: sidecars run as who we are.
    private static var other: Int? { ThisProcess.isRoot ? user : nil }
    private static var owner: Int { other ?? Int(ThisProcess.effectiveUser) }

    /// The simulated proxies, with the members that have joined below `members`.
    func crowd(_ members: String, _ count: Int) throws -> Child {
        try Child(cleaner, [programs.benchmark, "crowd", Self.proxyAddress, members, "\(count)"], user: Self.other)
    }

    func sidecar(_ configuration: String) throws -> Child {
        try Child(
            cleaner, [programs.weftProxy, "run", "--config", configuration], after: logging(to: "sidecar"),
            user: Self.other)
    }

    /// Nobody reads what it says, so that it must not go into a pipe.
    private func logging(to name: String) -> [String] {
        ["sh", "-c", "exec \"$@\" >>'\(directory)/\(name).log' 2>&1", "sh"]
    }

    func wait(_ what: String, seconds: Int = 60, _ condition: () throws -> Bool) throws {
        for _ in 0..<(seconds * 50) {
            if try condition() { return }
            ThisProcess.pause(.milliseconds(20))
        }
        let log = (try? Shell.run("tail -n 5 '\(directory)'/*.log")) ?? ""
        throw BenchmarkFailure("not in \(seconds) s: \(what)\n\(log)")
    }
}
