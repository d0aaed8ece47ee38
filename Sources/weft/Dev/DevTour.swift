// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// What `weft dev` shows once everything runs: a table, what to try, and the requests of the sample client, until it is
/// told to end.
struct DevTour {
    let mesh: DevMesh
    /// The namespaces belong to a user namespace, which others have to enter first.
    let isInside: Bool

    func run() async throws(Problem) {
        try await show()
        let urls = mesh.plan.servers.map { "http://\($0.service)/" }
        let client = mesh.plan.client
        try mesh.programs.start(
            mesh.programs.inside(
                client.namespace, as: DevPlan.serviceUser, [mesh.programs.weft, "dev-sample", "watch"] + urls), log: nil
        )
        while ThisProcess.notedSignal == nil { try? await Task.sleep(for: .milliseconds(50)) }
        StandardStream.output.write("\n")
    }

    private func show() async throws(Problem) {
        let services = try await mesh.control.services()
        var table = Table("SERVICE", "VIRTUAL ADDRESS", "WORKLOAD", "ADDRESS", "LOG OF THE SIDECAR")
        for pod in mesh.plan.pods {
            table.add(pod.service, services[pod.service]?.address ?? "", pod.workload, pod.address, pod.proxyLog)
        }
        let client = mesh.plan.client.namespace
        let server = mesh.plan.pods[1].service
        var tries = [
            "ip netns exec \(client) curl http://\(server)/",
            "weft get services --control \(DevPlan.controlSocket)",
            "weft deny \(mesh.plan.client.service) \(server) --control \(DevPlan.controlSocket)",
        ]
        if isInside { tries.insert("nsenter --preserve-credentials -U -m -n -p -t \(outerProcess) bash", at: 0) }
        let text = (["", table.text(ifEmpty: ""), "", "to try in another terminal:"] + tries.map { "  \($0)" })
        StandardStream.output.write(text.joined(separator: "\n") + "\n\n")
    }

    /// Our own number as those outside see it is not known inside; they find it by its name.
    private var outerProcess: String { "$(pgrep -n -f 'weft dev.*inside-user')" }
}
