// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

/// Names as weft-init sees them; who answers is the proxy's affair (`ProxyTests`).
extension Capture {
    @Suite("Questions about names")
    struct NamesTests {
        private static let flags = ["--proxy-uid", "1337", "--names-port", "15053"]
        private static let proven = ["proven      IPv4 names", "proven      IPv6 names"]

        @Test("are proven to be captured before the proxy runs", arguments: Backend.allCases)
        func proof(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            let applied = try await pod.weftInit(["apply", "--backend", backend.rawValue] + Self.flags)
            #expect(applied.succeeded, "\(applied)")
            for line in Self.proven { #expect(applied.output.contains(line), "\(applied)") }
            let verified = try await pod.weftInit(["verify"] + Self.flags)
            #expect(verified.succeeded && verified.error.isEmpty, "\(verified)")
            for line in Self.proven { #expect(verified.output.contains(line), "\(verified)") }
        }

        @Test(
            "are not proven by rules that somebody has emptied, which are told one by one", arguments: Backend.allCases)
        func emptied(_ backend: Backend) async throws {
            let pod = try await NetworkLab.here.pod("app")
            try await pod.must(
                "weft-init", "apply", "--backend", backend.rawValue, "--proxy-uid", "1337", "--names-port", "15053")
            try await pod.must("iptables-\(backend.rawValue)", "-t", "nat", "-F", "WEFT_NAMES")
            let verified = try await pod.weftInit(["verify"] + Self.flags)
            #expect(verified.status == 1 && verified.names("WEFT2011") && verified.names("WEFT2019"), "\(verified)")
            #expect(verified.output.contains("failed      IPv4 names"), "\(verified)")
            #expect(verified.output.contains(Self.proven[1]), "\(verified)")
            let status = try await pod.weftInit(["status"] + Self.flags)
            #expect(status.status == 4, "\(status)")
            let mended = try await pod.weftInit(["apply"] + Self.flags)
            #expect(mended.succeeded && mended.output.contains(Self.proven[0]), "\(mended)")
        }

        @Test("go to the proxy and to nobody who holds its port")
        func stranger() async throws {
            let pod = try await NetworkLab.here.pod("app")
            let zone = "\(try NetworkLab.here.directory())/zone"
            let stranger = try pod.start("lab-tool", "dns", "127.0.0.1:15053", zone, as: 1000)
            try await stranger.line(containing: "listening")
            let applied = try await pod.weftInit(["apply"] + Self.flags)
            #expect(applied.status == 1 && applied.names("WEFT2011"), "\(applied)")
            #expect(applied.output.contains("failed      IPv4 names"), "\(applied)")
        }

        @Test("are explained, datagrams and connections")
        func explained() async throws {
            let pod = try await NetworkLab.here.pod("app")
            for (words, answer) in [
                (["--udp", "--from-uid", "5", "--to", "10.77.0.1:53"], "names: questions about names"),
                (["--from-uid", "5", "--to", "10.77.0.1:53"], "names-tcp: questions about names"),
                (["--udp", "--from-uid", "5", "--to", "127.0.0.53:53"], "redirected to the proxy's port 15053"),
                (["--udp", "--from-uid", "5", "--to", "10.77.0.1:123"], "no rule matches it"),
                (["--udp", "--from-uid", "1337", "--to", "[fd77::1]:53"], "proxy-own-traffic"),
                (["--udp", "--to", "10.77.0.1:53"], "not captured"),
            ] {
                let result = try await pod.weftInit(["explain"] + Self.flags + words)
                #expect(result.succeeded && result.output.contains(answer), "\(words): \(result)")
            }
        }
    }
}
