// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AdminServer
internal import Bytes
internal import ConnectionStates
internal import ControlLink
internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import NameResolution
internal import NameServing
internal import Reactor
internal import TLSSession
internal import Telemetry

/// Answers the requests of the admin endpoint and of the metrics port. `docs/admin.md` describes them.
struct AdminRoutes {
    /// What administrators may ask, and the methods; the first three are open to everybody.
    static let routes: [(path: String, methods: [String], summary: String)] = [
        ("/metrics", ["GET", "HEAD"], "metrics in the Prometheus text format"),
        ("/ready", ["GET", "HEAD"], "200 when the proxy may receive traffic, else 503 with the reason"),
        ("/live", ["GET", "HEAD"], "200 while the control thread answers"),
        ("/connections", ["GET", "HEAD"], "every connection under way"),
        ("/endpoints", ["GET", "HEAD"], "every endpoint of the services that are called, and how it does"),
        ("/traces", ["GET", "HEAD"], "spans of the last sampled requests, in the JSON form of OTLP"),
        ("/certificates", ["GET", "HEAD"], "the own chain and the trust bundles, never keys"),
        ("/config", ["GET", "HEAD"], "the configuration in force"),
        ("/names", ["GET", "HEAD"], "the names of endpoints, and what DNS says of them"),
        ("/health", ["GET", "HEAD"], "the endpoints that are checked, and what the checks say"),
        ("/log-level", ["GET", "HEAD", "PUT"], "the log level; PUT sets it to the word in the body"),
        ("/drain", ["POST"], "ends the proxy as SIGTERM does"),
        ("/shutdown", ["POST"], "ends the proxy without the settle time, for jobs whose application has ended"),
    ]
    private static let publicPaths: Set<String> = ["/metrics", "/ready", "/live"]

    unowned let runtime: ProxyRuntime

    func answer(_ request: AdminRequest, _ respond: @escaping (AdminResponse) -> Void) {
        let isPublic = Self.publicPaths.contains(request.path)
        guard isPublic || request.audience == .administrator,
            let route = Self.routes.first(where: { $0.path == request.path })
        else { return respond(unknown(request)) }
        let methods = request.audience == .everybody ? ["GET", "HEAD"] : route.methods
        guard methods.contains(request.method) else {
            return respond(.text("\(request.path) takes \(methods.joined(separator: ", "))\n", status: 405))
        }
        switch route.path {
        case "/metrics": runtime.collector.ask { respond(metrics($0)) }
        case "/ready": respond(ready(request.audience))
        case "/live": respond(.text("live\n"))
        case "/connections":
            runtime.collector.ask(.connections) { respond(list($0.connections)) }
        case "/endpoints": runtime.collector.ask(.endpoints) { respond(endpoints($0)) }
        case "/traces": respond(traces())
        case "/certificates": respond(certificates())
        case "/config": respond(configuration())
        case "/names": respond(names())
        case "/health": runtime.collector.ask { respond(health($0.checks)) }
        case "/log-level": respond(logLevel(request))
        case "/drain":
            runtime.drain(runtime.state.file.proxy.drain, reason: "asked by the admin endpoint")
            respond(.text("draining\n", status: 202))
        default:
            runtime.shutDown(reason: "asked by the admin endpoint")
            respond(.text("shutting down\n", status: 202))
        }
    }

    private func unknown(_ request: AdminRequest) -> AdminResponse {
        let known = request.audience == .everybody ? Self.routes.prefix(3) : Self.routes[...]
        let lines = known.map { "\($0.methods[0]) \($0.path)  \($0.summary)\n" }.joined()
        return .text("there is no \(request.path); there is:\n\(lines)", status: 404)
    }

