// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import ResourceDocuments

@Suite("A service in a file")
struct ServiceTests {
    private static func service(_ fields: String) -> String {
        leastProxy + "---\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}], \(fields)}\n"
    }

    private static func only(_ text: String) throws -> Service {
        try #require(try read(text).get().resources.services.first)
    }

    @Test("every field arrives where it belongs")
    func everything() throws {
        let service = try Self.only(
            Self.service(
                """
                endpoints: [{address: 127.0.0.1, port: 9090, weight: 3}, {hostname: Service_B, port: 8080},
                {hostname: api.example.}, {hostname: 10.0.0.7, weight: 0}, {address: "::1"}],
                resolution: {mode: logical, family: preferIPv6, interval: 45s},
                timeouts: {connect: 250ms},
                health: {http: {path: "/healthz?deep=1", host: "shop:8080", method: HEAD, statuses: [200-204, 301],
                headers: [{name: X-Check, value: "a b"}]}, port: 9000, interval: 5s, timeout: 1s,
                healthyThreshold: 2, unhealthyThreshold: 4}
                """))
        #expect(service.addresses.isEmpty)
        let loopback = try #require(IPAddress("127.0.0.1"))
        let ten = try #require(IPAddress("10.0.0.7"))
        let six = try #require(IPAddress("::1"))
        let (named, absolute) = (try #require(DNSName("service_b")), try #require(DNSName("api.example.")))
        #expect(
            service.members == [
                Service.Member(.address(loopback), port: .known(9090), weight: 3),
                Service.Member(.name(named), port: .known(8080)), Service.Member(.name(absolute)),
                Service.Member(.address(ten), weight: 0), .address(six),
            ])
        #expect(service.names == [named, absolute])
        var resolution = ResolutionSettings()
        resolution.mode = .logical
        resolution.family = .preferIPv6
        resolution.interval = .seconds(45)
        #expect(service.resolution == resolution && service.connectTimeout == .milliseconds(250))
        var probe = HealthCheck.HTTPProbe()
        probe.path = "/healthz?deep=1"
        probe.host = "shop:8080"
        probe.method = "HEAD"
        probe.statuses = [200...204, 301...301]
        probe.fields = [HealthCheck.HTTPProbe.Field(name: "x-check", value: "a b")]
        var check = HealthCheck(.http(probe))
        check.port = .known(9000)
        check.interval = .seconds(5)
        check.timeout = .seconds(1)
        check.healthyThreshold = 2
        check.unhealthyThreshold = 4
        #expect(service.health == check)
        #expect(probe.isGood(204) && !probe.isGood(205) && probe.isGood(301))
    }

    @Test("what is not said has its default")
    func defaults() throws {
        let service = try Self.only(Self.service("endpoints: [], health: {tcp: {}}"))
        #expect(service.resolution == ResolutionSettings() && service.connectTimeout == nil)
        #expect(service.health == HealthCheck(.tcp))
        let http = try Self.only(Self.service("endpoints: [], health: {http: {}}"))
        #expect(http.health == HealthCheck(.http(HealthCheck.HTTPProbe())))
        #expect(try Self.only(Self.service("endpoints: []")).health == nil)
    }

    @Test("gRPC is another word for HTTP/2")
    func grpc() throws {
        let text = Self.service("endpoints: []").replacingOccurrences(
            of: "{port: 80}", with: "{port: 80, protocol: grpc}")
        #expect(try Self.only(text).mapping(for: 80)?.hint == .http2)
    }

