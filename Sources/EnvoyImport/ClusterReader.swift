// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// `static_resources.clusters`.
extension EnvoyValue {
    private static let types = ["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"]

    func cluster(_ names: inout Names) -> Cluster? {
        message { fields in
            let name = fields.require("name")?.text
            guard let name else { return nil }
            var cluster = Cluster(name: name, label: names.label(for: name, else: "cluster"), value: self)
            fields.clusterType(&cluster)
            fields.clusterEndpoints(&cluster)
            cluster.connectTimeout = fields.value("connect_timeout")?.duration(.milliseconds(10) ... .seconds(600))
            fields.clusterBalancing(&cluster)
            fields.clusterProtocol(&cluster)
            fields.clusterResolution(&cluster)
            fields.value("circuit_breakers")?.breaker(&cluster)
            fields.value("outlier_detection")?.ejection(&cluster)
            fields.clusterHealth(&cluster)
            fields.value("transport_socket")?.upstreamSocket()
            fields.clusterRest()
            return cluster
        }
    }

    /// TLS towards a backend.
    fileprivate func upstreamSocket() {
        guard let socket = extensionConfig, socket.kind != "RawBuffer" else { return }
        if socket.kind == "Tls" || socket.kind == "UpstreamTlsContext" {
            refuse(
                "Weft begins no TLS of its own towards a backend that is not in the mesh",
                "give the backend a sidecar: endpoints in the mesh get mutual TLS from Weft; then remove this")
        } else {
            refuse("the transport socket `\(socket.kind)` has no counterpart", "remove it")
        }
    }
}

extension EnvoyFields {
    fileprivate mutating func clusterType(_ cluster: inout Cluster) {
        if let type = value("type")?.word([
            "STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST",
        ]) {
            cluster.type = type
        }
        if let custom = value("cluster_type"), let config = custom.extensionConfig {
            if ["STATIC", "STRICT_DNS", "LOGICAL_DNS"].contains(config.kind) {
                cluster.type = config.kind
                config.config.note("is not looked at; `resolution` of the Service has its defaults")
            } else {
                custom.refuse(
                    "a cluster of the type `\(config.kind)` has no counterpart",
                    "write `type: STRICT_DNS`, `LOGICAL_DNS` or `STATIC`")
            }
        }
        switch cluster.type {
        case "EDS":
            value("type")?.refuse(
                "the endpoints are told by a server (EDS)", "write them into `load_assignment` with `type: STATIC`")
        case "ORIGINAL_DST":
            value("type")?.refuse(
                "it goes to wherever the client was going",
                "a sidecar does that by itself with captured connections: docs/configuration.md")
        default: break
        }
        ignore("eds_cluster_config")
    }

    fileprivate mutating func clusterEndpoints(_ cluster: inout Cluster) {
        refuse(
            "hosts", because: "is the form of Envoy's API v2", "write `load_assignment` as the API v3 has it")
        guard !["EDS", "ORIGINAL_DST"].contains(cluster.type) else {
            ignore("load_assignment")
            return
        }
        guard let assignment = require("load_assignment") else { return }
        let type = cluster.type
        let endpoints: [Cluster.Endpoint]? = assignment.message { fields in
            fields.ignore("cluster_name")
            fields.refuse("named_endpoints", because: "endpoints by name have no counterpart", "write them out")
            if let policy = fields.value("policy") { policy.assignmentPolicy() }
            return fields.list("endpoints").flatMap { $0.locality(type) }
        }
        cluster.endpoints = endpoints ?? []
        cluster.port = cluster.endpoints.first?.port
        if cluster.endpoints.isEmpty, assignment.report.errorCount == 0 {
            assignment.complain("the cluster has no endpoint", "give at least one")
        }
        if type == "LOGICAL_DNS", cluster.endpoints.count > 1 {
            assignment.complain("a LOGICAL_DNS cluster has one endpoint", "write `type: STRICT_DNS`")
        }
    }

