// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// A service: where callers find it, and what is behind it. `FieldReader+Balancing` has the sections about its use.
extension FieldReader {
    mutating func service() -> Service? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                let addresses = fields.read("addresses") { $0.list { $0.hostAddress } } ?? []
                let ports = fields.require("ports") { $0.filledList { $0.servicePort } }
                // Where there is a control plane, workloads register themselves.
                let members = fields.read("endpoints") { $0.list { $0.member } } ?? []
                let ejection = fields.ejection()
                let balancing = fields.balancing()
                let breaker = fields.breaker()
                let resolution = fields.resolution()
                let connectTimeout = fields.connectTimeout()
                let health = fields.read("health") { $0.healthCheck }
                fields.complainOfTwins((ports ?? []).map(\.port), in: "ports")
                guard let metadata, let ports else { return nil }
                return Service(
                    reference: metadata.reference, addresses: addresses, ports: ports, members: members,
                    ejection: ejection, balancing: balancing, breaker: breaker, resolution: resolution,
                    connectTimeout: connectTimeout, health: health)
            }
        }
    }

    private mutating func resolution() -> ResolutionSettings {
        var resolution = ResolutionSettings()
        section("resolution") { fields in
            fields.assign("mode", to: &resolution.mode) { $0.choice(ResolutionSettings.Mode.self) }
            fields.assign("family", to: &resolution.family) { $0.choice(ResolutionSettings.Family.self) }
            fields.assign("interval", to: &resolution.interval) { $0.duration(.seconds(1) ... .seconds(86_400)) }
        }
        return resolution
    }

    private mutating func connectTimeout() -> Duration? {
        var timeout: Duration?
        section("timeouts") { fields in
            timeout = fields.read("connect") { $0.duration(.milliseconds(10) ... .seconds(600)) }
        }
        return timeout
    }
}

extension Value {
    fileprivate var servicePort: Service.PortMapping? {
        mapping { fields in
            let port = fields.require("port") { $0.port }
            let target = fields.read("targetPort") { $0.port }
            let hint = fields.read("protocol") { $0.serviceProtocol } ?? .detect
            return port.map { Service.PortMapping(port: $0, targetPort: target ?? $0, hint: hint) }
        }
    }

    /// `grpc` is spoken over HTTP/2 and nothing else, so that it is another word for it.
    private var serviceProtocol: ProtocolHint? {
        if case .scalar("grpc", _) = node.content { return .http2 }
        return choice(ProtocolHint.self)
    }

    fileprivate var member: Service.Member? {
        mapping { fields in
            let workload = fields.read("workload") { $0.workloadReference }
            let address = fields.read("address") { $0.endpointAddress }
            let name = fields.read("hostname") { $0.endpointHost }
            let port = fields.read("port") { $0.port }
            let weight = fields.read("weight") { $0.integer(0...1_000_000) } ?? 1
            let ways = ["workload", "address", "hostname"].filter { fields.contains($0) }
            guard ways.count == 1 else {
                fields.complain(
                    .missingField,
                    "an endpoint is one of `workload: NAME`, `address: ADDRESS` and `hostname: NAME`")
                return nil
            }
            let place = workload.map { Service.Member.Place.workload($0) } ?? address.map { .address($0) } ?? name
            return place.map { Service.Member($0, port: port, weight: weight) }
        }
    }

    /// Where an endpoint can be: beside the application too, over loopback.
    private var endpointAddress: IPAddress? {
        guard let address = scalar("an IPv4 or IPv6 address", { IPAddress($0) }) else { return nil }
        guard !address.isLinkLocal, !address.isMulticast, !address.isUnspecified else {
            complain(
                .badValue, "\(address) is a link-local, multicast or unspecified address", "no endpoint is there")
            return nil
        }
        return address
    }

    /// A name, or an address where a name could stand.
    private var endpointHost: Service.Member.Place? {
        if case .scalar(let text, _) = node.content, IPAddress(text) != nil {
            return endpointAddress.map { .address($0) }
        }
        return scalar("a host name such as api.example, with letters, digits, `-` and `_`") { DNSName($0) }
            .map { .name($0) }
    }

    fileprivate var healthCheck: HealthCheck? {
        mapping { fields in
            let tcp = fields.read("tcp") { $0.mapping { _ in HealthCheck.Probe.tcp } }
            let http = fields.read("http") { $0.healthRequest }
            var check = HealthCheck(tcp ?? http.map { .http($0) } ?? .tcp)
            check.port = fields.read("port") { $0.port }
            fields.assign("interval", to: &check.interval) { $0.duration(.milliseconds(100) ... .seconds(3600)) }
            fields.assign("timeout", to: &check.timeout) { $0.duration(.milliseconds(10) ... .seconds(600)) }
            fields.assign("healthyThreshold", to: &check.healthyThreshold) { $0.integer(1...1000) }
            fields.assign("unhealthyThreshold", to: &check.unhealthyThreshold) { $0.integer(1...1000) }
            guard fields.contains("tcp") != fields.contains("http") else {
                fields.complain(.missingField, "a check is one of `http: {...}` and `tcp: {}`")
                return nil
            }
            return check
        }
    }

    private var healthRequest: HealthCheck.HTTPProbe? {
        mapping { fields in
            var probe = HealthCheck.HTTPProbe()
            fields.assign("method", to: &probe.method) { $0.choice(HealthMethod.self)?.rawValue }
            fields.assign("path", to: &probe.path) { $0.requestTarget }
            probe.host = fields.read("host") { $0.requestHost }
            fields.assign("headers", to: &probe.fields) { $0.list { $0.healthField } }
            fields.assign("statuses", to: &probe.statuses) { $0.list { $0.statusRange } }
            fields.complainOfTwinWords(probe.fields.map(\.name), in: "headers", what: "header")
            if probe.statuses.isEmpty {
                fields.complain(.badValue, "`statuses` is empty", "no answer would be a good one")
            }
            return probe
        }
    }

    private var healthField: HealthCheck.HTTPProbe.Field? {
        mapping { fields in
            let name = fields.require("name") { $0.modifiedHeaderName }
            let value = fields.require("value") { $0.headerValue }
            guard let name, let value else { return nil }
            return HealthCheck.HTTPProbe.Field(name: name, value: value)
        }
    }

    /// `200` or `200-299`.
    private var statusRange: ClosedRange<Int>? {
        scalar("a status or a range of them, such as 200 or 200-299, from 200 to 599") { text in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part -> Int? in
                Decimal.parse(part.utf8, atMost: 599).flatMap { $0 < 200 ? nil : Int($0) }
            }
            guard (1...2).contains(ends.count), let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high
            else { return nil }
            return low...high
        }
    }

    /// A path with a query if need be, as it stands in a request line (RFC 9112 section 3.2.1).
    private var requestTarget: String? {
        scalar("a path such as /healthz, of visible ASCII characters") { text in
            let isVisible = text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }
            return text.hasPrefix("/") && isVisible && text.utf8.count <= 1024 ? text : nil
        }
    }

    /// What stands in the Host field: a name or an address, with a port if need be.
    private var requestHost: String? {
        scalar("a host such as shop.example or shop.example:8080") { text in
            if SocketAddress(text) != nil || IPAddress(text).map({ $0.family == .ipv4 }) == true { return text }
            if text.hasPrefix("["), text.hasSuffix("]"), IPAddress(text.dropFirst().dropLast()) != nil { return text }
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first, DNSName(name) != nil else { return nil }
            return parts.count == 1 || Port(parts[1]) != nil ? text : nil
        }
    }
}

/// The methods that ask without changing anything.
private enum HealthMethod: String, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case options = "OPTIONS"
}
