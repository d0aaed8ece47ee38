// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// `route`: where requests go, with rewrites, times, retries and mirrors.
extension EnvoyValue {
    func forward(_ level: RouteDefaults, _ builder: inout RuleBuilder) {
        var next = builder
        _ = message { fields -> Void? in
            let (clusters, isWeighted) = fields.destinations(&next)
            fields.rewrite(clusters, isWeighted: isWeighted, &next)
            fields.hashPolicies(clusters, next.importer)
            fields.times(level, &next)
            let mirrors = fields.list("request_mirror_policies")
            fields.refuse(
                "request_mirror_policy", because: "is the form of Envoy's API v2", "write `request_mirror_policies`")
            for mirror in mirrors.isEmpty ? level.mirrors : mirrors { mirror.mirror(&next) }
            fields.forwardRest()
            return ()
        }
        builder = next
    }

    private func mirror(_ builder: inout RuleBuilder) {
        let importer = builder.importer
        let filter: YAMLText? = message { fields in
            fields.ignore("trace_sampled", "disable_shadow_host_suffix_append")
            fields.refuse("cluster_header", because: "a mirror is named in the file", "write `cluster`")
            fields.refuse(
                "request_headers_mutations", "host_rewrite_literal", because: "a copy goes as the request goes",
                "remove it")
            let share = fields.value("runtime_fraction")?.fraction
            fields.refuse("runtime_key", because: "is the form of Envoy's API v2", "write `runtime_fraction`")
            guard let name = fields.require("cluster"), let cluster = importer.cluster(name) else { return nil }
            var mirror = YAMLFields()
            mirror.add("backendRef", .mapping(cluster.reference))
            if let share, share.numerator != share.denominator {
                if share.denominator == 100 {
                    mirror.add("percent", share.numerator)
                } else {
                    mirror.add(
                        "fraction",
                        .mapping([
                            ("numerator", .number(share.numerator)), ("denominator", .number(share.denominator)),
                        ]))
                }
            }
            return .mapping([("type", "RequestMirror"), ("requestMirror", .mapping(mirror.all))])
        }
        if let filter { builder.filters.append(filter) }
    }
}

extension Cluster {
    /// A backend: `name` and `port`.
    var reference: [(key: String, value: YAMLText)] {
        [("name", .word(label)), ("port", .number(Int(port?.number ?? 0)))]
    }
}

extension EnvoyFields {
    /// The clusters that a route names, and whether by weight.
    fileprivate mutating func destinations(_ builder: inout RuleBuilder) -> (clusters: [Cluster], isWeighted: Bool) {
        let importer = builder.importer
        guard
            let (name, value) = oneOf(
                "cluster", "weighted_clusters", "cluster_header", "cluster_specifier_plugin",
                "inline_cluster_specifier_plugin")
        else {
            owner.complain("names no cluster", "write `cluster: NAME`")
            return ([], false)
        }
        switch name {
        case "cluster":
            guard let cluster = importer.cluster(value) else { return ([], false) }
            builder.backends = [.mapping(cluster.reference)]
            return ([cluster], false)
        case "weighted_clusters":
            let clusters: [Cluster]? = value.message { fields in
                fields.ignore("total_weight", "runtime_key_prefix")
                fields.refuse(
                    "header_name", "random_value_specifier", "use_hash_policy",
                    because: "which cluster a request gets is chance", "remove it")
                let entries = fields.list("clusters")
                if entries.isEmpty { value.complain("names no cluster", "name one, or more with their weights") }
                return entries.compactMap { $0.weightedCluster(&builder) }
            }
            return (clusters ?? [], true)
        default:
            value.refuse("which cluster is meant is not known before the request", "match by header, and name clusters")
            return ([], false)
        }
    }

    fileprivate mutating func rewrite(_ clusters: [Cluster], isWeighted: Bool, _ builder: inout RuleBuilder) {
        var rewrite = YAMLFields()
        refuse("host_rewrite", because: "is the form of Envoy's API v2", "write `host_rewrite_literal`")
        refuse(
            "host_rewrite_header", "host_rewrite_path_regex", "host_rewrite",
            because: "a rewritten host is a constant", "write `host_rewrite_literal`")
        if let host = value("host_rewrite_literal") {
            rewrite.add("hostname", host.rewrittenHost)
        } else if let automatic = value("auto_host_rewrite"), automatic.truth == true {
            rewrite.add("hostname", automatic.automaticHost(clusters))
        }
        if let prefix = value("prefix_rewrite") {
            rewrite.add("path", builder.pathReplacement(prefix))
        } else if let expression = value("regex_rewrite") {
            rewrite.add("path", builder.expressionReplacement(expression))
        }
        refuse(
            "path_rewrite_policy", "path_rewrite", because: "templates of paths have no counterpart",
            "use `prefix_rewrite`")
        if !rewrite.isEmpty {
            builder.filters.append(.mapping([("type", "URLRewrite"), ("urlRewrite", .mapping(rewrite.all))]))
        }
    }