    private func ready(_ audience: AdminAudience) -> AdminResponse {
        let reasons = runtime.state.unready
        guard !reasons.isEmpty else { return .text("ready\n") }
        // Paths and names inside the reasons are nothing for everybody.
        guard audience == .administrator else { return .text("not ready\n", status: 503) }
        return .text("not ready: \(reasons.joined(separator: "; "))\n", status: 503)
    }

    private func list(_ connections: [ConnectionRecord]) -> AdminResponse {
        .json { writer in
            writer.object { writer in
                writer.field("count", connections.count)
                writer.key("connections")
                writer.array(connections) { writer, record in
                    writer.object { writer in
                        record.writeFields(into: &writer)
                        writer.field("state", record.state)
                        writer.key("age_ms")
                        writer.thousandths(record.duration.wholeMicroseconds)
                    }
                }
            }
        }
    }

    private func logLevel(_ request: AdminRequest) -> AdminResponse {
        guard request.method == "PUT" else { return .text("\(runtime.log.level.rawValue)\n") }
        let word = String(decoding: request.body, as: UTF8.self).filter { !$0.isWhitespace }
        guard let level = LogSettings.Level(rawValue: word) else {
            let words = LogSettings.Level.allCases.map(\.rawValue).joined(separator: ", ")
            let problem = Problem(.adminRequest, at: "/log-level", "`\(word.prefix(40))` is none of \(words)")
            return .problem(problem, status: 400)
        }
        runtime.setLogLevel(level)
        return .text("\(level.rawValue)\n")
    }

    // MARK: Certificates

    private func certificates() -> AdminResponse {
        let state = runtime.state
        return .json { writer in
            writer.object { writer in
                if let identity = state.identity {
                    writer.field("identity", identity.identity.description)
                    writer.key("chain")
                    writer.array(identity.chain) { writer, certificate in write(certificate, into: &writer) }
                    writer.key("bundles")
                    writer.object { writer in
                        for (domain, roots) in identity.bundles.roots.sorted(by: { $0.key.name < $1.key.name }) {
                            writer.key(domain.name)
                            writer.array(roots) { writer, certificate in write(certificate, into: &writer) }
                        }
                    }
                }
                writer.field("problem", ifPresent: state.identityProblem?.description)
            }
        }
    }

