// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Discovery
import MeshModel
import Testing

/// A small mesh, written in few words.
enum SmallMesh {
    static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address.") }
        return address
    }

    static func socket(_ text: String) -> SocketAddress {
        guard let address = SocketAddress(text) else { preconditionFailure("\(text) is no address with a port.") }
        return address
    }

    static func identity(_ name: String) -> SPIFFEID {
        guard let identity = SPIFFEID("spiffe://mesh.example/ns/default/sa/\(name)") else {
            preconditionFailure("\(name) is no name.")
        }
        return identity
    }

    static func reference(_ name: String) -> ResourceReference {
        guard let name = ResourceName(name) else { preconditionFailure("\(name) is no name.") }
        return ResourceReference(name: name)
    }

    /// `api` has a sidecar and both families, `api4` only IPv4, `old` no sidecar.
    static var resources: MeshResources {
        var resources = MeshResources()
        resources.mesh.ranges = ["10.0.0.0/8", "fd00::/8"].compactMap { AddressRange($0) }
        resources.workloads = [
            Workload(
                reference: reference("api"), addresses: [address("10.0.0.2"), address("fd00::2")],
                identity: identity("api"), isMeshed: true,
                ports: [
                    Workload.PortSettings(port: .known(9000), isMeshed: false, hint: .detect),
                    Workload.PortSettings(port: .known(8080), isMeshed: true, hint: .http2),
                ]),
            Workload(
                reference: reference("api4"), uid: "4711", addresses: [address("10.0.0.3")], identity: identity("api"),
                isMeshed: true),
            Workload(reference: reference("old"), addresses: [address("192.0.2.9")], identity: nil, isMeshed: false),
        ]
        resources.services = [
            Service(
                reference: reference("api"), addresses: [address("10.96.0.10"), address("fd00:96::10")],
                ports: [
                    Service.PortMapping(port: .known(80), targetPort: .known(8080), hint: .http),
                    Service.PortMapping(port: .known(90), targetPort: .known(9000), hint: .http),
                ],
                members: [.workload(reference("api")), .workload(reference("api4")), .address(address("198.51.100.1"))]),
            Service(
                reference: reference("empty"), addresses: [address("10.96.0.11")],
                ports: [Service.PortMapping(port: .known(80), targetPort: .known(80), hint: .detect)], members: []),
        ]
        return resources
    }

    static func snapshot(registryOnly: Bool = false, metricsPort: Port? = .known(15020)) -> DiscoverySnapshot {
        DiscoverySnapshot(resources, registryOnly: registryOnly, metricsPort: metricsPort, generation: 7)
    }
}