    fileprivate mutating func clusterBalancing(_ cluster: inout Cluster) {
        let words = ["ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "4", "MAGLEV", "CLUSTER_PROVIDED"]
        let policy = value("lb_policy")
        var word = policy?.word(words) ?? "ROUND_ROBIN"
        if word == "CLUSTER_PROVIDED" { policy?.refuse("the cluster has no policy of its own", "write ROUND_ROBIN") }
        if let extended = value("load_balancing_policy"), let found = extended.balancingPolicy { word = found }
        switch word {
        case "LEAST_REQUEST": cluster.algorithm = "leastRequests"
        case "RANDOM": cluster.algorithm = "random"
        case "RING_HASH", "MAGLEV": cluster.algorithm = "consistentHash"
        default: cluster.algorithm = "roundRobin"
        }
        note(
            "ring_hash_lb_config", "maglev_lb_config",
            because: "is left out: Weft hashes by rendezvous, which has no ring and no table")
        value("least_request_lb_config")?.leastRequestSettings()
        if let settings = value("round_robin_lb_config") {
            _ = settings.message { fields -> Void? in
                fields.refuse("slow_start_config", because: Self.slowStart, Self.slowStartRemedy)
                return ()
            }
        }
        if let settings = value("common_lb_config") { settings.commonBalancing(&cluster) }
        refuse(
            "lb_subset_config", because: "subsets of endpoints have no counterpart",
            "make a cluster of each subset, and route to them by header")
    }

    static let slowStart = "endpoints that are new get their share at once"
    static let slowStartRemedy = "remove it; `algorithm: latency` in the Service slows down what answers slowly"

    fileprivate mutating func clusterProtocol(_ cluster: inout Cluster) {
        if presence("http2_protocol_options") != nil { cluster.speaksHTTP2 = true }
        note("http_protocol_options", because: "is left out: the details of HTTP/1 are Weft's own")
        if let selection = value("protocol_selection")?.word(["USE_CONFIGURED_PROTOCOL", "USE_DOWNSTREAM_PROTOCOL"]),
            selection == "USE_DOWNSTREAM_PROTOCOL"
        {
            value("protocol_selection")?.refuse(
                "a backend speaks one protocol here, whatever its clients do",
                "write `http2_protocol_options: {}` if it speaks HTTP/2, else remove this")
        }
        if let options = value("typed_extension_protocol_options") {
            _ = options.message { fields -> Void? in
                for (name, value) in fields.all() { value.protocolOptions(name, &cluster) }
                return ()
            }
        }
    }

    fileprivate mutating func clusterResolution(_ cluster: inout Cluster) {
        let family = value("dns_lookup_family")?.word(["AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL"])
        let interval = value("dns_refresh_rate")?.duration(.seconds(1) ... .seconds(86_400))
        ignore("respect_dns_ttl", "wait_for_warm_on_init", "dns_jitter")
        note(
            "dns_failure_refresh_rate", because: "is left out: after a failed lookup Weft waits as docs/service.md says"
        )
        refuse(
            "dns_resolvers", "dns_resolution_config", "use_tcp_for_dns_lookups",
            because: "names are looked up as the system does, by /etc/resolv.conf", "remove it")
        note("typed_dns_resolver_config", because: "is left out: names are looked up by /etc/resolv.conf")
        guard cluster.type.hasSuffix("DNS") else { return }
        // `strict` is what a Service does where nothing is said; said all the same, since it was a choice.
        cluster.resolution.add("mode", cluster.type == "LOGICAL_DNS" ? "logical" : "strict")
        switch family {
        case "AUTO": cluster.resolution.add("family", "preferIPv6")
        case "V4_ONLY": cluster.resolution.add("family", "ipv4")
        case "V6_ONLY": cluster.resolution.add("family", "ipv6")
        case "V4_PREFERRED": cluster.resolution.add("family", "preferIPv4")
        case "ALL": cluster.resolution.add("family", "any")
        default: break
        }
        cluster.resolution.add("interval", interval.map { DurationText.text($0) })
    }

    fileprivate mutating func clusterRest() {
        ignore(
            "alt_stat_name", "metadata", "cleanup_interval", "ignore_health_on_host_removal", "track_cluster_stats",
            "track_timeout_budgets", "observability_name", "common_http_protocol_options")
        note(
            "per_connection_buffer_limit_bytes", "upstream_connection_options", "max_requests_per_connection",
            "preconnect_policy", "prefetch_policy", "close_connections_on_host_health_failure", "load_stats",
            "lrs_server", "upstream_config", because: "is left out: Weft keeps buffers and connections its own way")
        refuse(
            "tls_context", because: "is the form of Envoy's API v2, and TLS towards a backend",
            "give the backend a sidecar: endpoints in the mesh get mutual TLS from Weft; then remove this")
        refuse(
            "transport_socket_matches", because: "TLS by endpoint has no counterpart",
            "endpoints in the mesh get mutual TLS from Weft")
        refuse(
            "upstream_bind_config", because: "connections leave by the address that the system chooses", "remove it")
        refuse("filters", because: "filters on connections to a backend have no counterpart", "remove them")
        refuseTrue(
            "connection_pool_per_downstream_connection", because: "clients share connections to a backend", "remove it")
    }
}

extension EnvoyValue {
    fileprivate func assignmentPolicy() {
        _ = message { fields -> Void? in
            fields.note(
                "overprovisioning_factor", "endpoint_stale_after", "weighted_priority_health",
                because: "is left out: there are no priorities")
            fields.refuse(
                "drop_overloads", because: "dropping a share of requests has no counterpart",
                "use a `rateLimit` (docs/filter.md)")
            return ()
        }
    }

