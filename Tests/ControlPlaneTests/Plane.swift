// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import ControlAPI
import ControlStore
import Foundation
import LinuxSystem
import MeshModel
import Synchronization
import Testing

@testable import ControlPlane

/// A clock that a test moves.
final class TestClock: Sendable {
    private let time = Mutex(WallTime(seconds: 1_800_000_000))

    var now: WallTime { time.withLock { $0 } }
    func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// A control plane on a directory of its own, with its store open.
final class Plane: Sendable {
    let directory: String
    let store: SQLiteStore
    let clock: TestClock
    let plane: ControlPlane

    init() async throws {
        directory = NSTemporaryDirectory() + "weft-plane-\(UUID().uuidString)"
        clock = TestClock()
        let replica = try ReplicaDirectory(directory)
        store = try await SQLiteStore.open(path: replica.databasePath)
        let clock = clock
        var settings = ControlPlane.Settings(directory: replica, replica: try #require(ResourceName("control-1")))
        settings.trustDomain = TrustDomain("mesh.test")
        settings.proxyAddresses = ["127.0.0.1:15012"]
        settings.joinAddresses = ["127.0.0.1:15013"]
        plane = try await ControlPlane(settings, store) { clock.now }
    }

    /// Another replica over the same store and by the same clock, with a directory and an intermediate of its own.
    private init(_ name: String, beside first: Plane, returning: Duration?) async throws {
        directory = NSTemporaryDirectory() + "weft-plane-\(UUID().uuidString)"
        store = first.store
        clock = first.clock
        let clock = clock
        var settings = ControlPlane.Settings(
            directory: try ReplicaDirectory(directory), replica: try #require(ResourceName(name)))
        settings.isShared = true
        if let returning { settings.returning = returning }
        settings.joinAddresses = ["127.0.0.1:25013"]
        plane = try await ControlPlane(settings, store) { clock.now }
    }

    /// Another replica, that has been given its intermediate. `returning`: how long it waits for proxies to come back.
    func replica(_ name: String, returning: Duration? = nil) async throws -> Plane {
        let other = try await Plane(name, beside: self, returning: returning)
        await plane.rootsChanged()
        await other.plane.rootsChanged()
        return other
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Runs the plane's own work while `body` goes on.
    func running<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            let (ready, source) = AsyncThrowingStream<Void, any Error>.makeStream()
            group.addTask {
                do {
                    try await self.plane.run { source.finish() }
                } catch {
                    source.finish(throwing: error)
                    throw error
                }
                return nil
            }
            for try await _ in ready {}
            let value = try await body()
            group.cancelAll()
            return value
        }
    }

    func apply(_ text: String, _ options: ControlPlane.ApplyOptions = .init()) async throws -> ControlPlane.Written {
        try await plane.apply(Array(text.utf8), name: "test", author: "tester", options)
    }

    /// A machine that has joined as a service.
    func joined(_ service: String, key: SigningKey = SigningKey()) async throws -> Enrollment.Joined {
        let token = try await plane.enrollment.createToken(
            for: try reference(service), lifetime: .seconds(3600), addresses: ["127.0.0.1:15013"], author: "tester")
        return try await plane.enrollment.join(
            JoinRequest(token: token.token.text, csr: try CertificateRequest.text(for: key)), from: "192.0.2.1")
    }

    /// A proxy's watch.
    func watch(
        _ name: String, of service: String, address: String, wants: Wants = Wants(), have: WatchRequest.Holdings? = nil,
        locality: String? = nil
    ) async throws -> TestWatch {
        let request = WatchRequest(
            workload: try reference(name), instance: String(format: "%016x", UInt64.random(in: 0...UInt64.max)),
            addresses: [try #require(IPAddress(address))], locality: locality, have: have, wants: wants)
        let identity = try #require(SPIFFEID("spiffe://mesh.test/ns/default/sa/\(service)"))
        let id = try await plane.openWatch(request, identity: identity, serial: "0a")
        return TestWatch(plane: plane, id: id, identity: identity, request: request)
    }
}

extension Plane {
    /// The watch of a proxy that calls services and serves none that a test looks at.
    func client(
        _ name: String = "web-1", address: String = "10.0.0.1", wanting service: String
    ) async throws -> TestWatch {
        try await watch(name, of: "web", address: address, wants: Wants(names: try names(service)))
    }
}

func reference(_ name: String) throws -> ResourceReference {
    ResourceReference(name: try #require(ResourceName(name)))
}

func names(_ texts: String...) throws -> [ServiceName] { try texts.map { try #require(ServiceName($0)) } }

/// What one proxy hears.
struct TestWatch: Sendable {
    let plane: ControlPlane
    let id: String
    let identity: SPIFFEID
    let request: WatchRequest

    /// The next update; other messages are passed over. Fails where the watch ends first.
    func update() async throws -> Update {
        while let message = await plane.hub.next(id) {
            if case .update(let update) = message { return update }
        }
        throw WatchEnded()
    }

    func acknowledge(_ update: Update, rejected: [Acknowledgement.Rejection] = []) async {
        _ = await plane.hub.acknowledge(
            id, Acknowledgement(sequence: update.sequence, revision: update.revision, rejected: rejected), by: identity)
    }

    /// Acknowledges every update until the watch ends.
    func follow(_ hears: @Sendable (Update) -> Void = { _ in }) async {
        while let update = try? await update() {
            hears(update)
            await acknowledge(update)
        }
    }

    /// Acknowledges updates until one has brought a resource.
    func untilHeard(of id: String) async throws -> Update {
        while true {
            let update = try await update()
            await acknowledge(update)
            if update.resources.contains(where: { $0.id == id }) { return update }
        }
    }
}

struct WatchEnded: Error {}

/// The codes of what an operation throws.
func codes(_ body: () async throws -> some Any) async -> [ErrorCode] {
    do {
        _ = try await body()
        return []
    } catch let problems as Problems {
        return problems.all.map(\.code)
    } catch let problem as Problem {
        return [problem.code]
    } catch {
        Issue.record(error)
        return []
    }
}
