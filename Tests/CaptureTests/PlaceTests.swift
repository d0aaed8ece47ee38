// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Capture {
    @Suite("Where weft-init runs")
    struct PlaceTests {
        /// Runs weft-init in the namespace of the tests themselves, for commands that go elsewhere or nowhere.
        private static func here(_ words: String...) async throws -> ProgramResult {
            let log = "\(try NetworkLab.here.directory())/here-\(UInt32.random(in: 0...UInt32.max))"
            return try await RunningProgram([BuiltProgram.path("weft-init")] + words, log: log).result()
        }

        @Test("beside a namespace, by its path", arguments: Backend.allCases)
        func netns(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.rules(.nft)
            let applied = try await Self.here(
                "apply", "--proxy-uid", "1337", "--netns", pod.path, "--backend", backend.rawValue)
            #expect(applied.succeeded, "\(applied)")
            #expect(try await pod.rules(backend).contains { $0.contains("WEFT_OUTBOUND") })
            let status = try await Self.here("status", "--proxy-uid", "1337", "--netns", pod.path)
            #expect(status.succeeded, "\(status)")
            let explained = try await Self.here(
                "explain", "--proxy-uid", "1337", "--netns", pod.path, "--from-uid", "5", "--to", "\(pod.address4):80")
            #expect(explained.output.contains("loopback"), "\(explained)")
            #expect(try await Self.here("undo", "--netns", pod.path).succeeded)
            #expect(try await pod.rules(.nft) == before)
        }

        @Test("a path that is no namespace", arguments: ["/nowhere", "/etc/passwd", "/proc/self/ns/mnt", "/tmp"])
        func noNamespace(_ path: String) async throws {
            let result = try await Self.here("apply", "--proxy-uid", "1337", "--netns", path)
            #expect(result.status == 1 && result.names("WEFT2017"), "\(result)")
        }

        @Test("a dry run and an explanation need nobody's leave")
        func unprivileged() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let dry = try await pod.weftInit("apply", "--dry-run", "--proxy-uid", "1337", as: 1000)
            #expect(dry.succeeded && dry.output.contains("# IPv6: ip6tables-restore --noflush\n*nat\n:WEFT_INBOUND"))
            let explained = try await pod.weftInit(
                "explain", "--proxy-uid", "1337", "--from-uid", "1000", "--to", "10.0.0.1:443", as: 1000)
            #expect(
                explained.succeeded && explained.output.contains("redirected to the proxy's port 15001"), "\(explained)"
            )
            #expect(explained.output.contains("by eth0") && explained.output.contains("outbound: everything else"))
        }

        @Test("a file in place of flags, and flags over the file")
        func file() async throws {
            let lab = try NetworkLab.here
            let pod = try await lab.pod("app")
            let path = "\(try lab.directory())/proxy.yaml"
            try """
            kind: Proxy
            metadata: { name: web }
            spec:
              ports: { outbound: 4140, inbound: 4143, metrics: 4191 }
              capture:
                proxyUIDs: [1400]
                inbound: { skipPorts: [22, 9000-9100] }
                outbound: { skipDestinations: [10.96.0.0/12], includeUIDs: [0, 1000-2000] }
                backend: legacy
            """.write(toFile: path, atomically: true, encoding: .utf8)
            let applied = try await pod.weftInit("apply", "--config", path)
            #expect(applied.succeeded && applied.output.contains("(legacy)"), "\(applied)")
            let rules = try await pod.rules(.legacy)
            for text in [
                "--to-ports 4140", "--to-ports 4143", "--dport 4191", "--uid-owner 1400", "--dports 22,9000:9100",
                "10.96.0.0/12",
            ] {
                #expect(rules.contains { $0.contains(text) }, "\(text)")
            }
            #expect(try await pod.weftInit("verify", "--config", path).succeeded)
            #expect(try await pod.weftInit("status", "--config", path).succeeded)
            let explained = try await pod.weftInit(
                "explain", "--config", path, "--from-uid", "0", "--to", "10.100.0.1:80")
            #expect(explained.output.contains("skipped-outbound-destination"))
            // A list on the command line stands for the whole list of the file.
            let over = try await pod.weftInit(
                "apply", "--config", path, "--skip-inbound-ports", "23", "--proxy-uid", "1500", "--backend", "nft")
            #expect(over.succeeded && over.output.contains("(nft)"), "\(over)")
            let changed = try await pod.rules(.nft)
            #expect(changed.contains { $0.contains("--dport 23 ") } && !changed.contains { $0.contains("9000") })
            #expect(changed.contains { $0.contains("--uid-owner 1500 ") } && !changed.contains { $0.contains("1400") })
            #expect(try await pod.weftInit("undo", "--config", path).succeeded)
            try "kind: Proxy\nmetadata: {name: web}\nspec: {capture: {proxyUids: [5]}}".write(
                toFile: path, atomically: true, encoding: .utf8)
            let misspelt = try await pod.weftInit("apply", "--config", path)
            #expect(misspelt.status == 2 && misspelt.error.contains("did you mean `proxyUIDs`?"), "\(misspelt)")
        }

        @Test("a container: everything read-only, few capabilities", arguments: Backend.allCases)
        func container(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let script = """
                mount -o remount,bind,ro / 2>/dev/null || mount --bind / / && mount -o remount,bind,ro /
                mount -t tmpfs -o ro none /run
                mount -t tmpfs -o ro none /tmp
                mount -t proc proc /proc
                mount -o bind,ro /proc/sys /proc/sys
                if touch /etc/x 2>/dev/null || touch /run/x 2>/dev/null || echo 1 2>/dev/null > /proc/sys/net/ipv4/ip_forward; then
                    echo "not read-only" >&2
                    exit 99
                fi
                exec setpriv --bounding-set=-all,+net_admin,+net_raw --inh-caps=-all --no-new-privs \
                    /proc/self/fd/9 apply --proxy-uid 1337 --backend \(backend)
                """
            for round in 0..<2 {
                let result = try await pod.run(
                    "unshare", "-m", "-p", "-f", "sh", "-euc",
                    "exec 9< \(BuiltProgram.path("weft-init")); \(script)")
                #expect(result.status == 0, "\(result)")
                #expect(result.output.contains(round == 0 ? "applied" : "unchanged"), "\(result)")
            }
        }

        @Test("a user namespace: its own uids only, from inside and from outside")
        func userNamespace() async throws {
            let lab = try NetworkLab.here
            let host = try await lab.bareNamespace("host")
            // Those users may not reach the program by its path, which leads through somebody's home.
            let opened = "exec 9< \(BuiltProgram.path("weft-init"))"
            let weft = "/proc/self/fd/9"
            let narrow = try await host.run(
                "sh", "-euc",
                "\(opened); exec unshare --user --map-root-user --net sh -euc "
                    + "'ip link set lo up; exec \(weft) apply --proxy-uid 1337 --no-verify'")
            #expect(narrow.status == 1 && narrow.names("WEFT2024"), "\(narrow)")
            // A namespace of somebody else's users, as rootless containers have it.
            let holder = try host.start("unshare", "--user", "--net", "sh", "-c", "echo ready; read line")
            try await holder.line(containing: "ready")
            for map in ["uid_map", "gid_map"] {
                try "0 100000 65536".write(
                    toFile: "/proc/\(holder.identifier)/\(map)", atomically: false, encoding: .utf8)
            }
            func inside(_ script: String) async throws -> ProgramResult {
                try await host.run(
                    "sh", "-euc",
                    "\(opened); exec nsenter -t \(holder.identifier) -U -n -S 0 -G 0 sh -euc '\(script)'")
            }
            let count = "iptables-nft-save | grep -c WEFT_OUTBOUND || true"
            let own = try await inside(
                "ip link set lo up; \(weft) apply --proxy-uid 1337 --no-verify > /dev/null; \(count); \(weft) undo > /dev/null; \(count)"
            )
            #expect(own.output == "7\n0\n", "\(own)")
            let space = "/proc/\(holder.identifier)/ns/net"
            let applied = try await Self.here("apply", "--proxy-uid", "1337", "--no-verify", "--netns", space)
            #expect(applied.status == 0, "\(applied)")
            #expect(try await inside(count).output == "7\n")
            #expect(try await Self.here("status", "--proxy-uid", "1337", "--netns", space).status == 0)
            #expect(try await Self.here("undo", "--netns", space).status == 0)
            #expect(try await inside(count).output == "0\n")
        }

        @Test("thousands of entries")
        func many() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let ports = stride(from: 1, to: 60_000, by: 20).map { "\($0)" }.joined(separator: ",")
            let ranges = (0..<1500).map { "10.\($0 / 256 + 100).\($0 % 256).0/25" }.joined(separator: ",")
            for backend in Backend.allCases {
                let flags = [
                    "--proxy-uid", "1337", "--skip-inbound-ports", ports, "--skip-outbound-destinations", ranges,
                ]
                let result = try await pod.weftInit(["apply", "--backend", backend.rawValue] + flags)
                #expect(result.succeeded, "\(result)")
                let again = try await pod.weftInit(["apply", "--backend", backend.rawValue, "--no-verify"] + flags)
                #expect(again.succeeded && again.output.contains("unchanged"), "\(again)")
            }
            try await pod.must("weft-init", "undo")
            #expect(try await pod.rules(.nft) == ["# iptables", "# ip6tables"])
        }
    }
}
