// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AdminServer
internal import Bytes
internal import DataPlane
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// What the proxy has learned of the services that are called, and of the requests to them.
extension AdminRoutes {
    func traces() -> AdminResponse {
        .json { writer in
            writer.traces(
                runtime.spans.spans, of: runtime.state.file.proxy.workload,
                identity: runtime.state.identity?.identity.description)
        }
    }

    func endpoints(_ report: GatheredReport) -> AdminResponse {
        let services = report.services.values.sorted { ($0.key.service, $0.key.port) < ($1.key.service, $1.key.port) }
        let clock = (wall: WallTime.now(), now: runtime.loop.now)
        return .json { writer in
            writer.object { writer in
                writer.field("count", services.count)
                writer.key("services")
                writer.array(services) { writer, service in
                    writer.object { writer in
                        writer.field("service", service.key.service.description)
                        writer.field("port", service.key.port)
                        if let load = service.load {
                            writer.key("breaker")
                            load.write(into: &writer)
                        }
                        writer.key("endpoints")
                        // Sorted by what is told: an address has an order only as text.
                        let endpoints = service.endpoints.map { ($0.address.description, $0, $1) }
                            .sorted { ($0.0, $0.1.workloadUID) < ($1.0, $1.1.workloadUID) }
                        writer.array(endpoints) { writer, known in
                            let (_, endpoint, standing) = known
                            writer.object { writer in
                                endpoint.write(into: &writer)
                                standing.write(into: &writer) { clock.wall + ($0 - clock.now) }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension ServiceReport.Load {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("open", isOpen)
            writer.field("connections", connections)
            writer.field("pending", pending)
            writer.field("requests", requests)
            writer.field("retries", retries)
        }
    }
}

extension Endpoint {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.field("address", address.description)
        if !workloadUID.isEmpty { writer.field("workload_uid", workloadUID) }
        switch security {
        case .mutualTLS(let identity):
            writer.field("security", "mutual-tls")
            writer.field("peer", identity.description)
        case .plaintext(let reason):
            writer.field("security", "plaintext")
            writer.field("plaintext_reason", reason.rawValue)
        }
    }
}

extension EndpointStanding {
    fileprivate func write(into writer: inout JSONWriter, wallTime: (Instant) -> WallTime) {
        writer.field("state", state.rawValue)
        writer.field("until", ifPresent: until.map { wallTime($0).description })
        writer.field("under_way", openCount)
        writer.field("reached", tally.reached)
        writer.field("unreachable", tally.unreachable)
        writer.field("successes", tally.successes)
        writer.field("failures", tally.failures)
        if let latency {
            writer.key("latency_ms")
            writer.thousandths(latency.wholeMicroseconds)
        }
    }
}

extension ExpositionWriter {
    /// As many services as have series about requests; the others are in the list of the admin endpoint.
    mutating func write(_ reports: [ServiceReport.Key: ServiceReport]) {
        var services: [ResourceReference: (states: [EndpointState: Int], isOpen: Bool)] = [:]
        for report in reports.values {
            var told = services[report.key.service] ?? ([:], false)
            let troubled = report.endpoints.values.filter { $0.state != .healthy }
            for standing in troubled { told.states[standing.state, default: 0] += 1 }
            told.states[.healthy, default: 0] += max(0, report.endpointCount - troubled.count)
            if report.load?.isOpen ?? false { told.isOpen = true }
            services[report.key.service] = told
        }
        let told = services.sorted { $0.key < $1.key }.prefix(RequestCounters.servicesMax)
        write(
            .endpoints,
            told.flatMap { service, known -> [Sample] in
                EndpointState.allCases.map { state in
                    (
                        [("service", service.description), ("state", state.rawValue)],
                        String(known.states[state] ?? 0)
                    )
                }
            })
        write(.breakersOpen, told.map { ([("service", $0.key.description)], $0.value.isOpen ? "1" : "0") })
    }
}