    fileprivate mutating func hashPolicies(_ clusters: [Cluster], _ importer: Importer) {
        let policies = list("hash_policy")
        guard clusters.contains(where: \.isHashed) else { return }
        if policies.count > 1 {
            policies[1].refuse("requests are hashed by one thing", "keep the first `hash_policy`")
        }
        guard let policy = policies.first, let hashing = policy.hashing else { return }
        for cluster in clusters where cluster.isHashed { importer.hash(cluster, by: hashing, policy) }
    }

    /// `timeout` and `retry_policy`.
    fileprivate mutating func times(_ level: RouteDefaults, _ builder: inout RuleBuilder) {
        let range: ClosedRange<Duration> = .zero ... .seconds(24 * 3600)
        // What Envoy does where nothing is said.
        let whole = value("timeout").map { $0.duration(range) ?? .zero } ?? .seconds(15)
        var one: Duration?
        if let policy = value("retry_policy") ?? level.retry {
            let retry = policy.retryPolicy
            builder.retry = retry?.fields
            one = retry?.timeout
        }
        if whole > .zero { builder.timeouts.add("request", DurationText.text(whole)) }
        // Envoy takes no notice of one that is longer than the whole.
        if let one, one > .zero, whole == .zero || one < whole {
            builder.timeouts.add("backendRequest", DurationText.text(one))
        }
        note("idle_timeout", because: "is left out: `timeouts.request` bounds a request as a whole")
        refuse("max_stream_duration", because: "`timeouts` of a rule bound a request", "use `timeout`")
        refuse(
            "max_grpc_timeout", "grpc_timeout_offset", because: "`grpc-timeout` of a client is passed on, and not read",
            "use `timeout`")
    }

    fileprivate mutating func forwardRest() {
        ignore("cluster_not_found_response_code", "early_data_policy", "include_vh_rate_limits", "stat_prefix")
        note("append_x_forwarded_host", because: "is left out: Weft writes no `x-forwarded-host`")
        note("upgrade_configs", because: "is left out: Weft passes on upgrades, such as WebSocket, by itself")
        if let priority = value("priority"), priority.word(["DEFAULT", "HIGH"]) == "HIGH" {
            priority.refuse("all requests have one priority", "remove it")
        }
        refuse(
            "rate_limits", because: "descriptors for a rate limit service have no counterpart",
            "use a `rateLimit` (docs/filter.md)")
        refuse("cors", because: "Weft answers no CORS requests", "let the backend answer them")
        refuse(
            "internal_redirect_policy", "internal_redirect_action", "max_internal_redirects",
            because: "a redirect of a backend goes to the client", "remove it")
        refuse("hedge_policy", because: "a request goes to one endpoint at a time", "remove it")
        refuse(
            "metadata_match", because: "subsets of endpoints have no counterpart",
            "make a cluster of each subset")
    }
}

extension EnvoyValue {
    fileprivate func weightedCluster(_ builder: inout RuleBuilder) -> Cluster? {
        var next = builder
        let cluster: Cluster? = message { fields in
            let request = HeaderModification(fields.headerChanges("request"))
            let response = HeaderModification(fields.headerChanges("response"))
            var filters = [
                request.filter("RequestHeaderModifier", "requestHeaderModifier"),
                response.filter("ResponseHeaderModifier", "responseHeaderModifier"),
            ].compactMap(\.self)
            if let host = fields.value("host_rewrite_literal")?.rewrittenHost {
                filters.append(
                    .mapping([("type", "URLRewrite"), ("urlRewrite", .mapping([("hostname", .word(host))]))]))
            }
            fields.refuse("cluster_header", because: "a cluster is named in the file", "write `name`")
            fields.refuse("metadata_match", because: "subsets of endpoints have no counterpart", "make clusters")
            fields.refusePerFilter()
            let weight = fields.value("weight")?.integer(0...1_000_000) ?? 0
            guard let name = fields.require("name"), let cluster = next.importer.cluster(name) else { return nil }
            var backend = YAMLFields()
            for (key, value) in cluster.reference { backend.add(key, value) }
            backend.add("weight", weight)
            backend.add("filters", filters)
            next.backends.append(.mapping(backend.all))
            next.changedByBackends.append((request.names.union(response.names), self))
            return cluster
        }
        builder = next
        return cluster
    }

