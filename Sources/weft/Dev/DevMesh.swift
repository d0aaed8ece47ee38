// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// The mesh of ``DevPlan``, brought up step by step; each step is told when it is done.
struct DevMesh {
    let plan: DevPlan
    let programs: DevPrograms
    let control: DevControl

    private static let patience: Duration = .seconds(30)

    func start() async throws(Problem) {
        let network = DevNetwork(programs: programs)
        try network.make(plan)
        try network.writeResolvers(plan)
        Self.tell("network", "\(plan.pods.count + 1) namespaces on a bridge of their own, \(DevPlan.range)")
        try await startControl()
        _ = try await control.apply(plan.resources)
        for pod in plan.pods { try await start(pod) }
        try await untilConnected()
    }

    private func startControl() async throws(Problem) {
        try programs.start(
            programs.inside(
                DevPlan.name,
                [
                    programs.control, "run", "--data", DevPlan.controlDirectory, "--name", "control-1",
                    "--trust-domain", DevPlan.trustDomain, "--address", DevPlan.gateway,
                ]), log: DevPlan.controlLog)
        try await until("the control plane answers", log: DevPlan.controlLog) { () async throws(Problem) in
            await control.answers()
        }
        Self.tell("control plane", "weft-control with a certificate authority of its own, \(DevPlan.controlSocket)")
    }

    /// As on any machine that joins: a token, an identity, the rules, the sidecar, and then the application.
    private func start(_ pod: DevPod) async throws(Problem) {
        try DevNetwork.make(directory: pod.directory, permissions: 0o755)
        try DevNetwork.make(directory: pod.state, permissions: 0o700, owner: DevPlan.proxyUser)
        try DevNetwork.write(pod.configurationPath, pod.configuration, permissions: 0o644)
        let token = try await control.token(for: pod.service)
        try Self.checkNotInterrupted()
        try programs.run(
            programs.inside(
                pod.namespace,
                [
                    programs.weft, "join", "-", "--name", pod.workload, "--state", pod.state, "--owner",
                    "\(DevPlan.proxyUser)", "--config", pod.configurationPath,
                ]), input: token + "\n")
        let rules = try programs.run(
            programs.inside(pod.namespace, [programs.initStep, "apply", "--config", pod.configurationPath]))
        try programs.start(
            programs.inside(
                pod.namespace, as: DevPlan.proxyUser, [programs.proxy, "run", "--config", pod.configurationPath]),
            log: pod.proxyLog)
        let isReady = [programs.proxy, "ready", "--config", pod.configurationPath]
        try await until("the sidecar of \(pod.service) is ready", log: pod.proxyLog) { () async throws(Problem) in
            try programs.attempt(programs.inside(pod.namespace, isReady)).succeeded
        }
        try programs.start(
            programs.inside(
                pod.namespace, as: DevPlan.serviceUser,
                [programs.weft, "dev-sample", "serve", pod.service, "--port", "\(DevPlan.targetPort)"]),
            log: pod.serviceLog)
        let proven = rules.split(separator: "\n").count { $0.hasPrefix("proven") }
        Self.tell(
            pod.service, "\(pod.address), \(pod.identity), \(proven) directions of capture proven, sidecar ready")
    }

    /// Until every sidecar follows the control plane, and every service answers a first request.
    private func untilConnected() async throws(Problem) {
        try await until("every sidecar follows the control plane", log: DevPlan.controlLog) {
            () async throws(Problem) in
            let services = try await control.services()
            return plan.pods.allSatisfy { services[$0.service]?.isConnected == true }
        }
        for server in plan.servers {
            try await until("\(server.service) answers", log: plan.client.proxyLog) { () async throws(Problem) in
                try request(to: server).isAnswered
            }
        }
    }

    /// One request of the client by name, over a connection of its own.
    func request(to server: DevPod) throws(Problem) -> DevAnswer {
        let result = try programs.attempt(
            programs.inside(
                plan.client.namespace, as: DevPlan.serviceUser,
                [programs.weft, "dev-sample", "get", "http://\(server.service)/"]))
        return DevAnswer(text: (result.output + result.error).trimmed, isAnswered: result.succeeded)
    }

    // MARK: Waiting and telling

    func until(
        _ what: String, log: String, _ condition: () async throws(Problem) -> Bool
    ) async throws(Problem) {
        let deadline = ContinuousClock.now + Self.patience
        while try await !condition() {
            try Self.checkNotInterrupted()
            guard ContinuousClock.now < deadline else {
                throw Problem(
                    .devStartFailed, at: log,
                    "did not happen within \(Self.patience): \(what); the log ends with: \(Self.end(of: log))")
            }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    static func end(of log: String) -> String {
        let bytes = (try? Files.read(log, limit: 64 << 20).bytes) ?? []
        let lines = String(decoding: bytes.suffix(4096), as: UTF8.self).split(separator: "\n")
        return lines.isEmpty ? "nothing" : lines.suffix(3).joined(separator: " | ")
    }

    static func checkNotInterrupted() throws(Problem) {
        guard let signal = ThisProcess.notedSignal else { return }
        throw Problem(.devInterrupted, "ended by signal \(signal)")
    }

    static func tell(_ subject: String, _ text: String) {
        StandardStream.output.write("\(subject.padded(to: 15))\(text)\n")
    }
}

/// What came of a request of the sample client.
struct DevAnswer {
    let text: String
    let isAnswered: Bool
}

extension String {
    /// Without spaces and ends of lines around it.
    var trimmed: String {
        let isBlank: (Character) -> Bool = { $0.isWhitespace }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
