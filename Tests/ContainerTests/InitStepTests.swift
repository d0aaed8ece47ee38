// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Containers {
    @Suite("Init step")
    struct InitStepTests {
        private static let proofs = ["IPv4 outbound", "IPv4 inbound", "IPv6 outbound", "IPv6 inbound"]

        @Test(
            "ends with 0 once capture is proven, and changes nothing when it is run again", arguments: Backend.allCases)
        func provenAndRepeated(_ backend: Backend) async throws {
            let pod = try await ContainerPod.make("app")[0]
            let environment = ["WEFT_BACKEND": backend.rawValue]
            let first = try await pod.runInit(environment: environment)
            #expect(first.succeeded, "\(first)")
            for proof in Self.proofs { #expect(first.output.contains("proven      \(proof)"), "\(first)") }
            let rules = try await pod.network.rules(backend)
            #expect(rules.contains { $0.contains("WEFT_OUTBOUND") })

            let second = try await pod.runInit(environment: environment)
            #expect(second.succeeded && second.output.contains("unchanged"), "\(second)")
            #expect(try await pod.network.rules(backend) == rules)
        }

        @Test(
            "without a capability it fails with one clear line, and the namespace is as it was",
            arguments: [(["NET_RAW"], "WEFT2002"), ([], "WEFT2002"), (["NET_ADMIN", "SYS_ADMIN"], "WEFT2003")])
        func missingCapability(_ capabilities: [String], _ code: String) async throws {
            let pod = try await ContainerPod.make("app")[0]
            let before = try await pod.network.rules(.legacy)
            let result = try await pod.runInit(capabilities, environment: ["WEFT_BACKEND": "legacy"])
            #expect(result.status == 1, "\(result)")
            let lines = result.error.split(separator: "\n")
            #expect(lines.count == 1 && lines[0].contains(code) && lines[0].contains("the capability"), "\(result)")
            #expect(try await pod.network.rules(.legacy) == before)
        }

        @Test("what cannot be proven is no success: with NET_ADMIN alone the step ends with 3")
        func unproven() async throws {
            let pod = try await ContainerPod.make("app")[0]
            let result = try await pod.runInit(["NET_ADMIN"], environment: ["WEFT_BACKEND": "nft"])
            #expect(result.status == 3 && result.error.contains("NET_RAW"), "\(result)")
        }

        @Test("the variables of the environment are its options")
        func environment() async throws {
            let pod = try await ContainerPod.make("app")[0]
            let result = try await pod.runInit(
                environment: [
                    "WEFT_CONFIG": "", "WEFT_PROXY_UID": "2999", "WEFT_SKIP_INBOUND_PORTS": "22,9000-9999",
                    "WEFT_SKIP_OUTBOUND_DESTINATIONS": "192.0.2.0/24", "WEFT_BACKEND": "nft",
                ])
            #expect(result.succeeded, "\(result)")
            let rules = try await pod.network.rules(.nft).joined(separator: "\n")
            for text in ["--uid-owner 2999", "9000:9999", "192.0.2.0/24"] { #expect(rules.contains(text)) }

            let wrong = try await pod.runInit(environment: ["WEFT_SKIP_INBOUND_PORTS": "ssh"])
            #expect(wrong.status == 2 && wrong.error.contains("--skip-inbound-ports"), "\(wrong)")
        }
    }
}
