// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    var revisions: [Endpoint] {
        [
            Endpoint(
                method: .get, path: "/v1/revisions", role: .view, summary: "The revisions that are kept, newest first.",
                answer: .json(
                    .object([
                        "revisions": .list(
                            .object([
                                "revision": .integer, "attempt": .text, "author": .text, "time": .moment,
                                "message?": .text, "put": .integer, "deleted": .integer, "rolledBackTo?": .integer,
                            ]))
                    ]))
            ) {
                _, _ in
                .list("revisions", await plane.history())
            },
            Endpoint(
                method: .get, path: "/v1/revisions/{revision}/progress", role: .view,
                summary: "Which proxies a revision has reached.",
                answer: .json(
                    .object([
                        "concerned": .integer, "acknowledged": .integer, "late": .list(.text),
                        "rejected": .list(.object(["proxy": .text, "reasons": .named("Rejections")])),
                    ]))
            ) { call, _ throws(Problems) in
                let number = try number(call)
                _ = try await single { () async throws(Problem) in try await plane.state(at: number) }
                return .message(await plane.progress(of: number))
            },
            Endpoint(
                method: .post, path: "/v1/revisions/{revision}/rollback", role: .operate,
                summary: "Writes the content of an earlier revision as a new one.",
                query: [.text("message", "Why, for the history.")], answer: .json(.named("Written"))
            ) { call, principal throws(Problems) in
                let number = try number(call)
                return .written(
                    try await plane.rollBack(
                        to: number, author: principal.name,
                        message: call.query("message").map { String($0.prefix(1000)) }))
            },
        ]
    }

    private func number(_ call: Call) throws(Problems) -> UInt64 {
        let text = call.parameter("revision")
        guard let number = UInt64(text) else {
            throw Problems(Problem(.badValue, at: "revision", "`\(text.prefix(40))` is not a number"))
        }
        return number
    }
}
