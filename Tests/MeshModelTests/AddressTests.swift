// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@Suite("Addresses as text")
struct AddressTests {
    @Test(
        "are read in every form of RFC 4291 and printed in the one form of RFC 5952",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.0.0.1", "10.0.0.1"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"),
            ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            // The longest run, the first on a tie, never a single group (RFC 5952 section 4.2).
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"), ("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"),
            ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"), ("::192.0.2.1", "::c000:201"),
            ("fd00::a:B:c", "fd00::a:b:c"),
            // A v4-mapped address is the IPv4 address, whatever the socket.
            ("::ffff:10.0.0.1", "10.0.0.1"), ("::ffff:a00:1", "10.0.0.1"), ("0:0:0:0:0:FFFF:10.0.0.1", "10.0.0.1"),
        ])
    func canonical(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == expected)
        #expect(IPAddress(expected) == address)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4",
            "1..2.3", ".1.2.3", "1.2.3.", "0x1.2.3.4", "١.2.3.4", "1.2.3.4/32", "1.2.3.4:80", "a.b.c.d", "1,2,3,4",
            ":", ":::", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "1::2::3", "12345::", "g::", "::1%lo", "fe80::1%eth0", "[::1]", "::1/128", "1:2:3:4:5:6:1.2.3.4:8",
            "1.2.3.4::", "::1.2.3", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "-1::", "::+1", "0:0:0:0:0:0:0:00001",
            "::\u{661}", "1::2\u{0}", String(repeating: "1:", count: 1000), String(repeating: ".", count: 1000),
        ])
    func refused(_ text: String) {
        #expect(IPAddress(text) == nil)
        #expect(SocketAddress("\(text):80") == nil || SocketAddress("[\(text)]:80") == nil)
    }

    @Test("every address comes back from its text")
    func roundTrip() throws {
        let seed: UInt64 = 65_535
        var random = SeededRandom(seed: seed)
        for round in 0..<3000 {
            // Groups that are often zero, so that every kind of run is met.
            var bits: UInt128 = 0
            for _ in 0..<8 {
                let group = Bool.random(using: &random) ? 0 : UInt16.random(in: 0...UInt16.max, using: &random)
                bits = bits << 16 | UInt128(group)
            }
            let v6 = IPv6Address(bits: bits)
            let v4 = IPv4Address(bits: UInt32(truncatingIfNeeded: bits))
            try #require(v6.bits == bits)
            try #require(IPv6Address(v6.description) == v6, "seed \(seed), round \(round): \(v6)")
            try #require(IPv4Address(v4.description) == v4, "seed \(seed), round \(round): \(v4)")
            let address = SocketAddress(Bool.random(using: &random) ? .v4(v4) : IPAddress(v6), 443)
            try #require(SocketAddress(address.description) == address, "seed \(seed), round \(round): \(address)")
        }
    }

    struct Kind: CustomTestStringConvertible, Sendable {
        let address: String
        let kinds: Set<String>

        init(_ address: String, _ kinds: String...) {
            self.address = address
            self.kinds = Set(kinds)
        }

        var testDescription: String { address }
    }

    @Test(
        "of a kind",
        arguments: [
            Kind("127.0.0.1", "loopback"), Kind("127.255.255.255", "loopback"), Kind("128.0.0.0"),
            Kind("126.255.255.255"),
            Kind("::1", "loopback"), Kind("::2"), Kind("::ffff:127.0.0.1", "loopback"),
            Kind("169.254.0.0", "link-local"),
            Kind("169.254.169.254", "link-local"), Kind("169.255.0.0"), Kind("fe80::1", "link-local"),
            Kind("febf::", "link-local"), Kind("fec0::"), Kind("0.0.0.0", "unspecified"), Kind("::", "unspecified"),
            Kind("224.0.0.0", "multicast"), Kind("239.255.255.255", "multicast"), Kind("240.0.0.0"),
            Kind("ff02::1", "multicast"), Kind("fe00::"), Kind("10.0.0.1"), Kind("fd00::1"),
        ])
    func kinds(_ item: Kind) throws {
        let address = try #require(IPAddress(item.address))
        let found = [
            "loopback": address.isLoopback, "link-local": address.isLinkLocal, "unspecified": address.isUnspecified,
            "multicast": address.isMulticast,
        ].filter(\.value).keys
        #expect(Set(found) == item.kinds)
    }

    @Test(
        "with a port",
        arguments: [
            ("10.0.0.1:80", "10.0.0.1:80"), ("[fd00::1]:65535", "[fd00::1]:65535"),
            ("[::ffff:10.0.0.1]:1", "10.0.0.1:1"), ("[FD00:0::1]:1", "[fd00::1]:1"),
        ])
    func ports(_ text: String, _ expected: String) {
        #expect(SocketAddress(text)?.description == expected)
    }

    @Test(
        "with something that is no port, or without brackets, there is none",
        arguments: [
            "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:080", "10.0.0.1:-1", "10.0.0.1:http",
            "[10.0.0.1]:80", "fd00::1:80", "[fd00::1]", "[fd00::1]80", "[fd00::1:80", "fd00::1]:80", "[]:80", ":80", "",
        ])
    func noPorts(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }

    /// The quick way for IPv4 and the general one, which a piece of a text takes.
    @Test(
        "with a port are read alike, quickly or not",
        arguments: [
            "10.0.0.1:80", "0.0.0.0:1", "255.255.255.255:65535", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:99999",
            "1.2.3.4:100000", "1.2.3.4:080", "1.2.3.4:", "1.2.3.4", "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80",
            "256.2.3.4:80", "01.2.3.4:80", "00.2.3.4:80", "1..3.4:80", ".1.2.3.4:80", "1.2.3.4:80:", "1.2.3.4:8 0",
            "1.2.3.4:+80", "1.2.3.4:٣", "1:2.3.4:80", "1.2.3.99999:80", "", ":", "[fd00::1]:80", "[::ffff:10.0.0.1]:80",
            "fd00::1:80", "[10.0.0.1]:80",
        ])
    func alike(_ text: String) {
        #expect(SocketAddress(text) == SocketAddress(text[...]))
    }

    @Test("an address with a port is read as it is written")
    func socketAddress() throws {
        let address = try #require(SocketAddress("10.1.2.3:65535"))
        #expect(address == SocketAddress(.v4(IPv4Address(bits: 0x0a01_0203)), 65_535))
        #expect(address.description == "10.1.2.3:65535")
    }
}
