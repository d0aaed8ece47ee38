// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import Testing

/// Which congestion control a connection between sidecars ends up with. `reno` is in every kernel and stands for the chosen
/// one here: what is looked at is whether it is taken.
@Suite("Congestion control and the length of the path")
struct CongestionTests {
    private let system: String

    init() throws {
        system = try #require(try Descriptor.stream(.ipv4).congestionControl)
    }

    @Test("a socket begins with the system's and gives it up when told that there is no congestion")
    func beginning() throws {
        let socket = try Descriptor.stream(.ipv4)
        #expect(!system.isEmpty)
        socket.expectNoCongestion()
        #expect(socket.congestionControl == "reno")
    }

    @Test("what paces is told apart from what does not")
    func paced() {
        #expect(CongestionControl.pacedDefault() == (system.hasPrefix("bbr") ? system : nil))
    }

    @Test("a short path stays without; one of unknown length takes what the system has")
    func paths() throws {
        let listener = try Descriptor.stream(.ipv4)
        try listener.bind(to: SocketAddress(.v4(IPv4Address(bits: 0x7f00_0001)), 0))
        try listener.listen(backlog: 1)
        let near = try Descriptor.stream(.ipv4)
        near.expectNoCongestion()
        let address = try #require(try listener.localAddress())
        let (failure, isDecided) = (near.connect(to: address), near.waitForOutput(.seconds(10)))
        #expect(failure == nil && isDecided)
        near.expectCongestion(system)
        #expect(near.congestionControl == "reno", "loopback is shorter than a millisecond")

        let unconnected = try Descriptor.stream(.ipv4)
        unconnected.expectNoCongestion()
        unconnected.expectCongestion(system)
        #expect(unconnected.congestionControl == system)
    }
}