@Suite("Where an address leads")
struct DestinationTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let address: String
        let destination: Destination

        var testDescription: String { address }
    }

    private static func endpoint(
        _ address: String, _ workload: String, _ security: EndpointSecurity, _ hint: ProtocolHint = .detect
    ) -> Destination {
        .endpoint(
            Endpoint(address: SmallMesh.socket(address), workloadUID: workload, security: security, hint: hint))
    }

    private static let api = EndpointSecurity.mutualTLS(SmallMesh.identity("api"))

    @Test(
        "a workload's own address is that workload, on any port",
        arguments: [
            Case(address: "10.0.0.2:80", destination: endpoint("10.0.0.2:80", "default/api", api)),
            Case(address: "10.0.0.2:8080", destination: endpoint("10.0.0.2:8080", "default/api", api, .http2)),
            Case(address: "[fd00::2]:80", destination: endpoint("[fd00::2]:80", "default/api", api)),
            Case(address: "[::ffff:10.0.0.2]:80", destination: endpoint("10.0.0.2:80", "default/api", api)),
            Case(
                address: "10.0.0.2:9000",
                destination: endpoint("10.0.0.2:9000", "default/api", .plaintext(.portNotMeshed))),
            Case(
                address: "10.0.0.2:15020",
                destination: endpoint("10.0.0.2:15020", "default/api", .plaintext(.portNotMeshed))),
            Case(address: "10.0.0.3:22", destination: endpoint("10.0.0.3:22", "4711", api)),
            Case(address: "192.0.2.9:80", destination: endpoint("192.0.2.9:80", "default/old", .plaintext(.notMeshed))),
            Case(
                address: "192.0.2.9:15020",
                destination: endpoint("192.0.2.9:15020", "default/old", .plaintext(.notMeshed))),
        ])
    func workloads(_ item: Case) {
        #expect(SmallMesh.snapshot().destination(of: SmallMesh.socket(item.address)) == item.destination)
    }

    @Test(
        "what nobody has is refused inside the mesh's ranges, and outside where only the registry counts",
        arguments: [
            ("10.0.0.99:80", Destination.refused(.unknownDestination), Destination.refused(.unknownDestination)),
            ("[fd12::1]:80", .refused(.unknownDestination), .refused(.unknownDestination)),
            ("203.0.113.1:443", .outside, .refused(.notInRegistry)),
            ("[2001:db8::1]:443", .outside, .refused(.notInRegistry)),
            // The bare member of a service is no resource of its own.
            ("198.51.100.1:80", .outside, .refused(.notInRegistry)),
        ])
    func unknown(_ address: String, _ free: Destination, _ registryOnly: Destination) {
        let address = SmallMesh.socket(address)
        #expect(SmallMesh.snapshot().destination(of: address) == free)
        #expect(SmallMesh.snapshot(registryOnly: true).destination(of: address) == registryOnly)
    }

    @Test("a service's address leads to its endpoints, by the family that was dialled")
    func services() throws {
        let snapshot = SmallMesh.snapshot()
        for (dialled, expected) in [
            ("10.96.0.10:80", ["10.0.0.2:8080", "10.0.0.3:8080", "198.51.100.1:8080"]),
            ("[fd00:96::10]:80", ["[fd00::2]:8080", "10.0.0.3:8080", "198.51.100.1:8080"]),
        ] {
            let destination = snapshot.destination(of: SmallMesh.socket(dialled))
            guard case .service(let service) = destination else {
                Issue.record("\(dialled) leads to \(destination)")
                continue
            }
            #expect(service.endpoints.map(\.address.description) == expected)
            #expect(service.endpoints.map(\.security) == [Self.api, Self.api, .plaintext(.notMeshed)])
            // The port of a workload says more precisely what it speaks than the service.
            #expect(service.endpoints.map(\.hint) == [.http2, .http, .http])
            #expect(service.key.family == SmallMesh.socket(dialled).address.family)
        }
        let skipped = snapshot.destination(of: SmallMesh.socket("10.96.0.10:90"))
        guard case .service(let service) = skipped else {
            Issue.record("\(skipped)")
            return
        }
        #expect(service.endpoints[0].security == .plaintext(.portNotMeshed))
        #expect(service.endpoints[1].security == Self.api)
    }

    @Test(
        "a service says what it lacks",
        arguments: [("10.96.0.10:81", ErrorCode.portNotServed), ("10.96.0.11:80", .noEndpoint)])
    func lacking(_ address: String, _ code: ErrorCode) {
        #expect(SmallMesh.snapshot().destination(of: SmallMesh.socket(address)) == .refused(code))
    }

    @Test("a member that does not exist is no endpoint")
    func dangling() {
        var resources = SmallMesh.resources
        resources.workloads.removeAll { $0.reference == SmallMesh.reference("api") }
        let snapshot = DiscoverySnapshot(resources, registryOnly: false, generation: 1)
        guard case .service(let service) = snapshot.destination(of: SmallMesh.socket("10.96.0.10:80")) else {
            Issue.record("It is still a service.")
            return
        }
        #expect(service.endpoints.map(\.address.description) == ["10.0.0.3:8080", "198.51.100.1:8080"])
    }

    @Test("an address of a meshed workload is that workload, however a service names it, and each endpoint counts once")
    func noDowngrade() {
        var resources = SmallMesh.resources
        resources.services = [
            Service(
                reference: SmallMesh.reference("api"), addresses: [SmallMesh.address("10.96.0.10")],
                ports: [Service.PortMapping(port: .known(80), targetPort: .known(80), hint: .detect)],
                members: [
                    .address(SmallMesh.address("10.0.0.3")), .workload(SmallMesh.reference("api4")),
                    .workload(SmallMesh.reference("api4")), .address(SmallMesh.address("198.51.100.1")),
                    .address(SmallMesh.address("198.51.100.1")),
                ])
        ]
        let snapshot = DiscoverySnapshot(resources, registryOnly: false, generation: 1)
        guard case .service(let service) = snapshot.destination(of: SmallMesh.socket("10.96.0.10:80")) else {
            Issue.record("It is a service.")
            return
        }
        #expect(service.endpoints.map(\.address.description) == ["10.0.0.3:80", "198.51.100.1:80"])
        #expect(service.endpoints.map(\.security) == [Self.api, .plaintext(.notMeshed)])
    }

    @Test("every port and family of every service has a balancer's key")
    func balancers() {
        let keys = SmallMesh.snapshot().serviceDestinations.map(\.key)
        #expect(keys.count == 6 && Set(keys).count == 6)
    }

    @Test("an idle connection is kept only while the same workload has its address under the same identity")
    func staying() {
        let snapshot = SmallMesh.snapshot()
        func stillHas(_ address: String, _ name: String, _ uid: String) -> Bool {
            snapshot.stillHas(SmallMesh.socket(address), SmallMesh.identity(name), uid: uid)
        }
        #expect(stillHas("10.0.0.3:80", "api", "4711"))
        #expect(!stillHas("10.0.0.3:80", "api", "4712"))
        #expect(!stillHas("10.0.0.3:80", "web", "4711"))
        #expect(!stillHas("10.0.0.4:80", "api", "4711"))
        #expect(!stillHas("10.0.0.2:9000", "api", "default/api"))
        #expect(!stillHas("10.0.0.2:15020", "api", "default/api"))
        #expect(stillHas("[fd00::2]:80", "api", "default/api"))
    }

    @Test("a port that a workload names is meshed even if it is the metrics port")
    func metricsPort() {
        let snapshot = SmallMesh.snapshot(metricsPort: .known(8080))
        #expect(
            snapshot.destination(of: SmallMesh.socket("10.0.0.2:8080"))
                == Self.endpoint("10.0.0.2:8080", "default/api", Self.api, .http2))
        #expect(snapshot.isMeshed(SmallMesh.address("10.0.0.2")))
        #expect(!snapshot.isMeshed(SmallMesh.address("192.0.2.9")))
        #expect(!snapshot.isMeshed(SmallMesh.address("203.0.113.1")))
        #expect(snapshot.workload(at: SmallMesh.address("fd00::2"))?.reference == SmallMesh.reference("api"))
        #expect(snapshot.generation == 7)
    }
}
