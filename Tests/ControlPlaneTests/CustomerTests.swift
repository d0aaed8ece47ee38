// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@testable import ControlPlane

@Suite("Who counts as one")
struct CustomerTests {
    @Test(
        "an address of IPv4, and of IPv6 a network of 64 bits",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"), ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"), ("fe80::1%eth0", "fe80::/64"), ("local", "local"), ("", ""),
        ])
    func customers(_ address: String, _ customer: String) { #expect(Customer.of(address) == customer) }

    @Test("guesses from many addresses of one network are those of one, and shut out no other")
    func guesses() throws {
        var limit = AttemptLimit()
        let now = WallTime(seconds: 1_800_000_000)
        for number in 1...10 {
            try limit.check("2001:db8:1:2::\(number)", now: now)
            limit.failed("2001:db8:1:2::\(number)", now: now)
        }
        #expect(throws: Problem.self) { try limit.check("2001:db8:1:2:abcd::99", now: now + .seconds(59)) }
        try limit.check("2001:db8:1:3::1", now: now)
        try limit.check("192.0.2.1", now: now)
        try limit.check("2001:db8:1:2::1", now: now + .seconds(60))
    }
}
