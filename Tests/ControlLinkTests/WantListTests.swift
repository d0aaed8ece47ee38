// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import ControlLink
import MeshModel
import Testing

@Suite("What a proxy wants of its control plane")
struct WantListTests {
    private static let address = IPAddress.v4(IPv4Address(bits: 0x0a00_0001))
    private static let other = IPAddress.v4(IPv4Address(bits: 0x0a00_0002))
    private static let start = Instant(nanoseconds: 1)

    @Test("an address is new once, and unknown until something is brought")
    func unknown() {
        var list = WantList()
        let (isNew, isNewAgain) = (list.want(Self.address, now: Self.start), list.want(Self.address, now: Self.start))
        #expect(isNew && !isNewAgain)
        list.answered(
            Update(sequence: 1, revision: 1, isWhole: false, unknown: Wants(addresses: [Self.address, Self.other])))
        #expect(list.isUnknown(Self.address))
        // Nobody has asked for it.
        #expect(!list.isUnknown(Self.other))
        let text = ResourceText(id: "x", digest: ResourceDigest(hash: Array(repeating: 0, count: 32)), text: "")
        list.answered(Update(sequence: 2, revision: 2, isWhole: false, resources: [text]))
        #expect(!list.isUnknown(Self.address))
    }

    @Test("what is not used for ten minutes is dropped, what is used stays")
    func expiry() {
        var list = WantList()
        _ = list.want(Self.address, now: Self.start)
        _ = list.want(Self.other, now: Self.start)
        list.used(Self.other, now: Self.start + .seconds(300))
        let early = list.expire(now: Self.start + .seconds(599))
        let inTime = list.expire(now: Self.start + .seconds(600))
        #expect(!early && inTime)
        #expect(list.wants.addresses == [Self.other])
        let later = list.expire(now: Self.start + .seconds(900))
        #expect(later && list.wants.isEmpty)
    }

    @Test("a name stays wanted while its service is used, in either spelling and no other namespace")
    func names() throws {
        let (own, other) = (try #require(ResourceName("default")), try #require(ResourceName("prod")))
        let (short, full) = (try #require(ServiceName("api")), try #require(ServiceName("api.prod")))
        let later = Self.start + .seconds(300)
        var list = WantList()
        for name in [short, full] { _ = list.want(name, now: Self.start) }
        list.used(ResourceReference(namespace: other, name: short.service), from: own, now: later)
        _ = list.expire(now: Self.start + .seconds(600))
        #expect(list.wants.names == [full])
        _ = list.want(short, now: Self.start)
        list.used(ResourceReference(namespace: own, name: short.service), from: own, now: later)
        _ = list.expire(now: Self.start + .seconds(600))
        #expect(list.wants.names == [short, full])
    }

    @Test("there are never more than a message may hold; the oldest goes")
    func bounded() {
        var list = WantList()
        for number in 0...UInt32(ControlProtocol.wantedAddresses) {
            _ = list.want(.v4(IPv4Address(bits: number)), now: Self.start + .milliseconds(number))
        }
        #expect(list.wants.addresses.count == ControlProtocol.wantedAddresses)
        #expect(!list.wants.addresses.contains(.v4(IPv4Address(bits: 0))))
    }
}
