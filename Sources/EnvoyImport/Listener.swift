// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// A listener, which becomes a Gateway, and what its filter chains become: listeners of the Gateway, and routes.
struct GatewayBuilder {
    let label: String
    let port: Port
    private(set) var listeners: [YAMLText] = []
    private var taken: Set<String> = []
    private var isSecure: Bool?
    /// The documents of its routes.
    var routes: [Importer.Document] = []
    private var names = Names()

    init(label: String, port: Port) {
        self.label = label
        self.port = port
    }

    /// A listener for a host, or for all of them. Nil where another chain of this port stands in its way.
    mutating func listener(_ transport: String, host: String?, tls: YAMLText?, for chain: EnvoyValue) -> String? {
        let secure = transport == "HTTPS" || transport == "TLS"
        guard isSecure == nil || isSecure == secure else {
            chain.refuse("a port speaks TLS or it does not", "give one of the filter chains a listener of its own")
            return nil
        }
        guard taken.insert(host ?? "*").inserted else {
            chain.refuse(
                "another filter chain is for the same connections", "tell them apart by `server_names`, or remove one")
            return nil
        }
        isSecure = secure
        let name = names.label(for: transport.lowercased(), else: "listener")
        var fields = YAMLFields()
        fields.add("name", name)
        fields.add("port", Int(port.number))
        fields.add("protocol", transport)
        fields.add("hostname", host)
        fields.add("tls", tls)
        listeners.append(.mapping(fields.all))
        return name
    }

    /// `parentRefs` for these of its listeners.
    func parents(_ sections: [String]) -> YAMLText {
        .list(
            sections.map { section in
                .mapping([
                    ("group", "gateway.networking.k8s.io"), ("kind", "Gateway"), ("name", .word(label)),
                    ("sectionName", .word(section)),
                ])
            })
    }
}

extension EnvoyValue {
    /// One of `static_resources.listeners`.
    func listener(_ importer: Importer) {
        _ = message { fields -> Void? in
            let name = fields.text("name")
            let first = fields.require("address")?.listenerAddress
            var addresses = first?.addresses ?? []
            for additional in fields.list("additional_addresses") {
                let found = additional.message { fields in
                    fields.note("socket_options", "tcp_keepalive", because: "is left out")
                    return fields.require("address")?.listenerAddress
                }
                guard let found, let first else { continue }
                if found.port == first.port {
                    addresses += found.addresses
                } else {
                    additional.refuse("a listener has one port here", "make a listener of it")
                }
            }
            let chains = fields.list("filter_chains") + [fields.value("default_filter_chain")].compactMap(\.self)
            for filter in fields.list("listener_filters") { filter.listenerFilter() }
            fields.listenerRest()
            // Read all the same where there is no address, to find what is wrong with them.
            let port = first?.port ?? .anyForReading
            let isFree = first != nil && importer.occupy(port, addresses.compactMap { IPAddress($0) }, by: self)
            let label = importer.gatewayNames.label(for: name ?? "listener-\(port)", else: "listener-\(port)")
            var gateway = GatewayBuilder(label: label, port: port)
            if chains.isEmpty { complain("has no `filter_chains`", "give it one") }
            for chain in chains { chain.filterChain(&gateway, importer) }
            guard isFree, !gateway.listeners.isEmpty else { return nil }
            var spec = YAMLFields()
            spec.add("addresses", addresses.map { .word($0) })
            spec.add("listeners", .list(gateway.listeners))
            let source = name.map { "\(path), \($0)" } ?? path
            importer.add(
                source,
                YAMLText.document([
                    ("apiVersion", "gateway.networking.k8s.io/v1"), ("kind", "Gateway"),
                    ("metadata", .mapping([("name", .word(label))])), ("spec", .mapping(spec.all)),
                ]))
            for route in gateway.routes { importer.add(route.source, route.text) }
            return ()
        }
    }

    private var listenerAddress: (addresses: [String], port: Port)? {
        guard let (host, port) = socketAddress() else { return nil }
        guard let address = IPAddress(host.text) else {
            host.value.complain(
                "`\(host.text.prefix(80))` is not an IPv4 or IPv6 address", "write 0.0.0.0, for example")
            return nil
        }
        let own = [15_001, 15_006, 15_020].contains(Int(port.number))
        if own {
            host.value.refuse("port \(port) is one of the proxy's own", "choose another port")
            return nil
        }
        let isBoth = address.isUnspecified && address.family == .ipv6 && listensToIPv4
        return (isBoth ? ["0.0.0.0", "::"] : [address.description], port)
    }

    /// `socket_address.ipv4_compat`.
    private var listensToIPv4: Bool {
        guard case .mapping(let fields) = node.content,
            let socket = fields.first(where: { $0.name.hasPrefix("socket") }),
            case .mapping(let inner) = socket.value.content,
            let flag = inner.first(where: { ["ipv4_compat", "ipv4Compat"].contains($0.name) })
        else { return false }
        if case .scalar(let text, _) = flag.value.content { return text.lowercased() == "true" }
        return false
    }

    private func listenerFilter() {
        guard let filter = extensionConfig else { return }
        switch filter.kind {
        // Weft looks at the first bytes by itself where it has to know the name or the protocol.
        case "TlsInspector", "HttpInspector": break
        case "OriginalDst", "envoy.filters.listener.original_dst", "envoy.listener.original_dst":
            refuse(
                "connections that were redirected are what a sidecar is for",
                "use `weft-init` and captured connections: docs/configuration.md")
        case "ProxyProtocol", "envoy.filters.listener.proxy_protocol", "envoy.listener.proxy_protocol":
            refuse("a PROXY header is not read", "let the load balancer connect without one")
        default: refuse("the listener filter `\(filter.kind)` has no counterpart", "remove it")
        }
    }
}

extension Port {
    /// Stands in where a listener's port is missing, which has been complained of: nothing of it is written.
    fileprivate static var anyForReading: Port {
        guard let port = Port(1) else { preconditionFailure("1 is a port.") }
        return port
    }
}

extension EnvoyFields {
    fileprivate mutating func listenerRest() {
        ignore(
            "stat_prefix", "traffic_direction", "reuse_port", "enable_reuse_port", "drain_type", "metadata",
            "ignore_global_conn_limit", "max_connections_to_accept_per_socket_event", "bypass_overload_manager",
            "continue_on_listener_filters_timeout", "deprecated_v1")
        note("access_log", because: "is left out: Weft writes a line for each connection and request by itself")
        note(
            "per_connection_buffer_limit_bytes", "listener_filters_timeout", "tcp_backlog_size", "socket_options",
            "connection_balance_config", "tcp_fast_open_queue_length", "enable_mptcp", because: "is left out")
        refuseTrue(
            "use_original_dst", "transparent", "freebind",
            because: "a sidecar takes redirected connections by itself", "remove it: docs/configuration.md")
        refuse("udp_listener_config", because: "Weft passes on TCP, and no UDP", "remove the listener")
        refuse("api_listener", "internal_listener", because: "has no counterpart", "remove the listener")
        refuse("filter_chain_matcher", because: "has no counterpart", "use `filter_chain_match`")
        if let bound = value("bind_to_port"), bound.truth == false {
            bound.refuse("a listener that is not bound gets nothing here", "remove the listener")
        }
    }
}