    /// The endpoints of one locality.
    fileprivate func locality(_ type: String) -> [Cluster.Endpoint] {
        let found: [Cluster.Endpoint]? = message { fields in
            fields.ignore("locality", "metadata", "proximity")
            if let priority = fields.value("priority"), priority.integer(0...128) != 0 {
                priority.refuse(
                    "endpoints that are kept in reserve have no counterpart",
                    "make one list of them; those that fail are left out (docs/balancing.md)")
            }
            fields.refuse(
                "load_balancing_weight", because: "a weight of a whole locality has no counterpart",
                "give the endpoints in it a `load_balancing_weight`")
            fields.refuse(
                "leds_cluster_locality_config", "load_balancer_endpoints", because: "is told by a server",
                "write `lb_endpoints`")
            return fields.list("lb_endpoints").compactMap { $0.endpoint(type) }
        }
        return found ?? []
    }

    private func endpoint(_ type: String) -> Cluster.Endpoint? {
        message { fields in
            fields.ignore("metadata")
            let weight = fields.value("load_balancing_weight")?.limit(from: 1) ?? 1
            let health = fields.value("health_status")
            let isDown = ["UNHEALTHY", "DRAINING", "TIMEOUT"].contains(
                health?.word(["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"]))
            fields.refuse("endpoint_name", because: "endpoints by name have no counterpart", "write it out")
            guard let endpoint = fields.require("endpoint") else { return nil }
            let place: (host: String, isAddress: Bool, port: Port)? = endpoint.message { fields in
                fields.ignore("hostname")
                if let check = fields.value("health_check_config") {
                    check.refuse(
                        "an endpoint has no health check of its own", "`health.port` of the Service is for all of them")
                }
                fields.refuse(
                    "additional_addresses", because: "an endpoint has one address", "make an endpoint of each")
                return fields.require("address")?.endpointAddress(type)
            }
            if isDown {
                health?.note("the endpoint is left out, as it gets no requests")
                return nil
            }
            return place.map {
                Cluster.Endpoint(host: $0.host, isAddress: $0.isAddress, port: $0.port, weight: weight)
            }
        }
    }

    private func endpointAddress(_ type: String) -> (host: String, isAddress: Bool, port: Port)? {
        guard let (host, port) = socketAddress() else { return nil }
        if let address = IPAddress(host.text) {
            guard !address.isLinkLocal, !address.isMulticast, !address.isUnspecified else {
                host.value.refuse("\(address) is a link-local, multicast or unspecified address", "no backend is there")
                return nil
            }
            return (address.description, true, port)
        }
        guard type != "STATIC" else {
            host.value.complain("`\(host.text)` is a name in a STATIC cluster", "write `type: STRICT_DNS`")
            return nil
        }
        guard DNSName(host.text) != nil else {
            host.value.complain(
                "`\(host.text.prefix(80))` is not a host name such as api.example", "use letters, digits, `-` and `_`")
            return nil
        }
        return (host.text.lowercased(), false, port)
    }

