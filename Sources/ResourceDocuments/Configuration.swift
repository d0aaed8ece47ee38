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

/// What the documents read so far have given.
private struct Collected {
    private var proxies: [ProxySettings] = []
    private var resources = MeshResources()
    private var meshes = 0
    private let checker = ResourceChecker()

    mutating func read(_ document: Value) {
        switch document.resource(ResourceKind.ofFiles) {
        case .proxy(let proxy): proxies.append(proxy)
        case .shared(let kind, let resource):
            // One that could not be read counts too, or a file with two would be told of one.
            if kind == .mesh { meshes += 1 }
            guard let resource else { return }
            resources.add(resource)
            checker.seen(resource, document)
        case nil: break
        }
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
