// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Discovery
import HTTPCodec
import MeshModel
import Routing
import Testing

@Suite("Routes and gateways in a snapshot")
struct GatewayPortTests {
    private static func name(_ text: String) -> ResourceName {
        guard let name = ResourceName(text) else { preconditionFailure("\(text) is no name.") }
        return name
    }

    private static func listener(
        _ name: String, _ port: UInt16, _ transport: Gateway.TransportProtocol, _ host: String? = nil
    ) -> Gateway.Listener {
        Gateway.Listener(
            name: Self.name(name), port: .known(port), transport: transport, hostname: host.flatMap { HostPattern($0) })
    }

    private static func route(_ name: String, hosts: [String] = [], _ parents: RouteParent...) -> Route {
        Route(
            reference: SmallMesh.reference(name), parents: parents, hostnames: hosts.compactMap { HostPattern($0) },
            rules: [RouteRule()])
    }

    private static func connections(
        _ kind: ConnectionRoute.Kind, _ name: String, hosts: [String] = [], _ parents: RouteParent...
    ) -> ConnectionRoute {
        ConnectionRoute(
            kind: kind, reference: SmallMesh.reference(name), parents: parents,
            hostnames: hosts.compactMap { HostPattern($0) },
            backends: [RouteBackend(service: SmallMesh.reference("api"), port: .known(80))])
    }

    private static let edge = RouteParent.Target.gateway(SmallMesh.reference("edge"), section: nil)

    private static var resources: MeshResources {
        var resources = SmallMesh.resources
        resources.gateways = [
            Gateway(
                reference: SmallMesh.reference("edge"),
                listeners: [
                    listener("web", 80, .http), listener("wide", 80, .http, "*.example"),
                    listener("shop", 80, .http, "shop.example"), listener("secure", 443, .https, "shop.example"),
                    listener("passed", 443, .tls, "*.example"), listener("db", 5432, .tcp),
                ]),
            Gateway(
                reference: SmallMesh.reference("local"), addresses: [SmallMesh.address("127.0.0.1")],
                listeners: [listener("web", 81, .http)]),
        ]
        resources.routes = [
            route("all", RouteParent(edge)), route("shop", hosts: ["shop.example"], RouteParent(edge)),
            route("test", hosts: ["a.test"], RouteParent(edge, port: .known(80))),
        ]
        resources.connectionRoutes = [
            connections(.tls, "vault", hosts: ["vault.example", "vault.test"], RouteParent(edge)),
            connections(.tcp, "db", RouteParent(edge, port: .known(5432))),
        ]
        return resources
    }

    private static func snapshot(_ change: (inout MeshResources) -> Void = { _ in }) -> DiscoverySnapshot {
        var resources = resources
        change(&resources)
        return DiscoverySnapshot(resources, registryOnly: false, generation: 1)
    }

    @Test("what is bound")
    func bound() {
        let gateways = Self.snapshot().gateways
        let every = ["0.0.0.0:80", "0.0.0.0:443", "0.0.0.0:5432", "[::]:80", "[::]:443", "[::]:5432"]
        #expect(gateways.addresses == Set((every + ["127.0.0.1:81"]).map(SmallMesh.socket)))
        #expect(gateways[SmallMesh.socket("127.0.0.1:80")] == nil && gateways[SmallMesh.socket("127.0.0.1:81")] != nil)
        #expect(gateways.port(dialled: SmallMesh.socket("10.0.0.1:80")) != nil)
        #expect(gateways.port(dialled: SmallMesh.socket("[fd00::1]:5432")) != nil)
        #expect(gateways.port(dialled: SmallMesh.socket("10.0.0.1:81")) == nil)
        #expect(SmallMesh.snapshot().gateways.isEmpty)
    }

    @Test(
        "the listener of a host or server name",
        arguments: [
            (80, "shop.example", "default/edge/shop"), (80, "a.example", "default/edge/wide"),
            (80, "a.test", "default/edge/web"), (80, nil, "default/edge/web"),
            (443, "shop.example", "default/edge/secure"), (443, "vault.example", "default/edge/passed"),
            (443, "vault.test", nil), (443, nil, nil), (5432, nil, "default/edge/db"),
        ] as [(UInt16, String?, String?)])
    func listeners(_ port: UInt16, _ host: String?, _ expected: String?) throws {
        let found = Self.snapshot().gateways[SmallMesh.socket("0.0.0.0:\(port)")]
        #expect(try #require(found).listener(for: host)?.label == expected)
    }

    @Test(
        "only the routes of the listener count, for the hosts that both are for",
        arguments: [
            ("shop.example", "default/shop[0]"), ("a.example", "default/all[0]"), ("a.test", "default/test[0]"),
            ("b.test", "default/all[0]"),
        ])
    func requests(_ host: String, _ expected: String) throws {
        let port = try #require(Self.snapshot().gateways[SmallMesh.socket("[::]:80")])
        let request = HTTPRequest(method: "GET", authority: host, target: "/")
        guard case .matched(let rule, _) = port.listener(for: host)?.routes?.match(request, path: "/") else {
            Issue.record("There is a rule.")
            return
        }
        #expect(rule.label == expected)
    }

