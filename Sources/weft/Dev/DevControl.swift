// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import ControlAPI
import MeshModel
import ResourceDocuments

/// What `weft dev` asks of its control plane, over the administrator's socket.
struct DevControl {
    private let client = ControlClient(socket: DevPlan.controlSocket)

    func close() async { await client.close() }

    func answers() async -> Bool { (try? await client.get("/v1/info")) != nil }

    /// The revision that it became.
    func apply(_ documents: String) async throws(Problem) -> UInt64 {
        try await one { () async throws(Problems) in
            try await client.post("/v1/apply", Array(documents.utf8), type: "application/yaml")
                .requiredNumber("revision")
        }
    }

    func delete(policy name: String) async throws(Problem) {
        try await one { () async throws(Problems) in
            try await client.delete("/v1/resources/\(ResourceKind.policy.rawValue)/default/\(name)")
        }
    }

    func token(for service: String) async throws(Problem) -> String {
        try await one { () async throws(Problems) in
            let answer = try await client.post("/v1/tokens") { $0.field("service", service) }
            guard let answer else { throw Problems(Problem(.controlAnswer, at: "token", "is missing in the answer")) }
            return try answer.required("token")
        }
    }

    /// The virtual address of each service, and whether all its workloads are connected.
    func services() async throws(Problem) -> [String: (address: String, isConnected: Bool)] {
        let answer = try await one { () async throws(Problems) in try await client.get("/v1/services") }
        var services: [String: (address: String, isConnected: Bool)] = [:]
        for service in answer.list("services") {
            let endpoints = service.list("endpoints")
            let isConnected = !endpoints.isEmpty && endpoints.allSatisfy { $0.isTrue("connected") }
            services[service.text("name")] = (service.texts("addresses").first ?? "", isConnected)
        }
        return services
    }

    /// How many proxies a revision concerns, once all of them have acknowledged it; nil before.
    func acknowledged(_ revision: UInt64) async throws(Problem) -> UInt64? {
        let answer = try await one { () async throws(Problems) in
            try await client.get("/v1/revisions/\(revision)/progress")
        }
        let concerned = answer.number("concerned")
        return concerned > 0 && answer.number("acknowledged") == concerned ? concerned : nil
    }

    /// Of several things that are wrong the first is told.
    @discardableResult
    private func one<Value>(_ work: () async throws(Problems) -> Value) async throws(Problem) -> Value {
        do throws(Problems) {
            return try await work()
        } catch {
            throw error.all.first ?? Problem(.controlAnswer, "failed without a reason")
        }
    }
}
