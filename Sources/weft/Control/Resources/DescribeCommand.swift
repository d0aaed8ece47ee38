// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel
import ResourceDocuments

/// `weft describe`.
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a resource with what is attached to it: endpoints, routes, policies.",
        discussion: """
            EXAMPLE
              weft describe service api
              weft describe workload web-1 -n shop
            """)

    @Argument(help: ArgumentHelp("Its kind.", valueName: "kind"), transform: Values.resourceKind)
    var kind: ResourceKind

    @Argument(help: ArgumentHelp("Its name.", valueName: "name"), transform: Values.name)
    var name: ResourceName

    @Option(
        name: [.customShort("n"), .long], help: ArgumentHelp("Its namespace (default: default).", valueName: "name"),
        transform: Values.name)
    var namespace: ResourceName?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("describe") { client throws(Problems) in
            let reference = ResourceReference(namespace: namespace ?? .defaultNamespace, name: name)
            let attachments = try await Attachments(client)
            let found = attachments.document(kind, reference)
            let lines = attachments.lines(kind, reference)
            guard found != nil || kind == .workload && attachments.isConnected(reference) else {
                // The control plane's own words, with what may have been meant.
                _ = try await client.get("/v1/resources/\(kind.rawValue)/\(reference)")
                throw Problems(Problem(.resourceMissing, at: "\(kind.rawValue)/\(reference)", "does not exist"))
            }
            let document = found.map { YAMLText.document($0) } ?? ""
            let width = lines.map(\.what.count).max() ?? 0
            let text =
                document + lines.map { "\($0.what.padded(to: width))  \($0.text)".printable }.joined(separator: "\n")
            return Output.Result(text: text, documents: found.map { [$0] }) { json in
                if let found { json.field("resource", found) }
                json.key("attached")
                json.array(lines) { json, line in
                    json.object { json in
                        json.field("what", line.what)
                        json.field("text", line.text)
                    }
                }
            }
        }
    }
}

/// The mesh as far as its resources hang together.
struct Attachments {
    private let documents: [Node]
    private let services: [Node]
    private let proxies: [Node]

    init(_ client: ControlClient) async throws(Problems) {
        var documents: [Node] = []
        for kind in ResourceKind.allCases {
            documents += try await client.get("/v1/resources/\(kind.rawValue)").list("resources")
        }
        self.documents = documents
        services = try await client.get("/v1/services").list("services")
        proxies = try await client.get("/v1/proxies").list("proxies")
    }

    func document(_ kind: ResourceKind, _ reference: ResourceReference) -> Node? {
        documents.first { document in
            document.resourceKind == kind.rawValue && document.resourceName == reference.name.text
                && (!kind.isNamespaced || document.resourceNamespace == reference.namespace.text)
        }
    }

    func isConnected(_ workload: ResourceReference) -> Bool { proxy(workload) != nil }

    func lines(_ kind: ResourceKind, _ reference: ResourceReference) -> [(what: String, text: String)] {
        switch kind {
        case .service: ofService(reference)
        case .workload: ofWorkload(reference)
        case .gateway: routes(to: "Gateway", reference)
        case .httpRoute, .grpcRoute, .tlsRoute, .tcpRoute: backends(document(kind, reference))
        case .policy: targets(document(kind, reference))
        case .mesh, .trust, .filter: []
        }
    }

    // MARK: By kind

    private func ofService(_ reference: ResourceReference) -> [(what: String, text: String)] {
        var lines: [(String, String)] = []
        if let service = service(reference) {
            lines.append(("addresses", service.texts("addresses").joined(separator: ", ")))
            for endpoint in service.list("endpoints") {
                let state = endpoint.isTrue("connected") ? "connected" : "not connected"
                lines.append(("endpoint", "\(endpoint.text("workload")), \(state)"))
            }
        }
        lines += routes(to: "Service", reference)
        lines += policies(in: reference.namespace) { target in
            target.map { $0.text("service") == reference.name.text } ?? true
        }
        return lines
    }

    private func ofWorkload(_ reference: ResourceReference) -> [(what: String, text: String)] {
        var lines: [(String, String)] = []
        if let proxy = proxy(reference) {
            lines.append(("identity", proxy.text("identity")))
            lines.append(("addresses", proxy.texts("addresses").joined(separator: ", ")))
            lines.append(("proxy", "\(ProxyState(proxy).word), revision \(proxy.text("acknowledgedRevision"))"))
        } else {
            lines.append(("proxy", "not connected"))
        }
        let behind = services.filter { service in
            service.list("endpoints").contains { $0.text("workload") == reference.description }
        }
        for service in behind {
            lines.append(("service", "\(service.text("namespace"))/\(service.text("name"))"))
        }
        let names = Set(behind.map { $0.text("name") })
        lines += policies(in: reference.namespace) { target in
            guard let target else { return true }
            return target.text("workload") == reference.name.text || names.contains(target.text("service"))
        }
        return lines
    }

    private func routes(to kind: String, _ reference: ResourceReference) -> [(what: String, text: String)] {
        documents.filter { document in
            (document["spec"]?.list("parentRefs") ?? []).contains { parent in
                (parent.text("kind").nonempty ?? "Gateway") == kind && parent.text("name") == reference.name.text
                    && (parent.text("namespace").nonempty ?? document.resourceNamespace) == reference.namespace.text
            }
        }.map { ("route", "\($0.resourceKind)/\($0.resourceNamespace)/\($0.resourceName)") }
    }

    private func policies(
        in namespace: ResourceName, _ isFor: (Node?) -> Bool
    ) -> [(what: String, text: String)] {
        documents.filter { document in
            document.resourceKind == "Policy" && document.resourceNamespace == namespace.text
                && isFor(document["spec"]?["target"])
        }.map { ("policy", "\($0.resourceNamespace)/\($0.resourceName): \($0.summary)") }
    }

    private func backends(_ route: Node?) -> [(what: String, text: String)] {
        var lines: [(String, String)] = []
        for rule in route?["spec"]?.list("rules") ?? [] {
            for backend in rule.list("backendRefs") {
                let place =
                    "\(backend.text("namespace").nonempty ?? route?.resourceNamespace ?? "")/\(backend.text("name"))"
                let known = ResourceReference(place).flatMap { service($0) }
                let endpoints = known?.list("endpoints") ?? []
                let state =
                    known == nil
                    ? "does not exist" : "\(endpoints.count { $0.isTrue("connected") })/\(endpoints.count) connected"
                lines.append(("backend", "\(place):\(backend.text("port")), \(state)"))
            }
        }
        return lines
    }

    private func targets(_ policy: Node?) -> [(what: String, text: String)] {
        guard let policy else { return [] }
        let name = policy["spec"]?["target"]?.text("service") ?? ""
        let affected = services.filter {
            $0.text("namespace") == policy.resourceNamespace && (name.isEmpty || $0.text("name") == name)
        }
        guard policy["spec"]?["target"]?["workload"] == nil else { return [] }
        return affected.flatMap { service in
            service.list("endpoints").map { ("holds for", "\($0.text("workload")), of \(service.text("name"))") }
        }
    }

    private func service(_ reference: ResourceReference) -> Node? {
        services.first { $0.text("namespace") == reference.namespace.text && $0.text("name") == reference.name.text }
    }

    private func proxy(_ reference: ResourceReference) -> Node? {
        proxies.first { $0.text("namespace") == reference.namespace.text && $0.text("name") == reference.name.text }
    }
}
