// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import Testing

extension Capture {
    @Suite("Every configuration that is kept as a golden file")
    struct GoldenApplyTests {
        @Test(
            "applied twice is applied once, undone is as before, and is what the file says",
            arguments: CaptureScenario.all, Backend.allCases)
        func golden(_ scenario: CaptureScenario, _ backend: Backend) async throws {
            let pod = try await NetworkLab.here.bareNamespace("app")
            let flags = scenario.flags + ["--no-verify", "--backend", backend.rawValue]
            let start = try await pod.rules(backend)

            let first = try await pod.weftInit(["apply"] + flags)
            #expect(first.succeeded, "\(first)")
            let once = try await pod.rules(backend)
            #expect(once != start)

            let second = try await pod.weftInit(["apply"] + flags)
            #expect(second.succeeded && second.output.contains("unchanged"), "\(second)")
            #expect(try await pod.rules(backend) == once)

            let status = try await pod.weftInit(["status"] + scenario.flags)
            #expect(status.succeeded, "\(status)")

            let undone = try await pod.weftInit("undo")
            #expect(undone.succeeded, "\(undone)")
            let end = try await pod.rules(backend)
            // Nothing stays behind in nf_tables; a legacy table stays once it has been made, and changes nothing.
            #expect(backend == .nft ? end == start : try await pod.essence().allSatisfy { $0.hasPrefix("#") })
            let again = try await pod.weftInit("undo")
            #expect(again.succeeded && again.output.contains("nothing"), "\(again)")
        }

        @Test("is what a dry run prints, and what iptables-restore makes of that", arguments: CaptureScenario.all)
        func dryRun(_ scenario: CaptureScenario) async throws {
            let lab = try NetworkLab.here
            let pod = try await lab.bareNamespace("app")
            let other = try await lab.bareNamespace("other")
            for family in ["ipv4", "ipv6"] {
                let golden = GoldenFile(
                    "\(scenario.name).\(family).rules", in: "../RedirectionTests/Golden", beside: #filePath)
                let text = try #require(golden.text)
                let dry = try await pod.weftInit(["apply", "--dry-run", "--family", family] + scenario.flags)
                #expect(dry.succeeded)
                #expect(dry.output.split(separator: "\n").dropFirst().joined(separator: "\n") + "\n" == text)
                let path = "\(try lab.directory())/\(family)"
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                let restore = family == "ipv4" ? "iptables-legacy-restore" : "ip6tables-legacy-restore"
                try await other.shell("\(restore) --noflush < \(path)")
            }
            _ = try await pod.weftInit(["apply", "--backend", "legacy", "--no-verify"] + scenario.flags)
            #expect(try await pod.rules(.legacy) == other.rules(.legacy))
        }

        @Test("leaves room for the proof where something can be tried", arguments: Backend.allCases)
        func proof(_ backend: Backend) async throws {
            let lab = try NetworkLab.here
            let pod = try await lab.pod("app")
            for scenario in CaptureScenario.all {
                let result = try await pod.weftInit(["apply", "--backend", backend.rawValue] + scenario.flags)
                #expect(result.succeeded, "\(scenario): \(result)")
                #expect(!result.output.contains("not-proven"), "\(scenario): \(result)")
            }
            #expect(try await pod.must("ip", "-o", "link").contains("weftprobe") == false)
        }
    }

    @Suite("From one configuration to another")
    struct ChangeTests {
        @Test("is the same as the other from the start", arguments: Backend.allCases)
        func change(_ backend: Backend) async throws {
            let lab = try NetworkLab.here
            let pod = try await lab.bareNamespace("app")
            let fresh = try await lab.bareNamespace("fresh")
            let place = ["--no-verify", "--backend", backend.rawValue]
            for scenario in CaptureScenario.all {
                let changed = try await pod.weftInit(["apply"] + scenario.flags + place)
                #expect(changed.succeeded, "\(changed)")
                try await fresh.must("weft-init", "undo")
                _ = try await fresh.weftInit(["apply"] + scenario.flags + place)
                #expect(try await pod.rules(backend).sorted() == fresh.rules(backend).sorted(), "\(scenario)")
            }
        }

        @Test("from one backend to the other leaves nothing in the first")
        func backends() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let start = try await pod.rules(.nft)
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337", "--backend", "nft")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337", "--backend", "legacy")
            #expect(try await pod.rules(.nft) == start)
            #expect(try await pod.rules(.legacy).contains { $0.contains("WEFT_OUTBOUND") })
            // Left to itself it stays where the rules are.
            let auto = try await pod.weftInit("apply", "--proxy-uid", "1337", "--skip-inbound-ports", "22")
            #expect(auto.succeeded && auto.output.contains("(legacy)"), "\(auto)")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337", "--backend", "nft")
            #expect(try await !pod.rules(.legacy).contains { $0.contains("WEFT") })
            try await pod.must("weft-init", "undo")
            #expect(try await pod.rules(.nft) == start)
        }
    }
}
