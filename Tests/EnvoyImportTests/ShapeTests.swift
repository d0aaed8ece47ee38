// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import EnvoyImport

/// Single words of Envoy's and what they become.
@Suite("Envoy's words in Weft's")
struct ShapeTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let given: String
        /// Lines of the result.
        let becomes: [String]
        var kind = "HTTPRoute"
        var cluster = ""

        var testDescription: String { given + cluster }

        static func route(_ given: String, _ becomes: String...) -> Case { Case(given: given, becomes: becomes) }

        static func action(_ given: String, _ becomes: String...) -> Case {
            Case(given: "match: {prefix: /}, route: {cluster: a, \(given)}", becomes: becomes)
        }

        static func match(_ given: String, _ becomes: String...) -> Case {
            Case(given: "match: {\(given)}, route: {cluster: a}", becomes: becomes)
        }

        static func cluster(_ given: String, _ becomes: String...) -> Case {
            Case(
                given: "match: {prefix: /}, route: {cluster: a, hash_policy: [{header: {header_name: X-U}}]}",
                becomes: becomes, kind: "Service", cluster: given)
        }
    }

    private static func endpoints(_ addresses: String...) -> String {
        let all = addresses.map { "{endpoint: {address: {socket_address: {address: \($0), port_value: 80}}}}" }
        return "load_assignment: {endpoints: [{lb_endpoints: [\(all.joined(separator: ", "))]}]}"
    }

    static let all: [Case] = [
        .match("prefix: /", "    - backendRefs: [{name: a, port: 80}]"),
        .match("prefix: ''", "    - backendRefs: [{name: a, port: 80}]"),
        .match("prefix: /a.b", #"        - {path: {type: RegularExpression, value: '/a\.b.*'}}"#),
        .match("prefix: /a/", #"        - {path: {type: RegularExpression, value: "/a/.*"}}"#),
        .match("path_separated_prefix: /a", "        - {path: {type: PathPrefix, value: /a}}"),
        .match("path: /a", "        - {path: {type: Exact, value: /a}}"),
        .match("path: /a, case_sensitive: false", #"        - {path: {type: RegularExpression, value: "(?i)/a"}}"#),
        .match(
            "safe_regex: {google_re2: {}, regex: '/a/[0-9]+'}",
            #"        - {path: {type: RegularExpression, value: "/a/[0-9]+"}}"#),
        .match(
            "prefix: /, headers: [{name: ':method', exact_match: POST}]",
            "        - {path: {type: PathPrefix, value: /}, method: POST}"),
        .match(
            "prefix: /, headers: [{name: X-A, present_match: true}]",
            #"          headers: [{type: RegularExpression, name: x-a, value: ".*"}]"#),
        .match(
            "prefix: /, headers: [{name: X-A, string_match: {suffix: .b, ignore_case: true}}]",
            #"          headers: [{type: RegularExpression, name: x-a, value: '(?i).*\.b'}]"#),
        .match(
            "prefix: /, headers: [{name: ':authority', string_match: {exact: 'a:1'}}]",
            #"          headers: [{name: host, value: "a:1"}]"#),
        .match(
            "prefix: /, query_parameters: [{name: Q, string_match: {exact: 'no'}}]",
            #"          queryParams: [{name: Q, value: "no"}]"#),
        .action("timeout: 0s", "    - backendRefs: [{name: a, port: 80}]\n---"),
        .action("timeout: 0.0005s", "      timeouts: {request: 1ms}"),
        .action("timeout: 90.25s", "      timeouts: {request: 1m30s250ms}"),
        .action(
            "retry_policy: {retry_on: 'gateway-error, reset', per_try_timeout: 20s}",
            "      timeouts: {request: 15s}", "      retry: {attempts: 1, codes: [502, 503, 504]}"),
        .action(
            "prefix_rewrite: /v1/", "          urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v1}}"),
        .action(
            "host_rewrite_literal: Shop.example", "        - {type: URLRewrite, urlRewrite: {hostname: shop.example}}"),
        .action(
            "regex_rewrite: {pattern: {regex: '^/.*$'}, substitution: /x}",
            "          urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /x}}"),
        .action(
            "request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 1, denominator: million}}}]",
            "            fraction: {numerator: 1, denominator: 1000000}"),
        .route(
            "match: {prefix: /a}, route: {cluster: a, prefix_rewrite: /b}",
            "        - {path: {type: PathPrefix, value: /a}}",
            "          urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}"),
        .route(
            "match: {path: /a}, route: {cluster: a, prefix_rewrite: /b}",
            "          urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /b}}"),
        .route(
            "match: {prefix: /api/}, route: {cluster: a, regex_rewrite: {pattern: {regex: '^/api/(.*)$'}, substitution: '/\\1'}}",
            "          urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}"),
        .route(
            "match: {prefix: /}, redirect: {https_redirect: true, host_redirect: 'b.c:8443', response_code: found}",
            "          requestRedirect: {scheme: https, hostname: b.c, port: 8443, statusCode: 302}"),
        .route(
            "match: {prefix: /a}, redirect: {prefix_rewrite: /b}",
            "            path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}"),
        .route(
            """
            match: {prefix: /}, route: {cluster: a}, request_headers_to_remove: [X-A, X-B], request_headers_to_add: \
            [{header: {key: x-a, value: '100%%'}}, {header: {key: x-c, value: c}, append: false}]
            """,
            #"            set: [{name: x-a, value: "100%"}, {name: x-c, value: c}]"#, "            remove: [x-b]"),
        .cluster("lb_policy: 2", "  balancing: {algorithm: consistentHash, hashHeader: x-u}"),
        .cluster("lb_policy: Least_Request", "  balancing: {algorithm: leastRequests}"),
        .cluster(
            "load_balancing_policy: {policies: [{typed_extension_config: {name: envoy.load_balancing_policies.random}}]}",
            "  balancing: {algorithm: random}"),
        .cluster(
            "circuit_breakers: {thresholds: [{priority: high, max_requests: 1}, {retry_budget: {budget_percent: {value: 25.0}}}]}",
            "  breaker: {retryBudgetPercent: 25}"),
        .cluster(
            "outlier_detection: {}, \(endpoints("10.0.0.1", "10.0.0.2", "10.0.0.3"))",
            "  ejection: {consecutiveErrors: 5, base: 30s, mostPercent: 34}"),
        .cluster(
            "outlier_detection: {enforcing_failure_percentage: 100, enforcing_consecutive_5xx: 0}",
            "    consecutiveErrors: 0\n    base: 30s\n    mostPercent: 10\n    successPercentMin: 15\n    requestsMin: 50\n"
        ),
        .cluster(
            "type: STRICT_DNS, dns_lookup_family: auto, \(endpoints("Api_1.local"))",
            "  endpoints: [{hostname: api_1.local}]", "  resolution: {mode: strict, family: preferIPv6}"),
        .cluster("type: LOGICAL_DNS, \(endpoints("10.9.9.9"))", "  endpoints: [{address: 10.9.9.9}]"),
        .cluster("http2_protocol_options: {}", "  ports: [{port: 80, protocol: http2}]"),
        .cluster(
            "health_checks: [{http_health_check: {path: /}, interval: 5s}]",
            "    http: {path: /, statuses: [200]}"),
        .cluster("common_lb_config: {healthy_panic_threshold: {value: 0}}", "  ejection: {panicPercent: 0}"),
    ]

    @Test("each becomes what it means", arguments: all)
    func shape(_ shape: Case) throws {
        let imported = try imported(Bootstraps.routes("[{\(shape.given)}]", cluster: shape.cluster))
        #expect(imported.errors.isEmpty, "\(imported.errorText)")
        let document = try #require(imported.document(shape.kind)) + "---"
        for line in shape.becomes { #expect("\n\(document)".contains("\n\(line)"), "\(line)\nin\n\(document)") }
    }

    @Test("domains become hostnames; what is beside `*` only where another host's wildcard would take it")
    func domains() throws {
        let route = "routes: [{match: {prefix: /}, route: {cluster: a}}]"
        let imported = try imported(
            Bootstraps.hosts(
                "[{name: a, domains: ['*', a.x, b.y]}, {name: b, domains: ['*.x:8080', 'x:*'], \(route)}]"
                    .replacingOccurrences(of: "b.y]", with: "b.y], \(route)")))
        #expect(imported.errors.isEmpty, "\(imported.errorText)")
        #expect(imported.document("HTTPRoute", 0)?.contains("hostnames: [a.x]") == true)
        #expect(imported.document("HTTPRoute", 1)?.contains("hostnames") == false)
        #expect(imported.document("HTTPRoute", 2)?.contains("hostnames: [\"*.x\", x]") == true, "\(imported.text)")
    }

    @Test("what the routes of a host leave over goes nowhere else")
    func leftovers() throws {
        let hosts = """
            [{name: a, domains: [a.x], routes: [{match: {prefix: /a}, route: {cluster: a}}]}, \
            {name: b, domains: ['%'], routes: [{match: {prefix: /}, route: {cluster: b}}]}]
            """
        let refused = try imported(Bootstraps.hosts(hosts.replacingOccurrences(of: "%", with: "*")))
        #expect(refused.errorText.contains("here go to static_resources"))
        #expect(refused.errorText.contains("virtual_hosts[1]; add a last route for `prefix: /`"))
        let taken = try imported(Bootstraps.hosts(hosts.replacingOccurrences(of: "%", with: "b.x")))
        #expect(taken.errors.isEmpty)
    }

    @Test("names become labels, each of them once")
    func names() {
        var names = Names()
        let given = [
            "service_b", "Service.B", "__", "", "a", "ünder", String(repeating: "x", count: 300), "service-b-2",
        ]
        let labels = given.map { names.label(for: $0, else: "none") }
        #expect(labels.prefix(6) == ["service-b", "service-b-2", "none", "none-2", "a", "nder"])
        #expect(Set(labels).count == given.count && labels.allSatisfy { ResourceName($0) != nil && $0.count < 64 })
    }

    @Test("what YAML could take for something else is quoted")
    func quoting() {
        let words = [
            "a", "true", "1e3", "12", "1.5", "0x1f", "", "*", "a: b", "-", "10.0.0.1", "~", "a\nb", "::", "null",
        ]
        let plain = words.filter { YAMLText.document([("k", .word($0))]) == "k: \($0)\n" }
        #expect(plain == ["a", "10.0.0.1"])
    }
}
