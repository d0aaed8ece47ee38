// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import EnvoyImport

/// What cannot be carried over, and how that is said.
@Suite("Envoy's words that Weft has not")
struct RefusalTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let text: String
        /// The end of the path, and a part of the message.
        let path: String
        let says: String

        var testDescription: String { name }

        static func route(_ fields: String, _ path: String, _ says: String) -> Case {
            Case(
                name: fields, text: Bootstraps.routes("[{match: {prefix: /}, \(fields)}]"), path: "routes[0]\(path)",
                says: says)
        }

        static func action(_ fields: String, _ path: String, _ says: String) -> Case {
            route("route: {cluster: a, \(fields)}", ".route\(path)", says)
        }

        static func match(_ fields: String, _ path: String, _ says: String) -> Case {
            Case(
                name: fields, text: Bootstraps.routes("[{match: {\(fields)}, route: {cluster: a}}]"),
                path: "routes[0].match\(path)", says: says)
        }

        static func host(_ hosts: String, _ path: String, _ says: String) -> Case {
            Case(name: hosts, text: Bootstraps.hosts(hosts), path: "route_config.virtual_hosts\(path)", says: says)
        }

        static func manager(_ fields: String, _ path: String, _ says: String) -> Case {
            Case(
                name: fields, text: Bootstraps.manager("\(fields), route_config: {}"), path: "typed_config\(path)",
                says: says)
        }

        static func listener(_ fields: String, _ path: String, _ says: String) -> Case {
            Case(
                name: fields, text: Bootstraps.listener(fields), path: "static_resources.listeners[0]\(path)",
                says: says)
        }

        static func cluster(_ fields: String, _ path: String, _ says: String) -> Case {
            Case(
                name: fields,
                text: Bootstraps.routes("[{match: {prefix: /}, route: {cluster: a}}]", cluster: fields),
                path: "static_resources.clusters[0]\(path)", says: says)
        }
    }

    static let all: [Case] = [
        .route("direct_response: {status: 404}", ".direct_response", "no answers of its own"),
        .route("redirect: {strip_query: true}", ".redirect.strip_query", "keeps the query"),
        .route("redirect: {path_redirect: '/a?b=c'}", ".redirect.path_redirect", "no path in normal form"),
        .route("redirect: {host_redirect: 10.0.0.1}", ".redirect.host_redirect", "not a host"),
        .route("route: {cluster: c}", ".route.cluster", "the cluster `c` does not exist"),
        .route("route: {cluster_header: x}", ".route.cluster_header", "not known before the request"),
        .route("route: {}", ".route", "names no cluster"),
        .route("metadata: {}", "", "does nothing"),
        .route("route: {cluster: a}, typed_per_filter_config: {}", ".typed_per_filter_config", "not carried over"),
        .route(
            "route: {cluster: a}, request_headers_to_add: [{header: {key: x, value: '%REQ(a)%'}}]",
            ".request_headers_to_add[0].header.value", "holds a variable"),
        .route(
            "route: {cluster: a}, request_headers_to_add: [{header: {key: Host, value: x}}]",
            ".request_headers_to_add[0].header.key", "not changed as a header field"),
        .route(
            "route: {cluster: a}, response_headers_to_add: [{header: {key: x, value: y}, append_action: add_if_absent}]",
            ".response_headers_to_add[0].append_action", "whatever was there"),
        .route(
            "route: {cluster: a}, request_headers_to_remove: [transfer-encoding]", ".request_headers_to_remove[0]",
            "no filter may touch"),
        .action("regex_rewrite: {pattern: {regex: 'a(b)c'}, substitution: 'x\\1'}", ".regex_rewrite", "as a whole or"),
        .action("prefix_rewrite: /v1", ".prefix_rewrite", "write `/v1/`"),
        .action("host_rewrite_literal: 'a:80'", ".host_rewrite_literal", "has no port"),
        .action("host_rewrite_header: x", ".host_rewrite_header", "is a constant"),
        .action("auto_host_rewrite: true", ".auto_host_rewrite", "no single name"),
        .action("timeout: 5", ".timeout", "not a duration"),
        .action("timeout: 1m", ".timeout", "not a duration"),
        .action("retry_policy: {retry_on: 'unavailable'}", ".route.retry_policy.retry_on".suffixed(), "`unavailable`"),
        .action("priority: HIGH", ".priority", "one priority"),
        .action("cors: {}", ".cors", "no CORS"),
        .action("rate_limits: []", ".rate_limits", "descriptors"),
        .action("internal_redirect_policy: {}", ".internal_redirect_policy", "goes to the client"),
        .action("max_stream_duration: {}", ".max_stream_duration", "use `timeout`"),
        .action("timout: 5s", ".timout", "did you mean `timeout`?"),
        .match("regex: /a", ".regex", "API v2"),
        .match("prefix: /, runtime_fraction: {default_value: {numerator: 5}}", ".runtime_fraction", "a share"),
        .match("safe_regex: {regex: '['}", ".safe_regex.regex", "not an expression"),
        .match("connect_matcher: {}", ".connect_matcher", "CONNECT"),
        .match("path: '/a//b'", ".path", "no path in normal form"),
        .match("prefix: api", ".prefix", "no path in normal form"),
        .match("headers: []", "", "matches no path"),
        .match(
            "prefix: /, headers: [{name: x, exact_match: y, invert_match: true}]", ".headers[0].invert_match",
            "what is not there"),
        .match("prefix: /, headers: [{name: x, range_match: {start: 1}}]", ".headers[0].range_match", "ranges"),
        .match("prefix: /, headers: [{name: ':path', exact_match: /}]", ".headers[0]", "use `path`"),
        .match("prefix: /, path: /a", ".path", "stands beside `prefix`"),
        .match("prefix: /, dynamic_metadata: []", ".dynamic_metadata", "no counterpart"),
        .host("[{name: a, domains: ['foo.*']}]", "[0].domains[0]", "stands for whole labels"),
        .host("[{name: a, domains: [10.0.0.1]}]", "[0].domains[0]", "is an address"),
        .host("[{name: a, domains: [a.b, 'a.b:80']}, {name: b, domains: ['a.b:81']}]", "[1]", "without their port"),
        .host("[{name: a}]", "[0].domains", "is missing"),
        .host("[{name: a, domains: ['*'], require_tls: external_only}]", "[0].require_tls", "outside"),
        .host("[{name: a, domains: ['*'], cors: {}}]", "[0].cors", "no CORS"),
        .manager("http_filters: [{name: envoy.filters.http.lua}]", ".http_filters[0]", "`envoy.filters.http.lua`"),
        .manager("http_filters: [{name: envoy.filters.http.fault}]", ".http_filters[0]", "docs/filter.md"),
        .manager("http_filters: [{name: envoy.router, config: {}}]", ".http_filters[0].config", "API v2"),
        .manager("local_reply_config: {}", ".local_reply_config", "not rewritten"),
        .manager("codec_type: http3", ".codec_type", "HTTP/3"),
        .manager("forward_client_cert_details: sanitize_set", ".forward_client_cert_details", "x-weft-caller"),
        .listener(
            "filter_chains: [{filters: [{name: envoy.filters.network.redis_proxy}]}]",
            ".filter_chains[0].filters[0]", "no counterpart"),
        .listener(
            "filter_chains: [{filters: [{name: envoy.tcp_proxy, typed_config: {cluster: a, tunneling_config: {}}}]}]",
            ".filter_chains[0].filters[0].typed_config.tunneling_config", "not put into requests"),
        .listener(
            "filter_chains: [{filters: [{typed_config: {'@type': type.googleapis.com/envoy.config.filter.network.tcp_proxy.v2.TcpProxy}}]}]",
            ".filter_chains[0].filters[0].typed_config", "API v2"),
        .listener(
            "filter_chains: [{filter_chain_match: {source_ports: [1]}, filters: []}]",
            ".filter_chains[0].filter_chain_match.source_ports", "by its port and host"),
        .listener(
            "listener_filters: [{name: envoy.filters.listener.proxy_protocol}], filter_chains: []",
            ".listener_filters[0]", "PROXY header"),
        .listener("use_original_dst: true, filter_chains: []", ".use_original_dst", "sidecar"),
        .listener("filter_chains: []", "", "has no `filter_chains`"),
        .cluster("type: eds", ".type", "(EDS)"),
        .cluster("type: original_dst", ".type", "captured connections"),
        .cluster("type: dynamic", ".type", "is none of STATIC"),
        .cluster("hosts: []", ".hosts", "API v2"),
        .cluster(
            "transport_socket: {name: envoy.transport_sockets.tls}", ".transport_socket",
            "endpoints in the mesh get mutual TLS"),
        .cluster("lb_policy: cluster_provided", ".lb_policy", "no policy of its own"),
        .cluster("lb_subset_config: {}", ".lb_subset_config", "subsets"),
        .cluster("connect_timeout: 1h", ".connect_timeout", "not a duration"),
        .cluster("connect_timeout: 3600s", ".connect_timeout", "out of range"),
        .cluster("health_checks: [{grpc_health_check: {}}]", ".health_checks[0].grpc_health_check", "by gRPC"),
        .cluster(
            "health_checks: [{tcp_health_check: {send: {text: '00'}}}]",
            ".health_checks[0].tcp_health_check.send", "says nothing"),
        .cluster(
            "outlier_detection: {success_rate_stdev_factor: 1900}",
            ".outlier_detection.success_rate_stdev_factor", "deviation"),
        .cluster(
            "outlier_detection: {enforcing_consecutive_5xx: 50}",
            ".outlier_detection.enforcing_consecutive_5xx", "always or never"),
        .cluster(
            "circuit_breakers: {thresholds: [{max_connections: 0}]}",
            ".circuit_breakers.thresholds[0].max_connections", "less than 1"),
        .cluster(
            "load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: a.b, port_value: 80}}}}]}]}",
            ".load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address", "STRICT_DNS"),
        .cluster(
            "load_assignment: {endpoints: [{priority: 1, lb_endpoints: []}]}",
            ".load_assignment.endpoints[0].priority", "in reserve"),
        .cluster(
            "load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /a}}}}]}]}",
            ".load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe", "Unix sockets"),
        .cluster("load_assignment: {endpoints: []}", ".load_assignment", "has no endpoint"),
        .cluster("circut_breakers: {}", ".circut_breakers", "did you mean `circuit_breakers`?"),
    ]

    @Test("each is an error at its place", arguments: all)
    func refused(_ refusal: Case) throws {
        let imported = try imported(refusal.text)
        let fits = imported.errors.contains { problem in
            let path = (problem.place ?? "").prefix { $0 != " " }
            return path.hasSuffix(refusal.path) && problem.description.contains(refusal.says)
                && problem.place?.contains("(envoy.yaml:") == true
        }
        #expect(fits, "\(imported.errorText)")
    }

    @Test("all of them are told in one pass, in the order of the file")
    func onePass() throws {
        let imported = try imported(
            Bootstraps.routes(
                "[{match: {regex: a}, route: {cluster: c}}, {match: {prefix: /}, direct_response: {}}]",
                cluster: "type: EDS"))
        let codes = imported.errors.map(\.code)
        #expect(codes == [.notImportable, .danglingReference, .notImportable, .notImportable], "\(imported.errorText)")
        #expect(imported.errors.last?.place?.contains("clusters[0].type") == true)
    }

    @Test("two listeners of one port are refused where their addresses meet", arguments: ["0.0.0.0", "10.0.0.1", "::"])
    func port(address: String) throws {
        let text = Bootstraps.routes("[{match: {prefix: /}, route: {cluster: a}}]")
        let lines = text.components(separatedBy: "\n")
        let other = lines[2].replacingOccurrences(of: "address: 0.0.0.0", with: "address: '\(address)'")
        let imported = try imported((lines[...2] + [other] + lines[3...]).joined(separator: "\n"))
        #expect(imported.errors.count == (address == "::" ? 0 : 1), "\(imported.errorText)")
        #expect(imported.errors.allSatisfy { $0.description.contains("listeners[1] (") })
    }

    @Test(
        "what is no bootstrap says so",
        arguments: [
            ("", "holds 0 documents"), ("a: 1\n---\na: 2\n", "holds 2 documents"), ("- a", "a list stands where"),
            ("resources: []", "dynamic resources"), ("dynamic_resources: {}", "(xDS)"),
            ("node: {id: a}", "static_resources"),
            ("a: &b 1", "anchors are not read"), ("a: [", "WEFT1005"),
        ])
    func noBootstrap(text: String, says: String) throws {
        do throws(Problem) {
            let found = try EnvoyBootstrap.read(Array(text.utf8), name: "envoy.yaml").errors
            #expect(found.contains { $0.description.contains(says) }, "\(found)")
        } catch {
            #expect(error.description.contains(says))
        }
    }

    @Test("with errors the rest is there all the same, without routes that are not right as a whole")
    func partial() throws {
        let imported = try imported(
            Bootstraps.routes(
                "[{match: {prefix: /a}, route: {cluster: a, cors: {}}}, {match: {prefix: /}, route: {cluster: b}}]"))
        #expect(imported.errors.count == 1)
        let route = try #require(imported.document("HTTPRoute"))
        #expect(!route.contains("name: a,") && route.contains("name: b,"))
    }
}

extension String {
    /// A path that is given from the route on.
    fileprivate func suffixed() -> String { hasPrefix(".route") ? String(dropFirst(6)) : self }
}
