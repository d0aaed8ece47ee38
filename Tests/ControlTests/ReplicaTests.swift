// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// Three replicas over one etcd.
    @Suite("Replicas")
    struct Replicas {
        @Test("every replica gets its intermediate through the store, at once, and proxies of each trust the others'")
        func intermediates() async throws {
            let scene = try await ControlledMesh(replicas: 3)
            try await scene.replicas[0].start()
            try await scene.control.apply(ControlledMesh.documents)
            let begin = ContinuousClock.now
            for replica in scene.replicas.dropFirst() { try await replica.start() }
            #expect(ContinuousClock.now - begin < .seconds(10))
            try await scene.web.enroll(with: scene.replicas[1])
            try await scene.api.enroll(with: scene.replicas[2])
            try await scene.startProxies()
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")
            let told = try await scene.web.tells("the call") { $0.service == "default/api" }
            #expect(told.security == "mutual-tls")
        }

        @Test("the progress of a revision counts the proxies of all replicas, whichever is asked")
        func progress() async throws {
            let scene = try await ControlledMesh(replicas: 3)
            for replica in scene.replicas { try await replica.start() }
            try await scene.control.apply(ControlledMesh.documents)
            try await scene.web.enroll(with: scene.replicas[0], following: [scene.replicas[1].address])
            try await scene.api.enroll(with: scene.replicas[0], following: [scene.replicas[2].address])
            try await scene.startProxies()
            let revision = try await scene.control.apply("kind: Mesh\nspec: {ranges: [10.77.0.0/24, 10.78.0.0/24]}\n")
            for replica in scene.replicas {
                try await eventually("\(replica.name) knows that both have it") { () async throws -> Bool? in
                    let progress = try await replica.progress(of: revision)
                    return progress["acknowledged"].number == 2 && progress["late"].list.isEmpty ? true : nil
                }
            }
            let proxies = try await scene.control.must("/v1/proxies")["proxies"].list
            #expect(Set(proxies.map { $0["replica"].text }) == ["control-2", "control-3"])
        }

        @Test(
            "a replica that is killed, stopped or ended in order leaves no gap: its proxies go elsewhere, their endpoints stay",
            arguments: [SIGKILL, SIGSTOP, SIGTERM])
        func lost(_ signal: Int32) async throws {
            let scene = try await ControlledMesh.running(replicas: 3)
            #expect(try await scene.call().status == 200)
            let holder = try await scene.replica(of: "api")
            let asked = try #require(scene.replicas.first { $0.name != holder.name })
            let load = try scene.startCalls()
            let begin = ContinuousClock.now
            holder.program.send(signal)
            try await eventually("the proxy of api has gone to another replica", within: .seconds(30)) {
                () async throws -> Bool? in
                let proxies = try await asked.must("/v1/proxies")["proxies"].list
                let places = proxies.filter { $0["name"].text == "api" }.map { $0["replica"].text }
                return !places.isEmpty && !places.contains(holder.name) ? true : nil
            }
            let took = ContinuousClock.now - begin
            print("signal \(signal): the proxy has moved after \(took)")
            #expect(took < .seconds(10))
            // Writing goes on, and reaches both.
            let revision = try await asked.apply("kind: Mesh\nspec: {ranges: [10.77.0.0/24, 10.78.0.0/24]}\n")
            try await eventually("both have revision \(revision)", within: .seconds(30)) {
                () async throws -> Bool? in
                try await asked.progress(of: revision)["acknowledged"].number == 2 ? true : nil
            }
            // Until the lease of the lost replica is over.
            try await eventually("nobody counts the lost replica any more", within: .seconds(30)) {
                () async throws -> Bool? in
                let proxies = try await asked.must("/v1/proxies")["proxies"].list
                return proxies.allSatisfy { $0["replica"].text != holder.name }
                    && ContinuousClock.now - begin > .seconds(12)
                    ? true : nil
            }
            if signal == SIGSTOP { holder.program.send(SIGCONT) }
            let endpoints = try await eventually("the endpoint is there") { () async throws -> Int? in
                let services = try await asked.must("/v1/services")["services"].list
                return services.first { $0["name"].text == "api" }?["endpoints"].list.count
            }
            #expect(endpoints == 1)
            try await load.ends()
        }

        @Test("a replica that is cut off from the store sends its proxies away and takes none")
        func cutOff() async throws {
            let scene = try await ControlledMesh.running(replicas: 3)
            let holder = try await scene.replica(of: "api")
            let asked = try #require(scene.replicas.first { $0.name != holder.name })
            let load = try scene.startCalls()
            try await holder.pod.shell("iptables -I OUTPUT -p tcp --dport 2379 -j DROP")
            try await eventually("the proxy of api has gone to another replica", within: .seconds(30)) {
                () async throws -> Bool? in
                let proxies = try await asked.must("/v1/proxies")["proxies"].list
                let places = proxies.filter { $0["name"].text == "api" }.map { $0["replica"].text }
                return !places.isEmpty && !places.contains(holder.name) ? true : nil
            }
            try await holder.pod.shell("iptables -D OUTPUT -p tcp --dport 2379 -j DROP")
            try await eventually("it is back", within: .seconds(40)) { () async throws -> Bool? in
                let revision = try await asked.revision()
                return try await holder.ask("/v1/info").body.contains("\"revision\":\(revision)") ? true : nil
            }
            try await load.ends()
        }
    }
}

extension ControlledMesh {
    /// The replica that a workload's proxy watches.
    func replica(of name: String) async throws -> ControlReplica {
        try await eventually("\(name) is connected") { () async throws -> ControlReplica? in
            let proxies = try await control.must("/v1/proxies")["proxies"].list
            let place = proxies.first { $0["name"].text == name }?["replica"].text
            return replicas.first { $0.name == place }
        }
    }

    /// Requests from `web` to `api` by name, one after the other, each on a connection of its own, until it is told to end.
    func startCalls() throws -> Calls {
        let script = """
            trap 'echo done $n $bad; exit' TERM
            n=0; bad=0
            while :; do
              n=$((n+1))
              out=$(curl -s -S -m 4 -o /dev/null -w '%{http_code}' http://api/ 2>&1) || true
              [ "$out" = 200 ] || { bad=$((bad+1)); echo "$(date +%T.%N) failed $n: $out"; }
              [ $n != 20 ] || echo "made 20"
            done
            """
        return Calls(program: try web.start("sh", "-c", script))
    }

    struct Calls {
        let program: RunningProgram

        /// Ends them, when there were enough to say something; none may have failed.
        func ends() async throws {
            try await program.line(containing: "made 20")
            program.send(SIGTERM)
            let result = try await program.result()
            let last = result.output.split(separator: "\n").last { $0.hasPrefix("done ") }
            let numbers = (last ?? "").split(separator: " ").compactMap { Int($0) }
            #expect(numbers.count == 2 && numbers[0] >= 20 && numbers[1] == 0, "\(result)")
        }
    }
}
