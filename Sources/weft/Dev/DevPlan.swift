// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel

/// What `weft dev` makes, by name. Everything lives in network namespaces and in one directory that begin with
/// `weft-dev`: that is how a run recognises what one before has left behind.
///
/// ```
///   namespace weft-dev-web          namespace weft-dev-api          … one for each service
///   web ─▶ weft-proxy               weft-proxy ─▶ api
///   10.99.0.11                      10.99.0.12
///        │                               │
///   ═════╧═══════════════════════════════╧═════════════════════════ br0
///   namespace weft-dev              10.99.0.1: weft-control
/// ```
///
/// Nothing of it is in the network namespace of the machine: no port is taken there, and no firewall has a say.
struct DevPlan {
    static let name = "weft-dev"
    static let directory = "/run/weft-dev"
    static let range = "10.99.0.0/24"
    static let gateway = "10.99.0.1"
    static let trustDomain = "dev.weft"
    /// Whom the sidecars run as, and whom the services.
    static let proxyUser: UInt32 = 2102
    static let serviceUser: UInt32 = 2101
    static let servicePort = 80
    static let targetPort = 8080

    /// The first calls the others.
    private static let services = ["web", "api", "orders", "users", "stock", "mail", "search", "billing"]
    static let serviceCounts = 2...services.count

    let pods: [DevPod]

    init(services count: Int) {
        pods = Self.services.prefix(count).enumerated().map { DevPod(service: $1, number: $0 + 1) }
    }

    var client: DevPod { pods[0] }
    var servers: ArraySlice<DevPod> { pods.dropFirst() }

    static let controlDirectory = "\(directory)/control"
    static let controlSocket = "\(controlDirectory)/control.sock"
    static let controlLog = "\(directory)/control.log"
    static let policyName = "dev-check"

    /// The resources that the mesh begins with.
    var resources: String {
        var documents = ["kind: Mesh\nspec: {ranges: [\(Self.range)]}"]
        documents += pods.map { pod in
            """
            kind: Service
            metadata: {name: \(pod.service)}
            spec: {ports: [{port: \(Self.servicePort), targetPort: \(Self.targetPort)}]}
            """
        }
        return documents.joined(separator: "\n---\n") + "\n"
    }

    /// Refuses the client what it has been calling.
    func denial(of server: DevPod) -> String {
        """
        kind: Policy
        metadata: {name: \(Self.policyName)}
        spec:
          target: {service: \(server.service)}
          rules: [{effect: deny, from: [{identity: "\(client.identity)"}]}]

        """
    }
}

/// One service with its sidecar, in a network namespace.
struct DevPod {
    let service: String
    let address: String

    fileprivate init(service: String, number: Int) {
        self.service = service
        address = "10.99.0.\(10 + number)"
    }

    var namespace: String { "\(DevPlan.name)-\(service)" }
    var workload: String { "\(service)-1" }
    var identity: String { "spiffe://\(DevPlan.trustDomain)/ns/default/sa/\(service)" }
    var directory: String { "\(DevPlan.directory)/\(service)" }
    var state: String { "\(directory)/state" }
    var configurationPath: String { "\(directory)/proxy.yaml" }
    var proxyLog: String { "\(directory)/proxy.log" }
    var serviceLog: String { "\(directory)/service.log" }

    /// What the init step and the sidecar read. Nothing is waited for at the end: this mesh ends as a whole.
    var configuration: String {
        """
        kind: Proxy
        metadata: {name: \(workload)}
        spec:
          control: {addresses: ["\(DevPlan.gateway):15012"]}
          stateDirectory: \(state)
          capture: {proxyUIDs: [\(DevPlan.proxyUser)]}
          names: {}
          drain: {settle: 0s, deadline: 1s}

        """
    }
}
