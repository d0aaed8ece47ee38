// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@testable import ResourceDocuments

@Suite("Gateway")
struct GatewayTests {
    @Test("the example of docs/gateway.md is read as it says")
    func wholeExample() throws {
        let file = try read(try example("gateway.md")).get()
        let gateway = try #require(file.resources.gateways.first)
        #expect(gateway.reference.description == "default/edge" && gateway.addresses.isEmpty)
        #expect(gateway.boundAddresses.map(\.description) == ["0.0.0.0", "::"])
        #expect(gateway.listeners.map(\.name.text) == ["web", "secure", "passed-on", "database"])
        #expect(gateway.listeners.map(\.transport) == [.http, .https, .tls, .tcp])
        #expect(gateway.listeners.map(\.port.number) == [8080, 8443, 8444, 5432])
        #expect(gateway.listeners.map { $0.hostname?.description } == ["*.example", "shop.example", nil, nil])
        #expect(
            gateway.listeners[1].certificates == [
                Gateway.Certificate(chain: "/etc/weft/shop/chain.pem", key: "/etc/weft/shop/key.pem")
            ])
        #expect(file.resources.routes.count == 2 && file.resources.connectionRoutes.count == 1)
        let section = ResourceName("web")
        #expect(file.resources.routes[0].parents == [RouteParent(.gateway(gateway.reference, section: section))])
        // What comes to the gateway is not captured.
        #expect(file.proxy.capture.inbound.ports.skip.suffix(4).map(\.description) == ["5432", "8080", "8443", "8444"])
    }

    private static let services =
        "---\nkind: Service\nmetadata: {name: s}\nspec: {addresses: [10.9.0.1], ports: [{port: 80}], endpoints: []}\n---\n"

    private static func gateway(
        _ listeners: String, name: String = "g", namespace: String = "default", addresses: String? = nil
    ) -> String {
        let more = addresses.map { "addresses: \($0), " } ?? ""
        return
            "kind: Gateway\nmetadata: {name: \(name), namespace: \(namespace)}\nspec: {\(more)listeners: [\(listeners)]}\n"
    }

    private static func readAll(_ documents: String...) -> Result<ConfigurationFile, Problems> {
        read(leastProxy + services + documents.joined(separator: "---\n"))
    }

    @Test(
        "addresses",
        arguments: [
            ("[0.0.0.0]", ["0.0.0.0"]), ("[127.0.0.1, '::1']", ["127.0.0.1", "::1"]),
            ("[{value: 10.0.0.1}, {type: IPAddress, value: 'fd00::1'}]", ["10.0.0.1", "fd00::1"]),
            ("[]", ["0.0.0.0", "::"]),
        ])
    func addresses(_ text: String, _ bound: [String]) throws {
        let gateway = Self.gateway("{name: a, port: 80, protocol: HTTP}", addresses: text)
        let read = try #require(try Self.readAll(gateway).get().resources.gateways.first)
        #expect(read.boundAddresses.map(\.description) == bound)
    }

    @Test(
        "what is wrong with a listener",
        arguments: [
            ("{}", ["listeners[0].name", "listeners[0].port", "listeners[0].protocol"]),
            ("{name: a, port: 1, protocol: UDP}", ["listeners[0].protocol"]),
            ("{name: a, port: 1, protocol: TCP, hostname: a.example}", ["listeners[0].hostname"]),
            ("{name: a, port: 1, protocol: HTTP, hostname: 10.0.0.1}", ["listeners[0].hostname"]),
            ("{name: a, port: 1, protocol: HTTP, tls: {mode: Passthrough}}", ["listeners[0].tls"]),
            ("{name: a, port: 1, protocol: HTTPS}", ["listeners[0] "]),
            ("{name: a, port: 1, protocol: HTTPS, tls: {}}", ["listeners[0].tls "]),
            ("{name: a, port: 1, protocol: HTTPS, tls: {certificates: []}}", ["listeners[0].tls "]),
            (
                "{name: a, port: 1, protocol: HTTPS, tls: {certificates: [{chain: f}]}}",
                ["listeners[0].tls.certificates[0].key"]
            ),
            (
                "{name: a, port: 1, protocol: HTTPS, tls: {certificateRefs: [{name: b}], certificates: [{chain: f, key: g}]}}",
                ["listeners[0].tls.certificateRefs"]
            ),
            ("{name: a, port: 1, protocol: HTTPS, tls: {mode: Passthrough}}", ["listeners[0].tls.mode"]),
            ("{name: a, port: 1, protocol: TLS}", ["listeners[0] "]),
            ("{name: a, port: 1, protocol: TLS, tls: {}}", ["listeners[0].tls "]),
            (
                "{name: a, port: 1, protocol: TLS, tls: {mode: Passthrough, certificates: [{chain: f, key: g}]}}",
                ["listeners[0].tls "]
            ),
            (
                "{name: a, port: 1, protocol: TCP, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}",
                ["listeners[0].allowedRoutes.kinds[0].kind"]
            ),
            (
                "{name: a, port: 1, protocol: TCP, allowedRoutes: {namespaces: {from: Selector}}}",
                ["listeners[0].allowedRoutes.namespaces.from"]
            ),
            ("{name: a, port: 1, protocol: TCP}, {name: a, port: 2, protocol: TCP}", [" (f:"]),
            ("", ["listeners "]),
        ])
    func listeners(_ text: String, _ places: [String]) {
        let found = Self.readAll(Self.gateway(text)).problems
        #expect(found.count == places.count, "\(found)")
        for (problem, place) in zip(found, places) {
            let expected = place.hasPrefix(" ") ? "spec\(place)" : "spec.\(place)"
            #expect(problem.dropFirst("WEFT1000 ".count).hasPrefix(expected), "\(problem)")
        }
    }

    @Test(
        "addresses that nobody can listen on",
        arguments: [
            "[224.0.0.1]", "['fe80::1']", "[{type: Hostname, value: 10.0.0.1}]", "[host]", "[10.0.0.1, 10.0.0.1]",
        ])
    func badAddresses(_ text: String) {
        #expect(Self.readAll(Self.gateway("{name: a, port: 80, protocol: HTTP}", addresses: text)).problems.count == 1)
    }

    struct Sharing: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let gateways: [String]
        let isGood: Bool

        init(_ name: String, _ isGood: Bool, _ gateways: String...) {
            testDescription = name
            self.gateways = gateways
            self.isGood = isGood
        }
    }

    private static let tls = "tls: {mode: Passthrough}"
    private static let ended = "tls: {certificates: [{chain: f, key: g}]}"

    @Test(
        "who may share a port",
        arguments: [
            Sharing(
                "HTTP of different hosts", true,
                gateway(
                    "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP, hostname: '*.example'}, "
                        + "{name: c, port: 80, protocol: HTTP, hostname: a.example}")),
            Sharing(
                "HTTPS and TLS of different hosts", true,
                gateway(
                    "{name: a, port: 443, protocol: HTTPS, hostname: a.example, \(ended)}, "
                        + "{name: b, port: 443, protocol: TLS, \(tls)}")),
            Sharing(
                "two gateways of equal addresses", true,
                gateway("{name: a, port: 80, protocol: HTTP, hostname: a.example}"),
                gateway("{name: a, port: 80, protocol: HTTP, hostname: b.example}", name: "h")),
            Sharing(
                "two gateways of different addresses", true,
                gateway("{name: a, port: 80, protocol: TCP}", addresses: "[10.0.0.1]"),
                gateway("{name: a, port: 80, protocol: HTTP}", name: "h", addresses: "[10.0.0.2, '::']")),
            Sharing(
                "equal hosts", false,
                gateway("{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}")),
            Sharing(
                "HTTP and HTTPS", false,
                gateway(
                    "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTPS, hostname: a.example, \(ended)}"
                )),
            Sharing(
                "TCP twice", false, gateway("{name: a, port: 80, protocol: TCP}, {name: b, port: 80, protocol: TCP}")),
            Sharing(
                "TCP and HTTP", false,
                gateway("{name: a, port: 80, protocol: TCP}, {name: b, port: 80, protocol: HTTP, hostname: a.example}")),
            Sharing(
                "every address and one of them", false,
                gateway("{name: a, port: 80, protocol: HTTP, hostname: a.example}"),
                gateway("{name: a, port: 80, protocol: HTTP}", name: "h", addresses: "[10.0.0.1]")),
            Sharing(
                "a port of the proxy", false, gateway("{name: a, port: 15006, protocol: TCP}")),
            Sharing(
                "the metrics port of the proxy", false,
                gateway("{name: a, port: 15020, protocol: TCP}", addresses: "[10.0.0.9]")),
            Sharing(
                "one name twice", false, gateway("{name: a, port: 1, protocol: TCP}"),
                gateway("{name: a, port: 2, protocol: TCP}")),
        ])
    func sharing(_ item: Sharing) {
        let codes = Self.readAll(item.gateways.joined(separator: "---\n")).codes
        #expect(codes == (item.isGood ? [] : [.conflict]))
    }

    struct Attaching: CustomTestStringConvertible, Sendable {
        let kind: String
        let parent: String
        var namespace = "default"
        var hostnames: String?
        /// The beginning of what is told; nil: nothing.
        let problem: String?

        init(
            _ kind: String, _ parent: String, namespace: String = "default", hostnames: String? = nil,
            _ problem: String? = nil
        ) {
            (self.kind, self.parent, self.namespace) = (kind, parent, namespace)
            (self.hostnames, self.problem) = (hostnames, problem)
        }

        var testDescription: String { "\(kind) \(parent) \(namespace) \(hostnames ?? "")" }

        var text: String {
            let hosts = hostnames.map { "hostnames: \($0), " } ?? ""
            return
                "kind: \(kind)\nmetadata: {name: r, namespace: \(namespace)}\nspec: {parentRefs: [\(parent)], \(hosts)"
                + "rules: [{backendRefs: [{name: s, namespace: default, port: 80}]}]}\n"
        }
    }

    @Test(
        "what may be attached to which listener",
        arguments: [
            Attaching("HTTPRoute", "{name: g}"), Attaching("HTTPRoute", "{kind: Gateway, name: g, sectionName: web}"),
            Attaching("HTTPRoute", "{group: gateway.networking.k8s.io, kind: Gateway, name: g, port: 80}"),
            Attaching("HTTPRoute", "{group: weft, kind: Gateway, name: g}"), Attaching("GRPCRoute", "{name: g}"),
            Attaching("TLSRoute", "{name: g}"), Attaching("TCPRoute", "{name: g}"),
            Attaching("TCPRoute", "{name: g, sectionName: db, port: 5432}"),
            Attaching("HTTPRoute", "{name: g}", hostnames: "[a.example, b.test]"),
            Attaching("HTTPRoute", "{name: g, namespace: default}", namespace: "other", "WEFT1014 spec.parentRefs[0]"),
            Attaching("TCPRoute", "{name: g, namespace: default}", namespace: "other"),
            Attaching("HTTPRoute", "{name: g}", namespace: "other", "WEFT1013 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: h}", "WEFT1013 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: g, sectionName: wab}", "WEFT1013 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: g, port: 81}", "WEFT1013 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: g, sectionName: web, port: 5432}", "WEFT1013 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: g, sectionName: db}", "WEFT1014 spec.parentRefs[0]"),
            Attaching("TCPRoute", "{name: g, sectionName: web}", "WEFT1014 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{name: g}", hostnames: "[b.test, example]", "WEFT1014 spec.parentRefs[0]"),
            Attaching("HTTPRoute", "{group: core, name: g}", "WEFT1003 spec.parentRefs[0].group"),
        ])
    func attaching(_ item: Attaching) {
        let gateway = Self.gateway(
            "{name: web, port: 80, protocol: HTTP, hostname: '*.example'}, {name: tls, port: 443, protocol: TLS, \(Self.tls)}, "
                + "{name: db, port: 5432, protocol: TCP, allowedRoutes: {namespaces: {from: All}}}")
        let found = Self.readAll(gateway, item.text).problems
        #expect(found.count == (item.problem == nil ? 0 : 1), "\(found)")
        if let problem = item.problem { #expect(found.first?.hasPrefix(problem) == true, "\(found)") }
    }

    @Test(
        "versions",
        arguments: [
            ("weft/v1", true), ("gateway.networking.k8s.io/v1", true), ("gateway.networking.k8s.io/v1beta1", true),
            ("gateway.networking.k8s.io/v2", false),
        ])
    func versions(_ version: String, _ isGood: Bool) {
        let text = "apiVersion: \(version)\n" + Self.gateway("{name: a, port: 80, protocol: HTTP}")
        #expect(Self.readAll(text).codes == (isGood ? [] : [.badValue]))
    }
}
