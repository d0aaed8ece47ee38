// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// Circuit breakers, outlier detection and health checks of a cluster.
extension EnvoyValue {
    func breaker(_ cluster: inout Cluster) {
        let breaker: YAMLFields? = message { fields in
            fields.refuse(
                "per_host_thresholds", because: "a breaker is for all endpoints together", "write `thresholds`")
            var breaker: YAMLFields?
            for threshold in fields.list("thresholds") {
                guard let next = threshold.threshold else { continue }
                if breaker != nil { threshold.complain("there are two thresholds for one priority", "remove one") }
                breaker = next
            }
            return breaker
        }
        cluster.breaker = breaker ?? YAMLFields()
    }

    /// Nil for requests of high priority: there are none.
    private var threshold: YAMLFields? {
        message { fields in
            var breaker = YAMLFields()
            let priority = fields.value("priority")
            let isDefault = (priority?.word(["DEFAULT", "HIGH"]) ?? "DEFAULT") == "DEFAULT"
            if !isDefault { priority?.note("is left out: all requests have one priority") }
            breaker.add("connections", fields.value("max_connections")?.limit(from: 1))
            breaker.add("pending", fields.value("max_pending_requests")?.limit(from: 0))
            breaker.add("requests", fields.value("max_requests")?.limit(from: 1))
            breaker.add("retries", fields.value("max_retries")?.limit(from: 0))
            if let budget = fields.value("retry_budget") {
                breaker.add("retryBudgetPercent", budget.retryBudget)
            }
            fields.ignore("track_remaining")
            fields.refuse(
                "max_connection_pools", because: "the number of pools has no limit of its own", "remove it")
            return isDefault ? breaker : nil
        }
    }

    private var retryBudget: Int? {
        message { fields in
            if let least = fields.value("min_retry_concurrency"), least.integer(0...Int(UInt32.max)) != 3 {
                least.note("is left out: three retries are always allowed")
            }
            return fields.value("budget_percent")?.percent ?? 20
        }
    }

    /// What the file leaves to Envoy's defaults is written out where Weft's differ.
    func ejection(_ cluster: inout Cluster) {
        var ejection = cluster.ejection
        let endpoints = cluster.endpoints.count
        let isStatic = cluster.type == "STATIC"
        _ = message { fields -> Void? in
            let errors = fields.value("consecutive_5xx")?.integer(0...1000) ?? 5
            let enforced = fields.enforced("enforcing_consecutive_5xx", unlessSaid: 100)
            ejection.add("consecutiveErrors", enforced ? errors : 0)
            ejection.add(
                "consecutiveFailures", fields.value("consecutive_local_origin_failure")?.integer(1...1000))
            ejection.add("interval", fields.value("interval")?.ejectionText)
            ejection.add("base", fields.value("base_ejection_time")?.ejectionText ?? "30s")
            ejection.add("longest", fields.value("max_ejection_time")?.ejectionText)
            // Envoy always ejects one, whatever the percentage; a percentage that is too small for that ejects none here.
            let percent = fields.value("max_ejection_percent")?.integer(0...100)
            let least = endpoints > 1 ? (99 + endpoints) / endpoints : 10
            if isStatic || percent != nil { ejection.add("mostPercent", max(percent ?? 10, isStatic ? least : 0)) }
            fields.gatewayFailures()
            fields.successRate()
            fields.failurePercentage(&ejection)
            fields.ignore(
                "split_external_local_origin_errors", "enforcing_consecutive_local_origin_failure",
                "enforcing_local_origin_success_rate", "max_ejection_time_jitter")
            fields.refuseTrue(
                "successful_active_health_check_uneject_host", "always_eject_one_host",
                because: "has no counterpart", "remove it; docs/balancing.md says when an endpoint returns")
            fields.refuse("monitors", because: "monitors of one's own have no counterpart", "remove them")
            return ()
        }
        cluster.ejection = ejection
    }

    fileprivate var ejectionText: String? {
        duration(.milliseconds(100) ... .seconds(3600)).map { DurationText.text($0) }
    }
}

extension EnvoyFields {
    /// Envoy can enforce a share of ejections; Weft all or none.
    fileprivate mutating func enforced(_ name: String, unlessSaid: Int) -> Bool {
        guard let value = value(name) else { return unlessSaid > 0 }
        let percent = value.integer(0...100) ?? unlessSaid
        if percent != 0, percent != 100 {
            value.refuse("an ejection happens always or never", "write 100 or 0")
        }
        return percent > 0
    }

    fileprivate mutating func gatewayFailures() {
        let isEnforced = enforced("enforcing_consecutive_gateway_failure", unlessSaid: 0)
        if isEnforced {
            value("enforcing_consecutive_gateway_failure")?.refuse(
                "502, 503 and 504 are not counted apart from other errors", "use `consecutive_5xx`")
        }
        ignore("consecutive_gateway_failure")
    }

    fileprivate mutating func successRate() {
        let isSaid = value("success_rate_stdev_factor") != nil || value("enforcing_success_rate") != nil
        let isEnforced = enforced("enforcing_success_rate", unlessSaid: 100)
        if isSaid, isEnforced {
            let place = value("success_rate_stdev_factor") ?? value("enforcing_success_rate")
            place?.refuse(
                "endpoints are not compared by the deviation of their success",
                "write `enforcing_success_rate: 0` and, if need be, `failure_percentage_threshold`")
        }
        ignore("success_rate_minimum_hosts", "success_rate_request_volume")
    }

