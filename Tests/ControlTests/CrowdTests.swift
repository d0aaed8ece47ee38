// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// As much as there may be, over both stores.
    @Suite("Large and contended writes")
    struct Crowds {
        /// `count` replicas; several of them share an etcd.
        private static func replicas(_ count: Int) async throws -> [ControlReplica] {
            let lab = try NetworkLab.here
            let options = count > 1 ? ["--etcd", try await LabEtcd(lab).endpoint] : []
            var all: [ControlReplica] = []
            for number in 1...count {
                let replica = try await ControlReplica("control-\(number)", in: lab, options)
                try await replica.start()
                all.append(replica)
            }
            return all
        }

        @Test(
            "ten thousand resources are one revision, there after a kill, and cost no more than they should",
            arguments: [1, 2])
        func tenThousand(_ count: Int) async throws {
            let replicas = try await Self.replicas(count)
            let control = replicas[0]
            let file = "\(try NetworkLab.here.directory())/crowd.yaml"
            try (0..<9_999).map {
                "kind: Service\nmetadata: {name: s\($0)}\nspec: {ports: [{port: 80}], endpoints: [{address: 192.0.2.1}]}\n"
            }.joined(separator: "---\n").write(toFile: file, atomically: true, encoding: .utf8)
            let before = try control.residentKiB
            let begin = ContinuousClock.now
            let written = try await control.must("/v1/apply", "@\(file)", "-m", "60")
            let took = ContinuousClock.now - begin
            #expect(written["revision"].number == 1 && written["changes"].list.count == 9_999)
            for replica in replicas {
                try await eventually("\(replica.name) has it", within: .seconds(30)) { () async throws -> Bool? in
                    try await replica.revision() == 1 ? true : nil
                }
            }
            let after = try control.residentKiB
            print(
                "9,999 services over \(count == 1 ? "SQLite" : "etcd"): \(took), \(before) KiB before, \(after) KiB after"
            )
            #expect(after - before < 400 << 10)
            // One more, and too many.
            try await control.apply("kind: Service\nmetadata: {name: last}\nspec: {ports: [{port: 80}]}\n")
            let many = try await control.ask(
                "/v1/apply", "kind: Service\nmetadata: {name: more}\nspec: {ports: [{port: 80}]}\n")
            #expect(many.status == 413, "\(many.status) \(many.body.prefix(300))")
            try await control.kill()
            try await control.start()
            #expect(try await control.must("/v1/resources/Service", nil, "-m", "30")["resources"].list.count == 10_000)
        }

        @Test(
            "of writers who write at once none is lost, none comes twice, and each revision has one author",
            arguments: [1, 2])
        func contended(_ count: Int) async throws {
            let replicas = try await Self.replicas(count)
            let (writers, each) = (6, 10)
            let revisions = try await withThrowingTaskGroup(of: [Int].self) { group in
                for writer in 0..<writers {
                    let replica = replicas[writer % replicas.count]
                    group.addTask {
                        var all: [Int] = []
                        for number in 1...each {
                            all.append(
                                try await replica.apply(
                                    "kind: Service\nmetadata: {name: w\(writer)-\(number)}\nspec: {ports: [{port: 80}]}\n"
                                ))
                        }
                        return all
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(revisions.sorted().last == writers * each)
            for replica in replicas {
                let all = try await eventually("\(replica.name) has everything") {
                    () async throws -> [ControlAnswer]? in
                    let all = try await replica.must("/v1/revisions")["revisions"].list
                    return all.count >= writers * each ? all : nil
                }
                #expect(Set(all.map { $0["revision"].number }).isSuperset(of: 1...(writers * each)))
                #expect(try await replica.must("/v1/resources/Service")["resources"].list.count == writers * each)
            }
        }
    }
}
