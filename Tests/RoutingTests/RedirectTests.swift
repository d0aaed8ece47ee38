// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Routing
import Testing

@Suite("Redirects")
struct RedirectTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let redirect: RouteFilter.Redirect
        var target = "/a/b?q=1"
        var host = "shop.example:8080"
        var scheme = "http"
        var port: UInt16 = 8080
        let location: String

        init(
            _ name: String, host: String = "shop.example:8080", target: String = "/a/b?q=1", scheme: String = "http",
            port: UInt16 = 8080, _ location: String, _ change: (inout RouteFilter.Redirect) -> Void
        ) {
            testDescription = name
            var redirect = RouteFilter.Redirect()
            change(&redirect)
            self.redirect = redirect
            self.host = host
            self.target = target
            self.scheme = scheme
            self.port = port
            self.location = location
        }
    }

    /// The conformance tests HTTPRouteRedirectHostAndStatus, -Path, -Port, -Scheme and -PortAndScheme, without their cluster.
    @Test(
        "the location",
        arguments: [
            Case("nothing changes", "http://shop.example:8080/a/b?q=1") { _ in },
            Case("the host", "http://example.org:8080/a/b?q=1") { $0.hostname = "example.org" },
            Case("the host, on port 80", port: 80, "http://example.org/a/b?q=1") { $0.hostname = "example.org" },
            Case("a port", "http://shop.example:8083/a/b?q=1") { $0.port = .known(8083) },
            Case("port 80 with http", "http://shop.example/a/b?q=1") { $0.port = .known(80) },
            Case("port 443 with http", "http://shop.example:443/a/b?q=1") { $0.port = .known(443) },
            Case("port 80 with https", "https://shop.example:80/a/b?q=1") {
                $0.scheme = "https"
                $0.port = .known(80)
            },
            Case("port 443 with https", "https://shop.example/a/b?q=1") {
                $0.scheme = "https"
                $0.port = .known(443)
            },
            Case("a scheme brings its port", "https://shop.example/a/b?q=1") { $0.scheme = "https" },
            Case("the same scheme too", "http://shop.example/a/b?q=1") { $0.scheme = "http" },
            Case("https in, https out", scheme: "https", port: 443, "https://shop.example/a/b?q=1") { _ in },
            Case("https in on another port", scheme: "https", port: 8443, "https://shop.example:8443/a/b?q=1") { _ in },
            Case("https in, http out", scheme: "https", port: 443, "http://shop.example/a/b?q=1") {
                $0.scheme = "http"
            },
            Case("a whole path", "http://shop.example:8080/new?q=1") { $0.path = .whole("/new") },
            Case("a prefix", "http://shop.example:8080/new/b?q=1") { $0.path = .prefix("/new") },
            Case("a prefix and all else", "https://example.org:8443/new/b?q=1") {
                $0.scheme = "https"
                $0.hostname = "example.org"
                $0.port = .known(8443)
                $0.path = .prefix("/new/")
            },
            Case("an IPv6 host", host: "[fd00::1]:8080", "http://[fd00::1]:8080/a/b?q=1") { _ in },
            Case("no host at all", host: "", target: "/a//evil.example", "/a//evil.example") { _ in },
        ])
    func location(_ item: Case) throws {
        let request = Routes.request(item.target, host: item.host)
        let rule = Routes.rule([Routes.match(.prefix("/a"))], filters: [.redirect(item.redirect)])
        let (compiled, prefix) = try Routes.only(rule, request)
        let port = Port.known(item.port)
        let response = compiled.redirect(request, matchedPrefix: prefix, scheme: item.scheme, port: port)
        #expect(response?.fields.first("location") == item.location)
        #expect(response?.status == 302 && response?.body == .length(0))
    }

    @Test("the status", arguments: [301, 302, 303, 307, 308])
    func status(_ status: Int) throws {
        var redirect = RouteFilter.Redirect()
        redirect.status = status
        let (rule, _) = try Routes.only(Routes.rule(filters: [.redirect(redirect)]), Routes.request("/"))
        let response = rule.redirect(Routes.request("/"), matchedPrefix: "/", scheme: "http", port: .known(80))
        #expect(response?.status == status && response?.reason.isEmpty == false)
    }

    @Test("no filter, no redirect")
    func none() throws {
        let (rule, _) = try Routes.only(Routes.rule(), Routes.request("/"))
        #expect(rule.redirect(Routes.request("/"), matchedPrefix: "/", scheme: "http", port: .known(80)) == nil)
    }

    @Test("two slashes at the beginning of a path do not become a host")
    func slashes() throws {
        let request = Routes.request("//evil.example", host: "")
        let (rule, prefix) = try Routes.only(Routes.rule(filters: [.redirect(RouteFilter.Redirect())]), request)
        let response = rule.redirect(request, matchedPrefix: prefix, scheme: "http", port: .known(80))
        #expect(response?.fields.first("location") == "/evil.example")
    }
}
