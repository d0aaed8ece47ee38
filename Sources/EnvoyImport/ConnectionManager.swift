// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// The filter chain around a http_connection_manager.
struct HTTPChain {
    let value: EnvoyValue
    /// `server_names`.
    let hosts: [String]
    let tls: YAMLText?
    /// TLS ends here, as far as the file is concerned.
    let isSecure: Bool
    /// Something around it could not be carried over.
    let isBroken: Bool
}

extension EnvoyValue {
    /// `typed_config` of a http_connection_manager.
    func connectionManager(_ chain: HTTPChain, _ gateway: inout GatewayBuilder, _ importer: Importer) {
        var next = gateway
        _ = message { fields -> Void? in
            fields.managerSettings(importer)
            fields.managerRest()
            for filter in fields.list("http_filters") { filter.httpFilter() }
            guard let (name, value) = fields.oneOf("route_config", "rds", "scoped_routes") else {
                complain("has no `route_config`", "give it one")
                return nil
            }
            guard name == "route_config" else {
                value.refuse("routes are told by a server (\(name))", "write them into `route_config`")
                return nil
            }
            guard !chain.isBroken else {
                value.routeTable(chain, [], &next, importer)
                return nil
            }
            var sections: [(name: String, host: String?)] = []
            let hosts: [String?] = chain.hosts.isEmpty ? [nil] : chain.hosts
            for host in hosts {
                let transport = chain.isSecure ? "HTTPS" : "HTTP"
                if let section = next.listener(transport, host: host, tls: chain.tls, for: chain.value) {
                    sections.append((section, host))
                }
            }
            value.routeTable(chain, sections, &next, importer)
            return ()
        }
        gateway = next
    }

    private func httpFilter() {
        guard let filter = extensionConfig else { return }
        let remedies = [
            "RBAC": "write a Policy (docs/policy.md)", "envoy.filters.http.rbac": "write a Policy (docs/policy.md)",
            "HTTPFault": "write a `fault` with an end (docs/filter.md)",
            "envoy.filters.http.fault": "write a `fault` with an end (docs/filter.md)",
            "LocalRateLimit": "write a `rateLimit` (docs/filter.md)",
            "envoy.filters.http.local_ratelimit": "write a `rateLimit` (docs/filter.md)",
            "RateLimit": "write a `rateLimit` (docs/filter.md)",
            "envoy.filters.http.ratelimit": "write a `rateLimit` (docs/filter.md)",
            "HealthCheck": "ask the proxy's own `/ready` at its metrics port",
            "envoy.filters.http.health_check": "ask the proxy's own `/ready` at its metrics port",
        ]
        switch filter.kind {
        case "Router":
            _ = filter.config.message { fields -> Void? in
                fields.ignore(
                    "dynamic_stats", "suppress_envoy_headers", "respect_expected_rq_timeout",
                    "suppress_grpc_request_failure_code_stats")
                fields.note(
                    "start_child_span", "upstream_log", "upstream_log_options",
                    because: "is left out: Weft logs and traces by itself")
                fields.refuse(
                    "strict_check_headers", "upstream_http_filters", because: "has no counterpart", "remove it")
                return ()
            }
        case "GrpcStats", "FilterConfig", "envoy.filters.http.grpc_stats":
            note("is left out: Weft counts gRPC by itself")
        default:
            refuse(
                "the HTTP filter `\(filter.kind)` has no counterpart",
                remedies[filter.kind] ?? "let the backend do it, and remove the filter")
        }
    }
}

