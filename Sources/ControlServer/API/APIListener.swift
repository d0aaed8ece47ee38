// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlPlane
internal import HTTPTypes
internal import Hummingbird
internal import MeshModel

/// The API for operators: on the administrator's socket for whoever may open that, and on port 15010 for who has a
/// credential.
struct APIListener: Sendable {
    let plane: ControlPlane
    /// True on the socket, whose file says who may.
    let isLocal: Bool

    func router() -> Router<CallContext> {
        let router = Router(context: CallContext.self)
        router.middlewares.add(NothingThere())
        let endpoints = API(plane: plane).endpoints
        for endpoint in endpoints {
            router.answer(endpoint.method, endpoint.path, atMost: endpoint.bodyLimit) { call throws(Problems) in
                let principal = try await principal(call)
                guard principal.role >= endpoint.role else {
                    await plane.audit.note(
                        "\(endpoint.method.rawValue.lowercased())", by: principal.name, on: call.request.uri.path,
                        outcome: .forbidden)
                    throw Problems(
                        Problem(
                            .forbidden, "\(principal.name) may \(principal.role.rawValue)",
                            remedy: "it takes the role \(endpoint.role.rawValue)"))
                }
                return try await endpoint.run(call, principal)
            }
        }
        let document = OpenAPI.document(endpoints)
        router.answer(.get, "/v1/openapi.json", atMost: 0) { call throws(Problems) in
            _ = try await principal(call)
            return Answer(body: document)
        }
        return router
    }

    private func principal(_ call: Call) async throws(Problems) -> Principal {
        if isLocal { return .administrator }
        return try await single { () async throws(Problem) in
            if let peer = await ProvedPeer.of(call.context.channel) {
                let denied = await plane.denied()
                guard !denied.identities.contains(peer.identity.description), !denied.serials.contains(peer.serial)
                else {
                    throw Problem(.identityDenied, "\(peer.identity) is denied")
                }
                if let principal = try await plane.credentials.principal(of: peer.identity) { return principal }
                throw Problem(.forbidden, "\(peer.identity) has no role here", remedy: "`weft credential create`")
            }
            let header = call.request.headers[.authorization] ?? ""
            guard header.lowercased().hasPrefix("bearer ") else {
                throw Problem(
                    .unauthenticated, "there is no credential", remedy: "`weft login`, or use the local socket")
            }
            return try await plane.credentials.principal(
                ofToken: String(header.dropFirst("bearer ".count)), from: call.context.peer)
        }
    }
}

/// The document that describes the API, made of the table that serves it.
enum OpenAPI {
    static func document(_ endpoints: [Endpoint]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("openapi", "3.1.0")
            json.key("info")
            json.object { json in
                json.field("title", "Weft control plane")
                json.field("version", WeftVersion.text)
            }
            json.key("paths")
            json.object { json in
                var paths: [String] = []
                for endpoint in endpoints where !paths.contains(endpoint.path) { paths.append(endpoint.path) }
                for path in paths {
                    json.key(path)
                    json.object { json in
                        for endpoint in endpoints where endpoint.path == path { write(endpoint, &json) }
                    }
                }
            }
            json.key("components")
            json.object { json in
                json.key("securitySchemes")
                json.object { json in
                    json.key("token")
                    json.object { json in
                        json.field("type", "http")
                        json.field("scheme", "bearer")
                    }
                    json.key("certificate")
                    json.object { $0.field("type", "mutualTLS") }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ endpoint: Endpoint, _ json: inout JSONWriter) {
        json.key(endpoint.method.rawValue.lowercased())
        json.object { json in
            json.field("summary", endpoint.summary)
            json.field("description", "Takes the role `\(endpoint.role.rawValue)`.")
            json.key("parameters")
            json.beginArray()
            for part in endpoint.path.split(separator: "/") where part.hasPrefix("{") {
                parameter(String(part.dropFirst().dropLast()), "path", nil, isRequired: true, &json)
            }
            for (name, meaning) in endpoint.query { parameter(name, "query", meaning, isRequired: false, &json) }
            json.endArray()
            if let body = endpoint.body {
                json.key("requestBody")
                json.object { json in
                    json.field("description", body)
                    json.key("content")
                    json.object { json in
                        json.key(body.contains("YAML") ? "application/yaml" : "application/json")
                        json.object { _ in }
                    }
                }
            }
            json.key("responses")
            json.object { json in
                for (status, meaning) in [
                    ("2XX", "Done."), ("4XX", "Something is wrong with the request: code, place, message, remedy."),
                    ("503", "The store does not answer."),
                ] {
                    json.key(status)
                    json.object { $0.field("description", meaning) }
                }
            }
        }
    }

    private static func parameter(
        _ name: String, _ place: String, _ meaning: String?, isRequired: Bool, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.field("name", name)
            json.field("in", place)
            json.field("required", isRequired)
            json.field("description", ifPresent: meaning)
            json.key("schema")
            json.object { $0.field("type", "string") }
        }
    }
}
