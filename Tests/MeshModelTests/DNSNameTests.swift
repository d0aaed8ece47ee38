// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Names to look up")
struct DNSNameTests {
    private static let long = String(repeating: "a", count: 63)

    @Test(
        "good ones, in lower case",
        arguments: [
            ("a", "a"), ("service_b", "service_b"), ("_grpc._tcp.a", "_grpc._tcp.a"), ("API.Example", "api.example"),
            ("a.", "a."), ("1.a", "1.a"), ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("0xg", "0xg"),
            ("\(long).\(long).\(long)", "\(long).\(long).\(long)"),
        ])
    func good(_ text: String, _ expected: String) {
        #expect(DNSName(text)?.text == expected)
    }

    @Test(
        "bad ones",
        arguments: [
            "", ".", "..", "a..b", ".a", "-a", "a-", "a b", "a/b", "a:80", "10", "10.1", "10.0.0.1", "10.0.0.1.",
            "0x7f.0x1", "0x", "a.7", "a.0xff", "ä.example", "a\0", "a\n", "*.a", "\(long)a",
            String(repeating: "a.", count: 127) + "a",
        ])
    func bad(_ text: String) {
        #expect(DNSName(text) == nil)
    }

    @Test("which addresses become endpoints, and in which order")
    func families() throws {
        let four = try ["10.0.0.1", "10.0.0.2"].map { try #require(IPAddress($0)) }
        let six = try ["fd00::1", "fd00::2"].map { try #require(IPAddress($0)) }
        let both = ResolvedName(ipv4: four, ipv6: six)
        func found(
            _ name: ResolvedName, _ family: ResolutionSettings.Family, _ mode: ResolutionSettings.Mode = .strict
        ) -> [IPAddress] {
            var settings = ResolutionSettings()
            settings.family = family
            settings.mode = mode
            return name.addresses(settings)
        }
        #expect(found(both, .any) == four + six)
        #expect(found(both, .ipv4) == four)
        #expect(found(both, .ipv6) == six)
        #expect(found(both, .preferIPv4) == four)
        #expect(found(both, .preferIPv6) == six)
        #expect(found(both, .any, .logical) == [four[0]])
        #expect(found(both, .preferIPv6, .logical) == [six[0]])
        let only4 = ResolvedName(ipv4: four, ipv6: [])
        #expect(found(only4, .preferIPv6) == four && found(only4, .ipv6).isEmpty)
        #expect(found(ResolvedName(ipv4: [], ipv6: six), .preferIPv4, .logical) == [six[0]])
        #expect(ResolvedName(ipv4: [], ipv6: []).isEmpty && found(ResolvedName(ipv4: [], ipv6: []), .any).isEmpty)
        #expect(DNSName("localhost")?.isLocalhost == true && DNSName("a.localhost.")?.isLocalhost == true)
        #expect(DNSName("notlocalhost")?.isLocalhost == false)
    }
}
