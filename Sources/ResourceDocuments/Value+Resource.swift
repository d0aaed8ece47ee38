// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What one document turned out to be.
enum ReadDocument {
    case proxy(ProxySettings)
    /// A resource of the mesh; nil where it could not be read, which has been complained of.
    case shared(ResourceKind, Resource?)
}

extension Value {
    /// Reads one document of these kinds; nil where not even its kind can be told, or where it is a Proxy that cannot be read.
    func resource(_ kinds: [String]) -> ReadDocument? {
        mapping { fields in
            let version = fields.value("apiVersion")
            guard let word = fields.require("kind", { $0.text }) else {
                for name in ["metadata", "spec"] { _ = fields.value(name) }
                return nil
            }
            version?.requireVersion(of: word)
            if word == "Proxy", kinds.contains(word) { return fields.proxy().map { .proxy($0) } }
            guard let kind = ResourceKind(rawValue: word) else {
                let nearest = Spelling.nearest(to: word, among: kinds).map { "did you mean `\($0)`?" }
                fields.complain(
                    .unknownKind, "`kind: \(word)` does not exist",
                    nearest ?? "the kinds are \(kinds.joined(separator: ", "))")
                for name in ["metadata", "spec"] { _ = fields.value(name) }
                return nil
            }
            return .shared(kind, read(kind, &fields))
        }
    }

    private func read(_ kind: ResourceKind, _ fields: inout FieldReader) -> Resource? {
        switch kind {
        case .mesh: fields.mesh().map { .mesh($0) }
        case .workload: fields.workload().map { .workload($0) }
        case .service: fields.service().map { .service($0) }
        case .trust: fields.trust().map { .trust($0) }
        case .httpRoute: whole { fields.route(.http) }.map { .route($0) }
        case .grpcRoute: whole { fields.route(.grpc) }.map { .route($0) }
        case .tlsRoute: whole { fields.connectionRoute(.tls) }.map { .connectionRoute($0) }
        case .tcpRoute: whole { fields.connectionRoute(.tcp) }.map { .connectionRoute($0) }
        case .gateway: fields.gateway().map { .gateway($0) }
        case .filter: fields.filter().map { .filter($0) }
        case .policy: fields.policy().map { .policy($0) }
        }
    }

    /// What `read` gives, unless it complained: a route that is not right as a whole is not looked at for where it leads.
    private func whole<Content>(_ read: () -> Content?) -> Content? {
        let before = findings.problems.count
        let content = read()
        return findings.problems.count == before ? content : nil
    }

    private func requireVersion(of kind: String) {
        let own = "weft/v1"
        let versions: [String] =
            switch kind {
            case "HTTPRoute": ["v1", "v1beta1"]
            case "GRPCRoute", "TCPRoute": ["v1", "v1alpha2"]
            case "TLSRoute": ["v1", "v1alpha3", "v1alpha2"]
            case "Gateway": ["v1", "v1beta1"]
            default: []
            }
        let all =
            (versions.isEmpty || kind == "Gateway" ? [own] : []) + versions.map { "gateway.networking.k8s.io/\($0)" }
        let expected = all.map { "`\($0)`" }.joined(separator: " or ")
        _ = scalar(all.count == 1 ? "\(expected), the only version there is" : expected) { all.contains($0) ? $0 : nil }
    }
}