    /// What stands under `address`; sockets of Unix and UDP are refused.
    func socketAddress() -> (host: (text: String, value: EnvoyValue), port: Port)? {
        message { fields in
            fields.refuse("pipe", because: "Unix sockets have no counterpart", "use an address and a port")
            fields.refuse(
                "envoy_internal_address", because: "internal listeners have no counterpart", "name the backend itself")
            guard fields.value("pipe") == nil, fields.value("envoy_internal_address") == nil else { return nil }
            return fields.require("socket_address")?.message { fields in
                if let transport = fields.value("protocol"), transport.word(["TCP", "UDP"]) == "UDP" {
                    transport.refuse("Weft passes on TCP, and no UDP", "remove the listener or cluster")
                }
                fields.ignore("ipv4_compat")
                fields.refuse("named_port", because: "ports have no names here", "write `port_value`")
                fields.refuse("resolver_name", because: "names are looked up by /etc/resolv.conf", "remove it")
                fields.refuse("network_namespace_filepath", because: "a proxy stays in its namespace", "remove it")
                guard let host = fields.require("address"), let text = host.text else { return nil }
                guard let port = fields.require("port_value")?.port else { return nil }
                return ((text, host), port)
            }
        }
    }

    /// The first policy of a list that is known.
    fileprivate var balancingPolicy: String? {
        message { fields in
            guard let policy = fields.list("policies").first else { return nil }
            let kind = policy.message { fields in fields.require("typed_extension_config")?.extensionConfig?.kind }
            switch kind {
            case "RoundRobin": return "ROUND_ROBIN"
            case "LeastRequest": return "LEAST_REQUEST"
            case "Random": return "RANDOM"
            case "RingHash": return "RING_HASH"
            case "Maglev": return "MAGLEV"
            case let kind?: policy.refuse("the policy `\(kind)` has no counterpart", "write `lb_policy: ROUND_ROBIN`")
            case nil: break
            }
            return nil
        }
    }

    fileprivate func leastRequestSettings() {
        _ = message { fields -> Void? in
            if let count = fields.value("choice_count"), count.integer(2...Int(UInt32.max)) != 2 {
                count.note("is left out: Weft compares two endpoints")
            }
            fields.note("active_request_bias", "selection_method", because: "is left out")
            fields.refuse("slow_start_config", because: EnvoyFields.slowStart, EnvoyFields.slowStartRemedy)
            return ()
        }
    }

    fileprivate func commonBalancing(_ cluster: inout Cluster) {
        let panic: Int?? = message { fields in
            fields.ignore("update_merge_window")
            fields.note(
                "zone_aware_lb_config", "close_connections_on_host_set_change", "override_host_status",
                because: "is left out")
            fields.refuse(
                "locality_weighted_lb_config", because: "weights of localities have no counterpart",
                "give the endpoints a `load_balancing_weight`")
            fields.refuse(
                "consistent_hashing_lb_config", because: "hashing knows no bounded load and no host names", "remove it")
            fields.refuseTrue(
                "ignore_new_hosts_until_first_hc", because: "an endpoint is used until a check says otherwise",
                "remove it")
            return fields.value("healthy_panic_threshold")?.percent
        }
        cluster.ejection.add("panicPercent", panic.flatMap(\.self))
    }

    fileprivate func protocolOptions(_ name: String, _ cluster: inout Cluster) {
        guard Extension.kind(named: name) == "HttpProtocolOptions" || typeName?.last == "HttpProtocolOptions" else {
            return refuse("these options have no counterpart", "remove them")
        }
        let speaksHTTP2: Bool? = message { fields in
            fields.note(
                "common_http_protocol_options", "upstream_http_protocol_options",
                because: "is left out: Weft keeps connections to backends its own way")
            fields.refuse("http_filters", because: "filters at a backend have no counterpart", "remove them")
            fields.refuse("outlier_detection", because: "is not known to the import", "remove it")
            guard
                let (name, value) = fields.oneOf(
                    "explicit_http_config", "use_downstream_protocol_config", "auto_config")
            else { return false }
            guard name == "explicit_http_config" else {
                value.refuse(
                    "a backend speaks one protocol here", "write `explicit_http_config` with the one that it speaks")
                return false
            }
            return value.message { fields in
                let found = fields.oneOf(
                    "http_protocol_options", "http2_protocol_options", "http3_protocol_options")
                if found?.name == "http3_protocol_options" {
                    found?.value.refuse("HTTP/3 is not spoken", "write `http2_protocol_options`")
                }
                return found?.name == "http2_protocol_options"
            }
        }
        if speaksHTTP2 == true { cluster.speaksHTTP2 = true }
    }
}
