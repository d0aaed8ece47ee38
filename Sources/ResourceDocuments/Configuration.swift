// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// Reads the file that `weft-init` and `weft-proxy` share: a stream of YAML (or JSON) documents, one of them
/// `kind: Proxy`, the others resources of the mesh. `docs/configuration.md` describes every field.
package enum ConfigurationReader {
    /// Reads and checks a file. Every problem of the file is in the error; nothing of it is used if there is one.
    package static func read(path: String) throws(Problems) -> ConfigurationFile {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(path, limit: YAMLReader.byteLimit).bytes
        } catch {
            throw Problems(
                Problem(
                    .fileUnreadable, at: path, "cannot be read: \(error.errno)",
                    remedy: "check the path and its permissions"))
        }
        return try read(bytes, name: path)
    }

    /// Reads and checks a text; `name` stands in messages.
    package static func read(_ text: [UInt8], name: String) throws(Problems) -> ConfigurationFile {
        let documents: [Node]
        do throws(Problem) {
            documents = try YAMLReader.documents(text, name: name)
        } catch {
            throw Problems(error)
        }
        let findings = Findings(file: name)
        var collected = Collected()
        for document in documents where !document.isNull {
            collected.read(Value(node: document, path: "", findings: findings))
        }
        let file = collected.file(findings)
        guard findings.problems.isEmpty, let file else { throw Problems(findings.problems) }
        return file
    }
}

extension Value {
    fileprivate func requireVersion(of kind: String) {
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

/// What the documents read so far have given.
private struct Collected {
    private var proxies: [ProxySettings] = []
    private var resources = MeshResources()
    private var meshes = 0
    private let checker = ResourceChecker()

    /// The kinds that one file may hold.
    private static let kinds = [
        "Proxy", "Mesh", "Workload", "Service", "Trust", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "Gateway",
        "Filter", "Policy",
    ]

    mutating func read(_ document: Value) {
        let marks = checker
        _ = document.mapping { fields -> Void? in
            let version = fields.value("apiVersion")
            guard let kind = fields.require("kind", { $0.text }) else {
                for name in ["metadata", "spec"] { _ = fields.value(name) }
                return nil
            }
            version?.requireVersion(of: kind)
            switch kind {
            case "Proxy":
                if let proxy = fields.proxy() { proxies.append(proxy) }
            case "Mesh":
                if let mesh = fields.mesh() { resources.mesh = mesh }
                meshes += 1
            case "Workload":
                if let workload = fields.workload() {
                    resources.workloads.append(workload)
                    marks.seen(workload, document)
                }
            case "Service":
                if let service = fields.service() {
                    resources.services.append(service)
                    marks.seen(service, document)
                }
            case "Trust":
                if let trust = fields.trust() { resources.trust.append(trust) }
            case "HTTPRoute", "GRPCRoute":
                let read = Route.Kind(rawValue: kind).flatMap { kind in whole(document) { fields.route(kind) } }
                if let route = read {
                    resources.routes.append(route)
                    marks.seen(route, document)
                }
            case "TLSRoute", "TCPRoute":
                let read = ConnectionRoute.Kind(rawValue: kind).flatMap { kind in
                    whole(document) { fields.connectionRoute(kind) }
                }
                if let route = read {
                    resources.connectionRoutes.append(route)
                    marks.seen(route, document)
                }
            case "Gateway":
                if let gateway = fields.gateway() {
                    resources.gateways.append(gateway)
                    marks.seen(gateway, document)
                }
            case "Filter":
                if let filter = fields.filter() {
                    resources.filters.append(filter)
                    marks.seen(filter, document)
                }
            case "Policy":
                if let policy = fields.policy() {
                    resources.policies.append(policy)
                    marks.seen(policy, document)
                }
            default:
                let nearest = Spelling.nearest(to: kind, among: Self.kinds).map { "did you mean `\($0)`?" }
                fields.complain(
                    .unknownKind, "`kind: \(kind)` does not exist",
                    nearest ?? "the kinds are \(Self.kinds.joined(separator: ", "))")
                for name in ["metadata", "spec"] { _ = fields.value(name) }
            }
            return ()
        }
    }

    /// What `read` gives, unless it complained: a route that is not right as a whole is not looked at for where it leads.
    private func whole<Resource>(_ document: Value, _ read: () -> Resource?) -> Resource? {
        let before = document.findings.problems.count
        let resource = read()
        return document.findings.problems.count == before ? resource : nil
    }

    /// The whole file, checked across documents; nil where a part is missing, which has been complained of.
    func file(_ findings: Findings) -> ConfigurationFile? {
        let start = Mark(line: 1, column: 1)
        if meshes > 1 {
            findings.add(.missingDocument, "", start, "there are \(meshes) documents `kind: Mesh`", "keep one")
        }
        checker.check(resources, proxies.first, findings)
        guard proxies.count == 1, var proxy = proxies.first else {
            let message =
                proxies.isEmpty
                ? "there is no document `kind: Proxy`" : "there are \(proxies.count) documents `kind: Proxy`"
            // A Proxy that could not be read has been complained of already.
            if findings.problems.isEmpty { findings.add(.missingDocument, "", start, message, "keep exactly one") }
            return nil
        }
        // What comes to a gateway is for the proxy itself; captured, it would be taken for the workload's.
        proxy.capture.inbound.ports.skip += gatewayPorts.map { PortRange($0) }
        return ConfigurationFile(proxy: proxy, resources: resources)
    }

    private var gatewayPorts: [Port] { Set(resources.gateways.flatMap(\.listeners).map(\.port)).sorted() }
}
