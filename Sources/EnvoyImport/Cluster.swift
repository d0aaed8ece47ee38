// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// A cluster, which becomes a Service.
struct Cluster {
    /// In the file.
    let name: String
    /// Of the Service.
    let label: String
    let value: EnvoyValue
    var port: Port?
    var type = "STATIC"
    var endpoints: [Endpoint] = []
    var algorithm = "roundRobin"
    /// What requests are hashed by; decided by the routes that lead here.
    var hashing: Hashing?
    /// Who decided it.
    var hashingPath = ""
    var speaksHTTP2 = false
    /// The sections of `spec` that stand by themselves.
    var connectTimeout: Duration?
    var resolution = YAMLFields()
    var breaker = YAMLFields()
    var ejection = YAMLFields()
    var health: YAMLFields?

    struct Endpoint {
        let host: String
        let isAddress: Bool
        let port: Port
        let weight: Int
    }

    enum Hashing: Equatable {
        case header(String)
        case source
    }

    var isHashed: Bool { algorithm == "consistentHash" }

    /// The name that all endpoints share, for `auto_host_rewrite`.
    var onlyHostname: String? {
        guard let first = endpoints.first, !first.isAddress, endpoints.allSatisfy({ $0.host == first.host }) else {
            return nil
        }
        return first.host
    }

    /// `kind: Service`.
    var document: String {
        var portFields = YAMLFields()
        portFields.add("port", port.map { Int($0.number) })
        if speaksHTTP2 { portFields.add("protocol", "http2") }
        var spec = YAMLFields()
        spec.add("ports", [.mapping(portFields.all)])
        let areWeighted = endpoints.contains { $0.weight != 1 }
        spec.add(
            "endpoints",
            endpoints.map { endpoint in
                var fields = YAMLFields()
                fields.add(endpoint.isAddress ? "address" : "hostname", endpoint.host)
                if endpoint.port != port { fields.add("port", Int(endpoint.port.number)) }
                if areWeighted { fields.add("weight", endpoint.weight) }
                return .mapping(fields.all)
            })
        var timeouts = YAMLFields()
        timeouts.add("connect", connectTimeout.map { DurationText.text($0) })
        spec.add("resolution", resolution)
        spec.add("timeouts", timeouts)
        var balancing = YAMLFields()
        balancing.add("algorithm", algorithm)
        if isHashed, case .header(let name) = hashing { balancing.add("hashHeader", name) }
        spec.add("balancing", balancing)
        spec.add("breaker", breaker)
        spec.add("ejection", ejection)
        if let health { spec.add("health", health) }
        return YAMLText.document([
            ("kind", "Service"), ("metadata", .mapping([("name", .word(label))])), ("spec", .mapping(spec.all)),
        ])
    }
}
