// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Capture {
    @Suite("Proofs")
    struct ProofTests {
        private static let proven = [
            "proven      IPv4 outbound", "proven      IPv6 outbound", "proven      IPv4 inbound",
            "proven      IPv6 inbound",
        ]

        @Test("before and while the proxy runs, on both backends", arguments: Backend.allCases)
        func running(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let absent = try await pod.weftInit("apply", "--proxy-uid", "1337", "--backend", backend.rawValue)
            for line in Self.proven { #expect(absent.output.contains(line), "\(absent)") }
            let proxy = try await pod.startProxy()
            let present = try await pod.weftInit("verify", "--proxy-uid", "1337")
            #expect(present.succeeded && present.error.isEmpty, "\(present)")
            for line in Self.proven { #expect(present.output.contains(line), "\(present)") }
            #expect(proxy.isRunning)
        }

        @Test("a stranger on the proxy's port is told")
        func stranger() async throws {
            let pod = try await NetworkLab.here.pod("app")
            _ = try await pod.listen("127.0.0.1:15001", as: 1000)
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(result.names("WEFT2025") && result.error.contains("uid 1000"), "\(result)")
        }

        @Test("without rules there is nothing to prove")
        func notApplied() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let result = try await pod.weftInit("verify", "--proxy-uid", "1337")
            #expect(result.status == 4 && result.names("WEFT2018"), "\(result)")
        }

        @Test("another configuration than the one in place is told")
        func drift() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337")
            let result = try await pod.weftInit("verify", "--proxy-uid", "1337", "--skip-inbound-ports", "22")
            #expect(result.names("WEFT2019"), "\(result)")
        }

        @Test("each family on its own", arguments: [NetworkLab.Families.ipv4Only, .ipv6Only])
        func families(_ families: NetworkLab.Families) async throws {
            let pod = try await NetworkLab.here.pod("app", families)
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337")
            let (has, lacks) = families == .ipv4Only ? ("IPv4", "IPv6") : ("IPv6", "IPv4")
            #expect(result.succeeded, "\(result)")
            #expect(
                result.output.contains("proven      \(has) outbound")
                    && result.output.contains("proven      \(has) inbound"))
            #expect(result.output.contains("not-applicable \(lacks) outbound: no usable address"), "\(result)")
        }

        @Test("an address that is still being checked for duplicates is waited for")
        func tentative() async throws {
            let pod = try await NetworkLab.here.pod("app", .ipv6Only, checksDuplicates: true)
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(result.succeeded && result.output.contains("waiting"), "\(result)")
            #expect(result.output.contains("proven      IPv6 inbound"))
        }

        @Test("without a default route a neighbour is tried, and the lack is told")
        func noRoute() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.shell("ip route del default; ip -6 route del default")
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(result.succeeded && result.names("WEFT2014"), "\(result)")
            for line in Self.proven { #expect(result.output.contains(line), "\(result)") }
        }

        @Test("what is captured by the name of an interface only is not proven")
        func exactInterface() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337", "--inbound-interfaces", "eth0")
            #expect(result.status == 3 && result.error.contains("nothing can be sent into those"), "\(result)")
            #expect(result.output.contains("proven      IPv4 outbound"))
        }

        @Test("another user is taken where the own one is not captured; without SETUID it is not proven")
        func otherUser() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let flags = ["apply", "--proxy-uid", "1337", "--uids", "4000-4010"]
            let result = try await pod.weftInit(flags)
            #expect(result.succeeded && result.output.contains("as uid 4000"), "\(result)")
            let confined = try await pod.run(
                [
                    "setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--inh-caps=-all",
                    BuiltProgram.path("weft-init"),
                ] + flags)
            #expect(confined.status == 3 && confined.names("WEFT2010"), "\(confined)")
        }

        @Test("a firewall that lets only the proxy's port in is no obstacle; one that does not is found")
        func firewall() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.shell(
                """
                iptables-nft -P INPUT DROP
                iptables-nft -A INPUT -i lo -j ACCEPT
                iptables-nft -A INPUT -p tcp --dport 15006 -j ACCEPT
                """)
            #expect(try await pod.weftInit("apply", "--proxy-uid", "1337").succeeded)
            try await pod.shell("iptables-nft -D INPUT 2; iptables-nft -A INPUT -p tcp --dport 80 -j ACCEPT")
            let result = try await pod.weftInit("verify", "--proxy-uid", "1337")
            #expect(result.status == 1 && result.output.contains("failed      IPv4 inbound"), "\(result)")
        }

        @Test(
            "the state of everything as one JSON object",
            arguments: [
                ["apply", "--proxy-uid", "1337"], ["verify", "--proxy-uid", "1337"], ["status", "--proxy-uid", "1337"],
                ["status"],
                ["explain", "--proxy-uid", "1337", "--to", "10.0.0.1:80"],
                ["apply", "--proxy-uid", "1337", "--dry-run"],
                ["apply", "--proxy-uid", "0"], ["nonsense"], ["undo"],
            ])
        func json(_ words: [String]) async throws {
            let pod = try await NetworkLab.here.pod("app")
            if ["verify", "status", "undo"].contains(words[0]) {
                try await pod.must("weft-init", "apply", "--proxy-uid", "1337", "--no-verify")
            }
            let result = try await pod.weftInit(words + ["--json"])
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result)")
            #expect(object["exitCode"] as? Int == Int(result.status))
            #expect(object["command"] as? String == words[0])
            let errors = try #require(object["errors"] as? [[String: Any]])
            #expect(errors.isEmpty == (result.status == 0))
            if words[0] == "apply", result.status == 0, words.count == 3 {
                let proofs = try #require(object["proofs"] as? [[String: String]])
                #expect(proofs.count == 4 && proofs.allSatisfy { $0["verdict"] == "proven" })
            }
        }

        @Test("help and version for everybody")
        func help() async throws {
            let pod = try await NetworkLab.here.bareNamespace("app")
            for words in [[], ["--help"], ["help"], ["help", "apply"], ["--version"]] {
                #expect(try await pod.run(["weft-init"] + words, as: 1000).status == 0)
            }
            for command in ["apply", "verify", "explain", "status", "undo"] {
                let help = try await pod.weftInit(command, "--help", as: 1000)
                #expect(
                    help.status == 0 && help.output.contains("EXAMPLES") && help.output.contains("weft-init \(command)")
                )
                #expect(help.output.contains("EXIT CODES") && help.output.contains("not proven"), "\(help)")
            }
        }
    }

    @Suite("Connections that were open before")
    struct EstablishedTests {
        private struct Scene {
            let app: Pod
            let outside: Pod
            let outgoing: RunningProgram
            let incoming: RunningProgram

            init() async throws {
                let lab = try NetworkLab.here
                app = try await lab.pod("app")
                outside = lab.outside
                _ = try await app.listen("[::]:80", "0.0.0.0:80", "0.0.0.0:22", as: 1001)
                _ = try await outside.listen("[::]:80", "0.0.0.0:80")
                outgoing = try app.connect("[fd77::1]:80", as: 1000)
                incoming = try outside.connect("\(app.address4):80")
                for program in [outgoing, incoming] {
                    program.type("hello")
                    try await program.line(containing: "hello")
                }
            }
        }

        @Test("are listed with their owners, and no others")
        func report() async throws {
            let scene = try await Scene()
            // None of these bypasses: one is skipped by the rules, two stay inside.
            let others = [
                try scene.outside.connect("\(scene.app.address4):22"), try scene.app.connect("127.0.0.1:80"),
                try scene.app.connect("\(scene.app.address4):80"),
            ]
            for program in others {
                program.type("hello")
                try await program.line(containing: "hello")
            }
            let flags = ["--proxy-uid", "1337", "--skip-inbound-ports", "22"]
            let result = try await scene.app.weftInit(["apply"] + flags)
            #expect(result.succeeded && result.names("WEFT2016") && result.error.contains("2 connections"), "\(result)")
            #expect(result.output.contains("to [fd77::1]:80 (uid 1000, established)"), "\(result)")
            #expect(result.output.contains("to \(scene.app.address4):80 (uid 1001, established)"), "\(result)")
            let quiet = try await scene.app.weftInit(["apply", "--established", "keep"] + flags)
            #expect(quiet.succeeded && !quiet.names("WEFT2016"))
        }

        @Test("are told from those that the proxy carries")
        func carried() async throws {
            let scene = try await Scene()
            try await scene.app.must("weft-init", "apply", "--proxy-uid", "1337")
            let proxy = try await scene.app.startProxy()
            let carried = [
                try scene.app.connect("10.77.0.1:80"), try scene.app.connect("[fd77::1]:80"),
                try scene.outside.connect("\(scene.app.address4):80"),
                try scene.outside.connect("[\(scene.app.address6)]:80"),
                // What the proxy itself opens: onward, and to the application beside it.
                try scene.app.connect("10.77.0.1:80", as: 1337),
                try scene.app.connect("\(scene.app.address4):80", as: 1337),
            ]
            for program in carried {
                program.type("hello")
                try await program.line(containing: "hello")
            }
            let status = try await scene.app.weftInit("status", "--proxy-uid", "1337", "--json")
            let object = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
            let bypassing = try #require(object?["bypassing"] as? [[String: Any]])
            #expect(bypassing.count == 2, "\(bypassing)")
            #expect(Set(bypassing.compactMap { $0["uid"] as? Int }) == [1000, 1001])
            #expect(Set(bypassing.compactMap { $0["direction"] as? String }) == ["inbound", "outbound"])
            #expect(proxy.isRunning)
        }

        @Test("are ended on request, and nothing else is")
        func reset() async throws {
            let scene = try await Scene()
            let inside = try scene.app.connect("127.0.0.1:80")
            inside.type("hello")
            try await inside.line(containing: "hello")
            let result = try await scene.app.weftInit("apply", "--proxy-uid", "1337", "--established", "reset")
            #expect(result.succeeded && result.output.contains("reset       2 connections"), "\(result)")
            try await scene.outgoing.line(containing: "failed: ")
            try await scene.incoming.line(containing: "failed: Connection reset")
            inside.type("still here")
            try await inside.line(containing: "still here")
        }
    }
}
