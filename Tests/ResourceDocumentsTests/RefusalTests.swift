// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("What is wrong with a configuration")
struct RefusalTests {
    @Test("everything is told in one pass, each with path, place and remedy")
    func allAtOnce() {
        let found = read(
            """
            kind: Proxy
            metadata: {name: Web}
            spec:
              port: {inbound: 1}
              ports: {inbound: 70000, outbound: 15001x}
              timeouts: {connect: 5, idle: 1d}
              inbound: {mode: strickt, ports: [{port: 80, modus: strict}, 443]}
              log: [text]
              dataThreads: 0
            ---
            kind: Sevice
            """)
        #expect(
            found.problems == [
                "WEFT1003 metadata.name (f:2:18): `Web` is not a name: lower-case letters, digits and dashes, in labels of "
                    + "at most 63 joined by dots",
                "WEFT1003 spec.ports.outbound (f:5:37): `15001x` is not a port, 1 to 65535",
                "WEFT1003 spec.ports.inbound (f:5:20): `70000` is not a port, 1 to 65535",
                "WEFT1003 spec.inbound.mode (f:7:19): `strickt` is none of strict, permissive; did you mean `strict`?",
                "WEFT1006 spec.inbound.ports[0].modus (f:7:47): is not a field; the fields here are port, mode, passthroughTLS",
                "WEFT1009 spec.inbound.ports[1] (f:7:63): `443` stands where a mapping belongs",
                "WEFT1003 spec.timeouts.connect (f:6:23): `5` is not a duration such as 5s, 100ms or 1h30m",
                "WEFT1003 spec.timeouts.idle (f:6:32): `1d` is not a duration such as 5s, 100ms or 1h30m",
                "WEFT1009 spec.log (f:8:8): a list stands where a mapping belongs",
                "WEFT1003 spec.dataThreads (f:9:16): `0` is not a whole number from 1 to 64",
                "WEFT1006 spec.port (f:4:3): is not a field; did you mean `ports`?",
                "WEFT1011 f:11:1: `kind: Sevice` does not exist; did you mean `Service`?",
            ])
    }

    struct Case: CustomTestStringConvertible, Sendable {
        /// Fields of a proxy's `spec`.
        let spec: String
        let problems: [String]

        init(_ spec: String, _ problems: String...) {
            self.spec = spec
            self.problems = problems
        }

        var testDescription: String { spec }
    }

    @Test(
        "a field of a proxy",
        arguments: [
            Case(
                "port: {}", "WEFT1006 spec.port (f:3:8): is not a field; did you mean `ports`?"),
            Case(
                "names: {port: 0, resolvers: [10.0.0.2, dns.lab, \"fe80::1\", \"[fd00::53]:5353\"]}",
                "WEFT1003 spec.names.port (f:3:22): `0` is not a port, 1 to 65535",
                "WEFT1003 spec.names.resolvers[1] (f:3:47): `dns.lab` is not the address of a resolver, such as 10.0.0.2, "
                    + "fd00::53 or [fd00::53]:5353",
                "WEFT1003 spec.names.resolvers[2] (f:3:56): `fe80::1` is not the address of a resolver, such as 10.0.0.2, "
                    + "fd00::53 or [fd00::53]:5353"),
            Case(
                "names: {resolvers: [\"127.0.0.1:15053\"]}",
                "WEFT1014 spec.names (f:3:15): one of `resolvers` is where the proxy itself answers; name another"),
            Case(
                "capture: {names: true}",
                "WEFT1014 spec.capture (f:3:17): `names` asks for DNS to be captured, but the proxy answers none; enable "
                    + "`spec.names`"),
            Case(
                "names: {port: 15001}",
                "WEFT1008 spec (f:3:7): `ports, names and admin` has the port 15001 twice; keep one entry for it"),
            Case("ports: {inbound: 70000}", "WEFT1003 spec.ports.inbound (f:3:25): `70000` is not a port, 1 to 65535"),
            Case(
                "ports: {inbound: 0, outbund: 1}",
                "WEFT1003 spec.ports.inbound (f:3:25): `0` is not a port, 1 to 65535",
                "WEFT1006 spec.ports.outbund (f:3:28): is not a field; did you mean `outbound`?"),
            Case(
                "ports: {inbound: 15001}",
                "WEFT1008 spec (f:3:7): `ports, names and admin` has the port 15001 twice; keep one entry for it"),
            Case(
                "timeouts: {connect: 5}",
                "WEFT1003 spec.timeouts.connect (f:3:28): `5` is not a duration such as 5s, 100ms or 1h30m"),
            Case(
                "timeouts: {connect: 1h}",
                "WEFT1003 spec.timeouts.connect (f:3:28): 1h is out of range; it goes from 10ms to 10m"),
            Case("timeouts: 5s", "WEFT1009 spec.timeouts (f:3:18): `5s` stands where a mapping belongs"),
            Case(
                "capture: {proxyUIDs: 2102}",
                "WEFT1009 spec.capture.proxyUIDs (f:3:29): `2102` stands where a list belongs; write `[...]` or lines that begin "
                    + "with `- `"),
            Case(
                "capture: {proxyUIDs: [0]}",
                "WEFT1003 spec.capture.proxyUIDs[0] (f:3:30): `0` is not a numeric uid other than 0"),
            Case(
                "capture: {proxyUIDs: [1, -1, root]}",
                "WEFT1003 spec.capture.proxyUIDs[1] (f:3:33): `-1` is not a numeric uid other than 0",
                "WEFT1003 spec.capture.proxyUIDs[2] (f:3:37): `root` is not a numeric uid other than 0"),
            Case(
                "capture: {inbound: {skipPorts: [22, 80-70]}}",
                "WEFT1003 spec.capture.inbound.skipPorts[1] (f:3:44): `80-70` is not a port or a range of ports such as 8000-8099"
            ),
            Case(
                "capture: {backend: ntf}",
                "WEFT1003 spec.capture.backend (f:3:27): `ntf` is none of auto, nft, legacy; did you mean `nft`?"),
            Case(
                "capture: {dropInvalid: yes}",
                "WEFT1009 spec.capture.dropInvalid (f:3:31): `yes` stands where true or false belongs"),
            Case(
                #"capture: {dropInvalid: "true"}"#,
                "WEFT1009 spec.capture.dropInvalid (f:3:31): `true` stands where true or false belongs"),
            Case(
                "inbound: {ports: [{mode: strict}]}",
                "WEFT1007 spec.inbound.ports[0].port (f:3:26): is missing"),
            Case(
                "inbound: {ports: [{port: 80}, {port: 80}]}",
                "WEFT1008 spec.inbound (f:3:17): `ports` has the port 80 twice; keep one entry for it"),
            Case(
                "identity: {chain: /c, key: ''}", "WEFT1003 spec.identity.key (f:3:35): `` is not a path",
                "WEFT1007 spec.identity.bundle (f:3:18): is missing"),
            Case(
                "limits: {memory: 15Mi}",
                "WEFT1003 spec.limits.memory (f:3:25): `15Mi` is not a size from 16Mi on, such as 64Mi or 1Gi"),
            Case(
                "limits: {memory: 64M}",
                "WEFT1003 spec.limits.memory (f:3:25): `64M` is not a size from 16Mi on, such as 64Mi or 1Gi"),
            Case(
                "limits: {held: -1}", "WEFT1003 spec.limits.held (f:3:23): `-1` is not a whole number from 0 to 1000000"
            ),
            Case("dataThreads: 65", "WEFT1003 spec.dataThreads (f:3:21): `65` is not a whole number from 1 to 64"),
            Case("log: {level: {}}", "WEFT1009 spec.log.level (f:3:21): a mapping stands where a word belongs"),
        ])
    func fields(_ item: Case) {
        let found = read("kind: Proxy\nmetadata: {name: web}\nspec: {\(item.spec)}\n")
        #expect(found.problems == item.problems)
    }

    struct Resource: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let problems: [String]

        init(_ name: String, _ text: String, _ problems: String...) {
            testDescription = name
            self.text = text
            self.problems = problems
        }
    }

    private static let api = "kind: Workload\nmetadata: {name: api}\nspec: {addresses: [10.0.0.2]}\n---\n"

    private static func service(_ spec: String) -> String {
        "kind: Service\nmetadata: {name: s}\nspec: {addresses: [10.9.0.1], ports: [{port: 80}], \(spec)}"
    }

    @Test(
        "a resource, and resources between each other",
        arguments: [
            Resource(
                "a loopback address", "kind: Workload\nmetadata: {name: w}\nspec: {addresses: [127.0.0.1]}",
                "WEFT1003 spec.addresses[0] (f:7:20): 127.0.0.1 is a loopback, link-local, multicast or unspecified address; "
                    + "such traffic is never captured"),
            Resource(
                "no address", "kind: Workload\nmetadata: {name: w}\nspec: {addresses: []}",
                "WEFT1003 spec.addresses (f:7:19): the list is empty; give at least one"),
            Resource(
                "meshed without a name",
                "kind: Workload\nmetadata: {name: w}\nspec: {addresses: [10.0.0.1], meshed: true}",
                "WEFT1007 spec (f:7:7): a meshed workload needs its `spiffeID`; add it, or say `meshed: false`"),
            Resource(
                "a bad SPIFFE ID",
                "kind: Workload\nmetadata: {name: w}\nspec: {addresses: [10.0.0.1], spiffeID: spiffe://A/b}",
                "WEFT1003 spec.spiffeID (f:7:41): `spiffe://A/b` is not a SPIFFE ID such as spiffe://mesh.example/ns/default/sa/web"
            ),
            Resource(
                "no addresses at all", "kind: Workload\nmetadata: {name: w}\nspec: {}",
                "WEFT1007 spec.addresses (f:7:7): is missing"),
            Resource(
                "an endpoint that does not exist", api + service("endpoints: [{workload: aip}]"),
                "WEFT1013 f:9:1: Service default/s has the endpoint `workload: default/aip`, which does not exist; "
                    + "did you mean `default/api`?"),
            Resource(
                "an endpoint that is both", api + service("endpoints: [{workload: api, address: 10.0.0.9}]"),
                "WEFT1007 spec.endpoints[0] (f:11:64): an endpoint is one of `workload: NAME`, `address: ADDRESS` and "
                    + "`hostname: NAME`"),
            Resource(
                "one address for two", api + "kind: Workload\nmetadata: {name: b}\nspec: {addresses: [10.0.0.2]}",
                "WEFT1014 f:9:1: Workload default/b has the address 10.0.0.2, which Workload default/api has too; "
                    + "an address belongs to one resource"),
            Resource(
                "one address for two, v4-mapped",
                api + "kind: Workload\nmetadata: {name: b}\nspec: {addresses: ['::ffff:10.0.0.2']}",
                "WEFT1014 f:9:1: Workload default/b has the address 10.0.0.2, which Workload default/api has too; "
                    + "an address belongs to one resource"),
            Resource(
                "one name for two", api + "kind: Workload\nmetadata: {name: api}\nspec: {addresses: [10.0.0.3]}",
                "WEFT1014 f:9:1: Workload default/api is there twice, the first time on line 5; keep one of them"),
            Resource(
                "two meshes", "kind: Mesh\nspec: {}\n---\nkind: Mesh\nspec: {}",
                "WEFT1012 f:1:1: there are 2 documents `kind: Mesh`; keep one"),
            Resource(
                "two bundles for one domain",
                "kind: Trust\nspec: {trustDomain: a, bundle: /a}\n---\nkind: Trust\nspec: {trustDomain: a, bundle: /b}",
                "WEFT1014 f:1:1: two Trust resources are for `a`; keep one of them"),
            Resource(
                "two proxies", leastProxy, "WEFT1012 f:1:1: there are 2 documents `kind: Proxy`; keep exactly one"),
            Resource("no kind", "spec: {}", "WEFT1007 kind (f:5:1): is missing"),
            Resource("no resource at all", "[a]", "WEFT1009 f:5:1: a list stands where a mapping belongs"),
            Resource(
                "another version", "apiVersion: weft/v2\nkind: Mesh\nspec: {}",
                "WEFT1003 apiVersion (f:5:13): `weft/v2` is not `weft/v1`, the only version there is"),
        ])
    func resources(_ item: Resource) {
        #expect(read(leastProxy + "---\n" + item.text).problems == item.problems)
    }

    @Test("a file without a proxy", arguments: ["", "---\n", "# nothing", "kind: Mesh\nspec: {}"])
    func empty(_ text: String) {
        #expect(read(text).problems == ["WEFT1012 f:1:1: there is no document `kind: Proxy`; keep exactly one"])
    }
}
