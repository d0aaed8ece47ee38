// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import ResourceDocuments

@Suite("HTTPRoute and Filter")
struct RouteTests {
    @Test("the example of docs/http-route.md is read as it says")
    func routeExample() throws {
        let file = try read(try example("http-route.md")).get()
        let route = try #require(file.resources.routes.first)
        #expect(route.reference.description == "default/shop" && route.createdAt == nil && route.hostnames.isEmpty)
        #expect(
            route.kind == .http && route.parents.map(\.port) == [.known(80)]
                && route.rules.map(\.name) == ["beta", "cart", "moved", nil])
        #expect(route.rules[0].matches[0].headers == [ValueMatch(name: "x-beta", value: "yes")])
        let cart = route.rules[1]
        #expect(cart.matches[0].path == .prefix("/cart") && cart.backends.map(\.weight) == [90, 10])
        #expect(cart.timeouts.request == .seconds(5) && cart.timeouts.backendRequest == .seconds(2))
        #expect(
            cart.retry?.attempts == 2 && cart.retry?.statusCodes == [503] && cart.retry?.backoff == .milliseconds(25))
        var redirect = RouteFilter.Redirect()
        redirect.path = .prefix("/new")
        redirect.status = 308
        #expect(route.rules[2].filters == [.redirect(redirect)])
        #expect(route.rules[3].matches.isEmpty && route.rules[3].retry == nil)
    }

    @Test("the example of docs/filter.md is read as it says")
    func filterExample() throws {
        let file = try read(try example("filter.md")).get()
        let actions = file.resources.filters.map(\.action)
        let fault = FilterResource.Fault(
            delay: .init(duration: .milliseconds(300), share: 1000), abort: .init(status: 503, share: 25),
            until: WallTime(seconds: 1_796_083_200))
        let limit = FilterResource.RateLimit(requests: 100, interval: .seconds(1), burst: 200, isPerCaller: true)
        #expect(actions == [.fault(fault), .rateLimit(limit)])
        #expect(file.resources.routes.first?.rules.first?.filters.count == 2)
    }

    private static let head =
        leastProxy + "---\nkind: Service\nmetadata: {name: s}\nspec: {addresses: [10.9.0.1], ports: [{port: 80}], "
        + "endpoints: []}\n---\n"
    private static let parent = "parentRefs: [{kind: Service, name: s}]"

    private static func route(_ spec: String, version: String = "v1", metadata: String = "name: r") -> String {
        "apiVersion: gateway.networking.k8s.io/\(version)\nkind: HTTPRoute\nmetadata: {\(metadata)}\nspec:\n  \(spec)\n"
    }

    @Test("everything that a rule may say")
    func everything() throws {
        let rules = """
            hostnames: [shop.example, "*.Example"]
              rules:
              - matches:
                - path: {type: Exact, value: "/%7ea%2fb"}
                  method: GET
                - path: {type: RegularExpression, value: "/x[0-9]+"}
                - headers: [{name: X-A, value: a}, {name: x-b, type: RegularExpression, value: b+}]
                  queryParams: [{name: Q, value: ""}]
                filters:
                - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: b}], add: [{name: C, value: d}], remove: [E]}}
                - {type: URLRewrite, urlRewrite: {hostname: h.example, path: {type: ReplaceFullPath, replaceFullPath: /n}}}
                - {type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, fraction: {numerator: 1, denominator: 3}}}
                - {type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: 5}}
                backendRefs: [{group: "", kind: Service, namespace: default, name: s, port: 80, weight: 0}]
                timeouts: {request: 0s}
                sessionPersistence: {sessionName: X-Session, type: Header}
            """.replacingOccurrences(of: "/%7ea%2fb", with: "/%7ea%c3b")
        let text = Self.route(
            Self.parent + "\n  " + rules, version: "v1beta1",
            metadata: "name: r, namespace: default, creationTimestamp: 2026-11-21T05:25:00+01:00, labels: {a: b}")
        let route = try #require(try read(Self.head + text).get().resources.routes.first)
        #expect(route.createdAt?.description == "2026-11-21T04:25:00.000Z")
        #expect(route.hostnames.map(\.description) == ["shop.example", "*.example"])
        let rule = try #require(route.rules.first)
        #expect(rule.matches.map(\.path) == [.exact("/~a%C3b"), .expression("/x[0-9]+"), nil])
        #expect(rule.matches[0].method == "GET")
        #expect(rule.matches[2].headers.map(\.name) == ["x-a", "x-b"] && rule.matches[2].headers[1].isExpression)
        #expect(rule.matches[2].queryParameters == [ValueMatch(name: "Q", value: "")])
        #expect(rule.filters.count == 4 && rule.backends.map(\.weight) == [0])
        guard case .requestHeaders(let modifier) = rule.filters[0], case .mirror(let mirror) = rule.filters[2] else {
            Issue.record("The filters stay in their order.")
            return
        }
        #expect(modifier.set.map(\.name) == ["a"] && modifier.add.map(\.name) == ["c"] && modifier.remove == ["e"])
        #expect(mirror.numerator == 1 && mirror.denominator == 3)
        #expect(rule.timeouts.request == nil && rule.affinityHeader == "x-session")
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let spec: String
        /// The beginnings of what is told.
        let problems: [String]

        init(_ spec: String, _ problems: String...) {
            testDescription = spec
            self.spec = spec
            self.problems = problems
        }

        /// A route to the service that is there, with one rule.
        static func rule(_ rule: String, _ problems: String...) -> Case {
            var item = Case("\(parent)\n  rules: [{\(rule)}]")
            item = Case(testDescription: rule, spec: item.spec, problems: problems)
            return item
        }

        static func filter(_ filter: String, _ problems: String...) -> Case {
            Case(testDescription: filter, spec: "\(parent)\n  rules: [{filters: [{\(filter)}]}]", problems: problems)
        }

        private init(testDescription: String, spec: String, problems: [String]) {
            self.testDescription = testDescription
            self.spec = spec
            self.problems = problems
        }
    }

    @Test(
        "what is wrong with a route",
        arguments: [
            Case("parentRefs: []", "WEFT1003 spec.parentRefs (f:13:15): is empty"),
            Case("rules: []", "WEFT1007 spec.parentRefs (f:13:3): is missing"),
            Case(
                "parentRefs: [{name: g}]",
                "WEFT1013 spec.parentRefs[0] (f:13:16): Gateway default/g does not exist; add a `kind: Gateway`"),
            Case(
                "parentRefs: [{kind: Pod, name: g}]",
                "WEFT1003 spec.parentRefs[0].kind (f:13:23): `Pod` is none of Service, Gateway"),
            Case(
                "parentRefs: [{kind: Service, name: s, sectionName: web}]",
                "WEFT1006 spec.parentRefs[0].sectionName (f:13:54): ports of a service have no names"),
            Case(
                "parentRefs: [{kind: Service, name: t}]",
                "WEFT1013 spec.parentRefs[0] (f:13:16): Service default/t does not exist; did you mean `default/s`?"),
            Case(
                "parentRefs: [{kind: Service, name: s, port: 81}]",
                "WEFT1013 spec.parentRefs[0] (f:13:16): Service default/s has no port 81; its ports are 80"),
            Case(
                "parentRefs: [{kind: Service, name: s}]\n  hostnames: [10.0.0.1, a_b]",
                "WEFT1003 spec.hostnames[0] (f:14:15): `10.0.0.1` is not a host",
                "WEFT1003 spec.hostnames[1] (f:14:25): `a_b` is not a host"),
            .rule(
                "matches: [{path: {value: a}}]",
                "WEFT1003 spec.rules[0].matches[0].path.value (f:14:37): `a` is not a path"),
            .rule("matches: [{path: {value: /a/../b}}]", "WEFT1003 spec.rules[0].matches[0].path.value"),
            .rule("matches: [{path: {value: '/a%2Fb'}}]", "WEFT1003 spec.rules[0].matches[0].path.value"),
            .rule("matches: [{path: {value: '/a%2'}}]", "WEFT1003 spec.rules[0].matches[0].path.value"),
            .rule("matches: [{path: {value: '/a?b'}}]", "WEFT1003 spec.rules[0].matches[0].path.value"),
            .rule(
                "matches: [{path: {type: RegularExpression, value: '('}}]",
                "WEFT1003 spec.rules[0].matches[0].path.value (f:14:62): `(` is not a regular expression: missing closing "
                    + "parenthesis, at byte 1"),
            .rule("matches: [{path: {type: RegularExpression}}]", "WEFT1007 spec.rules[0].matches[0].path.value"),
            .rule("matches: [{path: {type: Prefix}}]", "WEFT1003 spec.rules[0].matches[0].path.type"),
            .rule("matches: [{method: get}]", "WEFT1003 spec.rules[0].matches[0].method"),
            .rule(
                "matches: [{headers: [{name: 'a b', value: x}]}]", "WEFT1003 spec.rules[0].matches[0].headers[0].name"),
            .rule("matches: [{headers: [{name: te, value: x}]}]", "WEFT1003 spec.rules[0].matches[0].headers[0].name"),
            .rule("matches: [{queryParams: [{name: a}]}]", "WEFT1007 spec.rules[0].matches[0].queryParams[0].value"),
            .rule(
                "backendRefs: [{name: t, port: 80}]",
                "WEFT1013 spec.rules[0].backendRefs[0] (f:14:26): Service default/t does not exist"),
            .rule("backendRefs: [{name: s, port: 81}]", "WEFT1013 spec.rules[0].backendRefs[0]"),
            .rule("backendRefs: [{name: s, namespace: other, port: 80}]", "WEFT1013 spec.rules[0].backendRefs[0]"),
            .rule("backendRefs: [{name: s}]", "WEFT1007 spec.rules[0].backendRefs[0].port"),
            .rule("backendRefs: [{name: s, port: 80, kind: Pod}]", "WEFT1003 spec.rules[0].backendRefs[0].kind"),
            .rule("backendRefs: [{name: s, port: 80, weight: -1}]", "WEFT1003 spec.rules[0].backendRefs[0].weight"),
            .rule(
                "backendRefs: [{name: s, port: 80, filters: [{type: RequestRedirect, requestRedirect: {}}]}]",
                "WEFT1003 spec.rules[0].backendRefs[0].filters[0]"),
            .rule("timeouts: {request: 1s, backendRequest: 2s}", "WEFT1014 spec.rules[0].timeouts"),
            .rule("timeouts: {request: 1}", "WEFT1003 spec.rules[0].timeouts.request"),
            .rule("retry: {codes: [200]}", "WEFT1003 spec.rules[0].retry.codes[0]"),
            .rule("sessionPersistence: {sessionName: a}", "WEFT1007 spec.rules[0].sessionPersistence.type"),
            .rule("sessionPersistence: {sessionName: a, type: Cookie}", "WEFT1003 spec.rules[0].sessionPersistence"),
            .rule("name: a}, {name: a", "WEFT1008 spec (f:13:3): `rules` has the name `a` twice"),
            .filter("type: Mirror", "WEFT1003 spec.rules[0].filters[0].type"),
            .filter("type: URLRewrite", "WEFT1007 spec.rules[0].filters[0].urlRewrite"),
            .filter(
                "type: URLRewrite, urlRewrite: {}, requestRedirect: {}",
                "WEFT1014 spec.rules[0].filters[0].requestRedirect"),
            .filter(
                "type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}",
                "WEFT1014 spec.rules[0] (f:14:11): one rule cannot redirect and rewrite"),
            .filter(
                "type: URLRewrite, urlRewrite: {}}, {type: URLRewrite, urlRewrite: {}",
                "WEFT1014 spec.rules[0] (f:14:11): there are several filters of `type: URLRewrite`"),
            .rule(
                "filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: s, port: 80}]",
                "WEFT1014 spec.rules[0] (f:14:11): a rule that redirects has no use"),
            .rule(
                "matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: "
                    + "{path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}}]",
                "WEFT1014 spec.rules[0] (f:14:11): `ReplacePrefixMatch` needs exactly one match"),
            .filter(
                "type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replacePrefixMatch: /a}}",
                "WEFT1014 spec.rules[0].filters[0].urlRewrite.path.replacePrefixMatch",
                "WEFT1007 spec.rules[0].filters[0].urlRewrite.path.replaceFullPath"),
            .filter(
                "type: RequestRedirect, requestRedirect: {statusCode: 300}",
                "WEFT1003 spec.rules[0].filters[0].requestRedirect.statusCode"),
            .filter(
                "type: RequestRedirect, requestRedirect: {hostname: '*.a', scheme: ftp}",
                "WEFT1003 spec.rules[0].filters[0].requestRedirect.scheme",
                "WEFT1003 spec.rules[0].filters[0].requestRedirect.hostname"),
            .filter(
                "type: RequestMirror, requestMirror: {backendRef: {name: t, port: 80}}",
                "WEFT1013 spec.rules[0].filters[0].requestMirror.backendRef"),
            .filter(
                "type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: 1, fraction: {numerator: 1}}",
                "WEFT1014 spec.rules[0].filters[0].requestMirror"),
            .filter(
                "type: ExtensionRef, extensionRef: {group: weft, kind: Filter, name: f}",
                "WEFT1013 spec.rules[0].filters[0].extensionRef (f:14:57): Filter default/f does not exist"),
            .filter(
                "type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: a, value: \"b\\nc\"}], "
                    + "remove: [A, a]}",
                "WEFT1003 spec.rules[0].filters[0].responseHeaderModifier.set[0].value",
                "WEFT1008 spec.rules[0].filters[0].responseHeaderModifier"),
        ])
    func routes(_ item: Case) {
        let found = read(Self.head + Self.route(item.spec)).problems
        #expect(found.count == item.problems.count, "\(found)")
        for (problem, expected) in zip(found, item.problems) { #expect(problem.hasPrefix(expected)) }
    }

    @Test(
        "header fields that no filter may touch",
        arguments: [
            "Connection", "content-length", "Transfer-Encoding", "te", "upgrade", "keep-alive", "proxy-connection",
            "Host",
            "X-Weft-Peer",
        ])
    func protected(_ name: String) {
        let filter = "type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: \(name), value: a}], "
        let spec = "\(Self.parent)\n  rules: [{filters: [{\(filter)remove: [\(name)]}}]}]"
        #expect(read(Self.head + Self.route(spec)).codes == [.badValue, .badValue])
    }

    @Test("versions and names")
    func versions() {
        let good = Self.route(Self.parent)
        #expect(read(Self.head + good).problems.isEmpty)
        #expect(read(Self.head + Self.route(Self.parent, version: "v2")).codes == [.badValue])
        #expect(read(Self.head + good + "---\n" + good).codes == [.conflict])
    }

    @Test(
        "what is wrong with a filter",
        arguments: [
            ("{}", "WEFT1007 spec (f:7:7)"),
            ("{rateLimit: {requests: 1, per: 1s}, fault: {until: 2026-01-01T00:00:00Z}}", "WEFT1007 spec (f:7:7)"),
            ("{fault: {delay: {duration: 1s, percent: 1}}}", "WEFT1007 spec.fault.until"),
            ("{fault: {until: 2026-01-01T00:00:00Z}}", "WEFT1007 spec.fault"),
            ("{fault: {until: 2026-02-29T00:00:00Z, abort: {status: 500, percent: 1}}}", "WEFT1003 spec.fault.until"),
            (
                "{fault: {until: 2026-01-01T00:00:00Z, abort: {status: 500, percent: 100.01}}}",
                "WEFT1003 spec.fault.abort.percent"
            ),
            (
                "{fault: {until: 2026-01-01T00:00:00Z, abort: {status: 500, percent: 1.125}}}",
                "WEFT1003 spec.fault.abort.percent"
            ),
            (
                "{fault: {until: 2026-01-01T00:00:00Z, abort: {status: 200, percent: 1}}}",
                "WEFT1003 spec.fault.abort.status"
            ),
            ("{rateLimit: {requests: 0, per: 1s}}", "WEFT1003 spec.rateLimit.requests"),
            ("{rateLimit: {requests: 1}}", "WEFT1007 spec.rateLimit.per"),
        ])
    func filters(_ spec: String, _ expected: String) {
        let found = read(leastProxy + "---\nkind: Filter\nmetadata: {name: f}\nspec: \(spec)\n").problems
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test("the http section of a proxy")
    func http() throws {
        let spec =
            "spec: {http: {headBytes: 32Ki, targetBytes: 8192, fieldCount: 64, headTimeout: 1s, idleTimeout: 2s, "
            + "idleUpstreams: 3, idleUpstreamTimeout: 4s, replayBytes: 0, shareSessions: false}}"
        var expected = HTTPSettings()
        expected.headBytes = 32_768
        expected.targetBytes = 8192
        expected.fieldCount = 64
        expected.headTimeout = .seconds(1)
        expected.idleTimeout = .seconds(2)
        expected.idleUpstreams = 3
        expected.idleUpstreamTimeout = .seconds(4)
        expected.replayBytes = 0
        expected.sharesSessions = false
        let head = "kind: Proxy\nmetadata: {name: web}\n"
        #expect(try read(head + spec).get().proxy.http == expected)
        #expect(read(head + "spec: {http: {targetBytes: 128Ki}}").codes == [.conflict])
        let http2 =
            "spec: {http: {http2: {streams: 5, streamWindow: 16Ki, connectionWindow: 128Ki, flood: {pings: 1, "
            + "settings: 2, emptyData: 3, otherFrames: 4, brokenStreams: 5, cancelledRequests: 6}}}}"
        let read2 = try read(head + http2).get().proxy.http.http2
        #expect(read2.streams == 5 && read2.streamWindowBytes == 16_384 && read2.connectionWindowBytes == 131_072)
        let flood = read2.flood
        #expect(flood.pings == 1 && flood.settings == 2 && flood.emptyData == 3 && flood.otherFrames == 4)
        #expect(flood.brokenStreams == 5 && flood.cancelledRequests == 6)
        #expect(
            read(head + "spec: {http: {http2: {connectionWindow: 64Ki, streamWindow: 128Ki}}}").codes == [.conflict])
        #expect(read(head + "spec: {http: {http2: {streams: 0, streamWindow: 1Ki}}}").codes == [.badValue, .badValue])
        #expect(read(head + "spec: {http: {headBytes: 2Mi, replayBytes: 64k}}").codes == [.badValue, .badValue])
    }
}
