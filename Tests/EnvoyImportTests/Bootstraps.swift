// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import EnvoyImport

/// Bootstrap files with something put in at one place.
enum Bootstraps {
    /// A listener on 10000 with one virtual host for everything, whose routes these are, in flow style or in lines.
    static func routes(_ routes: String, cluster: String = "") -> String {
        hosts(#"[{name: all, domains: ["*"], routes: \#(routes)}]"#, cluster: cluster)
    }

    static func hosts(_ hosts: String, cluster: String = "") -> String {
        manager("route_config: {virtual_hosts: \(hosts)}", cluster: cluster)
    }

    /// Fields of the http_connection_manager.
    static func manager(_ fields: String, cluster: String = "") -> String {
        listener(
            "filter_chains: [{filters: [{name: envoy.filters.network.http_connection_manager, "
                + "typed_config: {stat_prefix: a, \(fields)}}]}]", cluster: cluster)
    }

    /// Fields of the listener.
    static func listener(_ fields: String, cluster: String = "") -> String {
        """
        static_resources:
          listeners:
          - {name: main, address: {socket_address: {address: 0.0.0.0, port_value: 10000}}, \(fields)}
          clusters:
        \(clusters(cluster))
        """
    }

    /// `a` with these fields besides, and `b`.
    private static func clusters(_ fields: String) -> String {
        ["a", "b"].map { name in
            let assignment =
                fields.contains("load_assignment") && name == "a"
                ? ""
                : ", load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
                    + "{address: 10.0.0.1, port_value: 80}}}}]}]}"
            let more = name == "a" && !fields.isEmpty ? ", \(fields)" : ""
            return "  - {name: \(name)\(assignment)\(more)}"
        }.joined(separator: "\n")
    }
}

func imported(_ text: String) throws -> ImportedConfiguration {
    try EnvoyBootstrap.read(Array(text.utf8), name: "envoy.yaml")
}

extension ImportedConfiguration {
    /// The lines of the `index`th document of a kind, without its head.
    func document(_ kind: String, _ index: Int = 0) -> String? {
        let all = text.components(separatedBy: "---\n").filter {
            $0.contains("\nkind: \(kind)\n") || $0.hasPrefix("kind: \(kind)\n")
        }
        return all.indices.contains(index) ? all[index] : nil
    }

    var errorText: String { errors.map(\.description).joined(separator: "\n") }
    var noteText: String { notes.map(\.description).joined(separator: "\n") }
}
