// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Discovery
import MeshModel
import Testing

@Suite("Names among the endpoints of a service")
struct NameTests {
    private static func name(_ text: String) -> DNSName {
        guard let name = DNSName(text) else { preconditionFailure("\(text) is no name.") }
        return name
    }

    private static func resources(_ members: [Service.Member], _ resolution: ResolutionSettings = ResolutionSettings())
        -> MeshResources
    {
        var resources = SmallMesh.resources
        resources.services = [
            Service(
                reference: SmallMesh.reference("named"), addresses: [SmallMesh.address("10.96.0.10")],
                ports: [Service.PortMapping(port: .known(80), targetPort: .known(8080), hint: .http)],
                members: members, resolution: resolution, connectTimeout: .milliseconds(250),
                health: HealthCheck(.tcp))
        ]
        return resources
    }

    private static func destination(
        _ resources: MeshResources, _ names: [DNSName: ResolvedName]
    ) -> Destination {
        DiscoverySnapshot(resources, registryOnly: false, names: names, generation: 1)
            .destination(of: SmallMesh.socket("10.96.0.10:80"))
    }

    private static func answer(_ addresses: String...) -> ResolvedName {
        let all = addresses.map { SmallMesh.address($0) }
        return ResolvedName(ipv4: all.filter { $0.family == .ipv4 }, ipv6: all.filter { $0.family == .ipv6 })
    }

    @Test("every address is an endpoint, with the port and the weight of its member")
    func strict() {
        let members = [
            Service.Member(.name(Self.name("b")), port: .known(9090), weight: 4),
            .workload(SmallMesh.reference("api4")),
            Service.Member(.name(Self.name("none")), weight: 0),
        ]
        let names = [
            Self.name("b"): Self.answer("198.51.100.7", "198.51.100.8", "2001:db8::7"),
            Self.name("none"): Self.answer("198.51.100.9"),
        ]
        guard case .service(let service) = Self.destination(Self.resources(members), names) else {
            Issue.record("It is a service.")
            return
        }
        #expect(
            service.endpoints.map(\.address.description) == [
                "198.51.100.7:9090", "198.51.100.8:9090", "[2001:db8::7]:9090", "10.0.0.3:8080",
            ])
        #expect(service.weights == [4, 4, 4, 1] && service.connectTimeout == .milliseconds(250))
        #expect(service.health == HealthCheck(.tcp))
    }

    @Test("a logical name is one endpoint")
    func logical() {
        var resolution = ResolutionSettings()
        resolution.mode = .logical
        let resources = Self.resources([Service.Member(.name(Self.name("b")))], resolution)
        let names = [Self.name("b"): Self.answer("198.51.100.8", "198.51.100.7", "2001:db8::7")]
        guard case .service(let service) = Self.destination(resources, names) else {
            Issue.record("It is a service.")
            return
        }
        #expect(service.endpoints.map(\.address.description) == ["198.51.100.8:8080"])
    }

    @Test("a workload is a workload under its name too, and what nobody has in the mesh's ranges is left out")
    func noDowngrade() {
        let resources = Self.resources([Service.Member(.name(Self.name("b")))])
        let names = [Self.name("b"): Self.answer("10.0.0.3", "10.0.0.99", "fd00::99", "198.51.100.7")]
        guard case .service(let service) = Self.destination(resources, names) else {
            Issue.record("It is a service.")
            return
        }
        #expect(service.endpoints.map(\.address.description) == ["10.0.0.3:8080", "198.51.100.7:8080"])
        #expect(service.endpoints[0].security == .mutualTLS(SmallMesh.identity("api")))
        #expect(service.endpoints[1].security == .plaintext(.notMeshed))
    }

    @Test("without an answer the service says that its name is missing, with a useless one that it has no endpoint")
    func lacking() {
        let resources = Self.resources([Service.Member(.name(Self.name("b")))])
        #expect(Self.destination(resources, [:]) == .refused(.nameNotResolved))
        #expect(Self.destination(resources, [Self.name("b"): Self.answer()]) == .refused(.nameNotResolved))
        #expect(Self.destination(resources, [Self.name("b"): Self.answer("10.0.0.99")]) == .refused(.noEndpoint))
        let snapshot = DiscoverySnapshot(resources, registryOnly: false, generation: 1)
        #expect(snapshot.lack(of: SmallMesh.reference("named")) == .nameNotResolved)
        #expect(snapshot.lack(of: SmallMesh.reference("other")) == .noEndpoint)
    }

    @Test("a new weight is not another endpoint")
    func weights() {
        func endpoint(_ weight: Int) -> Endpoint {
            Endpoint(
                address: SmallMesh.socket("10.0.0.3:80"), workloadUID: "4711", security: .plaintext(.notMeshed),
                hint: .http, weight: weight)
        }
        #expect(endpoint(1) == endpoint(9) && endpoint(1).hashValue == endpoint(9).hashValue)
    }
}
