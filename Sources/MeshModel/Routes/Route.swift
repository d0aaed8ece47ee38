// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// An HTTPRoute or GRPCRoute of the Gateway API (gateway.networking.k8s.io/v1): which requests to its parents it matches,
/// and where they go.
package struct Route: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case http = "HTTPRoute"
        case grpc = "GRPCRoute"
    }

    package let kind: Kind

    package let reference: ResourceReference

    /// When it was created, for the precedence between equal matches; routes of a file that does not say are as old as
    /// their place in it.
    package let createdAt: WallTime?

    package let parents: [RouteParent]

    /// Empty: every host.
    package let hostnames: [HostPattern]

    package let rules: [RouteRule]

    package init(
        kind: Kind = .http, reference: ResourceReference, createdAt: WallTime? = nil, parents: [RouteParent],
        hostnames: [HostPattern] = [], rules: [RouteRule]
    ) {
        self.kind = kind
        self.reference = reference
        self.createdAt = createdAt
        self.parents = parents
        self.hostnames = hostnames
        self.rules = rules
    }
}

/// A host that a route is for: `shop.example`, or `*.example`, which stands for one or more labels. Lower
/// case, without a port.
package struct HostPattern: Hashable, Sendable, CustomStringConvertible {
    /// For a wildcard, what follows the `*`: `.example`.
    package let name: String
    package let isWildcard: Bool

    package init?(_ text: some StringProtocol) {
        let lower = text.lowercased()
        let isWildcard = lower.hasPrefix("*.")
        let rest = isWildcard ? String(lower.dropFirst(2)) : lower
        guard ResourceName(rest) != nil else { return nil }
        self.isWildcard = isWildcard
        name = isWildcard ? "." + rest : rest
    }

    /// `host` in lower case and without a port.
    package func matches(_ host: String) -> Bool {
        guard isWildcard else { return host == name }
        return host.utf8.count > name.utf8.count && host.hasSuffix(name)
    }

    /// The hosts that both stand for: the more precise of the two where one holds the other; nil where there are none.
    package func intersection(_ other: HostPattern) -> HostPattern? {
        switch (isWildcard, other.isWildcard) {
        case (false, false): name == other.name ? self : nil
        case (false, true): other.matches(name) ? self : nil
        case (true, false): matches(other.name) ? other : nil
        case (true, true): name.hasSuffix(other.name) ? self : other.name.hasSuffix(name) ? other : nil
        }
    }

    package var description: String { isWildcard ? "*" + name : name }
}

/// One rule of a route: any of its matches, all its filters, one of its backends.
package struct RouteRule: Hashable, Sendable {
    package var name: String?
    /// Alternatives; empty matches everything.
    package var matches: [RouteMatch] = []
    package var filters: [RouteFilter] = []
    /// Empty: the rule answers by itself (a redirect), or with 500 if it does not.
    package var backends: [RouteBackend] = []
    package var timeouts = RouteTimeouts()
    package var retry: RetrySettings?
    /// Session persistence: requests with equal values of this header go to one endpoint as long as it is there.
    package var affinityHeader: String?

    package init() {}
}

/// All parts that are there must match.
package struct RouteMatch: Hashable, Sendable {
    package enum Path: Hashable, Sendable {
        case exact(String)
        /// Whole segments: `/a` matches `/a` and `/a/b`, not `/ab`.
        case prefix(String)
        /// PCRE2, matched from the first to the last byte of the path.
        case expression(String)
    }

    package var path: Path?
    package var method: String?
    /// Of a GRPCRoute, in place of path and method.
    package var call: CallMatch?
    package var headers: [ValueMatch] = []
    package var queryParameters: [ValueMatch] = []

    package init() {}
}

/// What a gRPC call asks for: a request with the method POST and the path `/service/method`.
package struct CallMatch: Hashable, Sendable {
    /// With its package: `shop.v1.Cart`. Nil: any.
    package let service: String?
    /// Nil: any.
    package let method: String?
    /// True: both are regular expressions, each for the whole of its part.
    package let isExpression: Bool

    package init(service: String? = nil, method: String? = nil, isExpression: Bool = false) {
        self.service = service
        self.method = method
        self.isExpression = isExpression
    }

    /// The expression for the whole path; nil where none is needed.
    package var pathExpression: String? {
        guard isExpression, service != nil || method != nil else { return nil }
        func group(_ part: String?) -> String { part.map { "(?:\($0))" } ?? "[^/]+" }
        return "/\(group(service))/\(group(method))"
    }
}

/// A header field or query parameter that must have a value.
package struct ValueMatch: Hashable, Sendable {
    /// Lower case for headers, as written for query parameters.
    package let name: String
    package let value: String
    /// True: ``value`` is a regular expression for the whole of it.
    package let isExpression: Bool

    package init(name: String, value: String, isExpression: Bool = false) {
        self.name = name
        self.value = value
        self.isExpression = isExpression
    }
}

/// Where a matched request goes.
package struct RouteBackend: Hashable, Sendable {
    package let service: ResourceReference
    package let port: Port
    /// Its share of the sum of weights; 0: none.
    package let weight: Int
    package let filters: [RouteFilter]

    package init(service: ResourceReference, port: Port, weight: Int = 1, filters: [RouteFilter] = []) {
        self.service = service
        self.port = port
        self.weight = weight
        self.filters = filters
    }
}

/// How long a request may take. Nil: no limit.
package struct RouteTimeouts: Hashable, Sendable {
    /// From the first byte of the request to the last of the response, over all attempts.
    package var request: Duration?
    /// One attempt.
    package var backendRequest: Duration?

    package init() {}
}

/// When a request is tried again beyond what is always safe (nothing of it has reached the application).
package struct RetrySettings: Hashable, Sendable {
    /// Attempts after the first.
    package var attempts = 1
    /// Response codes that are worth another attempt, for idempotent methods (RFC 9110 section 9.2.2).
    package var statusCodes: [Int] = []
    /// The shortest pause before the first retry; it doubles, and each one is drawn from half of it to the whole.
    package var backoff: Duration = .milliseconds(25)
    /// A reset or a cut without a response is worth another attempt, for idempotent methods.
    package var onReset = true
    /// Methods that are idempotent although they do not look so.
    package var alsoMethods: [String] = []

    package init() {}
}
