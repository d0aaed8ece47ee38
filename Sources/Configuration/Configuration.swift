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
        guard kind == "HTTPRoute" else {
            _ = scalar("`weft/v1`, the only version there is") { $0 == "weft/v1" ? $0 : nil }
            return
        }
        let versions = ["v1", "v1beta1"].map { "gateway.networking.k8s.io/\($0)" }
        _ = scalar("`\(versions[0])` or `\(versions[1])`") { versions.contains($0) ? $0 : nil }
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
        "Proxy", "Mesh", "Workload", "Service", "Trust", "HTTPRoute", "Filter", "Policy",
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
            case "HTTPRoute":
                // One that is not right as a whole is not looked at for where it leads.
                let before = document.findings.problems.count
                if let route = fields.httpRoute(), document.findings.problems.count == before {
                    resources.routes.append(route)
                    marks.seen(route, document)
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

    /// The whole file, checked across documents; nil where a part is missing, which has been complained of.
    func file(_ findings: Findings) -> ConfigurationFile? {
        let start = Mark(line: 1, column: 1)
        if meshes > 1 {
            findings.add(.missingDocument, "", start, "there are \(meshes) documents `kind: Mesh`", "keep one")
        }
        checker.check(resources, findings)
        guard proxies.count == 1, let proxy = proxies.first else {
            let message =
                proxies.isEmpty
                ? "there is no document `kind: Proxy`" : "there are \(proxies.count) documents `kind: Proxy`"
            // A Proxy that could not be read has been complained of already.
            if findings.problems.isEmpty { findings.add(.missingDocument, "", start, message, "keep exactly one") }
            return nil
        }
        return ConfigurationFile(proxy: proxy, resources: resources)
    }
}
