// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    private static let credential = Schema.object([
        "id": .text, "name": .text, "role": .choice(Role.words), "createdAt": .moment, "expiresAt?": .moment,
        "identity?": .text,
    ])
    private static let steps = RootRecord.Step.allCases.map(\.rawValue)

    var authority: [Endpoint] {
        [
            Endpoint(
                method: .get, path: "/v1/ca", role: .view,
                summary: "The roots, this replica's intermediate, and when they end.",
                answer: .json(
                    .object([
                        "certificates": .list(
                            .object([
                                "role": .choice(["root", "intermediate", "serving"]), "step?": .choice(Self.steps),
                                "fingerprint": .text, "notBefore": .moment, "notAfter": .moment,
                            ]))
                    ]))
            ) {
                _, _ in
                let report = await plane.authority.report()
                return .object { json in
                    json.key("certificates")
                    json.array(report) { json, item in
                        json.object { json in
                            json.field("role", item.role)
                            json.field("step", ifPresent: item.step)
                            json.field("fingerprint", item.fingerprint)
                            json.field("notBefore", item.validity.notBefore.description)
                            json.field("notAfter", item.validity.notAfter.description)
                        }
                    }
                }
            },
            Endpoint(
                method: .get, path: "/v1/ca/rotation", role: .view,
                summary: "Where the rotation of the root is, and who keeps it waiting.",
                answer: .json(
                    .object([
                        "next?": .choice(ControlPlane.RotationStep.allCases.map(\.rawValue)), "missing": .list(.text),
                        "roots": .list(
                            .object(["fingerprint": .text, "step": .choice(Self.steps), "since": .moment])),
                    ]))
            ) { _, _ throws(Problems) in
                let status = try await single { () async throws(Problem) in try await plane.rotation() }
                return .object { json in
                    json.field("next", ifPresent: status.next?.rawValue)
                    json.key("missing")
                    json.array(status.missing) { $0.string($1) }
                    json.key("roots")
                    json.array(status.roots) { json, root in
                        json.object { json in
                            json.field("fingerprint", root.fingerprint)
                            json.field("step", root.step.rawValue)
                            json.field("since", root.since.description)
                        }
                    }
                }
            },
            Endpoint(
                method: .post, path: "/v1/ca/rotation/{step}", role: .admin,
                summary: "Takes a step of the rotation: stage, trust, sign, retire; or cut.",
                query: [.flag("force", "Although somebody has not taken the step before.")], answer: .nothing
            ) { call, principal throws(Problems) in
                let text = call.parameter("step")
                guard let step = ControlPlane.RotationStep(rawValue: text) else {
                    throw Problems(
                        Problem(
                            .badValue, at: "step", "`\(text.prefix(40))` is none of stage, trust, sign, retire, cut"))
                }
                try await single { () async throws(Problem) in
                    try await plane.rotate(to: step, isForced: call.flag("force"), author: principal.name)
                }
                return .nothing
            },
            Endpoint(
                method: .get, path: "/v1/ca/csr", role: .admin,
                summary: "A signing request for this replica's intermediate, for where the root's key is elsewhere.",
                answer: .pem
            ) { _, _ throws(Problems) in
                let text = try await single { () async throws(Problem) in try await plane.authority.signingRequest() }
                return Answer(type: "application/x-pem-file", body: Array(text.utf8))
            },
            Endpoint(
                method: .post, path: "/v1/ca/intermediate", role: .admin,
                summary: "Takes the certificate that was made for that request.", body: .pem, answer: .nothing
            ) { call, principal throws(Problems) in
                try await single { () async throws(Problem) in
                    try await plane.authority.install(String(decoding: call.body, as: UTF8.self))
                }
                await plane.rootsChanged()
                await plane.audit.note("ca install", by: principal.name, on: "ca/intermediate", outcome: nil)
                return .nothing
            },
        ]
    }

    var credentials: [Endpoint] {
        [
            Endpoint(
                method: .post, path: "/v1/credentials", role: .admin, summary: "Lets somebody use the API.",
                body: .json(
                    .object(["name": .text, "role": .choice(Role.words), "ttl?": .text, "identity?": .text])),
                answer: .json(Self.credential.and(["token?": .text]))
            ) { call, principal throws(Problems) in
                let reader = try await call.object()
                return try await single { () async throws(Problem) in
                    let name = try reader.text("name", atMost: 128)
                    let role = try reader.value("role", "one of view, operate, admin") { Role(rawValue: $0) }
                    let lifetime =
                        reader.contains("ttl")
                        ? try reader.value("ttl", "a lifetime such as 30d") { DurationText.parseLifetime($0) } : nil
                    let identity =
                        reader.contains("identity")
                        ? try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) } : nil
                    let (record, token) = try await plane.credentials.create(
                        name: name, role: role, lifetime: lifetime, identity: identity)
                    await plane.audit.note(
                        "credential", by: principal.name, on: "credential/\(record.id) \(role.rawValue)", outcome: nil)
                    return .object { json in
                        record.writeFields(into: &json)
                        json.field("token", ifPresent: token)
                    }
                }
            },
            Endpoint(
                method: .get, path: "/v1/credentials", role: .admin, summary: "Who may use the API.",
                answer: .json(.object(["credentials": .list(Self.credential)]))
            ) {
                _, _ throws(Problems) in
                let all = try await single { () async throws(Problem) in try await plane.credentials.all() }
                return .object { json in
                    json.key("credentials")
                    json.array(all) { json, record in json.object { record.writeFields(into: &$0) } }
                }
            },
            Endpoint(
                method: .delete, path: "/v1/credentials/{id}", role: .admin, summary: "Takes a credential back.",
                answer: .nothing
            ) {
                call, principal throws(Problems) in
                let id = call.parameter("id")
                try await single { () async throws(Problem) in
                    guard try await plane.credentials.delete(id) else {
                        throw Problem(.resourceMissing, at: id, "is not the id of a credential")
                    }
                }
                await plane.audit.note("credential delete", by: principal.name, on: "credential/\(id)", outcome: nil)
                return .nothing
            },
        ]
    }
}
