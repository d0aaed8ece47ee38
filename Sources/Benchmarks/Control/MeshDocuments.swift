// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The meshes that are measured.
enum MeshDocuments {
    /// Services that the simulated proxies are endpoints of.
    static let services = 100
    /// What a mesh may have at most.
    static let most = 10_000
    /// Workloads that the sidecar uses.
    static let used = 10

    /// The services of the crowd, and one that all of them call.
    static var crowd: String {
        let all = (0..<services).map { service("s\($0)") }
        let shared = service(
            "shared", ["endpoints: [{address: 10.1.0.1, port: 8080}, {address: 10.1.0.2, port: 8080}]"])
        return join([mesh] + all + [shared, route(0)])
    }

    /// The route of the service that all call, different each time.
    static func route(_ number: Int) -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: shared}
        spec:
          parentRefs: [{group: "", kind: Service, name: shared, port: 80}]
          rules:
            - matches: [{path: {type: PathPrefix, value: /v\(number)}}]
              backendRefs: [{name: shared, port: 80}]
              timeouts: {request: 5s}
            - backendRefs: [{name: shared, port: 80}]

        """
    }

    /// The services of the sidecar and what it uses, with as many workloads beside them.
    static var small: String {
        join([mesh, service("web")] + group("used", 0, used) + group("other", 1, used))
    }

    /// With ``small`` as many documents as a mesh may have: workloads, in services of up to 250.
    static var rest: (text: String, workloads: Int) {
        // What `small` has: the mesh, three services, and the workloads of two of them.
        var left = most - 4 - 2 * used
        var all: [String] = []
        var workloads = 0
        while left > 1 {
            let count = min(250, left - 1)
            all += group("s\(left)", 2 + left / 251, count)
            workloads += count
            left -= count + 1
        }
        return (join(all), workloads)
    }

    private static let mesh = "kind: Mesh\nspec: {ranges: [10.0.0.0/8]}\n"

    private static func service(_ name: String, _ more: [String] = []) -> String {
        let spec = (["ports: [{port: 80, targetPort: 8080, protocol: http}]"] + more).joined(separator: ", ")
        return "kind: Service\nmetadata: {name: \(name)}\nspec: {\(spec)}\n"
    }

    /// A service with so many workloads.
    private static func group(_ name: String, _ number: Int, _ count: Int) -> [String] {
        let names = (0..<count).map { "\(name)-\($0)" }
        let endpoints = names.map { "{workload: \($0)}" }.joined(separator: ", ")
        let workloads = names.enumerated().map { index, workload in
            """
            kind: Workload
            metadata: {name: \(workload)}
            spec: {addresses: [10.2.\(number).\(index + 1)], spiffeID: "spiffe://\(ControlLab.trustDomain)/ns/default/sa/\(name)"}

            """
        }
        return workloads + [service(name, ["endpoints: [\(endpoints)]"])]
    }

    private static func join(_ documents: [String]) -> String { documents.joined(separator: "---\n") }
}
