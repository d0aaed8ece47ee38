// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlPlane
internal import Hummingbird
internal import MeshModel

/// Port 15013: for machines that have no certificate, or one that has expired. Only the server is authenticated.
struct JoinListener: Sendable {
    let plane: ControlPlane

    func router() -> Router<CallContext> {
        let router = Router(context: CallContext.self)
        router.middlewares.add(NothingThere())
        router.answer(.post, ControlProtocol.joinPath, atMost: ControlProtocol.joinBytes) { call throws(Problems) in
            try await single { () async throws(Problem) in
                let joined = try await plane.join(try JoinRequest.decode(call.body), from: call.context.peer)
                return .message(
                    JoinAnswer(
                        workload: joined.member.workload, identity: joined.member.identity,
                        chain: joined.certificate.chain, trust: joined.certificate.trust,
                        control: plane.settings.proxyAddresses.compactMap { ControlAddress($0) },
                        join: plane.settings.joinAddresses.compactMap { ControlAddress($0) }))
            }
        }
        router.answer(.post, ControlProtocol.renewPath, atMost: ControlProtocol.joinBytes) { call throws(Problems) in
            try await single { () async throws(Problem) in
                if let request = try? RenewRequest.decode(call.body) {
                    return .message(try await plane.enrollment.renewExpired(request, from: call.context.peer))
                }
                let request = try RenewChallengeRequest.decode(call.body)
                return .message(try await plane.enrollment.challenge(request, from: call.context.peer))
            }
        }
        return router
    }
}
