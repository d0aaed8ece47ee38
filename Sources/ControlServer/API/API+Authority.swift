// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    var authority: [Endpoint] {
        [
            Endpoint(
                method: .get, path: "/v1/ca", role: .view,
                summary: "The roots, this replica's intermediate, and when they end."
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
            }
        ]
    }

    var credentials: [Endpoint] {
        [
            Endpoint(
                method: .post, path: "/v1/credentials", role: .admin, summary: "Lets somebody use the API.",
                body: "JSON: name, role, ttl, identity."
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
            Endpoint(method: .get, path: "/v1/credentials", role: .admin, summary: "Who may use the API.") {
                _, _ throws(Problems) in
                let all = try await single { () async throws(Problem) in try await plane.credentials.all() }
                return .object { json in
                    json.key("credentials")
                    json.array(all) { json, record in json.object { record.writeFields(into: &$0) } }
                }
            },
            Endpoint(method: .delete, path: "/v1/credentials/{id}", role: .admin, summary: "Takes a credential back.") {
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
