// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// Reads the file that `weft-init` and `weft-proxy` share: a stream of YAML (or JSON) documents, one of them
/// `kind: Proxy`, the others resources of the mesh. `docs/configuration.md` describes every field.
package enum ConfigurationReader {
    /// Reads and checks a file. Every problem of the file is in the error; nothing of it is used if there is one.
    package static func read(path: String) throws(Problems) -> ConfigurationFile {
        try read(try bytes(path: path), name: path)
    }

    /// A document that comes from elsewhere than the file, with the name that stands in messages about it.
    package typealias Addition = (name: String, text: String)

    /// The file as it lies there, for ``read(_:name:with:)``.
    package static func bytes(path: String) throws(Problems) -> [UInt8] {
        do throws(SystemError) {
            return try Files.read(path, limit: YAMLReader.byteLimit).bytes
        } catch {
            throw Problems(
                Problem(
                    .fileUnreadable, at: path, "cannot be read: \(error.errno)",
                    remedy: "check the path and its permissions"))
        }
    }

    /// Reads and checks a text; `name` stands in messages. `additions` count as if they stood in it, but a Mesh among them
    /// takes the place of the text's own: whoever gives it speaks for the mesh.
    package static func read(
        _ text: [UInt8], name: String, with additions: [Addition] = []
    ) throws(Problems) -> ConfigurationFile {
        let findings = Findings(file: name)
        var collected = Collected()
        do throws(Problem) {
            for document in try YAMLReader.documents(text, name: name) where !document.isNull {
                collected.read(Value(node: document, path: "", findings: findings))
            }
            collected.beginAdditions()
            for addition in additions {
                let findings = Findings(file: addition.name, of: findings)
                let documents = try YAMLReader.documents(Array(addition.text.utf8), name: addition.name)
                guard documents.count == 1, let document = documents.first else {
                    throw Problem(.badDocument, at: "\(addition.name):1:1", "holds \(documents.count) documents")
                }
                collected.read(Value(node: document, path: "", findings: findings))
            }
        } catch {
            throw Problems(error)
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
    private var earlierMeshes = 0
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

    /// From here on it is not the file that is read.
    mutating func beginAdditions() {
        earlierMeshes = meshes
        meshes = 0
    }

    /// The whole file, checked across documents; nil where a part is missing, which has been complained of.
    func file(_ findings: Findings) -> ConfigurationFile? {
        let start = Mark(line: 1, column: 1)
        if let meshes = [earlierMeshes, meshes].first(where: { $0 > 1 }) {
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
