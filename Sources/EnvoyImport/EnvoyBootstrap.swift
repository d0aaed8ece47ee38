// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
internal import ResourceDocuments

/// What came of a file.
package struct ImportedConfiguration: Sendable {
    /// Weft's configuration, as YAML. With ``errors`` it lacks what they are about.
    package let text: String
    /// What cannot be carried over, with its place, in the order of the file.
    package let errors: [Problem]
    /// What was left out since nothing that Weft does depends on it, or what is a little different here.
    package let notes: [Problem]
}

/// Reads a static bootstrap file of Envoy, YAML or JSON, API v3. `docs/import-envoy.md` says what of it is carried over.
package enum EnvoyBootstrap {
    /// Reads a text; `name` stands in messages. Throws where it is no YAML at all.
    package static func read(_ text: [UInt8], name: String) throws(Problem) -> ImportedConfiguration {
        let documents = try YAMLReader.documents(text, name: name).filter { !$0.isNull }
        guard let document = documents.first, documents.count == 1 else {
            throw Problem(
                .missingDocument, at: name, "holds \(documents.count) documents", remedy: "a bootstrap file is one")
        }
        let report = Report(file: name)
        let importer = Importer(report: report)
        let root = EnvoyValue(node: document, path: "", report: report)
        let proxyName = root.bootstrap(importer)
        var all = [Importer.Document(source: "", text: importer.proxy(named: proxyName ?? "gateway"))]
        all += importer.documents
        for cluster in importer.clusters where cluster.port != nil {
            all.append(.init(source: "\(cluster.value.path), \(cluster.name)", text: cluster.document))
        }
        let texts = all.map { document in
            document.source.isEmpty ? document.text : "# \(document.source.printable)\n\(document.text)"
        }
        return ImportedConfiguration(
            text: "# Made from Envoy's configuration by `weft import envoy`.\n" + texts.joined(separator: "---\n"),
            errors: report.errors, notes: report.notes)
    }

    /// The longest file that is read.
    package static var byteLimit: Int { YAMLReader.byteLimit }
}

extension EnvoyValue {
    /// Reads all of it; the proxy's name.
    fileprivate func bootstrap(_ importer: Importer) -> String? {
        message { fields in
            var name: String?
            if let node = fields.value("node") {
                name = node.message { fields in
                    fields.note("cluster", "locality", "metadata", "user_agent_name", because: "is left out")
                    return fields.text("id")
                }
            }
            guard fields.value("resources") == nil else {
                fields.value("resources")?.refuse(
                    "this is a file of dynamic resources", "import a bootstrap with `static_resources`")
                return nil
            }
            fields.value("static_resources")?.staticResources(importer)
            if fields.value("static_resources") == nil {
                complain("there are no `static_resources`", "import a bootstrap with listeners and clusters in it")
            }
            fields.bootstrapRest()
            var names = Names()
            return name.map { names.label(for: $0, else: "gateway") }
        }
    }

    private func staticResources(_ importer: Importer) {
        _ = message { fields -> Void? in
            for secret in fields.list("secrets") { importer.readSecret(secret) }
            for cluster in fields.list("clusters") { importer.readCluster(cluster) }
            for listener in fields.list("listeners") { listener.listener(importer) }
            return ()
        }
    }
}

extension EnvoyFields {
    fileprivate mutating func bootstrapRest() {
        refuse(
            "dynamic_resources", because: "listeners and clusters are told by a server (xDS)",
            "import what `/config_dump` of that Envoy shows, as `static_resources`")
        refuse("hds_config", because: "health checks for others have no counterpart", "remove it")
        refuse("xds_delegate_extension", "xds_config_tracker_extension", because: "there is no xDS", "remove it")
        refuse("bootstrap_extensions", because: "extensions of Envoy have no counterpart", "remove them")
        refuse(
            "tracing", because: "is the place of Envoy's API v2", "remove it: Weft continues `traceparent` by itself")
        note("admin", because: "is left out: Weft has an admin endpoint of its own (docs/admin.md)")
        note(
            "layered_runtime", "runtime", because: "is left out: no value of Weft's can be changed at run time")
        note("overload_manager", because: "is left out: `spec.limits` of the Proxy are Weft's way")
        note(
            "stats_sinks", "stats_config", because: "is left out: Weft's metrics are read from `/metrics`")
        note(
            "cluster_manager", "watchdog", "watchdogs", "default_regex_engine", "fatal_actions",
            "application_log_config", because: "is left out")
        note(
            "dns_resolution_config", "typed_dns_resolver_config", "use_tcp_for_dns_lookups",
            because: "is left out: names are looked up by /etc/resolv.conf")
        ignore(
            "flags_path", "stats_flush_interval", "stats_flush_on_admin", "enable_dispatcher_stats", "header_prefix",
            "default_socket_interface", "node_context_params", "certificate_provider_instances",
            "perf_tracing_file_path",
            "inline_headers", "default_config_source", "config_sources", "memory_allocator_manager",
            "grpc_async_client_manager_config", "deferred_stat_options", "listener_manager")
    }
}
