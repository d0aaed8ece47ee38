// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Capture {
    /// Whatever is wrong: an exit code, one clear line, and the namespace as it was.
    @Suite("Failures")
    struct FailureTests {
        private static func expectUnchanged(_ pod: Pod, _ before: [String]) async throws {
            #expect(try await pod.essence() == before)
            #expect(try await !pod.must("ip", "-o", "link").contains("weftprobe"))
        }

        @Test(
            "a malformed value is named, and nothing is done",
            arguments: [
                (["--proxy-uid", "0"], "WEFT1003 --proxy-uid"), (["--proxy-uid", "-1"], "WEFT1003 --proxy-uid"),
                (["--proxy-uid", "4294967295"], "WEFT1003 --proxy-uid"),
                (["--proxy-uid", "root"], "WEFT1003 --proxy-uid"),
                (["--proxy-uid", ""], "WEFT1003 --proxy-uid"), (["--proxy-uid"], "WEFT1002 --proxy-uid"),
                ([], "WEFT2001"),
                (["--proxy-uid", "1337", "--skip-inbound-ports", "0"], "WEFT1003 --skip-inbound-ports"),
                (["--proxy-uid", "1337", "--skip-inbound-ports", "22,,25"], "WEFT1003 --skip-inbound-ports"),
                (["--proxy-uid", "1337", "--skip-inbound-ports", "65536"], "WEFT1003 --skip-inbound-ports"),
                (["--proxy-uid", "1337", "--inbound-ports", "90-80"], "WEFT1003 --inbound-ports"),
                (["--proxy-uid", "1337", "--inbound-ports", "80; reboot"], "WEFT1003 --inbound-ports"),
                (["--proxy-uid", "1337", "--outbound-ports", "http"], "WEFT1003 --outbound-ports"),
                (
                    ["--proxy-uid", "1337", "--outbound-destinations", "10.0.0.0/33"],
                    "WEFT1003 --outbound-destinations"
                ),
                (["--proxy-uid", "1337", "--outbound-destinations", "10.0.0.256"], "WEFT1003 --outbound-destinations"),
                (["--proxy-uid", "1337", "--outbound-destinations", "fd00::/129"], "WEFT1003 --outbound-destinations"),
                (["--proxy-uid", "1337", "--skip-inbound-sources", "example.org"], "WEFT1003 --skip-inbound-sources"),
                (
                    ["--proxy-uid", "1337", "--inbound-interfaces", "averyverylongname0"],
                    "WEFT1003 --inbound-interfaces"
                ),
                (["--proxy-uid", "1337", "--inbound-interfaces", "eth0\n-A"], "WEFT1003 --inbound-interfaces"),
                (["--proxy-uid", "1337", "--uids", "5-4"], "WEFT1003 --uids"),
                (["--proxy-uid", "1337", "--inbound-port", "0"], "WEFT1003 --inbound-port"),
                (["--proxy-uid", "1337", "--inbound-port", "15001"], "WEFT1014"),
                (["--proxy-uid", "1337", "--backend", "ebpf"], "WEFT1003 --backend"),
                (["--proxy-uid", "1337", "--established", "kill"], "WEFT1003 --established"),
                (["--proxy-uid", "1337", "--lock-timeout", "forever"], "WEFT1003 --lock-timeout"),
                (["--proxy-uid", "1337", "--netns", ""], "WEFT1003 --netns"),
                (["--proxy-uid", "1337", "--skip-inbound-port", "22"], "WEFT1001 --skip-inbound-port"),
                (["--proxy-uid", "1337", "--json=yes"], "WEFT1003 --json"),
                (["--proxy-uid", "1337", "--config", "/nowhere"], "WEFT1004 /nowhere"),
            ])
        func malformed(_ flags: [String], _ expected: String) async throws {
            let pod = try await NetworkLab.here.bareNamespace("app")
            let before = try await pod.essence()
            for command in ["apply", "verify"] where command == "apply" || !flags.contains("--established") {
                let result = try await pod.weftInit([command] + flags)
                #expect(result.status == 2, "\(result)")
                #expect(result.error.contains(expected), "\(result)")
                #expect(result.output.isEmpty)
            }
            try await Self.expectUnchanged(pod, before)
        }

        @Test("without NET_ADMIN", arguments: Backend.allCases)
        func noNetAdmin(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.essence()
            for command in ["apply", "verify", "status", "undo"] {
                let flags = command == "undo" ? [] : ["--proxy-uid", "1337"]
                let result = try await pod.run(
                    [
                        "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", BuiltProgram.path("weft-init"),
                        command,
                    ]
                        + flags + ["--backend", backend.rawValue])
                #expect(result.status == 1 && result.names("WEFT2002"), "\(result)")
            }
            let unprivileged = try await pod.weftInit("apply", "--proxy-uid", "1337", as: 1000)
            #expect(unprivileged.status == 1 && unprivileged.names("WEFT2002"), "\(unprivileged)")
            try await Self.expectUnchanged(pod, before)
        }

        @Test("with NET_ADMIN alone nf_tables works and inbound is not proven; with NET_RAW all is")
        func fewCapabilities() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.essence()
            func apply(_ capabilities: String, _ backend: Backend) async throws -> ProgramResult {
                try await pod.run(
                    ["setpriv", "--bounding-set=-all,\(capabilities)", "--inh-caps=-all", "--no-new-privs"]
                        + [
                            BuiltProgram.path("weft-init"), "apply", "--proxy-uid", "1337", "--backend",
                            backend.rawValue,
                        ])
            }
            let legacy = try await apply("+net_admin", .legacy)
            #expect(legacy.status == 1 && legacy.names("WEFT2003"), "\(legacy)")
            try await Self.expectUnchanged(pod, before)
            let nft = try await apply("+net_admin", .nft)
            #expect(nft.status == 3 && nft.names("WEFT2010") && nft.error.contains("NET_RAW"), "\(nft)")
            #expect(nft.output.contains("proven      IPv4 outbound"), "\(nft)")
            for backend in Backend.allCases {
                let all = try await apply("+net_admin,+net_raw", backend)
                #expect(all.status == 0, "\(all)")
            }
        }

        /// Runs a script in a mount namespace of its own, where /usr/sbin holds only the programs named.
        private static func hiding(_ pod: Pod, keeping programs: String, _ script: String) async throws -> ProgramResult
        {
            let directory = try NetworkLab.here.directory()
            return try await pod.run(
                [
                    "unshare", "-m", "sh", "-euc",
                    """
                    rm -rf \(directory)/sbin
                    mkdir -p \(directory)/sbin
                    cp /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi \(directory)/sbin
                    for name in \(programs); do
                        case $name in *legacy*) multi=xtables-legacy-multi;; *) multi=xtables-nft-multi;; esac
                        ln -sf $multi \(directory)/sbin/$name-save
                        ln -sf $multi \(directory)/sbin/$name-restore
                    done
                    mount --bind \(directory)/sbin /usr/sbin
                    \(script)
                    """,
                ])
        }

        @Test("IPv6 addresses but no ip6tables")
        func noIP6Tables() async throws {
            let lab = try NetworkLab.here
            let weft = BuiltProgram.path("weft-init")
            let dual = try await lab.pod("dual")
            let before = try await dual.essence()
            let result = try await Self.hiding(
                dual, keeping: "iptables-nft iptables-legacy", "exec \(weft) apply --proxy-uid 1337")
            #expect(result.status == 1 && result.names("WEFT2006"), "\(result)")
            try await Self.expectUnchanged(dual, before)
            let single = try await lab.pod("single", .ipv4Only)
            let allowed = try await Self.hiding(
                single, keeping: "iptables-nft iptables-legacy", "exec \(weft) apply --proxy-uid 1337")
            #expect(allowed.status == 0 && allowed.names("WEFT2006"), "\(allowed)")
        }

        @Test("no iptables at all, or only the plain names")
        func fewPrograms() async throws {
            let lab = try NetworkLab.here
            let weft = BuiltProgram.path("weft-init")
            let pod = try await lab.pod("app")
            let none = try await Self.hiding(pod, keeping: "", "exec \(weft) apply --proxy-uid 1337")
            #expect(none.status == 1 && none.names("WEFT2004"), "\(none)")
            let plain = try await Self.hiding(
                pod, keeping: "iptables ip6tables", "exec \(weft) apply --proxy-uid 1337")
            #expect(plain.status == 0 && plain.output.contains("(nft)"), "\(plain)")
            let hidden = try await Self.hiding(pod, keeping: "iptables-legacy", "exec \(weft) undo")
            #expect(hidden.status == 1 && hidden.names("WEFT2020"), "\(hidden)")
        }

        @Test("a backend that does not work gives way to the one that does")
        func fallback() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.essence()
            let broken = try await Self.hiding(
                pod, keeping: "iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy",
                """
                rm /usr/sbin/ip6tables-nft-restore
                printf '#!/bin/sh\\necho broken >&2\\nexit 3\\n' > /usr/sbin/ip6tables-nft-restore
                chmod +x /usr/sbin/ip6tables-nft-restore
                exec \(BuiltProgram.path("weft-init")) apply --proxy-uid 1337
                """)
            #expect(broken.status == 0 && broken.output.contains("(legacy)"), "\(broken)")
            #expect(try await pod.rules(.nft) == ["# iptables", "# ip6tables"])
            try await pod.must("weft-init", "undo")
            #expect(try await pod.essence() == before)
        }

        @Test("the second family failing takes the first one back")
        func secondFamily() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.rules(.nft)
            let broken = try await Self.hiding(
                pod, keeping: "iptables-nft ip6tables-nft",
                """
                rm /usr/sbin/iptables-nft-restore
                printf '#!/bin/sh\\necho broken >&2\\nexit 3\\n' > /usr/sbin/iptables-nft-restore
                chmod +x /usr/sbin/iptables-nft-restore
                exec \(BuiltProgram.path("weft-init")) apply --proxy-uid 1337
                """)
            #expect(broken.status == 1 && broken.names("WEFT2008") && broken.error.contains("broken"), "\(broken)")
            #expect(try await pod.rules(.nft) == before)
        }

        @Test("the xtables lock held by another program")
        func lock() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.essence()
            // A lock file of its own, so that nobody else on the machine waits for it.
            let result = try await pod.run(
                "unshare", "-m", "sh", "-euc",
                """
                mount -t tmpfs none /run
                exec 9> /run/xtables.lock
                flock 9
                status=0
                \(BuiltProgram.path("weft-init")) apply --proxy-uid 1337 --backend legacy --lock-timeout 1s 9>&- || status=$?
                exit $status
                """)
            #expect(result.status == 1 && result.names("WEFT2007"), "\(result)")
            try await Self.expectUnchanged(pod, before)
        }

        @Test("a captured interface without IPv4 address, unless it is skipped")
        func interfaceWithoutAddress() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.shell(
                "ip link add other type veth peer name cable; ip link set other up; ip link set cable up")
            let before = try await pod.essence()
            let result = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(result.status == 1 && result.names("WEFT2012"), "\(result)")
            try await Self.expectUnchanged(pod, before)
            let skipped = try await pod.weftInit(
                "apply", "--proxy-uid", "1337", "--skip-inbound-interfaces", "other,cable")
            #expect(skipped.status == 0, "\(skipped)")
        }

        @Test("loopback down, nothing but loopback")
        func loopback() async throws {
            let pod = try await NetworkLab.here.bareNamespace("app")
            let before = try await pod.essence()
            let down = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(down.status == 1 && down.names("WEFT2022"), "\(down)")
            try await Self.expectUnchanged(pod, before)
            try await pod.must("ip", "link", "set", "lo", "up")
            let only = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(only.status == 3 && only.error.contains("nothing to try"), "\(only)")
            #expect(try await pod.weftInit("apply", "--proxy-uid", "1337", "--no-verify").status == 0)
        }

        @Test(
            "rules that do not deliver are taken back, and those that were there before stay",
            arguments: Backend.allCases)
        func rollback(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let flags = ["apply", "--proxy-uid", "1337", "--backend", backend.rawValue]
            try await pod.shell("iptables-\(backend) -A INPUT -i lo -p tcp --dport 15001 -j DROP")
            let before = try await pod.essence()
            let outbound = try await pod.weftInit(flags)
            #expect(outbound.status == 1 && outbound.names("WEFT2009") && outbound.names("WEFT2011"), "\(outbound)")
            try await Self.expectUnchanged(pod, before)

            try await pod.shell(
                "iptables-\(backend) -F INPUT; ip6tables-\(backend) -A INPUT -p tcp --dport 15006 -j REJECT")
            let inbound = try await pod.weftInit(flags)
            #expect(inbound.status == 1 && inbound.names("WEFT2009"), "\(inbound)")
            #expect(inbound.output.contains("failed      IPv6 inbound"), "\(inbound)")

            // A change that does not work goes back to what worked.
            try await pod.shell("ip6tables-\(backend) -F INPUT")
            #expect(try await pod.weftInit(flags).status == 0)
            let good = try await pod.essence()
            try await pod.shell("iptables-\(backend) -A INPUT -p tcp --dport 4143 -j DROP")
            let changed = try await pod.weftInit(flags + ["--inbound-port", "4143"])
            #expect(changed.status == 1 && changed.names("WEFT2009"), "\(changed)")
            try await pod.shell("iptables-\(backend) -D INPUT -p tcp --dport 4143 -j DROP")
            #expect(try await pod.essence() == good)
        }

        @Test("killed at any moment, the next run makes it whole")
        func killed() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let before = try await pod.rules(.nft)
            var random = SeededRandom(seed: 9)
            for round in 0..<25 {
                let program = try pod.start("weft-init", "apply", "--proxy-uid", "1337", "--backend", "nft")
                let signal: Int32 = round % 2 == 0 ? 9 : 15
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...80, using: &random)))
                program.send(signal)
                let result = try await program.result()
                if signal == 15, result.status != 0 {
                    // Told to end, it takes back what it did.
                    #expect(result.status == 1 && result.names("WEFT2023") || result.status == 143, "\(result)")
                    #expect(try await pod.rules(.nft) == before, "\(result)")
                }
                // What a killed run had started may still be ending.
                try await eventually("the next run") {
                    try await pod.weftInit("apply", "--proxy-uid", "1337", "--backend", "nft").succeeded ? true : nil
                }
                #expect(try await pod.weftInit("status", "--proxy-uid", "1337").succeeded)
                try await pod.must("weft-init", "undo")
                #expect(try await pod.rules(.nft) == before)
                #expect(try await !pod.must("ip", "-o", "link").contains("weftprobe"))
            }
        }

        @Test("two at once: one waits for the other")
        func together() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let programs = try (0..<6).map { number in
                try pod.start(
                    "weft-init", number % 2 == 0 ? "apply" : "verify", "--proxy-uid", "1337", "--lock-timeout", "1m")
            }
            for program in programs {
                let result = try await program.result()
                #expect([0, 4].contains(result.status), "\(result)")
            }
            #expect(try await pod.weftInit("status", "--proxy-uid", "1337").succeeded)
        }
    }
}