    private func write(_ certificate: Certificate, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("serial", certificate.serialNumber)
            writer.field("not_before", ifPresent: certificate.notBefore?.description)
            writer.field("not_after", ifPresent: certificate.notAfter?.description)
            writer.field("sha256", Hexadecimal.text(of: certificate.fingerprint))
            if let end = certificate.notAfter {
                writer.field("seconds_left", (end - WallTime.now()).components.seconds)
            }
        }
    }

    // MARK: Metrics

    private func metrics(_ report: GatheredReport) -> AdminResponse {
        let state = runtime.state
        var writer = ExpositionWriter()
        writer.write(.buildInfo, [([("version", WeftVersion.text), ("tls", TLSLibrary.version)], "1")])
        writer.write(.ready, state.unready.isEmpty ? 1 : 0)
        writer.write(.draining, state.isDraining ? 1 : 0)
        writer.write(report.counters)
        writer.write(
            .endpointHealthy,
            report.checks.map { check in
                (
                    [("service", check.service.description), ("endpoint", check.address.description)],
                    check.isHealthy ? "1" : "0"
                )
            })
        writer.write(report.services)
        writer.write(.spansRecorded, runtime.spans.recorded)
        writer.write(.spansDropped, runtime.spans.dropped)
        let ends = (state.identity?.chain ?? []).enumerated().compactMap { index, certificate in
            certificate.notAfter.map { end -> ExpositionWriter.Sample in
                ([("certificate", index == 0 ? "leaf" : "intermediate-\(index)")], String(end.seconds))
            }
        }
        writer.write(.certificateExpiry, ends)
        writer.write(
            .reloads,
            [
                ([("kind", "configuration"), ("result", "done")], String(state.reloads.done)),
                ([("kind", "configuration"), ("result", "rejected")], String(state.reloads.rejected)),
                ([("kind", "identity"), ("result", "done")], String(state.identityChanges.done)),
                ([("kind", "identity"), ("result", "rejected")], String(state.identityChanges.rejected)),
            ])
        writer.write(
            .nameLookups,
            [
                ([("result", "done")], String(runtime.resolver.lookups.done)),
                ([("result", "failed")], String(runtime.resolver.lookups.failed)),
            ])
        if let names = runtime.nameServer {
            writer.write(
                .nameQueries,
                NameResult.allCases.map { ([("result", $0.rawValue)], String(names.results[$0] ?? 0)) })
            writer.write(.nameQueriesPending, names.pendingCount)
        }
        writer.write(.unresolvedNames, runtime.resolver.unresolvedCount)
        if let control = runtime.control { write(control, into: &writer) }
        writer.write(.linesDropped, runtime.log.dropped)
        let (cpu, resident) = ThisProcess.usage()
        writer.write(.cpu, [([], ExpositionWriter.seconds(cpu.wholeNanoseconds))])
        writer.write(.residentMemory, resident)
        if let limit = state.memoryLimit {
            writer.write(.memoryLimit, limit)
            writer.write(.memoryPressure, state.pressure.rawValue)
        }
        writer.write(.descriptorLimit, state.descriptorLimit)
        writer.write(.startTime, state.startedAt.seconds)
        return AdminResponse(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(writer.text.utf8))
    }

    private func write(_ control: ControlClient, into writer: inout ExpositionWriter) {
        writer.write(.controlConnected, control.isConnected ? 1 : 0)
        writer.write(.controlRevision, control.mesh.revision)
        writer.write(
            .controlUpdates,
            [
                ([("result", "accepted")], String(control.counts.updates.accepted)),
                ([("result", "rejected")], String(control.counts.updates.rejected)),
            ])
        guard runtime.state.file.proxy.renewsIdentity else { return }
        writer.write(
            .certificateRenewals,
            [
                ([("result", "done")], String(control.counts.renewals.done)),
                ([("result", "failed")], String(control.counts.renewals.failed)),
            ])
        writer.write(.certificateOverdue, control.isRenewalOverdue ? 1 : 0)
    }

    // MARK: Configuration and names

    private func health(_ checks: [EndpointCheck]) -> AdminResponse {
        .json { writer in
            writer.object { writer in
                writer.key("endpoints")
                writer.array(checks) { writer, check in
                    writer.object { writer in
                        writer.field("service", check.service.description)
                        writer.field("endpoint", check.address.description)
                        writer.field("healthy", check.isHealthy)
                        writer.field("failure", ifPresent: check.failure)
                    }
                }
            }
        }
    }

    private func names() -> AdminResponse {
        let now = runtime.loop.now
        return .json { writer in
            writer.object { writer in
                writer.key("names")
                writer.array(runtime.resolver.statuses) { writer, status in
                    writer.object { writer in
                        writer.field("name", status.name.text)
                        writer.key("addresses")
                        writer.array(status.resolved.ipv4 + status.resolved.ipv6) { $0.string($1.description) }
                        if let answeredAt = status.answeredAt {
                            writer.field("answer_age_ms", (now - answeredAt).wholeMilliseconds)
                        }
                        if let next = status.nextLookup {
                            writer.field("next_lookup_ms", max(0, (next - now).wholeMilliseconds))
                        }
                        writer.field("failure", ifPresent: status.failure)
                    }
                }
            }
        }
    }

    private func configuration() -> AdminResponse {
        let state = runtime.state
        return .json { writer in
            writer.object { writer in
                writer.field("file", runtime.configurationPath)
                writer.field("problem", ifPresent: state.configurationProblem?.description)
                writer.key("proxy")
                state.file.proxy.write(into: &writer)
                writer.key("resources")
                state.file.resources.write(into: &writer)
            }
        }
    }
}
