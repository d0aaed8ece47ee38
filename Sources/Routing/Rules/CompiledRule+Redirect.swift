// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec
package import MeshModel

extension CompiledRule {
    /// The answer, if the rule redirects: the status and a `location` by the rules of the Gateway API
    /// (HTTPRequestRedirectFilter). `scheme` and `port` are those by which the request came.
    ///
    /// The port is the one written; else that of a scheme that is written (80 or 443); else `port`. 80 with http and
    /// 443 with https go without saying. The query stays.
    package func redirect(
        _ request: HTTPRequest, matchedPrefix: String?, scheme: String, port: Port
    ) -> HTTPResponse? {
        for case .redirect(let redirect) in rule.filters {
            var response = HTTPResponse(status: redirect.status, reason: Self.reason(redirect.status))
            response.fields.add(
                "location",
                Self.location(redirect, request, matchedPrefix: matchedPrefix, scheme: scheme, port: port))
            response.body = .length(0)
            return response
        }
        return nil
    }

    private static func location(
        _ redirect: RouteFilter.Redirect, _ request: HTTPRequest, matchedPrefix: String?, scheme: String, port: Port
    ) -> String {
        let target = RequestTarget(request.target)
        var place = redirect.path.map { target.rewritten($0, matchedPrefix: matchedPrefix) } ?? request.target
        if !place.utf8.starts(with: "/".utf8) { place = "/" }
        let host = redirect.hostname ?? String(Authority.withoutPort(request.authority))
        guard !host.isEmpty else {
            // HTTP/1.0 without a host: only the path can be told, and two slashes would begin a host (RFC 3986 section
            // 4.2).
            return "/" + place.drop { $0 == "/" }
        }
        let wellKnown = redirect.scheme.flatMap(wellKnownPort)
        let number = redirect.port ?? wellKnown ?? port
        let scheme = redirect.scheme ?? scheme
        let suffix = number == wellKnownPort(scheme) ? "" : ":\(number)"
        return "\(scheme)://\(host)\(suffix)\(place)"
    }

    private static func wellKnownPort(_ scheme: String) -> Port? {
        switch scheme {
        case "http": .known(80)
        case "https": .known(443)
        default: nil
        }
    }

    /// RFC 9110 section 15.4.
    private static func reason(_ status: Int) -> String {
        switch status {
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        default: ""
        }
    }
}
