// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem

/// The two namespaces with the server in them, and the contenders that come and go.
final class Lab {
    /// Two for each of the connections that are held, and some beside.
    private static let descriptors = 2 * MemorySample.manyCount + 1_000

    let programs: Programs
    let cleaner = Cleaner(directory: Place.directory, removal: Place.removal)
    private var server: Child?
    private let lock: Int32
    private let signals: [any DispatchSourceSignal]

    init(_ programs: Programs) throws {
        self.programs = programs
        signals = cleaner.listenForSignals()
        lock = open("/run/weft-benchmark.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw BenchmarkFailure("another benchmark is running, and both would measure each other")
        }
        guard ThisProcess.raiseDescriptorLimit() >= Lab.descriptors else {
            throw BenchmarkFailure("\(Lab.descriptors) open files must be allowed: ulimit -Hn")
        }
        try Shell.run(Place.removal)
    }

    /// Namespaces, identities, the redirect rules (by weft-init, the same for every contender) and the server.
    func setUp() throws {
        try Shell.run("mkdir -m 0711 \(Place.directory)")
        try Shell.run(Place.network)
        try Shell.run(Place.identities(weft: programs.weft, configurations: programs.configurations))
        for (side, namespace) in [("client", Place.client), ("server", Place.server)] {
            try Shell.run(
                "ip netns exec \(namespace) '\(programs.weftInit)' apply "
                    + "--config '\(programs.configurations)/weft-\(side).yaml'")
        }
        try Shell.run(Place.forgetSoon)
        let server = try start(["serve", Place.captured, Place.direct], in: Place.server)
        try server.expect("ready")
        self.server = server
    }

    func tearDown() { cleaner.clean() }

    /// Runs `body` with both proxies of a contender up and answering; they are ended after it.
    func with<Result>(_ contender: Contender, _ speech: Speech, _ body: (_ hops: [Hop]) throws -> Result) throws
        -> Result
    {
        var hops: [Hop] = []
        defer { for hop in hops { hop.child.kill() } }
        if contender != .direct {
            for (side, namespace) in [("client", Place.client), ("server", Place.server)] {
                hops.append(
                    Hop(
                        try Child(
                            cleaner, contender.words(side, speech, programs), after: Place.inside(namespace),
                            user: Place.user,
                            environment: contender == .haproxy
                                ? ["OPENSSL_CONF": "\(programs.configurations)/openssl.cnf"] : [:])))
            }
        }
        try ask(contender, speech, marker: "ready")
        return try body(hops)
    }

    /// One request, tried until it is answered.
    func ask(_ contender: Contender, _ speech: Speech, marker: String) throws {
        let child = try start(["ask", contender.address(speech), speech.rawValue, marker])
        defer { child.kill() }
        try child.expect("answered")
    }

    /// Starts one of our own commands, on the client's side.
    func start(_ words: [String], in namespace: String = Place.client) throws -> Child {
        try Child(cleaner, [programs.benchmark] + words, after: Place.inside(namespace))
    }
}