extension EnvoyFields {
    /// What one proxy has for all of its listeners.
    fileprivate mutating func managerSettings(_ importer: Importer) {
        if let kilobytes = value("max_request_headers_kb"), let number = kilobytes.integer(1...8192) {
            guard (4...1024).contains(number) else {
                kilobytes.refuse("\(number) KiB are out of range", "it goes from 4 to 1024")
                return
            }
            importer.set("http.headBytes", .word("\(number)Ki"), from: kilobytes)
            // A target is part of a head; 16 KiB unless said.
            if number < 16 { importer.set("http.targetBytes", .word("\(number)Ki"), from: kilobytes) }
        }
        if let timeout = value("request_headers_timeout"), timeout.duration != .zero,
            let duration = timeout.duration(.milliseconds(10) ... .seconds(600))
        {
            importer.set("http.headTimeout", .word(DurationText.text(duration)), from: timeout)
        }
        if let options = value("common_http_protocol_options") {
            _ = options.message { fields -> Void? in
                if let idle = fields.value("idle_timeout"),
                    let duration = idle.duration(.milliseconds(100) ... .seconds(30 * 86_400))
                {
                    importer.set("http.idleTimeout", .word(DurationText.text(duration)), from: idle)
                }
                if let count = fields.value("max_headers_count"), let number = count.limit(from: 16, most: 4096) {
                    importer.set("http.fieldCount", .number(number), from: count)
                }
                fields.refuse(
                    "max_connection_duration", "max_stream_duration",
                    because: "connections have no age at which they end", "use `timeout` of the routes")
                fields.note("max_requests_per_connection", because: "is left out: connections stay")
                if let action = fields.value("headers_with_underscores_action"),
                    action.word(["ALLOW", "REJECT_REQUEST", "DROP_HEADER"]) == "DROP_HEADER"
                {
                    action.refuse("header fields are not dropped by how they are spelt", "remove it")
                } else if fields.value("headers_with_underscores_action")?.text?.uppercased() == "REJECT_REQUEST" {
                    fields.value("headers_with_underscores_action")?.note(
                        "is left out: header fields with underscores are passed on")
                }
                return ()
            }
        }
    }

    fileprivate mutating func managerRest() {
        ignore(
            "stat_prefix", "generate_request_id", "preserve_external_request_id", "add_user_agent",
            "max_request_headers_count",
            "always_set_request_id_in_response", "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
            "stream_error_on_invalid_http_message", "http1_safe_max_connection_duration", "append_local_overload")
        if let codec = value("codec_type"), codec.word(["AUTO", "HTTP1", "HTTP2", "HTTP3"]) == "HTTP3" {
            codec.refuse("HTTP/3 is not spoken", "write AUTO")
        }
        note(
            "access_log", "access_log_options", "access_log_flush_interval", "flush_access_log_on_new_request",
            because: "is left out: Weft writes a line for each request by itself")
        note("tracing", "request_id_extension", because: "is left out: Weft continues `traceparent` by itself")
        note(
            "use_remote_address", "xff_num_trusted_hops", "skip_xff_append", "internal_address_config",
            because: "is left out: Weft passes on `x-forwarded-for` as it came")
        note(
            "stream_idle_timeout", "request_timeout", "stream_flush_timeout",
            because: "is left out: `timeouts.request` of a rule bounds a request as a whole")
        note(
            "delayed_close_timeout", "drain_timeout", "proxy_100_continue", "http2_protocol_options",
            "http3_protocol_options", "scheme_header_transformation", "per_request_buffer_limit_bytes",
            because: "is left out: Weft has its own way")
        note(
            "server_name", "server_header_transformation", "via", because: "is left out: Weft names itself in no answer"
        )
        note(
            "strip_matching_host_port", "strip_any_host_port", "strip_trailing_host_dot",
            because: "is left out: hosts are matched without their port, and passed on with it")
        note("upgrade_configs", because: "is left out: Weft passes on upgrades, such as WebSocket, by itself")
        if let normal = value("normalize_path"), normal.truth == false {
            normal.note("paths are always normalised (docs/paths.md)")
        }
        if let merge = value("merge_slashes"), merge.truth == false {
            merge.note("slashes are always merged (docs/paths.md)")
        }
        if let action = value("path_with_escaped_slashes_action") {
            let words = [
                "IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT",
                "UNESCAPE_AND_FORWARD",
            ]
            if let word = action.word(words), word != "REJECT_REQUEST" {
                action.note("an encoded slash in a path is always refused (docs/paths.md)")
            }
        }
        if let details = value("forward_client_cert_details"),
            let word = details.word([
                "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY",
            ]), word != "SANITIZE"
        {
            details.refuse("`x-forwarded-client-cert` is not written", "read `x-weft-caller`")
        }
        ignore("set_current_client_cert_details")
        if let options = value("http_protocol_options") {
            _ = options.message { fields -> Void? in
                fields.note(
                    "accept_http_10", "default_host_for_http_10", "allow_absolute_url", "enable_trailers",
                    "header_key_format", "allow_chunked_length", "allow_custom_methods",
                    "override_stream_error_on_invalid_http_message", "send_fully_qualified_url", "use_balsa_parser",
                    because: "is left out: the details of HTTP/1 are Weft's own")
                return ()
            }
        }
        refuse(
            "local_reply_config", because: "answers of the proxy itself are not rewritten", "remove it")
        refuse(
            "original_ip_detection_extensions", "early_header_mutation_extensions", "path_normalization_options",
            "header_validation_config", "typed_header_validation_config", because: "has no counterpart", "remove it")
    }
}