    fileprivate mutating func failurePercentage(_ ejection: inout YAMLFields) {
        let isEnforced = enforced("enforcing_failure_percentage", unlessSaid: 0)
        let threshold = value("failure_percentage_threshold")?.integer(0...100) ?? 85
        let volume = value("failure_percentage_request_volume")?.integer(1...1_000_000) ?? 50
        if isEnforced {
            ejection.add("successPercentMin", 100 - threshold)
            ejection.add("requestsMin", volume)
        }
        ignore("failure_percentage_minimum_hosts", "enforcing_failure_percentage_local_origin")
    }

    mutating func clusterHealth(_ cluster: inout Cluster) {
        let checks = list("health_checks")
        if checks.count > 1 { checks[1].refuse("a Service has one health check", "keep one of them") }
        cluster.health = checks.first?.healthCheck
    }
}

extension EnvoyValue {
    fileprivate var healthCheck: YAMLFields? {
        message { fields in
            var health = YAMLFields()
            let kind = fields.oneOf("http_health_check", "tcp_health_check", "grpc_health_check", "custom_health_check")
            switch kind?.name {
            case "http_health_check":
                health.add("http", kind?.value.httpHealthCheck ?? YAMLFields())
                if health.isEmpty { health.add("http", .mapping([])) }
            case "tcp_health_check":
                kind?.value.tcpHealthCheck()
                health.add("tcp", .mapping([]))
            case "grpc_health_check":
                kind?.value.refuse(
                    "health checks by gRPC are not there", "write `tcp_health_check: {}` or an `http_health_check`")
            default:
                (kind?.value ?? self).refuse(
                    "a check is one of `http_health_check` and `tcp_health_check`", "write one of them")
            }
            let interval: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3600)
            let timeout: ClosedRange<Duration> = .milliseconds(10) ... .seconds(600)
            health.add("interval", fields.value("interval")?.duration(interval).map { DurationText.text($0) })
            health.add("timeout", fields.value("timeout")?.duration(timeout).map { DurationText.text($0) })
            health.add("healthyThreshold", fields.value("healthy_threshold")?.integer(1...1000))
            health.add("unhealthyThreshold", fields.value("unhealthy_threshold")?.integer(1...1000))
            fields.ignore(
                "reuse_connection", "event_log_path", "event_logger", "event_service",
                "always_log_health_check_failures", "always_log_health_check_success")
            fields.note(
                "initial_jitter", "interval_jitter", "interval_jitter_percent", "no_traffic_interval",
                "no_traffic_healthy_interval", "unhealthy_interval", "unhealthy_edge_interval",
                "healthy_edge_interval", because: "is left out: one interval holds, give or take 10 %")
            fields.refuse(
                "tls_options", "transport_socket_match_criteria", because: "checks go the way that requests go",
                "endpoints in the mesh get mutual TLS from Weft; remove this")
            fields.refuse("alt_port", because: "is not a field of Envoy's API v3", "remove it")
            return health
        }
    }

    private func tcpHealthCheck() {
        _ = message { fields -> Void? in
            fields.refuse(
                "send", "receive", because: "a TCP check connects, and says nothing",
                "remove it, or use an `http_health_check`")
            fields.refuse("proxy_protocol_config", because: "checks send no PROXY header", "remove it")
            return ()
        }
    }

    private var httpHealthCheck: YAMLFields? {
        message { fields in
            var http = YAMLFields()
            http.add("path", fields.require("path")?.checkedPath)
            http.add("host", fields.value("host").flatMap(\.checkedHost))
            http.add("method", fields.value("method").flatMap(\.checkMethod))
            let ranges = fields.list("expected_statuses").compactMap(\.statusRange)
            http.add("statuses", ranges.isEmpty ? [.number(200)] : ranges)
            var headers: [YAMLText] = []
            for header in fields.list("request_headers_to_add") {
                if let change = header.headerChange {
                    headers.append(.mapping([("name", .word(change.name)), ("value", .word(change.text))]))
                }
            }
            http.add("headers", headers)
            if let codec = fields.value("codec_client_type"), codec.word(["HTTP1", "HTTP2", "HTTP3"]) == "HTTP3" {
                codec.refuse("HTTP/3 is not spoken", "write HTTP1")
            }
            fields.ignore("response_buffer_size")
            fields.refuse(
                "send", "receive", because: "a check sends no body, and looks at the status only", "remove it")
            fields.refuse(
                "request_headers_to_remove", "service_name_matcher", "retriable_statuses",
                because: "has no counterpart", "remove it")
            return http
        }
    }

    private var checkedPath: String? {
        scalar("a path such as /healthz, of visible ASCII characters") { text in
            let isVisible = text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }
            return text.hasPrefix("/") && isVisible && text.utf8.count <= 1024 ? text : nil
        }
    }

    private var checkedHost: String? {
        if case .scalar("", _) = node.content { return nil }
        return scalar("a host such as shop.example or shop.example:8080") { text in
            if SocketAddress(text) != nil || IPAddress(text)?.family == .ipv4 { return text }
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first, DNSName(name) != nil, parts.count == 1 || Port(parts[1]) != nil else {
                return nil
            }
            return text
        }
    }

    private var checkMethod: String? {
        guard let text = text?.uppercased() else { return nil }
        guard ["GET", "HEAD", "OPTIONS"].contains(text) else {
            refuse("a check asks by GET, HEAD or OPTIONS", "write one of them")
            return nil
        }
        return text
    }

    /// `{start: 200, end: 300}`, of which the end is not part.
    private var statusRange: YAMLText? {
        message { fields in
            let start = fields.require("start")?.integer(200...599)
            let end = fields.require("end")?.integer(201...600)
            guard let start, let end, start < end else { return nil }
            return end - start == 1 ? .number(start) : .word("\(start)-\(end - 1)")
        }
    }
}
