// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel
internal import ResourceDocuments

extension API {
    /// What one request may bring: 10,000 resources of ordinary size.
    private static let applyLimit = 16 << 20

    var resources: [Endpoint] {
        [
            Endpoint(
                method: .post, path: "/v1/apply", role: .operate,
                summary: "Writes resources as one revision: all of them or none.",
                query: [
                    .flag("dryRun", "Check, and say what would change."),
                    .flag("allowDangling", "Names that lead nowhere become warnings."),
                    .text("message", "Why, for the history."),
                    .text("prune", "Kinds, with commas: what is not among the documents is deleted."),
                ], body: .documents, bodyLimit: Self.applyLimit, answer: .json(.named("Written"))
            ) { call, principal throws(Problems) in
                var options = try options(call)
                for word in (call.query("prune") ?? "").split(separator: ",") {
                    guard let kind = ResourceKind(rawValue: String(word)) else {
                        throw Problems(Problem(.unknownKind, at: "prune", "`\(word)` does not exist"))
                    }
                    options.pruneKinds.insert(kind)
                }
                return .written(
                    try await plane.apply(call.body, name: "input", author: principal.name, options))
            },
            Endpoint(
                method: .post, path: "/v1/diff", role: .view,
                summary: "Which callers and services would be treated otherwise.",
                query: [.flag("allowDangling", "As with apply.")], body: .documents, bodyLimit: Self.applyLimit,
                answer: .json(.named("Written"))
            ) { call, principal throws(Problems) in
                var options = try options(call)
                options.isDryRun = true
                let written = try await plane.apply(call.body, name: "input", author: principal.name, options)
                let effects = try await plane.effects(of: call.body, options)
                return .written(written) { json in
                    json.key("effects")
                    json.array(effects) { json, effect in
                        json.object { json in
                            json.field("from", effect.caller)
                            json.field("to", effect.service)
                            json.field("before", effect.before)
                            json.field("after", effect.after)
                        }
                    }
                }
            },
            Endpoint(
                method: .get, path: "/v1/resources/{kind}", role: .view, summary: "The resources of a kind.",
                query: [
                    .text("namespace", "Only those of this namespace."),
                    .number("revision", "As they were in this revision."),
                ], answer: .json(.named("Resources"))
            ) { call, _ throws(Problems) in
                let kind = try call.kind()
                let state = try await state(call)
                let namespace = call.query("namespace")
                let documents = state.documents.values.filter {
                    $0.id.kind == kind && (namespace == nil || $0.id.reference.namespace.text == namespace)
                }
                return .documents(documents.sorted { $0.id < $1.id }, state.revision)
            },
            Endpoint(
                method: .get, path: "/v1/resources/{kind}/{namespace}/{name}", role: .view, summary: "One resource.",
                query: [.number("revision", "As it was in this revision.")], answer: .json(.named("Resources"))
            ) { call, _ throws(Problems) in
                let id = try id(call)
                let state = try await state(call)
                guard let document = state.documents[id] else { throw Problems(state.missing(id)) }
                return .documents([document], state.revision)
            },
            Endpoint(
                method: .delete, path: "/v1/resources/{kind}/{namespace}/{name}", role: .operate,
                summary: "Deletes a resource, as a revision of its own.",
                query: [
                    .flag("dryRun", "Check, and say what would change."),
                    .flag("allowDangling", "Although something names it."), .text("message", "Why, for the history."),
                ], answer: .json(.named("Written"))
            ) { call, principal throws(Problems) in
                .written(try await plane.delete([try id(call)], author: principal.name, try options(call)))
            },
        ]
    }

    private func options(_ call: Call) throws(Problems) -> ControlPlane.ApplyOptions {
        var options = ControlPlane.ApplyOptions()
        options.isDryRun = call.flag("dryRun")
        options.allowsDangling = call.flag("allowDangling")
        options.message = call.query("message").map { String($0.prefix(1000)) }
        return options
    }

    private func id(_ call: Call) throws(Problems) -> ResourceID {
        ResourceID(
            try call.kind(),
            ResourceReference(namespace: try call.name("namespace"), name: try call.name("name")))
    }

    func state(_ call: Call) async throws(Problems) -> MeshState {
        let revision = call.query("revision")
        let number = revision.flatMap { UInt64($0) }
        if let revision, number == nil {
            throw Problems(Problem(.badValue, at: "revision", "`\(revision.prefix(40))` is not a number"))
        }
        return try await single { () async throws(Problem) in try await plane.state(at: number) }
    }

}

extension Answer {
    static func documents(_ documents: [ResourceDocument], _ revision: UInt64) -> Answer {
        .object { json in
            json.field("revision", revision)
            json.key("resources")
            json.array(documents) { json, document in json.raw(document.text) }
        }
    }

    static func written(_ written: ControlPlane.Written, _ more: (inout JSONWriter) -> Void = { _ in }) -> Answer {
        .object { json in
            json.field("revision", written.revision)
            json.field("written", written.record != nil)
            json.key("changes")
            json.array(written.actions) { json, item in
                json.object { json in
                    json.field("resource", item.id.description)
                    json.field("action", item.action.rawValue)
                }
            }
            json.key("warnings")
            json.array(written.warnings) { json, problem in ProblemsAnswer.Item(problem).write(into: &json) }
            more(&json)
        }
    }
}
