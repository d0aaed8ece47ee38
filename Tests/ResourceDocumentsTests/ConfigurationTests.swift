// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments
import Testing

@Suite("A configuration as it is read")
struct ConfigurationTests {
    @Test("the least that a file can be gives every default")
    func least() throws {
        let name = try #require(ResourceName("web"))
        let expected = ConfigurationFile(
            proxy: ProxySettings(workload: ResourceReference(name: name)), resources: MeshResources())
        #expect(try read(leastProxy).get() == expected)
        #expect(expected.proxy.adminSocketPath == "/var/lib/weft/admin.sock")
    }

    @Test("every field of a proxy is read")
    func proxy() throws {
        let proxy = try read(
            """
            apiVersion: weft/v1
            kind: Proxy
            metadata: {name: web, namespace: shop, uid: u-1, labels: {a: b}, annotations: {c: "1"}}
            spec:
              identity: {chain: /c, key: /k, bundle: /b}
              ports: {outbound: 1, inbound: 2, metrics: 3}
              capture:
                proxyUIDs: [2102, 2103]
                inbound:
                  includePorts: [80, 8000-8099]
                  skipPorts: [22]
                  includeSources: [10.0.0.0/8]
                  skipSources: ["fd00::/8"]
                  includeInterfaces: [eth+]
                  skipInterfaces: [lo]
                outbound:
                  includePorts: [443]
                  skipPorts: [25]
                  includeDestinations: [0.0.0.0/0]
                  skipDestinations: [169.254.169.254]
                  includeInterfaces: [eth0]
                  skipInterfaces: [wg0]
                  includeUIDs: [1000-1999]
                  skipUIDs: [1500]
                dropInvalid: false
                backend: legacy
              inbound:
                mode: permissive
                ports: [{port: 80}, {port: 443, mode: strict, passthroughTLS: true}]
                permissiveSilence: 2s
              outbound: {registryOnly: true}
              timeouts: {connect: 1s, handshake: 2s, open: 3s, idle: 0s, halfClose: 5s, hold: 6s}
              limits: {connections: 7, held: 8, handshakes: 9, idlePeers: 0, memory: 64Mi}
              drain: {settle: 0s, deadline: 1m}
              log: {level: trace, format: json, connections: false}
              admin: {socket: /s, port: 4}
              dataThreads: 2
              stateDirectory: /state
            """
        ).get().proxy
        #expect(proxy.workload.description == "shop/web")
        #expect(proxy.identity == IdentityPaths(chain: "/c", key: "/k", bundle: "/b"))
        #expect(proxy.ports.all.map(\.number) == [1, 2, 3])
        let capture = proxy.capture
        #expect(capture.proxyUsers.map(\.number) == [2102, 2103])
        #expect("\(capture.inbound.ports.include) \(capture.inbound.ports.skip)" == "[80, 8000-8099] [22]")
        #expect("\(capture.inbound.sources.include) \(capture.inbound.sources.skip)" == "[10.0.0.0/8] [fd00::/8]")
        #expect("\(capture.inbound.interfaces.include) \(capture.inbound.interfaces.skip)" == "[eth+] [lo]")
        #expect("\(capture.outbound.ports.include) \(capture.outbound.ports.skip)" == "[443] [25]")
        let destinations = capture.outbound.destinations
        #expect("\(destinations.include) \(destinations.skip)" == "[0.0.0.0/0] [169.254.169.254/32]")
        #expect("\(capture.outbound.interfaces.include) \(capture.outbound.interfaces.skip)" == "[eth0] [wg0]")
        #expect("\(capture.outbound.users.include) \(capture.outbound.users.skip)" == "[1000-1999] [1500]")
        #expect(!capture.dropInvalid && capture.backend == .legacy)
        #expect(proxy.inbound.settings(for: 80) == (.permissive, false))
        #expect(proxy.inbound.settings(for: 443) == (.strict, true))
        #expect(proxy.inbound.settings(for: 8443) == (.permissive, false))
        #expect(proxy.inbound.permissiveSilence == .seconds(2) && proxy.outbound.registryOnly)
        let timeouts = proxy.timeouts
        let durations = [
            timeouts.connect, timeouts.handshake, timeouts.open, timeouts.idle, timeouts.halfClose, timeouts.hold,
        ]
        #expect(durations.map(DurationText.text) == ["1s", "2s", "3s", "0s", "5s", "6s"])
        #expect(proxy.limits.connections == 7 && proxy.limits.held == 8 && proxy.limits.handshakes == 9)
        #expect(proxy.limits.idlePeers == 0)
        #expect(proxy.limits.memoryBytes == 64 << 20)
        #expect(proxy.drain == DrainSettings(settle: .zero, deadline: .seconds(60)))
        #expect(proxy.log.level == .trace && proxy.log.format == .json && !proxy.log.connections)
        #expect(proxy.admin.port?.number == 4 && proxy.adminSocketPath == "/s")
        #expect(proxy.dataThreads == 2 && proxy.stateDirectory == "/state")
    }

