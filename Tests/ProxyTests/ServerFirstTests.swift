// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Servers whose banner comes before the client says a word. No port list tells the sidecars of it.
    @Suite("Servers that speak first")
    struct ServerFirstTests {
        /// Not a measurement: far below every timeout that could end a wait for the client, far above a loaded machine.
        private static let patience: Duration = .seconds(5)

        @Test("sshd: the banner comes at once, and a real client agrees on keys")
        func ssh() async throws {
            let pair = try await Pair()
            let files = pair.mesh.directory
            try await pair.server.pod.shell(
                """
                mkdir -p /run/sshd
                ssh-keygen -q -t ed25519 -N '' -f \(files)/host
                printf 'Port 2222\\nListenAddress 0.0.0.0\\nHostKey \(files)/host\\nPidFile none\\nUsePAM no\\n' > \(files)/sshd
                """)
            _ = try pair.server.pod.start("/usr/sbin/sshd", "-D", "-e", "-f", "\(files)/sshd")
            try await pair.server.listens(on: 2222)
            try await expectBanner("SSH-2.0-", from: pair, port: 2222)
            let keys = try await pair.client.run("ssh-keyscan", "-T", "20", "-p", "2222", pair.server.address)
            #expect(keys.output.contains("ssh-ed25519"), "\(keys)")
        }

        @Test("exim: the greeting comes at once, and a real dialogue follows")
        func smtp() async throws {
            let pair = try await Pair()
            let files = pair.mesh.directory
            try await pair.server.pod.shell(
                """
                mkdir -p \(files)/spool
                chown Debian-exim \(files)/spool
                cat > \(files)/exim <<END
                primary_hostname = mail.example
                spool_directory = \(files)/spool
                log_file_path = \(files)/spool/%slog
                daemon_smtp_ports = 2525
                local_interfaces = 0.0.0.0
                host_lookup =
                rfc1413_query_timeout = 0s
                tls_advertise_hosts =
                END
                """)
            _ = try pair.server.pod.start("/usr/sbin/exim4", "-bdf", "-C", "\(files)/exim")
            try await pair.server.listens(on: 2525)
            try await expectBanner("220 mail.example ESMTP", from: pair, port: 2525)
            let dialogue = try pair.client.connect("\(pair.server.address):2525")
            try await dialogue.hears("220 ")
            try await dialogue.hears("250 mail.example", to: "HELO client.example\r")
            try await dialogue.hears("221 ", to: "QUIT\r")
        }

        private func expectBanner(_ banner: String, from pair: Pair, port: Int) async throws {
            let began = ContinuousClock.now
            let caller = try pair.client.connect("\(pair.server.address):\(port)")
            try await caller.hears(banner)
            #expect(ContinuousClock.now - began < Self.patience)
            try await caller.stop()
            for (pod, direction) in [(pair.client, "outbound"), (pair.server, "inbound")] {
                let told = try await pod.tells(direction, to: port)
                #expect(told.protocol == "server-first", "\(told)")
                #expect(told.security == "mutual-tls", "\(told)")
                #expect(told.downstreamBytesReceived == 0)
            }
        }

        @Test("a silent client of a permissive port gets its banner once its silence is long enough")
        func permissive() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive, permissiveSilence: 300ms}"])
            try await pair.server.serve("greet", "0.0.0.0:9000")
            let caller = try pair.outside.start("lab-tool", "connect", "\(pair.server.address):9000")
            try await caller.hears("220 at your service")
            try await caller.hears("hello", to: "hello")
            try await caller.stop()
            let told = try await pair.server.tells("inbound", to: 9000)
            #expect(told.protocol == "server-first" && told.plaintextReason == "permissive", "\(told)")
        }

        @Test("a server outside the mesh speaks first")
        func outside() async throws {
            let pair = try await Pair()
            try await pair.outside.shell("ip address add 192.0.2.1/32 dev br0")
            try await pair.outside.serve("greet", ["192.0.2.1:25"])
            let caller = try pair.client.connect("192.0.2.1:25")
            try await caller.hears("220 at your service")
            try await caller.hears("hello", to: "hello")
            try await caller.stop()
            #expect(try await pair.client.tells("outbound", to: 25).protocol == "server-first")
        }
    }
}
