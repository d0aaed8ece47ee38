// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// One of two endpoints ends in good order.
    @Suite("A proxy that leaves")
    struct Leaving {
        private static let route = """
            ---
            kind: HTTPRoute
            metadata: {name: api}
            spec:
              parentRefs: [{kind: Service, group: "", name: api, port: 80}]
              rules: [{backendRefs: [{name: api, port: 80}]}]

            """

        @Test(
            "nobody is sent to it any more while it still accepts, and no call fails",
            arguments: ["connections", "requests"])
        func drains(_ load: String) async throws {
            let scene = try await ControlledMesh()
            try await scene.control.start()
            try await scene.control.apply(ControlledMesh.documents + (load == "requests" ? Self.route : ""))
            let other = try await scene.mesh.pod("other", ["names": "{}"])
            for pod in [scene.web, scene.api, other] {
                try await pod.enroll(with: scene.control, as: pod.name == "web" ? "web" : "api")
                pod.set("drain", "{settle: 1s, deadline: 30s}")
            }
            try other.writeConfiguration()
            try await other.capture()
            try other.startProxy()
            try await other.serve("http", "0.0.0.0:8080")
            try await scene.startProxies()
            try await other.ready()
            try await eventually("there are two endpoints") { () async throws -> Bool? in
                guard try await scene.endpoints() == 2 else { return nil }
                return try await scene.call().status == 200 ? true : nil
            }
            let calls = try (0..<4).map { _ in try scene.startCalls() }
            for pod in [scene.api, other] {
                try await eventually("\(pod.name) is called") { () async throws -> Bool? in
                    try await pod.called() > 20 ? true : nil
                }
            }

            scene.api.proxy.send(SIGTERM)
            let begin = ContinuousClock.now
            try await eventually("it is no endpoint any more, while it still runs") { () async throws -> Bool? in
                guard scene.api.proxy.isRunning else { throw DidNotHappen("the proxy has ended too early") }
                return try await scene.endpoints() == 1 ? true : nil
            }
            print("\(load): no endpoint any more after \(ContinuousClock.now - begin)")
            try await eventually("it has ended") { scene.api.proxy.isRunning ? nil : true }
            #expect(try await scene.api.proxy.result().status == 0, "\(scene.api.proxy.output)")
            // It has told its control plane by a new watch, which is no reason for an alarm.
            #expect(!scene.api.proxy.output.contains("control plane lost"), "\(scene.api.proxy.output)")
            let before = try await other.called()
            try await eventually("the other one is called") { () async throws -> Bool? in
                try await other.called() > before + 50 ? true : nil
            }
            for call in calls { try await call.ends() }
            // Not for having been tried again: nobody has met the one that leaves when it did not accept any more.
            for name in ["weft_failovers_total", "weft_request_retries_total"] {
                #expect(try await scene.web.counted(name) == 0, "\(name)")
            }
        }
    }
}

extension ControlledMesh {
    /// How many endpoints `api` has.
    fileprivate func endpoints() async throws -> Int {
        let services = try await control.must("/v1/services")["services"].list
        return services.first { $0["name"].text == "api" }?["endpoints"].list.count ?? 0
    }
}

extension MeshPod {
    /// What a counter has come to, all its series together; nil where there is none.
    fileprivate func counted(_ series: String...) async throws -> Int? {
        let lines = try await ask("/metrics").body.split(separator: "\n")
        let values = lines.filter { line in series.contains { line.hasPrefix($0) } }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    /// How often its application has been called.
    fileprivate func called() async throws -> Int {
        try await counted(
            #"weft_connections_finished_total{direction="inbound""#, #"weft_requests_total{direction="inbound""#) ?? 0
    }
}
