// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a rule does to a request or its response, in the order written.
package enum RouteFilter: Hashable, Sendable {
    case requestHeaders(HeaderModifier)
    case responseHeaders(HeaderModifier)
    case redirect(Redirect)
    case rewrite(Rewrite)
    case mirror(Mirror)
    /// `ExtensionRef` to a Filter.
    case resource(ResourceReference)

    /// Sets, adds and removes header fields; names in lower case.
    package struct HeaderModifier: Hashable, Sendable {
        package struct Field: Hashable, Sendable {
            package let name: String
            package let value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }

        package var set: [Field] = []
        package var add: [Field] = []
        package var remove: [String] = []

        package init() {}

        /// Fields that no filter may touch: what frames a message or belongs to one hop, which the writer of a head
        /// makes itself; the host, which a rewrite is for; and what the sidecars vouch for. `name` in lower case.
        package static func isProtected(_ name: String) -> Bool {
            switch name {
            case "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding",
                "upgrade":
                true
            default: name.hasPrefix("x-weft-")
            }
        }
    }

    package enum PathRewrite: Hashable, Sendable {
        case whole(String)
        /// Of a path that a prefix match matched, the matched segments.
        case prefix(String)
    }

    /// Answers with a redirect.
    package struct Redirect: Hashable, Sendable {
        package var scheme: String?
        package var hostname: String?
        package var path: PathRewrite?
        package var port: Port?
        package var status = 302

        package init() {}
    }

    package struct Rewrite: Hashable, Sendable {
        package var hostname: String?
        package var path: PathRewrite?

        package init() {}
    }

    /// Sends a copy elsewhere and forgets the answer.
    package struct Mirror: Hashable, Sendable {
        package let backend: RouteBackend
        /// Of `denominator` requests so many are copied.
        package let numerator: Int
        package let denominator: Int

        package init(backend: RouteBackend, numerator: Int = 100, denominator: Int = 100) {
            self.backend = backend
            self.numerator = numerator
            self.denominator = denominator
        }
    }
}

/// `kind: Filter`: exactly one of a fault or a rate limit, used by `ExtensionRef`.
package struct FilterResource: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        case fault(Fault)
        case rateLimit(RateLimit)
    }

    /// Delays or aborts a share of requests, for a while.
    package struct Fault: Hashable, Sendable {
        package struct Delay: Hashable, Sendable {
            package let duration: Duration
            /// Hundredths of a percent.
            package let share: Int

            package init(duration: Duration, share: Int) {
                self.duration = duration
                self.share = share
            }
        }

        package struct Abort: Hashable, Sendable {
            package let status: Int
            package let share: Int

            package init(status: Int, share: Int) {
                self.status = status
                self.share = share
            }
        }

        package var delay: Delay?
        package var abort: Abort?
        /// After this nothing happens any more: a fault that is forgotten ends by itself.
        package let until: WallTime

        package init(delay: Delay?, abort: Abort?, until: WallTime) {
            self.delay = delay
            self.abort = abort
            self.until = until
        }
    }

    /// So many requests in a time, with a bucket of tokens; counted in each data thread for its share.
    package struct RateLimit: Hashable, Sendable {
        package let requests: Int
        package let interval: Duration
        /// The most that may come at once.
        package let burst: Int
        /// One bucket for each caller (its identity, else its address), or one for all.
        package let isPerCaller: Bool

        package init(requests: Int, interval: Duration, burst: Int, isPerCaller: Bool) {
            self.requests = requests
            self.interval = interval
            self.burst = burst
            self.isPerCaller = isPerCaller
        }
    }

    package let reference: ResourceReference
    package let action: Action

    package init(reference: ResourceReference, action: Action) {
        self.reference = reference
        self.action = action
    }
}
