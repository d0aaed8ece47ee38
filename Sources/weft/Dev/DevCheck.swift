// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// `weft dev --check`: what the mesh promises, tried one after the other.
struct DevCheck {
    let mesh: DevMesh

    private static let requests = 5

    func run() async throws(Problem) {
        for server in mesh.plan.servers {
            try ask(server)
            try await proveEncryption(to: server)
            try refuseStranger(at: server)
        }
        try await denyAndPermit(mesh.plan.pods[1])
    }

    /// An unmodified client, a name, and a server that knows nothing of any mesh.
    private func ask(_ server: DevPod) throws(Problem) {
        for _ in 0..<Self.requests {
            try DevMesh.checkNotInterrupted()
            let answer = try mesh.request(to: server)
            guard answer.isAnswered else {
                throw failure("a request to http://\(server.service)/ came to: \(answer.text)", mesh.plan.client)
            }
            guard answer.text.hasSuffix("\(server.service) says hello") else {
                throw failure("somebody else answered for \(server.service): \(answer.text)", mesh.plan.client)
            }
        }
        DevMesh.tell("ok", "\(Self.requests) requests to http://\(server.service)/ were answered by \(server.service)")
    }

    /// Both sidecars must have told, of the connections that have ended well, whom they have proven at the other end.
    private func proveEncryption(to server: DevPod) async throws(Problem) {
        let client = mesh.plan.client
        for (teller, direction, peer) in [
            (client, "outbound", server.identity), (server, "inbound", client.identity),
        ] {
            let ended = {
                lines(of: teller.proxyLog).filter {
                    $0.contains(" \(direction) ") && $0.contains(":\(DevPlan.targetPort) ")
                        && $0.hasSuffix(" completed")
                }
            }
            // Lines are written beside the traffic, a moment after it.
            try await hold("the sidecar of \(teller.service) tells of connections with \(peer)", teller) { _ in
                ended().contains { $0.contains(" mutual-tls \(peer) ") }
            }
            if let other = ended().first(where: { !$0.contains(" mutual-tls ") }) {
                throw failure("a connection was not encrypted: \(other)", teller)
            }
        }
        DevMesh.tell("ok", "mutual TLS: \(client.identity) and \(server.identity), as both sidecars have it")
    }

    /// The sidecar's own user is not captured, so that what it sends comes in plaintext.
    private func refuseStranger(at server: DevPod) throws(Problem) {
        let result = try mesh.programs.attempt(
            mesh.programs.inside(
                mesh.plan.client.namespace, as: DevPlan.proxyUser,
                [mesh.programs.weft, "dev-sample", "get", "http://\(server.address):\(DevPlan.targetPort)/"]))
        guard !result.succeeded else {
            throw failure("\(server.service) let in who has no certificate: \(result.output)", server)
        }
        DevMesh.tell("ok", "who has no certificate is refused at \(server.service)")
    }

    /// From the moment before the policy is sent until a request of the client has been refused, and back.
    private func denyAndPermit(_ server: DevPod) async throws(Problem) {
        let control = mesh.control
        let began = ContinuousClock.now
        let revision = try await control.apply(mesh.plan.denial(of: server))
        let applied = ContinuousClock.now - began
        var seen = began
        try await mesh.until("the policy takes effect", log: server.proxyLog, otherwise: .devCheckFailed) {
            () async throws(Problem) in
            // Only the end of a refused request is proof: the client is a process, whose start takes time too.
            let isRefused = try !mesh.request(to: server).isAnswered
            seen = .now
            return isRefused
        }
        let effect = seen - began
        try await hold("\(server.service) refuses for the policy's sake", server) { log in
            log.contains { $0.contains("deny default/\(DevPlan.policyName)") }
        }
        var proxies: UInt64 = 0
        try await mesh.until("the policy is acknowledged", log: server.proxyLog, otherwise: .devCheckFailed) {
            () async throws(Problem) in
            proxies = try await control.acknowledged(revision) ?? 0
            return proxies > 0
        }
        DevMesh.tell(
            "ok",
            "a policy that denies: written in \(applied.milliseconds) ms, in effect after at most "
                + "\(effect.milliseconds) ms, acknowledged by \(proxies) of \(proxies) sidecars it concerns")
        try await control.delete(policy: DevPlan.policyName)
        try await mesh.until("the policy is gone", log: server.proxyLog, otherwise: .devCheckFailed) {
            () async throws(Problem) in
            try mesh.request(to: server).isAnswered
        }
        DevMesh.tell("ok", "the policy is deleted, and \(server.service) answers again")
    }

    /// Waits until the lines of a sidecar's log say so.
    private func hold(
        _ what: String, _ pod: DevPod, _ condition: ([Substring]) -> Bool
    ) async throws(Problem) {
        try await mesh.until(what, log: pod.proxyLog, otherwise: .devCheckFailed) { () async throws(Problem) in
            condition(lines(of: pod.proxyLog))
        }
    }

    private func lines(of log: String) -> [Substring] {
        let bytes = (try? Files.read(log, limit: 64 << 20).bytes) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private func failure(_ message: String, _ pod: DevPod) -> Problem {
        Problem(
            .devCheckFailed, at: pod.proxyLog, "\(message); the log ends with: \(DevMesh.end(of: pod.proxyLog))")
    }
}

extension Duration {
    /// Whole milliseconds, rounded up.
    fileprivate var milliseconds: Int64 { (wholeMicroseconds + 999) / 1000 }
}
