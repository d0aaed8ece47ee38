// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How the endpoints of a service are asked whether they are well, beside what is seen of traffic.
package struct HealthCheck: Hashable, Sendable {
    package enum Probe: Hashable, Sendable {
        /// A connection that comes about is enough.
        case tcp
        case http(HTTPProbe)
    }

    /// A request and the statuses that are good answers.
    package struct HTTPProbe: Hashable, Sendable {
        package struct Field: Hashable, Sendable {
            package let name: String
            package let value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }

        package var method = "GET"
        package var path = "/"
        /// Nil: the name of the service.
        package var host: String?
        package var fields: [Field] = []
        package var statuses: [ClosedRange<Int>] = [200...299]

        package init() {}

        /// Whether a response with this status is a good one.
        package func isGood(_ status: Int) -> Bool { statuses.contains { $0.contains(status) } }
    }

    package var probe: Probe
    /// Asked instead of the port that traffic goes to.
    package var port: Port?
    package var interval: Duration = .seconds(10)
    package var timeout: Duration = .seconds(2)
    /// Good answers in a row before an endpoint that was unhealthy is used again.
    package var healthyThreshold = 1
    /// Failures in a row before an endpoint is no longer used.
    package var unhealthyThreshold = 3

    package init(_ probe: Probe) { self.probe = probe }
}
