// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

extension MeshPod {
    /// What a machine is told when it joins.
    package struct Joined: Sendable {
        package let name: String
        package let identity: String
        package let chain: String
        package let bundle: String
    }

    /// Joins a real control plane: a key is made, a token spent, and the sidecar's own directory holds what came of it. Its
    /// name is the pod's, its service too if no other is named. To be called before ``capture()``.
    @discardableResult
    package func enroll(
        with control: ControlReplica, as service: String? = nil, following addresses: [String]? = nil
    ) async throws -> Joined {
        let token = try await control.token(for: service ?? name)
        let (key, request) = try await makeKey()
        let answer = try await control.join(from: pod, token: token, csr: request, name: name)
        guard answer.status == 200 else { throw DidNotHappen("\(name) cannot join: \(answer)") }
        let told = try ControlAnswer(answer.body)
        let joined = Joined(
            name: told["name"].text, identity: told["identity"].text, chain: told["chain"].text,
            bundle: told["trust"][ControlReplica.trustDomain].text)
        try keep(key: key, chain: joined.chain, bundle: joined.bundle)
        follow(addresses ?? [control.address])
        return joined
    }

    /// A key and a signing request for it, both in PEM.
    package func makeKey(subject: String = "/", names: String? = nil) async throws -> (key: String, request: String) {
        try await pod.makeKey(subject: subject, names: names)
    }

    private func keep(key: String, chain: String, bundle: String) throws {
        let directory = "\(stateDirectory)/identity"
        let files = try IdentityFiles(directory, owner: Self.proxyUser)
        try files.writeSet(key: key, chain: chain, bundle: bundle)
    }
}

extension Pod {
    /// A key and a signing request for it, both in PEM.
    package func makeKey(subject: String = "/", names: String? = nil) async throws -> (key: String, request: String) {
        let key = try await must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        let extensions = names.map { " -addext 'subjectAltName=\($0)'" } ?? ""
        let script = "f=$(mktemp); cat > $f; openssl req -new -key $f -subj '\(subject)'\(extensions); rm -f $f"
        let request = try await shell("printf '%s' '\(key)' | { \(script); }")
        return (key, request)
    }
}

extension ControlReplica {
    /// Spends a token; the answer as it is.
    package func join(from pod: Pod, token: String, csr: String, name: String? = nil) async throws -> CurlResult {
        var message = ["token": token, "csr": csr]
        message["name"] = name
        let body = String(decoding: try JSONSerialization.data(withJSONObject: message), as: UTF8.self)
        return try await pod.curl("-k", "https://\(joinAddress)/v1/join", "--data-binary", body)
    }
}
