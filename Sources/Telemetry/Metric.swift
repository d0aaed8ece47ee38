// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Every metric that is told. The one place for names, labels and sentences: the exposition writes no other, and
/// `docs/metrics.md` is made from it by `make docs`.
package enum Metric: String, Sendable, CaseIterable {
    case buildInfo = "weft_build_info"
    case ready = "weft_ready"
    case draining = "weft_draining"
    case connectionsOpened = "weft_connections_opened_total"
    case connectionsActive = "weft_connections_active"
    case connectionsFinished = "weft_connections_finished_total"
    case plaintextConnections = "weft_plaintext_connections_total"
    case detectedProtocols = "weft_detected_protocols_total"
    case bytes = "weft_bytes_total"
    case connectionDuration = "weft_connection_duration_seconds"
    case requests = "weft_requests_total"
    case requestDuration = "weft_request_duration_seconds"
    case requestBytes = "weft_request_bytes_total"
    case requestRetries = "weft_request_retries_total"
    case requestSeries = "weft_request_series"
    case requestSeriesEvicted = "weft_request_series_evicted_total"
    case requestsOverflowed = "weft_requests_overflowed_total"
    case breakerRefusals = "weft_breaker_refusals_total"
    case breakersOpen = "weft_breakers_open"
    case endpoints = "weft_endpoints"
    case spansRecorded = "weft_spans_recorded_total"
    case spansDropped = "weft_spans_dropped_total"
    case connectDuration = "weft_connect_duration_seconds"
    case handshakeDuration = "weft_handshake_duration_seconds"
    case handshakes = "weft_handshakes_total"
    case handshakesActive = "weft_handshakes_active"
    case verifications = "weft_certificate_verifications_total"
    case peerConnections = "weft_peer_connections"
    case poolIdle = "weft_pool_idle_connections"
    case poolTakes = "weft_pool_takes_total"
    case poolRetired = "weft_pool_retired_total"
    case held = "weft_held_connections"
    case replays = "weft_stream_replays_total"
    case failovers = "weft_failovers_total"
    case ejections = "weft_endpoint_ejections_total"
    case acceptPauses = "weft_accept_pauses_total"
    case relaxedTimeouts = "weft_user_timeouts_relaxed_total"
    case unpoliced = "weft_unpoliced_calls_total"
    case recordsDropped = "weft_log_records_dropped_total"
    case certificateExpiry = "weft_certificate_expiry_seconds"
    case reloads = "weft_reloads_total"
    case endpointHealthy = "weft_endpoint_healthy"
    case nameLookups = "weft_name_lookups_total"
    case nameQueries = "weft_name_queries_total"
    case nameQueriesPending = "weft_name_queries_pending"
    case unresolvedNames = "weft_unresolved_names"
    case controlConnected = "weft_control_connected"
    case controlRevision = "weft_control_revision"
    case controlUpdates = "weft_control_updates_total"
    case certificateRenewals = "weft_certificate_renewals_total"
    case certificateOverdue = "weft_certificate_overdue"
    case linesDropped = "weft_log_lines_dropped_total"
    case memoryLimit = "weft_memory_limit_bytes"
    case memoryPressure = "weft_memory_pressure"
    case cpu = "process_cpu_seconds_total"
    case residentMemory = "process_resident_memory_bytes"
    case descriptorLimit = "process_max_fds"
    case startTime = "process_start_time_seconds"

    package enum Kind: String, Sendable {
        /// Only grows, until the proxy starts anew.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts by size, in seconds.
        case histogram
    }

    package var name: String { rawValue }

    package var kind: Kind {
        switch self {
        case .connectionDuration, .requestDuration, .connectDuration, .handshakeDuration: .histogram
        case _ where name.hasSuffix("_total"): .counter
        default: .gauge
        }
    }

    /// One sentence.
    package var help: String {
        switch self {
        case .buildInfo: "Version of the proxy and of the TLS library."
        case .ready: "1 when the proxy may receive traffic."
        case .draining: "1 while the proxy ends."
        case .connectionsOpened: "Connections accepted."
        case .connectionsActive: "Connections relayed or being set up now."
        case .connectionsFinished: "Connections ended, by outcome."
        case .plaintextConnections: "Connections ended that the mesh did not encrypt, and why."
        case .detectedProtocols: "Connections ended, by what the first bytes spoke."
        case .bytes: "Bytes of ended connections, as the proxy sees them."
        case .connectionDuration: "How long connections lived."
        case .requests: "Requests over, by service, route, status and outcome."
        case .requestDuration: "From the head of a request to the end of its answer."
        case .requestBytes: "Bytes of the bodies of requests (received) and answers (sent)."
        case .requestRetries: "Requests that were sent again."
        case .requestSeries: "Series of weft_requests_total that are told."
        case .requestSeriesEvicted: "Series about requests that had not counted for long and are told no more."
        case .requestsOverflowed: "Requests counted without service, route and peer, since there are too many series."
        case .breakerRefusals: "Requests and retries that a limit of the service's breaker did not let through."
        case .breakersOpen: "1 while the service's breaker lets nothing more through."
        case .endpoints: "Endpoints of the services that are called, by what is known of them."
        case .spansRecorded: "Spans of sampled requests that were recorded."
        case .spansDropped: "Recorded spans that gave way to newer ones."
        case .connectDuration: "How long connects took."
        case .handshakeDuration: "How long TLS handshakes took."
        case .handshakes: "TLS handshakes between sidecars."
        case .handshakesActive: "TLS handshakes under way."
        case .verifications: "Peer chains judged, whole or remembered."
        case .peerConnections: "Connections between sidecars, idle ones included."
        case .poolIdle: "Connections waiting to be used again."
        case .poolTakes: "Streams that found an idle connection, and those that did not."
        case .poolRetired: "Idle connections closed before their time."
        case .held: "Connections waiting for an identity."
        case .replays: "Streams opened again after a stale connection."
        case .failovers: "Connections that were given another endpoint."
        case .ejections: "Endpoints left out for a while because they failed."
        case .acceptPauses: "Times accepting rested for lack of descriptors."
        case .relaxedTimeouts: "Times a reader that pauses was given longer."
        case .unpoliced:
            "Streams and connections to a port that no policy is for: what `default: deny` would refuse."
        case .recordsDropped: "Records of connections and requests dropped because logging fell behind."
        case .certificateExpiry: "When a certificate ends, in seconds since 1970."
        case .reloads: "Configurations and identities taken or rejected while running."
        case .endpointHealthy:
            "1 unless the checks of the service have found the endpoint unhealthy; absent without checks."
        case .nameLookups: "Lookups of names of endpoints; after one that failed the last good answer stays."
        case .nameQueries: "Questions about names that the proxy was asked (`spec.names`)."
        case .nameQueriesPending: "Questions about names that are not answered yet."
        case .unresolvedNames: "Names of endpoints that DNS has never had an address for."
        case .controlConnected: "1 while the control plane is heard; absent without one."
        case .controlRevision: "The revision of the mesh's configuration that is in force."
        case .controlUpdates: "Updates of the control plane; what is rejected is rejected whole."
        case .certificateRenewals: "Certificates asked of the control plane; after one that failed the old one stays."
        case .certificateOverdue: "1 once the certificate should have been renewed and could not be: somebody must act."
        case .linesDropped: "Lines that nobody read in time."
        case .memoryLimit: "What the memory is measured against; absent where nothing limits it."
        case .memoryPressure: "0 room enough, 1 nothing new is accepted, 2 the largest are reset."
        case .cpu: "CPU time used."
        case .residentMemory: "Memory resident."
        case .descriptorLimit: "Descriptors that may be open."
        case .startTime: "When the process began."
        }
    }

    /// In the order in which they are written.
    package var labels: [MetricLabel] {
        switch self {
        case .buildInfo: [.version, .tls]
        case .connectionsOpened, .connectionsActive, .connectionDuration: [.direction]
        case .connectionsFinished: [.direction, .outcome, .code, .security]
        case .requests:
            [.direction, .service, .route, .peer, .spoken, .status, .grpcStatus, .outcome, .code, .security]
        case .requestDuration: [.direction, .service]
        case .requestBytes: [.direction, .service, .flow]
        case .breakerRefusals: [.service, .limit]
        case .breakersOpen: [.service]
        case .endpoints: [.service, .endpointState]
        case .plaintextConnections: [.direction, .reason]
        case .detectedProtocols: [.direction, .protocol]
        case .bytes: [.direction, .side, .flow]
        case .handshakes: [.role, .handshakeResult]
        case .verifications: [.verificationKind]
        case .poolTakes: [.takeResult]
        case .certificateExpiry: [.certificate]
        case .reloads: [.reloadKind, .reloadResult]
        case .endpointHealthy: [.checkedService, .endpoint]
        case .nameLookups: [.lookupResult]
        case .controlUpdates: [.updateResult]
        case .certificateRenewals: [.renewalResult]
        case .nameQueries: [.queryResult]
        default: []
        }
    }
}