    @Test("every resource is read")
    func resources() throws {
        let resources = try read(
            leastProxy + """
                ---
                kind: Mesh
                spec: {trustDomain: mesh.example, ranges: [10.0.0.0/8, "fd00::/8"]}
                ---
                kind: Workload
                metadata: {name: api, uid: u-7}
                spec:
                  addresses: [10.0.0.2, "fd00::2"]
                  spiffeID: spiffe://mesh.example/ns/default/sa/api
                  ports: [{port: 9000, meshed: false}, {port: 8080, protocol: http2}]
                ---
                kind: Workload
                metadata: {name: old}
                spec: {addresses: [192.0.2.1]}
                ---
                kind: Service
                metadata: {name: api}
                spec:
                  addresses: [10.96.0.10]
                  ports: [{port: 80, targetPort: 8080, protocol: http}, {port: 81}]
                  endpoints: [{workload: api}, {workload: default/old}, {address: 198.51.100.1}]
                  ejection: {consecutiveFailures: 5, base: 1s, longest: 1m, mostPercent: 10}
                ---
                kind: Trust
                spec: {trustDomain: other.example, bundle: /other.pem}
                """
        ).get().resources
        #expect(resources.mesh.trustDomain?.name == "mesh.example")
        #expect(resources.mesh.ranges.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        let api = try #require(resources.workloads.first)
        #expect(api.uid == "u-7" && api.isMeshed && api.addresses.map(\.description) == ["10.0.0.2", "fd00::2"])
        #expect(api.settings(for: 9000) == (false, .detect) && api.settings(for: 8080) == (true, .http2))
        let old = try #require(resources.workloads.last)
        #expect(old.uid == "default/old" && !old.isMeshed && old.identity == nil)
        let service = try #require(resources.services.first)
        #expect(
            service.mapping(for: 80)?.targetPort.number == 8080 && service.mapping(for: 81)?.targetPort.number == 81)
        #expect(service.members.count == 3 && service.ejection.consecutiveFailures == 5)
        #expect(service.ejection.longest == .seconds(60) && service.ejection.mostPercent == 10)
        #expect(
            resources.trust == [
                TrustSettings(trustDomain: try #require(TrustDomain("other.example")), bundlePath: "/other.pem")
            ])
    }

    @Test(
        "JSON, quotes, comments, block and flow, byte order mark and empty documents are all the same",
        arguments: [
            #"{"kind": "Proxy", "metadata": {"name": "web"}, "spec": {}}"#, "# a comment\n" + leastProxy,
            "---\n---\n" + leastProxy + "...\n---\n# nothing\n---\n~\n", "\u{feff}" + leastProxy,
            "kind: 'Proxy'\r\nmetadata:\r\n  name: \"web\"\r\nspec: {ports: null, timeouts: ~, log: }\r\n",
            "%YAML 1.2\n---\n" + leastProxy, leastProxy.replacing("{}", with: "\n  ports:\n    inbound: '15006'"),
        ])
    func forms(_ text: String) throws {
        #expect(try read(text).get() == read(leastProxy).get())
    }
}
