// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

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
            router.answer(
                endpoint.method, endpoint.path, atMost: endpoint.bodyLimit,
                admitting: { request, context throws(Problems) in
                    let principal = try await principal(request, context)
                    let role = endpoint.role(for: request)
                    guard principal.role >= role else {
                        await plane.audit.note(
                            "\(endpoint.method.rawValue.lowercased())", by: principal.name, on: request.uri.path,
                            outcome: .forbidden)
                        throw Problems(
                            Problem(
                                .forbidden, "\(principal.name) may \(principal.role.rawValue)",
                                remedy: "it takes the role \(role.rawValue)"))
                    }
                    return principal
                },
                { call, principal throws(Problems) in
                    try endpoint.check(call)
                    return try await endpoint.run(call, principal)
                })
        }
        let document = OpenAPI.document(endpoints)
        router.answer(
            .get, "/v1/openapi.json", atMost: 0,
            admitting: { request, context throws(Problems) in try await principal(request, context) },
            { _, _ in Answer(body: document) })
        return router
    }

    private func principal(_ request: Request, _ context: CallContext) async throws(Problems) -> Principal {
        if isLocal { return .administrator }
        return try await single { () async throws(Problem) in
            // A web page has no business here, though the browser of an operator may have his certificate.
            guard request.headers[.origin] == nil else {
                throw Problem(.forbidden, at: "origin", "web pages may not use the API")
            }
            if let peer = await ProvedPeer.of(context.channel) {
                let denied = await plane.denied()
                guard !denied.identities.contains(peer.identity.description), !denied.serials.contains(peer.serial)
                else {
                    throw Problem(.identityDenied, "\(peer.identity) is denied")
                }
                if let principal = try await plane.credentials.principal(of: peer.identity) { return principal }
                throw Problem(.forbidden, "\(peer.identity) has no role here", remedy: "`weft credential create`")
            }
            let header = request.headers[.authorization] ?? ""
            guard header.lowercased().hasPrefix("bearer ") else {
                throw Problem(
                    .unauthenticated, "there is no credential", remedy: "`weft login`, or use the local socket")
            }
            return try await plane.credentials.principal(
                ofToken: String(header.dropFirst("bearer ".count)), from: context.peer)
        }
    }
}
