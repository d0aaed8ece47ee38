// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import MeshModel
import ResourceDocuments

/// Which of a listing's things are wanted.
struct ListingFilter {
    var namespace: ResourceName?
    var name: String?
    /// As they were then; nil: as they are.
    var revision: UInt64?
}

/// What `weft get` can show: resources of a kind, and what the control plane knows beside them.
enum Listing {
    case resources(ResourceKind)
    case proxies
    case members
    case tokens
    case revisions
    case credentials

    /// Kinds in any case, in the plural too.
    init?(_ word: String) {
        let word = word.lowercased()
        guard let found = Self.words.first(where: { $0.word == word }) else { return nil }
        self = found.listing
    }

    /// Every word that is understood, the one to be shown first.
    static let words: [(word: String, listing: Listing)] = {
        var words: [(String, Listing)] = []
        for kind in ResourceKind.allCases {
            let single = kind.rawValue.lowercased()
            let plural =
                single.hasSuffix("y") && kind != .gateway
                ? single.dropLast() + "ies" : single.hasSuffix("h") ? single + "es" : single + "s"
            words += [(plural, .resources(kind)), (single, .resources(kind))]
        }
        for (word, listing) in [
            ("proxy", Listing.proxies), ("member", .members), ("token", .tokens), ("revision", .revisions),
            ("credential", .credentials),
        ] {
            words += [(word == "proxy" ? "proxies" : word + "s", listing), (word, listing)]
        }
        return words
    }()

    func result(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        switch self {
        case .resources(.service) where filter.revision == nil: try await services(client, filter)
        case .resources(.workload) where filter.revision == nil: try await workloads(client, filter)
        case .resources(let kind): try await resources(kind, client, filter)
        case .proxies: try await ProxyListing.result(client, filter)
        case .members: try await members(client, filter)
        case .tokens: try await tokens(client, filter)
        case .revisions: try await revisions(client)
        case .credentials: try await credentials(client)
        }
    }

    // MARK: Resources

    /// The documents of a kind, and the revision that they are of.
    private static func documents(
        _ kind: ResourceKind, _ client: ControlClient, _ filter: ListingFilter
    ) async throws(Problems) -> (answer: Node, documents: [Node]) {
        let revision = filter.revision.map(String.init)
        let answer: Node
        if let name = filter.name {
            let namespace = kind.isNamespaced ? filter.namespace ?? .defaultNamespace : .defaultNamespace
            answer = try await client.get(
                "/v1/resources/\(kind.rawValue)/\(namespace)/\(name.percentEncoded)", query: [("revision", revision)])
        } else {
            answer = try await client.get(
                "/v1/resources/\(kind.rawValue)",
                query: [("namespace", filter.namespace?.text), ("revision", revision)])
        }
        return (answer, answer.list("resources"))
    }

    private func resources(
        _ kind: ResourceKind, _ client: ControlClient, _ filter: ListingFilter
    ) async throws(Problems) -> Output.Result {
        let (answer, documents) = try await Self.documents(kind, client, filter)
        var table = Table("NAME", "NAMESPACE", "WHAT")
        for document in documents {
            table.add(document.resourceName, kind.isNamespaced ? document.resourceNamespace : "", document.summary)
        }
        return Output.Result(
            text: table.text(ifEmpty: "there is no \(kind.rawValue)"), documents: documents
        ) { $0.fields(of: answer) }
    }

    private func services(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        let (answer, documents) = try await Self.documents(.service, client, filter)
        let known = try await client.get("/v1/services", query: [("namespace", filter.namespace?.text)])
        let wanted = Set(documents.map { "\($0.resourceNamespace)/\($0.resourceName)" })
        let services = known.list("services").filter { wanted.contains("\($0.text("namespace"))/\($0.text("name"))") }
        var table = Table("NAME", "NAMESPACE", "ADDRESSES", "PORTS", "ENDPOINTS")
        for service in services {
            let endpoints = service.list("endpoints")
            let connected = endpoints.count { $0.isTrue("connected") }
            table.add(
                service.text("name"), service.text("namespace"),
                service.texts("addresses").joined(separator: ","), service.texts("ports").joined(separator: ","),
                "\(connected)/\(endpoints.count) connected")
        }
        return Output.Result(text: table.text(ifEmpty: "there is no Service"), documents: documents) { json in
            json.fields(of: answer)
            json.key("services")
            json.array(services) { $0.raw($1.jsonText) }
        }
    }

