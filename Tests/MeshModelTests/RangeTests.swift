// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@Suite("Ranges of addresses, ports and users")
struct RangeTests {
    @Test(
        "an address range is read, its host bits cleared, and printed with its length",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"), ("255.255.255.255/1", "128.0.0.0/1"), ("192.168.1.1/31", "192.168.1.0/31"),
            ("fd00::1/8", "fd00::/8"), ("::/0", "::/0"), ("::1", "::1/128"),
            ("2001:db8::ffff/127", "2001:db8::fffe/127"),
            ("2001:db8:ffff::/33", "2001:db8:8000::/33"), ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ])
    func addresses(_ text: String, _ expected: String) throws {
        let range = try #require(AddressRange(text))
        #expect(range.description == expected)
        #expect(AddressRange(expected) == range)
    }

    @Test(
        "what is no address range is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
            "10.0.0.0/ 8", "10.0.0/8", "::/129", "fd00::/8%eth0", "10.0.0.0/255.0.0.0", "10.0.0.0/٨", "mesh/8",
            // A length counts bits of IPv6 there, and those of IPv4 once it is unwrapped: nobody could tell which is meant.
            "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/128",
        ])
    func noAddresses(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test("contains exactly the addresses whose first bits are its own")
    func containment() throws {
        let seed: UInt64 = 1_024
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            let isV4 = Bool.random(using: &random)
            let width = isV4 ? 32 : 128
            func address(_ bits: UInt128) -> IPAddress {
                isV4 ? .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: bits))) : .v6(IPv6Address(bits: bits))
            }
            let base = UInt128(random.next()) << 64 | UInt128(random.next())
            let length = Int.random(in: 0...width, using: &random)
            let range = try #require(AddressRange(base: address(base), prefixLength: length))
            let bit = UInt128(1) << UInt128(Int.random(in: 0..<width, using: &random))
            let changed = address(base ^ bit)
            let isInside = bit < (length == width ? 1 : UInt128(1) << UInt128(width - length)) || length == 0
            try #require(range.contains(address(base)), "seed \(seed), round \(round)")
            try #require(range.contains(changed) == isInside, "seed \(seed), round \(round): \(range) and \(changed)")
            try #require(AddressRange(range.description) == range, "seed \(seed), round \(round)")
        }
        let everything = try #require(AddressRange("0.0.0.0/0"))
        #expect(!everything.contains(.v6(IPv6Address(bits: 1))))
    }

    @Test(
        "ports and their ranges",
        arguments: [
            ("1", "1"), ("65535", "65535"), ("80-80", "80"), ("8000-8099", "8000-8099"), ("1:65535", "1-65535"),
        ])
    func ports(_ text: String, _ expected: String) throws {
        let range = try #require(PortRange(text))
        #expect(range.description == expected)
        #expect(range.contains(range.lower) && range.contains(range.upper))
        #expect(range.lower.number == 1 || !range.contains(.known(range.lower.number - 1)))
    }

    @Test(
        "what is no port",
        arguments: [
            "", "0", "65536", "080", "+80", "-80", "80-", "-", "90-80", "80-90-100", "80–90", "80 - 90", "http", "８０",
            "99999999999999999999999999", "1e3", "80.0", "0-80", "80-65536",
        ])
    func noPorts(_ text: String) {
        #expect(PortRange(text) == nil)
        #expect(Port(text) == nil)
    }

    @Test("numbers that are ports", arguments: [(0, false), (1, true), (65_535, true), (65_536, false), (-1, false)])
    func numbers(_ number: Int, _ isPort: Bool) {
        #expect((Port(number) != nil) == isPort)
    }

    @Test("merged port ranges are the fewest that hold the same ports")
    func merging() throws {
        func ranges(_ text: String) -> [PortRange] { text.split(separator: " ").compactMap { PortRange($0) } }
        for (given, expected) in [
            ("80 81 82", "80-82"), ("82 80", "80 82"), ("1-10 5-20 21", "1-21"), ("1-65535 80", "1-65535"),
            ("65535 1 65534", "1 65534-65535"), ("", ""), ("5-9 5-6", "5-9"),
        ] {
            #expect(PortRange.merged(ranges(given)).map(\.description).joined(separator: " ") == expected)
        }
        var random = SeededRandom(seed: 5)
        for round in 0..<200 {
            let given = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ -> PortRange? in
                let lower = Int.random(in: 1...60, using: &random)
                guard let low = Port(lower), let high = Port(lower + Int.random(in: 0...8, using: &random)) else {
                    return nil
                }
                return PortRange(low, high)
            }
            let merged = PortRange.merged(given)
            for number in UInt16(1)...70 {
                let port = Port.known(number)
                let wanted = given.contains { $0.contains(port) }
                try #require(merged.contains { $0.contains(port) } == wanted, "seed 5, round \(round): \(given)")
            }
            for (left, right) in zip(merged, merged.dropFirst()) {
                try #require(left.upper.number + 1 < right.lower.number, "seed 5, round \(round): \(merged)")
            }
        }
    }

    @Test("users and their ranges")
    func users() throws {
        #expect(UserID("0")?.number == 0 && UserID("4294967294")?.number == 4_294_967_294)
        for text in ["", "-1", "4294967295", "4294967296", "root", "01", "+1"] {
            #expect(UserID(text) == nil, "\(text)")
        }
        let range = try #require(UserIDRange("1000-1999"))
        let inside = try [1000, 1500, 1999].map { try #require(UserID($0)) }
        let outside = try [0, 999, 2000].map { try #require(UserID($0)) }
        #expect(inside.allSatisfy(range.contains) && !outside.contains(where: range.contains))
        #expect(range.description == "1000-1999" && UserIDRange("7")?.description == "7")
        for text in ["1999-1000", "1-", "-5", "1-2-3", "a-b"] { #expect(UserIDRange(text) == nil, "\(text)") }
    }

    @Test("names of interfaces")
    func interfaces() {
        for text in ["eth0", "lo", "eth+", "br-lan", "wg_0", "a@b", String(repeating: "x", count: 15)] {
            #expect(InterfaceName(text)?.description == text)
        }
        for text in [
            "", "+", ".", "..", "e th", "eth/0", "eth:0", "e+h", "e\"h", "ünd0", "a\0", "a\nb",
            String(repeating: "x", count: 16),
        ] {
            #expect(InterfaceName(text) == nil, "\(text.debugDescription)")
        }
        #expect(InterfaceName("eth+")?.matches("eth12") == true)
        #expect(InterfaceName("eth+")?.matches("lo") == false)
        #expect(InterfaceName("eth0")?.matches("eth01") == false)
    }
}