    @Test("a listener's routes of connections")
    func connections() throws {
        let gateways = Self.snapshot().gateways
        let secure = try #require(gateways[SmallMesh.socket("[::]:443")])
        let passed = try #require(secure.listener(for: "vault.example"))
        #expect(passed.listener.transport == .tls && passed.routes == nil)
        #expect(passed.connectionRoutes?.rule(serverName: "vault.example")?.label == "default/vault[0]")
        #expect(passed.connectionRoutes?.rule(serverName: "x.example") == nil)
        // What the route is for beside the listener's host is not attached.
        #expect(passed.connectionRoutes?.rule(serverName: "vault.test") == nil)
        let database = try #require(gateways[SmallMesh.socket("0.0.0.0:5432")]?.listener(for: nil))
        #expect(database.connectionRoutes?.rule(serverName: nil)?.label == "default/db[0]")
        if case .bytes? = gateways[SmallMesh.socket("0.0.0.0:5432")]?.opening {} else { Issue.record("It is TCP.") }
        if case .clientHello = secure.opening {} else { Issue.record("It is TLS.") }
    }

    @Test("a listener takes routes of its own namespace, unless it says more")
    func namespaces() throws {
        for (namespaces, isTaken) in [(Gateway.RouteNamespaces.same, false), (.all, true)] {
            let snapshot = Self.snapshot { resources in
                let listener = Gateway.Listener(
                    name: Self.name("db"), port: .known(1), transport: .tcp, namespaces: namespaces)
                resources.gateways = [Gateway(reference: SmallMesh.reference("edge"), listeners: [listener])]
                let reference = ResourceReference(namespace: Self.name("other"), name: Self.name("r"))
                resources.connectionRoutes = [
                    ConnectionRoute(kind: .tcp, reference: reference, parents: [RouteParent(Self.edge)], backends: [])
                ]
            }
            let listener = try #require(snapshot.gateways[SmallMesh.socket("0.0.0.0:1")]?.listener(for: nil))
            #expect((listener.connectionRoutes != nil) == isTaken)
        }
    }

    @Test("a route that stands back is named with its place")
    func displaced() {
        let snapshot = Self.snapshot { resources in
            let parents = [RouteParent(Self.edge, port: .known(80)), Self.api]
            resources.routes.append(Self.route("web", Self.api))
            resources.routes.append(
                Route(kind: .grpc, reference: SmallMesh.reference("calls"), parents: parents, rules: [RouteRule()]))
        }
        #expect(
            snapshot.displacedRoutes == [
                "default/calls at Service default/api, port 80", "default/calls at listener default/edge/shop",
                "default/calls at listener default/edge/web", "default/calls at listener default/edge/wide",
            ])
        #expect(Self.snapshot().displacedRoutes.isEmpty)
    }

    private static let api = RouteParent(service: SmallMesh.reference("api"), port: .known(80))

    @Test(
        "on a port of a service requests go before server names, and those before bytes",
        arguments: [
            (["http", "tls", "tcp"], false, "http"), (["tls", "tcp"], false, "tls"), (["tcp"], false, "tcp"),
            ([], false, "none"), (["http", "tls", "tcp"], true, "tcp"), (["tls"], true, "none"),
        ])
    func order(_ kinds: [String], _ isOpaque: Bool, _ expected: String) {
        let snapshot = Self.snapshot { resources in
            let hint: ProtocolHint = isOpaque ? .opaque : .detect
            resources.services[0] = Service(
                reference: SmallMesh.reference("api"), addresses: [SmallMesh.address("10.96.0.10")],
                ports: [Service.PortMapping(port: .known(80), targetPort: .known(8080), hint: hint)], members: [])
            resources.routes = kinds.contains("http") ? [Self.route("r", Self.api)] : []
            resources.connectionRoutes = [ConnectionRoute.Kind.tls, .tcp].compactMap { kind in
                kinds.contains(kind == .tls ? "tls" : "tcp") ? Self.connections(kind, "r", Self.api) : nil
            }
        }
        let reference = SmallMesh.reference("api")
        let connections = snapshot.connectionRoutes(of: reference, port: 80)
        let found =
            snapshot.routes(of: reference, port: 80) != nil
            ? "http" : connections.map { $0.needsServerName ? "tls" : "tcp" } ?? "none"
        #expect(found == expected && snapshot.connectionRoutes(of: reference, port: 90) == nil)
        // A service without endpoints that has routes may stand for others.
        let destination = snapshot.destination(of: SmallMesh.socket("10.96.0.10:80"))
        #expect((destination == .refused(.noEndpoint)) == (expected == "none"))
    }

    @Test(
        "a consumer's route holds beside workloads of its namespace",
        arguments: [("default", false), ("other", true)])
    func consumers(_ namespace: String, _ isHeld: Bool) {
        var resources = Self.resources
        let route = ResourceReference(namespace: Self.name("other"), name: Self.name("r"))
        resources.routes = [Route(reference: route, parents: [Self.api], rules: [RouteRule()])]
        resources.connectionRoutes = [
            ConnectionRoute(
                kind: .tcp, reference: route,
                parents: [RouteParent(service: SmallMesh.reference("api"), port: .known(90))], backends: [])
        ]
        let workload = ResourceReference(namespace: Self.name(namespace), name: Self.name("web"))
        let snapshot = DiscoverySnapshot(resources, registryOnly: false, workload: workload, generation: 1)
        let reference = SmallMesh.reference("api")
        #expect((snapshot.routes(of: reference, port: 80) != nil) == isHeld)
        #expect((snapshot.connectionRoutes(of: reference, port: 90) != nil) == isHeld)
    }
}