    /// Those that are written down, and those that have joined or are connected.
    private func workloads(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        var all = filter
        all.name = nil
        let (answer, documents) = try await Self.documents(.workload, client, all)
        let members = try await client.get("/v1/members").list("members")
        let proxies = try await client.get("/v1/proxies").list("proxies")
        var rows: [String: (kinds: [String], identity: String, addresses: String)] = [:]
        func add(_ name: String, _ namespace: String, _ kind: String, _ identity: String, _ addresses: [String]) {
            guard filter.namespace == nil || filter.namespace?.text == namespace else { return }
            guard filter.name == nil || filter.name == name else { return }
            var row = rows["\(namespace)/\(name)"] ?? ([], "", "")
            if !row.kinds.contains(kind) { row.kinds.append(kind) }
            if !identity.isEmpty { row.identity = identity }
            if !addresses.isEmpty { row.addresses = addresses.joined(separator: ",") }
            rows["\(namespace)/\(name)"] = row
        }
        for document in documents {
            add(
                document.resourceName, document.resourceNamespace, "written", document["spec"]?.text("spiffeID") ?? "",
                document["spec"]?.texts("addresses") ?? [])
        }
        for member in members {
            add(
                member.text("name"), member.text("namespace"), member.isTrue("frozen") ? "frozen" : "joined",
                member.text("identity"), [])
        }
        for proxy in proxies {
            add(
                proxy.text("name"), proxy.text("namespace"), "connected", proxy.text("identity"),
                proxy.texts("addresses"))
        }
        var table = Table("WORKLOAD", "IS", "IDENTITY", "ADDRESSES")
        for (name, row) in rows.sorted(by: { $0.key < $1.key }) {
            table.add(name, row.kinds.joined(separator: ","), row.identity, row.addresses)
        }
        let shown = rows
        return Output.Result(text: table.text(ifEmpty: "there is no workload"), documents: documents) { json in
            json.fields(of: answer)
            json.key("workloads")
            json.array(shown.sorted(by: { $0.key < $1.key })) { json, row in
                json.object { json in
                    json.field("workload", row.key)
                    json.key("is")
                    json.array(row.value.kinds) { $0.string($1) }
                    json.field("identity", row.value.identity)
                    json.field("addresses", row.value.addresses)
                }
            }
        }
    }

    // MARK: The rest

    private func members(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        let answer = try await client.get("/v1/members")
        var table = Table("WORKLOAD", "IDENTITY", "CERTIFICATE UNTIL", "JOINED", "SERIAL")
        for member in answer.list("members") where filter.takes(member) {
            table.add(
                "\(member.text("namespace"))/\(member.text("name"))",
                member.text("identity") + (member.isTrue("frozen") ? " (frozen)" : ""), member.text("notAfter"),
                member.text("joinedAt"), member.text("serial"))
        }
        return Output.Result(text: table.text(ifEmpty: "nobody has joined")) { $0.fields(of: answer) }
    }

    private func tokens(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        let answer = try await client.get("/v1/tokens")
        var table = Table("ID", "SERVICE", "UNTIL", "BY", "USED")
        for token in answer.list("tokens") where filter.namespace == nil || filter.takes(token) {
            let used = token.text("usedBy")
            table.add(
                token.text("id"), "\(token.text("namespace"))/\(token.text("service"))", token.text("expiresAt"),
                token.text("author"), used.isEmpty ? "no" : "by \(used) at \(token.text("usedAt"))")
        }
        return Output.Result(text: table.text(ifEmpty: "there is no token")) { $0.fields(of: answer) }
    }

    private func revisions(_ client: ControlClient) async throws(Problems) -> Output.Result {
        let answer = try await client.get("/v1/revisions")
        var table = Table("REVISION", "TIME", "BY", "PUT", "DELETED", "WHY")
        for revision in answer.list("revisions") {
            let back = revision.text("rolledBackTo")
            let why = [back.isEmpty ? "" : "back to \(back)", revision.text("message")].filter { !$0.isEmpty }
            table.add(
                revision.text("revision"), revision.text("time"), revision.text("author"), revision.text("put"),
                revision.text("deleted"), why.joined(separator: ": "))
        }
        return Output.Result(text: table.text(ifEmpty: "nothing has been written yet")) { $0.fields(of: answer) }
    }

    private func credentials(_ client: ControlClient) async throws(Problems) -> Output.Result {
        let answer = try await client.get("/v1/credentials")
        var table = Table("ID", "NAME", "MAY", "UNTIL", "IDENTITY")
        for credential in answer.list("credentials") {
            let end = credential.text("expiresAt")
            table.add(
                credential.text("id"), credential.text("name"), credential.text("role"), end.isEmpty ? "ever" : end,
                credential.text("identity"))
        }
        return Output.Result(text: table.text(ifEmpty: "there is no credential")) { $0.fields(of: answer) }
    }
}

extension ListingFilter {
    func takes(_ node: Node) -> Bool {
        (namespace == nil || namespace?.text == node.text("namespace")) && (name == nil || name == node.text("name"))
    }
}
