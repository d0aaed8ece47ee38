// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import Testing

@Suite("weft import")
struct ImportCommandTests {
    private let weft: WeftProgram

    init() throws {
        weft = try WeftProgram()
        try weft.write(Self.bootstrap("{match: {prefix: /}, route: {cluster: service_b}}"), to: "good.yaml")
        try weft.write(
            Self.bootstrap(
                "{match: {prefix: /x}, direct_response: {status: 404}}, {match: {prefix: /}, route: {cluster: service_b}}"
            ), to: "bad.yaml")
    }

    private static func bootstrap(_ routes: String) -> String {
        """
        admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
        static_resources:
          listeners:
          - address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
            filter_chains:
            - filters:
              - name: envoy.filters.network.http_connection_manager
                typed_config:
                  stat_prefix: in
                  route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [\(routes)]}]}
                  http_filters: [{name: envoy.filters.http.router}]
          clusters:
          - name: service_b
            type: logical_dns
            load_assignment:
              endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: b, port_value: 80}}}}]}]

        """
    }

    @Test("the result is on standard output, what was left out on standard error")
    func output() throws {
        let result = try weft.run("import envoy %/good.yaml")
        #expect(result.ending == .exited(0))
        #expect(result.output.contains("\nkind: Gateway\n") && result.output.hasSuffix("algorithm: roundRobin}\n"))
        #expect(result.error.hasPrefix("weft: warning: WEFT1021 admin (\(weft.directory)/good.yaml:1:8): "))
        #expect(result.error.split(separator: "\n").count == 1)
    }

    @Test("with an error nothing is written")
    func refusal() throws {
        let result = try weft.run("import envoy %/bad.yaml --output %/out.yaml")
        #expect(result.ending == .exited(1))
        #expect(result.output.isEmpty)
        #expect(result.error.hasPrefix("weft: WEFT1020 static_resources.listeners[0].filter_chains[0].filters[0]."))
        #expect(result.error.contains(".routes[0].direct_response (\(weft.directory)/bad.yaml:"))
        #expect(try weft.names() == ["bad.yaml", "good.yaml"])
    }

    @Test("--partial writes the rest, and warns")
    func partial() throws {
        let result = try weft.run("import envoy %/bad.yaml --partial --output %/out.yaml")
        #expect(result.ending == .exited(0))
        #expect(result.error.contains("weft: warning: WEFT1020 "))
        #expect(result.output == "wrote \(weft.directory)/out.yaml\n")
        #expect(try weft.text("out.yaml").contains("kind: HTTPRoute"))
        #expect(try weft.facts("out.yaml").permissions == 0o644)
    }

    @Test("a file that is there is replaced only by --force")
    func force() throws {
        try weft.write("mine", to: "out.yaml")
        let refused = try weft.run("import envoy %/good.yaml --output %/out.yaml")
        #expect(refused.ending == .exited(1))
        #expect(refused.error.hasPrefix("weft: WEFT5001 "))
        #expect(try weft.text("out.yaml") == "mine")
        #expect(try weft.run("import envoy %/good.yaml --output %/out.yaml --force").ending == .exited(0))
        #expect(try weft.text("out.yaml").contains("kind: Proxy"))
        #expect(try weft.names() == ["bad.yaml", "good.yaml", "out.yaml"])
        #expect(try weft.run("import envoy %/good.yaml --force").ending == .exited(2))
    }

    @Test("in JSON the same is in fields")
    func json() throws {
        let good = try weft.json("import envoy %/good.yaml")
        #expect((good["configuration"] as? String)?.contains("kind: Gateway") == true)
        #expect((good["warnings"] as? [[String: Any]])?.count == 1 && good["exitCode"] as? Int == 0)
        let bad = try weft.json("import envoy %/bad.yaml")
        #expect((bad["errors"] as? [[String: Any]])?.first?["code"] as? String == "WEFT1020")
        #expect(bad["exitCode"] as? Int == 1 && bad["configuration"] == nil)
    }

    @Test("a file that cannot be read says so")
    func unreadable() throws {
        let missing = try weft.run("import envoy %/none.yaml")
        #expect(missing.ending == .exited(1) && missing.error.hasPrefix("weft: WEFT1004 "))
        try weft.write("a: [", to: "broken.yaml")
        let broken = try weft.run("import envoy %/broken.yaml")
        #expect(broken.ending == .exited(1) && broken.error.hasPrefix("weft: WEFT1005 "))
    }
}