/// A label and what it may say. Every set of values is closed, or bounded by what an operator configured: a peer cannot
/// make a series.
package struct MetricLabel: Sendable {
    package let name: String
    /// Empty where they cannot be listed.
    package let values: [String]
    package let meaning: String

    private init(_ name: String, _ values: [String], _ meaning: String) {
        self.name = name
        self.values = values
        self.meaning = meaning
    }

    static let version = MetricLabel("version", [], "of the proxy")
    static let tls = MetricLabel("tls", [], "name and version of the TLS library")
    static let direction = MetricLabel(
        "direction", TrafficDirection.allCases.map(\.rawValue), "toward or from the workload")
    static let service = MetricLabel(
        "service", [], "that is called, `namespace/name`; empty on the inbound side, `_other` where there are too many")
    static let route = MetricLabel("route", [], "and its rule, `namespace/name[index]`; empty where none decided")
    static let peer = MetricLabel(
        "peer", [], "the SPIFFE ID at the other end, as its certificate proves it; empty without one")
    static let spoken = MetricLabel("protocol", ["http/1", "http/2"], "what the request came as")
    static let grpcStatus = MetricLabel("grpc_status", [], "of a call of gRPC, 0 to 16; else empty")
    static let limit = MetricLabel("limit", BreakerLimit.allCases.map(\.rawValue), "that was reached")
    static let endpointState = MetricLabel(
        "state", ["healthy", "resting", "ejected", "unhealthy"], "as in [`/endpoints`](admin.md#endpoints)")
    static let status = MetricLabel("status", [], "of the answer; 0 where there was none")
    static let outcome = MetricLabel("outcome", [], "the name of an [outcome](errors.md#connections)")
    static let code = MetricLabel("code", [], "the code of the outcome, `WEFT3000` and on")
    static let security = MetricLabel(
        "security", ["none", "mutual-tls", "plaintext"], "what protects the connection between the sidecars")
    static let reason = MetricLabel(
        "reason", PlaintextReason.allCases.map(\.rawValue), "why the mesh does not encrypt it")
    static let `protocol` = MetricLabel(
        "protocol", DetectedProtocol.allCases.map(\.rawValue), "what the connection speaks")
    static let side = MetricLabel("side", ["downstream", "upstream"], "who connected to us, or whom we connected to")
    static let flow = MetricLabel("flow", ["received", "sent"], "from where the proxy stands")
    static let role = MetricLabel("role", ["dialler", "acceptor"], "who began the handshake, this proxy or the peer")
    static let handshakeResult = MetricLabel("result", ["completed", "failed"], "how it ended")
    static let verificationKind = MetricLabel(
        "kind", ["whole", "remembered"], "all signatures, or a chain that was found good before")
    static let takeResult = MetricLabel("result", ["hit", "miss"], "whether an idle connection was there")
    static let certificate = MetricLabel(
        "certificate", ["leaf", "intermediate-1", "intermediate-2"], "which of the own chain")
    static let reloadKind = MetricLabel("kind", ["configuration", "identity"], "what was to be taken")
    static let checkedService = MetricLabel("service", [], "that has the checks, `namespace/name`")
    static let endpoint = MetricLabel("endpoint", [], "its address and port")
    static let lookupResult = MetricLabel("result", ["done", "failed"], "whether there was a good answer")
    static let updateResult = MetricLabel("result", ["accepted", "rejected"], "whether it is in force and kept")
    static let renewalResult = MetricLabel("result", ["done", "failed"], "whether there is a new certificate")
    static let queryResult = MetricLabel(
        "result", NameResult.allCases.map(\.rawValue), "as in [names](names.md#metrics)")
    static let reloadResult = MetricLabel("result", ["done", "rejected"], "whether it was")
}
