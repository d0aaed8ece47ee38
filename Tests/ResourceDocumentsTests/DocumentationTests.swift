// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@testable import ResourceDocuments

/// `docs/configuration.md`, as far as a test can read it.
@Suite("The configuration page")
struct DocumentationTests {
    private let page: String

    init() throws {
        let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", "configuration.md"]
        page = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
    }

    /// The default that the page gives for a field, without quotes.
    private func documented(_ field: String) -> String? {
        for line in page.split(separator: "\n") where line.hasPrefix("| `\(field)`") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return cells.count > 1 ? cells[1].filter { $0 != "`" } : nil
        }
        return nil
    }

    @Test("the example is good")
    func example() throws {
        let example = page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first
        let file = try read(try #require(example)).get()
        #expect(file.resources.workloads.count == 2 && file.resources.services.count == 1)
    }

    @Test("the defaults of the page are those of the code")
    func defaults() throws {
        let name = try #require(ResourceName("web"))
        let proxy = ProxySettings(workload: ResourceReference(name: name))
        let ejection = EjectionSettings()
        let breaker = BreakerSettings()
        let timeouts = proxy.timeouts
        let expected: [(String, Any)] = [
            ("spec.ports.outbound", proxy.ports.outbound), ("spec.ports.inbound", proxy.ports.inbound),
            ("spec.ports.metrics", proxy.ports.metrics), ("spec.inbound.mode", proxy.inbound.mode),
            ("spec.names.port", NameSettings.defaultPort),
            ("spec.inbound.permissiveSilence", proxy.inbound.permissiveSilence),
            ("spec.outbound.registryOnly", proxy.outbound.registryOnly), ("spec.timeouts.connect", timeouts.connect),
            ("spec.timeouts.handshake", timeouts.handshake), ("spec.timeouts.open", timeouts.open),
            ("spec.timeouts.idle", timeouts.idle), ("spec.timeouts.halfClose", timeouts.halfClose),
            ("spec.timeouts.hold", timeouts.hold), ("spec.limits.connections", proxy.limits.connections),
            ("spec.limits.held", proxy.limits.held), ("spec.limits.handshakes", proxy.limits.handshakes),
            ("spec.limits.idlePeers", proxy.limits.idlePeers),
            ("spec.drain.settle", proxy.drain.settle), ("spec.drain.deadline", proxy.drain.deadline),
            ("spec.log.level", proxy.log.level), ("spec.log.format", proxy.log.format),
            ("spec.log.connections", proxy.log.connections),
            ("spec.tracing.samplePercent", proxy.tracing.sampleShare / 100),
            ("spec.tracing.spansKept", proxy.tracing.spansKept),
            ("spec.metrics.evictAfter", proxy.metrics.evictAfter), ("spec.dataThreads", proxy.dataThreads),
            ("spec.stateDirectory", proxy.stateDirectory), ("dropInvalid", proxy.capture.dropInvalid),
            ("backend", proxy.capture.backend), ("spec.ejection.consecutiveFailures", ejection.consecutiveFailures),
            ("spec.ejection.mostPercent", ejection.mostPercent),
            ("spec.ejection.consecutiveErrors", ejection.consecutiveErrors),
            ("spec.ejection.successPercentMin", ejection.successPercentMin),
            ("spec.ejection.requestsMin", ejection.requestsMin), ("spec.ejection.interval", ejection.interval),
            ("spec.ejection.panicPercent", ejection.panicPercent),
            ("spec.balancing.algorithm", BalancingSettings().algorithm), ("spec.breaker.retries", breaker.retries),
            ("spec.breaker.retryBudgetPercent", breaker.retryBudgetPercent),
        ]
        let http = proxy.http
        let sizes: [(String, Int)] = [
            ("spec.http.headBytes", http.headBytes), ("spec.http.targetBytes", http.targetBytes),
            ("spec.http.replayBytes", http.replayBytes),
            ("spec.http.http2.streamWindow", http.http2.streamWindowBytes),
            ("spec.http.http2.connectionWindow", http.http2.connectionWindowBytes),
        ]
        for (field, value) in sizes { #expect(documented(field) == ByteCountText.text(value), "\(field)") }
        let ofHTTP: [(String, Any)] = [
            ("spec.http.fieldCount", http.fieldCount), ("spec.http.headTimeout", http.headTimeout),
            ("spec.http.idleTimeout", http.idleTimeout), ("spec.http.idleUpstreams", http.idleUpstreams),
            ("spec.http.idleUpstreamTimeout", http.idleUpstreamTimeout),
            ("spec.http.shareSessions", http.sharesSessions), ("spec.http.http2.streams", http.http2.streams),
            ("spec.http.http2.flood.cancelledRequests", http.http2.flood.cancelledRequests),
            ("spec.http.http2.flood.brokenStreams", http.http2.flood.brokenStreams),
            ("spec.http.http2.flood.pings", http.http2.flood.pings),
            ("spec.http.http2.flood.settings", http.http2.flood.settings),
            ("spec.http.http2.flood.emptyData", http.http2.flood.emptyData),
            ("spec.http.http2.flood.otherFrames", http.http2.flood.otherFrames),
        ]
        for (field, value) in expected + ofHTTP {
            let text = (value as? Duration).map { DurationText.text($0) } ?? "\(value)"
            #expect(documented(field) == text, "\(field)")
        }
        let durations = [ejection.base, ejection.longest].map { DurationText.text($0) }.joined(separator: ", ")
        #expect(documented("spec.ejection.base") == durations)
        let limits = [breaker.connections, breaker.pending, breaker.requests].map { "\($0)" }.joined(separator: ", ")
        #expect(documented("spec.breaker.connections") == limits)
        for algorithm in BalancingSettings.Algorithm.allCases { #expect(page.contains("`\(algorithm.rawValue)`")) }
        #expect(proxy.limits.memoryBytes == nil && documented("spec.limits.memory") == "the control group's limit")
    }

    @Test("the limits of a file are those that its error names")
    func limits() {
        let remedy = ErrorCode.badDocument.remedy
        #expect(remedy == "Keep a file under \(YAMLReader.byteLimit >> 20) MiB and \(YAMLReader.depthLimit) levels.")
    }
}
