// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Capture {
    @Suite("Rules of others")
    struct ForeignRulesTests {
        /// What may be there before: in the tables we use, in others, made by iptables or by nft.
        static let grounds: [(name: String, script: String)] = [
            ("nothing", "true"),
            ("an empty table", "iptables-nft -t nat -L > /dev/null; ip6tables-nft -t mangle -L > /dev/null"),
            (
                "a table without our chains",
                """
                nft add table ip nat
                nft 'add chain ip nat POSTROUTING { type nat hook postrouting priority 100; }'
                iptables-nft -t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
                """
            ),
            (
                "rules in the chains we use",
                """
                iptables-nft -t nat -N DOCKER
                iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
                iptables-nft -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
                iptables-nft -t nat -A DOCKER -p tcp --dport 9999 -m comment --comment "it's \\"theirs\\"" -j DNAT --to-destination 10.1.1.1:80
                ip6tables-nft -t nat -A OUTPUT -p tcp --dport 7 -j RETURN
                iptables-nft -t mangle -A OUTPUT -p udp -j TOS --set-tos 0x10
                iptables-nft -A INPUT -p tcp --dport 1 -j DROP
                iptables-nft -P FORWARD DROP
                """
            ),
            (
                "an empty built-in chain",
                """
                iptables-nft -t nat -A OUTPUT -p tcp --dport 7 -j RETURN
                iptables-nft -t nat -D OUTPUT -p tcp --dport 7 -j RETURN
                """
            ),
            (
                "tables of the nft program",
                """
                nft add table inet theirs
                nft 'add chain inet theirs output { type filter hook output priority 0; policy accept; }'
                nft add rule inet theirs output tcp dport 7 counter drop
                nft add set inet theirs names '{ type ipv4_addr; elements = { 10.0.0.1 }; }'
                """
            ),
            (
                "chains of the nft program in the table that iptables uses",
                """
                nft add table ip nat
                nft 'add chain ip nat theirs { type nat hook postrouting priority 100; }'
                nft add rule ip nat theirs ip saddr 10.9.9.9 masquerade
                """
            ),
        ]

        @Test("stay as they are in nf_tables, down to empty chains", arguments: 0..<grounds.count)
        func nft(_ index: Int) async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.shell(Self.grounds[index].script)
            let ruleset = "nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'"
            let before = try await pod.shell(ruleset)
            for flags in [["--skip-inbound-ports", "22"], ["--uids", "0-5000", "--outbound-ports", "1-60000"]] {
                let applied = try await pod.weftInit(["apply", "--proxy-uid", "1337", "--backend", "nft"] + flags)
                #expect(applied.succeeded, "\(Self.grounds[index].name): \(applied)")
            }
            #expect(try await pod.shell(ruleset) != before)
            let undone = try await pod.weftInit("undo")
            #expect(undone.succeeded, "\(undone)")
            #expect(try await pod.shell(ruleset) == before, "\(Self.grounds[index].name)")
        }

        @Test("stay as they are in legacy tables")
        func legacy() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.shell(Self.grounds[3].script.replacing("-nft", with: "-legacy"))
            let before = try await pod.essence()
            // Whoever has rules already is the one to join.
            let applied = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(applied.succeeded && applied.output.contains("(legacy)"), "\(applied)")
            try await pod.must("weft-init", "undo")
            #expect(try await pod.essence() == before)
        }

        @Test("what others have put into our empty chain by the time of undoing stays")
        func lateComer() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337")
            try await pod.must("iptables-nft", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "7", "-j", "RETURN")
            try await pod.must("weft-init", "undo")
            let rules = try await pod.rules(.nft)
            #expect(rules.contains("-A OUTPUT -p tcp -m tcp --dport 7 -j RETURN"))
            #expect(!rules.contains { $0.contains("WEFT") })
        }

        @Test("ahead of ours are told and overtaken")
        func ahead() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337")
            try await pod.must("iptables-nft", "-t", "nat", "-I", "OUTPUT", "1", "-p", "tcp", "-j", "ACCEPT")
            let verified = try await pod.weftInit("verify", "--proxy-uid", "1337")
            #expect(verified.status == 1 && verified.names("WEFT2011") && verified.names("WEFT2015"), "\(verified)")
            let status = try await pod.weftInit("status", "--proxy-uid", "1337")
            #expect(status.names("WEFT2015"), "\(status)")
            let applied = try await pod.weftInit("apply", "--proxy-uid", "1337")
            #expect(applied.succeeded, "\(applied)")
            #expect(try await pod.must("iptables-nft", "-t", "nat", "-S", "OUTPUT").contains("-j ACCEPT\n"))
        }

        @Test("damage to ours is told and mended")
        func damage() async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337")
            let good = try await pod.rules(.nft)
            try await pod.shell(
                "iptables-nft -t nat -D WEFT_OUTBOUND 1; ip6tables-nft -t nat -F PREROUTING; iptables-nft -t nat -N WEFT_OLD"
            )
            let status = try await pod.weftInit("status", "--proxy-uid", "1337", "--json")
            #expect(status.status == 4 && status.names("WEFT2019"), "\(status)")
            #expect(status.output.contains("WEFT_OLD is there and should not be"))
            #expect(status.output.contains("PREROUTING has no rule that leads here"))
            try await pod.must("weft-init", "apply", "--proxy-uid", "1337")
            // Only the memory of having made the chain is gone with the hook.
            #expect(
                try await pod.rules(.nft).map { $0.replacing(" (made this table)", with: "") }
                    == good.map { $0.replacing(" (made this table)", with: "") })
            let healthy = try await pod.weftInit("status", "--proxy-uid", "1337")
            #expect(healthy.succeeded)
        }
    }
}
