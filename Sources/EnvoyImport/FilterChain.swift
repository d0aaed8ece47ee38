// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// What a filter chain takes, by `filter_chain_match`.
private struct ChainMatch {
    var hosts: [String] = []
    var needsTLS = false
    var needsPlaintext = false
}

/// One of `filter_chains`.
extension EnvoyValue {
    func filterChain(_ gateway: inout GatewayBuilder, _ importer: Importer) {
        let before = report.errorCount
        var next = gateway
        _ = message { fields -> Void? in
            fields.ignore("name", "metadata", "on_demand_configuration")
            fields.note("transport_socket_connect_timeout", because: "is left out: the handshake has its own limit")
            fields.refuse("tls_context", because: "is the form of Envoy's API v2", "write `transport_socket`")
            fields.refuseTrue("use_proxy_proto", because: "a PROXY header is not read", "remove it")
            let match = fields.value("filter_chain_match").flatMap(\.chainMatch) ?? ChainMatch()
            let socket = fields.value("transport_socket")
            let tls = socket?.downstreamTLS(importer)
            let isTerminated = tls != nil || (socket != nil && socket?.isPlain == false)
            if match.needsPlaintext, isTerminated {
                complain("takes plaintext by `transport_protocol`, and ends TLS", "remove one of them")
            }
            guard let filter = self.terminalFilter(fields.list("filters")) else { return nil }
            switch filter.kind {
            case "HttpConnectionManager":
                if !isTerminated, match.needsTLS || !match.hosts.isEmpty {
                    complain(
                        "TLS is asked for by `filter_chain_match`, but HTTP cannot be read without ending it",
                        "give it a `transport_socket` with certificates")
                }
                filter.config.connectionManager(
                    HTTPChain(
                        value: self, hosts: match.hosts, tls: tls, isSecure: isTerminated,
                        isBroken: report.errorCount > before), &next, importer)
            default:
                self.tcpProxy(filter, match, isTerminated: isTerminated, &next, importer)
            }
            return ()
        }
        gateway = next
    }

    /// Whether a transport socket is none.
    private var isPlain: Bool {
        guard case .mapping(let fields) = node.content, let name = fields.first(where: { $0.name == "name" }),
            case .scalar(let text, _) = name.value.content
        else { return false }
        return Extension.kind(named: text) == "RawBuffer"
    }

    private func terminalFilter(_ filters: [EnvoyValue]) -> Extension? {
        var found: Extension?
        for filter in filters {
            guard let config = filter.extensionConfig else { continue }
            switch config.kind {
            case "HttpConnectionManager", "TcpProxy":
                if found != nil { filter.complain("is a second filter that ends the chain", "remove it") }
                found = config
            case "RBAC", "envoy.filters.network.rbac":
                filter.refuse("who may connect is said by a Policy", "write one (docs/policy.md), and remove this")
            default:
                filter.refuse("the network filter `\(config.kind)` has no counterpart", "remove it")
            }
        }
        if found == nil, filters.isEmpty { complain("has no `filters`", "give it a http_connection_manager") }
        return found
    }

    private var chainMatch: ChainMatch? {
        message { fields in
            var match = ChainMatch()
            for name in fields.list("server_names") {
                guard let text = name.text?.lowercased() else { continue }
                guard IPAddress(text) == nil, HostPattern(text) != nil else {
                    name.refuse("`\(text.prefix(80))` is not a host such as shop.example or *.example", "name a host")
                    continue
                }
                match.hosts.append(text)
            }
            if let transport = fields.value("transport_protocol")?.text {
                match.needsTLS = transport == "tls"
                match.needsPlaintext = transport == "raw_buffer"
            }
            fields.refuse(
                "application_protocols", because: "a chain is not chosen by ALPN",
                "remove it: HTTP/1.1 and HTTP/2 are told apart by themselves")
            fields.refuse(
                "destination_port", "prefix_ranges", "address_suffix", "suffix_len", "direct_source_prefix_ranges",
                "source_type", "source_prefix_ranges", "source_ports",
                because: "a chain is chosen by its port and host",
                "make a listener of it, or a Policy (docs/policy.md)")
            return match
        }
    }

