// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments

extension Examination {
    /// Workloads that no policy is for are open to the whole mesh, unless the mesh denies by default. That is a choice, and
    /// as long as nobody has made it, it is asked for.
    func policies() async throws(Problems) -> [Finding] {
        let mesh = try await client.get("/v1/resources/Mesh").list("resources").first
        let effect = mesh?["spec"]?["authorization"]?.text("default") ?? ""
        guard effect.isEmpty else {
            return [Finding(subject: "policies", verdict: .ok, text: "where no policy is, the mesh says: \(effect)")]
        }
        let policies = try await client.get("/v1/resources/Policy").list("resources")
        let services = try await client.get("/v1/services").list("services")
        let open = services.filter { service in !policies.contains { Self.covers($0, service) } }
            .map { "\($0.text("namespace"))/\($0.text("name"))" }.sorted()
        guard !open.isEmpty else {
            return [Finding(subject: "policies", verdict: .ok, text: "every service has one")]
        }
        let more = open.count > 5 ? " and \(open.count - 5) more" : ""
        return [
            Finding(
                subject: "policies", verdict: .warn,
                text:
                    "no policy is for \(open.prefix(5).joined(separator: ", "))\(more): everybody in the mesh may call",
                remedy: "`weft allow`, or say in the Mesh what holds: `authorization: {default: deny}` or `allow`")
        ]
    }

    private static func covers(_ policy: Node, _ service: Node) -> Bool {
        guard policy["spec"]?.text("mode") != "audit" else { return false }
        guard let target = policy["spec"]?["target"] else {
            return policy.resourceNamespace == service.text("namespace")
        }
        let name = target.text("service")
        if !name.isEmpty {
            return name == service.text("name") && policy.resourceNamespace == service.text("namespace")
        }
        let workload = "\(policy.resourceNamespace)/\(target.text("workload"))"
        let endpoints = service.list("endpoints").map { $0.text("workload") }
        return !endpoints.isEmpty && endpoints.allSatisfy { $0 == workload }
    }
}
