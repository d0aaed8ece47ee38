// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel
internal import ResourceDocuments

/// Everything that the API offers. Each file beside this one has the endpoints of one subject.
struct API: Sendable {
    let plane: ControlPlane

    var endpoints: [Endpoint] { about + resources + revisions + calls + members + proxies + authority + credentials }

    private var about: [Endpoint] {
        [
            Endpoint(
                method: .get, path: "/v1/info", role: .view, summary: "Which mesh and which replica this is.",
                answer: .json(
                    .object([
                        "version": .text, "trustDomain": .text, "replica": .text, "revision": .integer,
                        "watches": .integer, "bundle": .text, "principal": .text, "role": .choice(Role.words),
                    ]))
            ) {
                _, principal throws(Problems) in
                let bundle = await plane.authority.bundle
                let state = try await single { () async throws(Problem) in try await plane.state() }
                let count = await plane.hub.count
                return .object { json in
                    json.field("version", WeftVersion.text)
                    json.field("trustDomain", plane.trustDomain.name)
                    json.field("replica", plane.settings.replica.text)
                    json.field("revision", state.revision)
                    json.field("watches", count)
                    json.field("bundle", bundle)
                    json.field("principal", principal.name)
                    json.field("role", principal.role.rawValue)
                }
            },
            Endpoint(
                method: .get, path: "/v1/audit", role: .operate, summary: "Who changed what, newest first.",
                query: [.number("limit", "How many entries; 100 if not said, at most 10,000.")],
                answer: .json(
                    .object([
                        "entries": .list(
                            .object([
                                "time": .moment, "author": .text, "action": .text, "object": .text, "outcome": .text,
                            ]))
                    ]))
            ) { call, _ throws(Problems) in
                let limit = Int(min(10_000, max(1, call.query("limit").flatMap { UInt64($0) } ?? 100)))
                let entries = try await single { () async throws(Problem) in
                    try await plane.audit.entries(limit: limit)
                }
                return .list("entries", entries)
            },
        ]
    }
}

extension Role {
    static let words = allCases.map(\.rawValue)
}

extension Answer {
    static func object(_ body: (inout JSONWriter) -> Void) -> Answer {
        var json = JSONWriter()
        json.object(body)
        return Answer(body: json.bytes)
    }

    static func list(_ name: String, _ messages: [some ControlMessage]) -> Answer {
        .object { json in
            json.key(name)
            json.array(messages) { $1.write(into: &$0) }
        }
    }
}

extension Call {
    /// The body as an object of JSON.
    func object() async throws(Problems) -> MessageReader {
        try await single { () throws(Problem) in try MessageReader(body) }
    }

    /// A name in the path.
    func name(_ name: String) throws(Problems) -> ResourceName {
        let text = parameter(name)
        guard let value = ResourceName(text) else {
            throw Problems(Problem(.badValue, at: name, "`\(text.prefix(80))` is not a name"))
        }
        return value
    }

    func kind() throws(Problems) -> ResourceKind {
        let text = parameter("kind")
        guard let kind = ResourceKind.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            let known = ResourceKind.allCases.map(\.rawValue)
            let nearest = Spelling.nearest(to: text, among: known).map { "did you mean `\($0)`?" }
            throw Problems(
                Problem(
                    .unknownKind, at: "kind", "`\(text.prefix(80))` does not exist",
                    remedy: nearest ?? "the kinds are \(known.joined(separator: ", "))"))
        }
        return kind
    }
}
