// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlPlane
internal import Hummingbird
internal import LinuxSystem
internal import MeshModel

/// Port 15014: metrics for whoever scrapes, and whether this replica is ready.
struct MetricsListener: Sendable {
    let plane: ControlPlane
    let isReady: @Sendable () -> Bool

    func router() -> Router<CallContext> {
        let router = Router(context: CallContext.self)
        router.middlewares.add(NothingThere())
        router.answer(.get, "/metrics", atMost: 0) { _ in
            Answer(type: "text/plain; version=0.0.4", body: Array(await text().utf8))
        }
        let fine = Answer(type: "text/plain", body: Array("ok\n".utf8))
        router.answer(.get, "/live", atMost: 0) { _ in fine }
        router.answer(.get, "/ready", atMost: 0) { _ throws(Problems) in
            guard isReady() else {
                throw Problems(Problem(.authorityNotReady, "this replica has no intermediate yet"))
            }
            return fine
        }
        return router
    }

    private func text() async -> String {
        var lines: [String] = []
        func gauge(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
            lines.append("# HELP \(name) \(help)")
            lines.append("# TYPE \(name) gauge")
            for (labels, value) in values { lines.append("\(name)\(labels) \(value)") }
        }
        let status = await plane.hub.status
        let index = await plane.index()
        gauge(
            "weft_control_revision", "The newest revision of the mesh's configuration.",
            [("", Double(index.state.revision))])
        gauge("weft_control_resources", "Resources in that revision.", [("", Double(index.state.documents.count))])
        gauge("weft_control_watches", "Proxies that watch at this replica.", [("", Double(status.count))])
        gauge(
            "weft_control_watches_behind", "Of these, those that have not acknowledged what they were told.",
            [("", Double(status.count { !$0.isSynced }))])
        gauge(
            "weft_control_rejections", "Of these, those that have rejected what they were told.",
            [("", Double(status.count { $0.rejection != nil }))])
        let now = WallTime.now()
        gauge(
            "weft_control_certificate_expiry_seconds", "Until a certificate of the authority ends.",
            await plane.authority.report().map { item in
                let labels = #"{role="\#(item.role)",fingerprint="\#(item.fingerprint.prefix(16))"}"#
                return (labels, Double(item.validity.notAfter.seconds - now.seconds))
            })
        gauge(
            "process_resident_memory_bytes", "Resident memory.", [("", Double(ThisProcess.usage().residentBytes))])
        return lines.joined(separator: "\n") + "\n"
    }
}
