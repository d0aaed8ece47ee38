// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    private static let token = Schema.object([
        "id": .text, "service": .text, "namespace": .text, "author": .text, "createdAt": .moment, "expiresAt": .moment,
        "usedBy?": .text, "usedAt?": .moment,
    ])
    private static let member = Schema.object([
        "name": .text, "namespace": .text, "identity": .text, "serial": .text, "keyHash": .text, "notAfter": .moment,
        "joinedAt": .moment, "root?": .text, "issuedAt?": .moment, "shownAt?": .moment,
        "renewed?": .object(["serial": .text, "keyHash": .text, "notAfter": .moment]), "frozen": .truth,
    ])
    private static let peer = Schema.object(["identity?": .text, "serial?": .text])

    var members: [Endpoint] {
        [
            Endpoint(
                method: .post, path: "/v1/tokens", role: .operate, summary: "Makes a token that lets one machine join.",
                body: .json(.object(["service": .text, "namespace?": .text, "ttl?": .text])),
                answer: .json(Self.token.and(["token": .text, "serviceExists": .truth]))
            ) { call, principal throws(Problems) in
                let reader = try await call.object()
                return try await single { () async throws(Problem) in
                    let namespace =
                        reader.contains("namespace") ? try reader.resourceName("namespace") : .defaultNamespace
                    let service = ResourceReference(namespace: namespace, name: try reader.resourceName("service"))
                    let lifetime =
                        reader.contains("ttl")
                        ? try reader.value("ttl", "a duration such as 1h") { DurationText.parse($0) }
                        : Enrollment.tokenLifetime
                    let (token, record) = try await plane.enrollment.createToken(
                        for: service, lifetime: lifetime, addresses: plane.settings.joinAddresses,
                        author: principal.name)
                    await plane.audit.note(
                        "token", by: principal.name, on: "token/\(record.id) for \(service)", outcome: nil)
                    let isKnown = await plane.index().service(service) != nil
                    return .object { json in
                        json.field("token", token.text)
                        record.writeFields(into: &json)
                        json.field("serviceExists", isKnown)
                    }
                }
            },
            Endpoint(
                method: .get, path: "/v1/tokens", role: .operate, summary: "The join tokens, without their secrets.",
                answer: .json(.object(["tokens": .list(Self.token)]))
            ) {
                _, _ throws(Problems) in
                let tokens = try await single { () async throws(Problem) in try await plane.enrollment.tokens() }
                return .object { json in
                    json.key("tokens")
                    json.array(tokens) { json, token in json.object { token.writeFields(into: &$0) } }
                }
            },
            Endpoint(
                method: .delete, path: "/v1/tokens/{id}", role: .operate, summary: "Takes a join token back.",
                answer: .nothing
            ) {
                call, principal throws(Problems) in
                let id = call.parameter("id")
                try await single { () async throws(Problem) in
                    guard try await plane.enrollment.deleteToken(id) else {
                        throw Problem(.resourceMissing, at: id, "is not the id of a token")
                    }
                }
                await plane.audit.note("token delete", by: principal.name, on: "token/\(id)", outcome: nil)
                return .nothing
            },
            Endpoint(
                method: .get, path: "/v1/members", role: .view, summary: "The workloads that have joined.",
                answer: .json(.object(["members": .list(Self.member)]))
            ) {
                _, _ throws(Problems) in
                let members = try await single { () async throws(Problem) in try await plane.enrollment.members() }
                return .list("members", members)
            },
            Endpoint(
                method: .delete, path: "/v1/members/{namespace}/{name}", role: .operate,
                summary: "Takes a workload out; its certificates are denied.", answer: .nothing
            ) { call, principal throws(Problems) in
                let workload = try workload(call)
                try await single { () async throws(Problem) in
                    guard try await plane.enrollment.remove(workload) != nil else { throw Self.unknown(workload) }
                }
                await plane.audit.note("leave", by: principal.name, on: "member/\(workload)", outcome: nil)
                return .nothing
            },
            Endpoint(
                method: .post, path: "/v1/members/{namespace}/{name}/thaw", role: .admin,
                summary: "Lets a frozen workload renew again.", answer: .nothing
            ) { call, principal throws(Problems) in
                let workload = try workload(call)
                try await single { () async throws(Problem) in
                    guard try await plane.enrollment.thaw(workload) else { throw Self.unknown(workload) }
                }
                await plane.audit.note("thaw", by: principal.name, on: "member/\(workload)", outcome: nil)
                return .nothing
            },
            Endpoint(
                method: .get, path: "/v1/denied", role: .view, summary: "Identities and certificates that are denied.",
                answer: .json(.object(["serials": .list(.text), "identities": .list(.text)]))
            ) {
                _, _ in
                let denied = await plane.denied()
                return .object { json in
                    json.key("serials")
                    json.array(denied.serials) { $0.string($1) }
                    json.key("identities")
                    json.array(denied.identities) { $0.string($1) }
                }
            },
            Endpoint(
                method: .post, path: "/v1/denied", role: .admin,
                summary: "Denies an identity or one certificate; open connections end within a second.",
                body: .json(Self.peer), answer: .nothing
            ) { call, principal throws(Problems) in
                try await deny(call, principal, isDenied: true)
            },
            Endpoint(
                method: .post, path: "/v1/permitted", role: .admin, summary: "Takes a denial back.",
                body: .json(Self.peer), answer: .nothing
            ) { call, principal throws(Problems) in
                try await deny(call, principal, isDenied: false)
            },
        ]
    }

    private func deny(_ call: Call, _ principal: Principal, isDenied: Bool) async throws(Problems) -> Answer {
        let reader = try await call.object()
        return try await single { () async throws(Problem) in
            let identity =
                reader.contains("identity")
                ? try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) } : nil
            let serial =
                reader.contains("serial")
                ? try reader.value("serial", "a serial number in hexadecimal") { text in
                    let digits = text.lowercased()
                    return !digits.isEmpty && digits.utf8.allSatisfy { Hexadecimal.value(of: $0) != nil } ? digits : nil
                } : nil
            guard identity != nil || serial != nil else {
                throw Problem(.missingField, "there is neither `identity` nor `serial`")
            }
            if let identity, identity == ControlIdentity.spiffeID(in: plane.trustDomain), isDenied {
                throw Problem(.badValue, at: "identity", "the control plane cannot deny itself")
            }
            try await plane.deny(identity: identity, serial: serial, isDenied: isDenied, author: principal.name)
            return .nothing
        }
    }

    func workload(_ call: Call) throws(Problems) -> ResourceReference {
        ResourceReference(namespace: try call.name("namespace"), name: try call.name("name"))
    }

    static func unknown(_ workload: ResourceReference) -> Problem {
        Problem(.resourceMissing, at: workload.description, "is not a workload that is here")
    }
}
