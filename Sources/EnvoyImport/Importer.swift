// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// What is gathered while a file is read: clusters that routes may name, settings of the proxy, documents.
final class Importer {
    struct Document {
        /// Where it comes from, for the line above it.
        let source: String
        let text: String
    }

    let report: Report
    private(set) var clusters: [Cluster] = []
    private var secrets: [String: EnvoyValue] = [:]
    private var settings: [(field: String, value: YAMLText, source: EnvoyValue)] = []
    private var occupied: [(port: Port, addresses: [IPAddress], listener: EnvoyValue)] = []
    private(set) var documents: [Document] = []
    var gatewayNames = Names()
    var routeNames = Names()
    private var clusterNames = Names()

    init(report: Report) { self.report = report }

    func add(_ source: String, _ text: String) { documents.append(Document(source: source, text: text)) }

    func readCluster(_ value: EnvoyValue) {
        guard let cluster = value.cluster(&clusterNames) else { return }
        if let earlier = clusters.first(where: { $0.name == cluster.name }) {
            return value.complain(
                "has the name `\(cluster.name)`, as \(earlier.value.path) has", "give one of them another name")
        }
        clusters.append(cluster)
    }

    /// The cluster that a value names; nil where there is none, which has been said.
    func cluster(_ value: EnvoyValue) -> Cluster? {
        guard let name = value.text else { return nil }
        if let cluster = clusters.first(where: { $0.name == name }) {
            // What is wrong with a cluster without endpoints has been said there.
            return cluster.port == nil ? nil : cluster
        }
        let nearest = Spelling.nearest(to: name, among: clusters.map(\.name))
        value.report.error(
            .danglingReference, value.path, value.node.mark, "the cluster `\(name)` does not exist",
            nearest.map { "did you mean `\($0)`?" } ?? "add it to `static_resources.clusters`")
        return nil
    }

    func hash(_ cluster: Cluster, by hashing: Cluster.Hashing, _ policy: EnvoyValue) {
        guard let index = clusters.firstIndex(where: { $0.name == cluster.name }) else { return }
        if let earlier = clusters[index].hashing, earlier != hashing {
            return policy.refuse(
                "the requests of the cluster `\(cluster.name)` are hashed otherwise by \(clusters[index].hashingPath)",
                "make a second cluster for one of them")
        }
        clusters[index].hashing = hashing
        clusters[index].hashingPath = policy.path
    }

    func readSecret(_ value: EnvoyValue) {
        _ = value.message { fields -> Void? in
            guard let name = fields.require("name")?.text else { return nil }
            fields.ignore("validation_context", "session_ticket_keys", "generic_secret")
            if let certificate = fields.value("tls_certificate") { secrets[name] = certificate }
            return ()
        }
    }

    /// Listeners of one port have addresses of their own; `0.0.0.0` stands for all of its family. False, and
    /// said so, where one is taken.
    func occupy(_ port: Port, _ addresses: [IPAddress], by listener: EnvoyValue) -> Bool {
        for (otherPort, others, other) in occupied where otherPort == port {
            let clashes = addresses.contains { mine in
                others.contains { $0.family == mine.family && ($0 == mine || $0.isUnspecified || mine.isUnspecified) }
            }
            guard clashes else { continue }
            listener.refuse(
                "has port \(port) of an address that \(other.path) has, too",
                "give it another port, or make one listener of both")
            return false
        }
        occupied.append((port, addresses, listener))
        return true
    }

    func secret(_ name: String) -> EnvoyValue? { secrets[name] }

    /// A setting that all listeners of a proxy share; `field` is its path below `spec`.
    func set(_ field: String, _ value: YAMLText, from source: EnvoyValue) {
        guard let earlier = settings.first(where: { $0.field == field }) else {
            settings.append((field, value, source))
            return
        }
        guard YAMLText.document([("", value)]) != YAMLText.document([("", earlier.value)]) else { return }
        source.refuse(
            "one proxy has one `spec.\(field)`, and \(earlier.source.path) says something else", "make them the same")
    }

    /// `kind: Proxy`.
    func proxy(named name: String) -> String {
        var spec = YAMLFields()
        for section in ["timeouts", "http"] {
            var fields = YAMLFields()
            for (field, value, _) in settings where field.hasPrefix(section + ".") {
                fields.add(String(field.dropFirst(section.utf8.count + 1)), value)
            }
            spec.add(section, fields)
        }
        return YAMLText.document([
            ("kind", "Proxy"), ("metadata", .mapping([("name", .word(name))])), ("spec", .mapping(spec.all)),
        ])
    }
}