    fileprivate func automaticHost(_ clusters: [Cluster]) -> String? {
        let hosts = Set(clusters.map { $0.onlyHostname ?? "" })
        guard let host = hosts.first, hosts.count == 1, ResourceName(host) != nil else {
            refuse(
                "the host of a rewrite is a constant, and the endpoints have no single name that could stand in it",
                "write `host_rewrite_literal`")
            return nil
        }
        return host
    }

    fileprivate var hashing: Cluster.Hashing? {
        message { fields in
            fields.ignore("terminal")
            guard
                let (name, value) = fields.oneOf(
                    "header", "connection_properties", "cookie", "query_parameter", "filter_state")
            else { return nil }
            switch name {
            case "header":
                return value.message { fields in
                    fields.refuse("regex_rewrite", because: "the whole value is hashed", "remove it")
                    return fields.require("header_name")?.headerName.map { .header($0) }
                }
            case "connection_properties":
                return value.message { fields in fields.isTrue("source_ip") ? .source : nil }
            default:
                value.refuse("requests are hashed by a header field or by their caller", "use `header`")
                return nil
            }
        }
    }

    /// `retry_policy`.
    fileprivate var retryPolicy: (fields: YAMLFields, timeout: Duration?)? {
        message { fields in
            var codes: Set<Int> = []
            let conditions = fields.value("retry_on")
            let words = conditions?.text?.split(separator: ",").map { word in word.filter { $0 != " " } } ?? []
            let listed = fields.list("retriable_status_codes").compactMap { $0.integer(400...599) }
            for word in words {
                switch word.lowercased() {
                // Those that are registered (RFC 9110 section 15.6 and its registry).
                case "5xx": codes.formUnion(500...511)
                case "gateway-error": codes.formUnion(502...504)
                case "retriable-4xx": codes.insert(409)
                case "retriable-status-codes": codes.formUnion(listed)
                // Repeated anyway where it is safe.
                case "reset", "connect-failure", "refused-stream", "reset-before-request",
                    "http3-post-connect-failure", "":
                    break
                case "envoy-ratelimited": conditions?.note("`envoy-ratelimited` is left out")
                default:
                    conditions?.refuse(
                        "`\(word)` is nothing that a retry can be made to depend on",
                        "use 5xx, gateway-error, reset, connect-failure or retriable-status-codes")
                }
            }
            if !codes.isEmpty {
                conditions?.note(
                    "only methods that may be done twice are repeated after an answer; Envoy repeats POST too")
            }
            var retry = YAMLFields()
            retry.add("attempts", fields.value("num_retries")?.integer(0...100) ?? 1)
            retry.add("codes", codes.sorted().map { .number($0) })
            if let pauses = fields.value("retry_back_off") { retry.add("backoff", pauses.backoff) }
            let timeout = fields.value("per_try_timeout")?.duration(.zero ... .seconds(24 * 3600))
            fields.note("per_try_idle_timeout", because: "is left out: `per_try_timeout` bounds an attempt")
            fields.note(
                "retry_host_predicate", "host_selection_retry_max_attempts",
                because: "is left out: another attempt goes to another endpoint where there is one")
            fields.note("rate_limited_retry_back_off", because: "is left out: Retry-After is honoured by itself")
            fields.refuse(
                "retry_priority", "retry_options_predicates", because: "has no counterpart", "remove it")
            fields.refuse(
                "retriable_headers", "retriable_request_headers", because: "a retry depends on the status alone",
                "use `retriable_status_codes`")
            return (retry, timeout)
        }
    }

    private var backoff: String? {
        message { fields in
            fields.note("max_interval", because: "is left out: pauses grow to 25 times the first")
            return fields.require("base_interval")?.duration(.milliseconds(1) ... .seconds(60))
                .map { DurationText.text($0) }
        }
    }
}