    @Test(
        "what is wrong is refused, by name",
        arguments: [
            ("endpoints: [{hostname: a, address: 10.0.0.1}]", "spec.endpoints[0]"),
            ("endpoints: [{port: 80}]", "spec.endpoints[0]"),
            ("endpoints: [{hostname: ''}]", "spec.endpoints[0].hostname"),
            ("endpoints: [{hostname: a b}]", "spec.endpoints[0].hostname"),
            ("endpoints: [{hostname: 10.1}]", "spec.endpoints[0].hostname"),
            ("endpoints: [{hostname: 169.254.169.254}]", "spec.endpoints[0].hostname"),
            ("endpoints: [{address: 169.254.1.1}]", "spec.endpoints[0].address"),
            ("endpoints: [{address: 0.0.0.0}]", "spec.endpoints[0].address"),
            ("endpoints: [{address: 10.0.0.1, port: 0}]", "spec.endpoints[0].port"),
            ("endpoints: [{address: 10.0.0.1, weight: -1}]", "spec.endpoints[0].weight"),
            ("endpoints: [{address: 10.0.0.1, weight: 1000001}]", "spec.endpoints[0].weight"),
            ("endpoints: [], addresses: [127.0.0.1]", "spec.addresses[0]"),
            ("endpoints: [], resolution: {mode: loose}", "spec.resolution.mode"),
            ("endpoints: [], resolution: {interval: 100ms}", "spec.resolution.interval"),
            ("endpoints: [], timeouts: {connect: 1ms}", "spec.timeouts.connect"),
            ("endpoints: [], timeouts: {idle: 1s}", "spec.timeouts.idle"), ("endpoints: [], health: {}", "spec.health"),
            ("endpoints: [], health: {tcp: {}, http: {}}", "spec.health"),
            ("endpoints: [], health: {tcp: {port: 1}}", "spec.health.tcp.port"),
            ("endpoints: [], health: {http: {path: healthz}}", "spec.health.http.path"),
            ("endpoints: [], health: {http: {path: \"/a b\"}}", "spec.health.http.path"),
            ("endpoints: [], health: {http: {path: \"/a\\r\\nx\"}}", "spec.health.http.path"),
            ("endpoints: [], health: {http: {host: \"a b\"}}", "spec.health.http.host"),
            ("endpoints: [], health: {http: {host: \"a:b\"}}", "spec.health.http.host"),
            ("endpoints: [], health: {http: {method: POST}}", "spec.health.http.method"),
            ("endpoints: [], health: {http: {statuses: []}}", "spec.health.http"),
            ("endpoints: [], health: {http: {statuses: [299-200]}}", "spec.health.http.statuses[0]"),
            ("endpoints: [], health: {http: {statuses: [200-]}}", "spec.health.http.statuses[0]"),
            ("endpoints: [], health: {http: {statuses: [600]}}", "spec.health.http.statuses[0]"),
            ("endpoints: [], health: {http: {headers: [{name: host, value: a}]}}", "spec.health.http.headers[0].name"),
            ("endpoints: [], health: {tcp: {}, interval: 10ms}", "spec.health.interval"),
            ("endpoints: [], health: {tcp: {}, unhealthyThreshold: 0}", "spec.health.unhealthyThreshold"),
        ])
    func refusals(_ fields: String, _ path: String) throws {
        let found = read(Self.service(fields)).problems
        #expect(found.contains { $0.contains(" \(path) (") }, "\(found)")
    }

    @Test("the example of the page is good")
    func example() throws {
        let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", "service.md"]
        let page = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
        let example = page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first
        let file = try read(try #require(example)).get()
        let service = try #require(file.resources.services.first)
        #expect(service.members.count == 3 && service.health != nil && !service.names.isEmpty)
        let defaults: [(String, String)] = [
            ("resolution.interval", DurationText.text(ResolutionSettings().interval)),
            ("health.interval", DurationText.text(HealthCheck(.tcp).interval)),
            ("health.timeout", DurationText.text(HealthCheck(.tcp).timeout)),
            ("health.healthyThreshold", "\(HealthCheck(.tcp).healthyThreshold)"),
            ("health.unhealthyThreshold", "\(HealthCheck(.tcp).unhealthyThreshold)"),
        ]
        for (field, value) in defaults {
            let row = page.split(separator: "\n").first { $0.hasPrefix("| `spec.\(field)`") }
            #expect(row?.split(separator: "|").dropFirst().first?.contains(value) == true, "\(field)")
        }
    }
}