    /// A chain that passes bytes on.
    private func tcpProxy(
        _ filter: Extension, _ match: ChainMatch, isTerminated: Bool, _ gateway: inout GatewayBuilder,
        _ importer: Importer
    ) {
        let before = report.errorCount
        if isTerminated {
            refuse(
                "TLS is ended here for HTTP only", "pass it on: remove `transport_socket`, and match by `server_names`")
        }
        let backends = filter.config.tcpBackends(importer)
        guard let backends, !backends.isEmpty, report.errorCount == before else { return }
        let isTLS = match.needsTLS || !match.hosts.isEmpty
        let transport = isTLS ? "TLS" : "TCP"
        let tls: YAMLText? = isTLS ? .mapping([("mode", "Passthrough")]) : nil
        let hosts: [String?] = match.hosts.isEmpty ? [nil] : match.hosts
        let sections = hosts.compactMap { gateway.listener(transport, host: $0, tls: tls, for: self) }
        guard !sections.isEmpty else { return }
        var spec = YAMLFields()
        spec.add("parentRefs", gateway.parents(sections))
        spec.add("hostnames", match.hosts.map { .word($0) })
        spec.add("rules", [.mapping([("backendRefs", .list(backends))])])
        let name = importer.routeNames.label(for: gateway.label, else: "route")
        gateway.routes.append(
            .init(
                source: filter.value.path,
                text: YAMLText.document([
                    (
                        "apiVersion",
                        .word(isTLS ? "gateway.networking.k8s.io/v1" : "gateway.networking.k8s.io/v1alpha2")
                    ),
                    ("kind", .word(transport + "Route")), ("metadata", .mapping([("name", .word(name))])),
                    ("spec", .mapping(spec.all)),
                ])))
    }

    private func tcpBackends(_ importer: Importer) -> [YAMLText]? {
        message { fields in
            fields.ignore("stat_prefix", "max_connect_attempts", "flush_access_log_on_connected", "access_log_options")
            fields.note(
                "access_log", "access_log_flush_interval",
                because: "is left out: Weft writes a line for each connection by itself")
            if let idle = fields.value("idle_timeout"), let text = idle.idleText {
                importer.set("timeouts.idle", .word(text), from: idle)
            }
            fields.refuse(
                "downstream_idle_timeout", "upstream_idle_timeout", "max_downstream_connection_duration",
                "max_downstream_connection_duration_jitter_percentage",
                because: "a connection has an idle timeout only", "use `idle_timeout`")
            fields.refuse("tunneling_config", because: "connections are not put into requests", "remove it")
            fields.refuse("metadata_match", because: "subsets of endpoints have no counterpart", "make clusters")
            fields.refuse("on_demand", "proxy_protocol_tlvs", because: "has no counterpart", "remove it")
            fields.refuse(
                "hash_policy", because: "connections are not hashed, only requests are",
                "remove it: they go where fewer connections are open, or by `balancing.algorithm`")
            guard let (name, value) = fields.oneOf("cluster", "weighted_clusters") else {
                complain("names no cluster", "write `cluster: NAME`")
                return nil
            }
            if name == "cluster" { return importer.cluster(value).map { [.mapping($0.reference)] } }
            return value.message { fields in
                let entries = fields.list("clusters")
                if entries.isEmpty { value.complain("names no cluster", "name one, or more with their weights") }
                return entries.compactMap { entry in
                    entry.message { fields in
                        fields.refuse("metadata_match", because: "has no counterpart", "remove it")
                        let weight = fields.require("weight")?.integer(1...1_000_000)
                        guard let name = fields.require("name"), let weight, let cluster = importer.cluster(name) else {
                            return nil
                        }
                        return .mapping(cluster.reference + [("weight", .number(weight))])
                    }
                }
            }
        }
    }

    /// `0s` is none; a limit of the proxy otherwise.
    private var idleText: String? { duration(.zero ... .seconds(30 * 86_400)).map { DurationText.text($0) } }
}
