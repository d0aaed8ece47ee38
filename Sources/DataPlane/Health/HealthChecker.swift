// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
package import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// Asks the endpoints of services that have checks whether they are well. Lives on the first data thread alone; what it
/// finds is told to all of them.
///
/// An endpoint of a service is asked once, however many ports and families lead to it. From one check to the next it is the
/// interval, give or take a tenth, so that the sidecars of a mesh do not ask together.
final class HealthChecker {
    struct Key: Hashable {
        let service: ResourceReference
        let endpoint: Endpoint
    }

    private let thread: DataThread
    private let tellAll: (DataThreadMessage) -> Void
    private var targets: [Key: HealthTarget] = [:]

    init(_ thread: DataThread, _ tellAll: @escaping (DataThreadMessage) -> Void) {
        self.thread = thread
        self.tellAll = tellAll
    }

    /// Takes over what a snapshot says. What is known of the endpoints that stay stays.
    func use(_ snapshot: DiscoverySnapshot) {
        var wanted: [Key: HealthCheck] = [:]
        for destination in snapshot.serviceDestinations {
            guard let check = destination.health else { continue }
            for endpoint in destination.endpoints {
                wanted[Key(service: destination.key.service, endpoint: endpoint)] = check
            }
        }
        for (key, target) in targets where wanted[key] == nil {
            target.leave()
            targets[key] = nil
            if target.state.isUnhealthy { tellAll(.health(key.service, key.endpoint, isUnhealthy: false)) }
        }
        for (key, check) in wanted {
            if let target = targets[key] {
                target.check = check
            } else {
                let target = HealthTarget(thread, key, check) { [unowned self] in changed($0, $1) }
                targets[key] = target
                target.begin()
            }
        }
    }

    /// Of every endpoint, for whoever asks; one line for each address, whatever leads to it.
    var report: [EndpointCheck] {
        var checks: [ReportKey: EndpointCheck] = [:]
        for target in targets.values {
            let key = ReportKey(service: target.key.service, address: target.key.endpoint.address)
            if checks[key]?.isHealthy == false { continue }
            checks[key] = EndpointCheck(
                service: key.service, address: key.address, isHealthy: !target.state.isUnhealthy,
                failure: target.failure)
        }
        return Array(checks.values)
    }

    private struct ReportKey: Hashable {
        let service: ResourceReference
        let address: SocketAddress
    }

    private func changed(_ target: HealthTarget, _ failure: String?) {
        let key = target.key
        tellAll(.health(key.service, key.endpoint, isUnhealthy: target.state.isUnhealthy))
        let place = [("service", key.service.description), ("endpoint", key.endpoint.address.description)]
        if let failure {
            let code = [("code", ErrorCode.endpointUnhealthy.label), ("problem", failure)]
            thread.report(.line(LogLine(.warn, "endpoint unhealthy; it gets nothing", place + code)))
        } else {
            thread.report(.line(LogLine(.info, "endpoint healthy again", place)))
        }
    }
}

/// What the last checks of an endpoint have said.
package struct EndpointCheck: Sendable {
    package let service: ResourceReference
    package let address: SocketAddress
    package let isHealthy: Bool
    /// Why the last check failed; nil if it did not.
    package let failure: String?
}

/// One endpoint and its checks. Its deadline is the next check, or the end of the one under way.
final class HealthTarget: EventHandler {
    let key: HealthChecker.Key
    var check: HealthCheck
    private(set) var state = CheckState()
    private(set) var failure: String?
    private let thread: DataThread
    private let changed: (HealthTarget, String?) -> Void
    private var probe: HealthProbe?
    private var begunAt: Instant

    init(
        _ thread: DataThread, _ key: HealthChecker.Key, _ check: HealthCheck,
        _ changed: @escaping (HealthTarget, String?) -> Void
    ) {
        self.thread = thread
        self.key = key
        self.check = check
        self.changed = changed
        begunAt = thread.loop.now
        super.init()
    }

    /// The first check is soon, but not that of every endpoint in the same moment.
    func begin() {
        thread.loop.add(self)
        let longest = min(check.interval.wholeNanoseconds / 10, 1_000_000_000)
        let pause = Int64.random(in: 0...max(0, longest), using: &thread.random)
        thread.loop.setDeadline(thread.loop.now + .nanoseconds(pause), of: self)
    }

    func leave() {
        probe?.cancel()
        probe = nil
        thread.loop.remove(self)
    }

    override func deadlineReached(now: Instant) {
        if let probe {
            self.probe = nil
            probe.cancel()
            return take(.bad(.connectTimeout, "no result in \(DurationText.text(check.timeout))"))
        }
        begunAt = now
        thread.loop.setDeadline(now + check.timeout, of: self)
        let probe = makeProbe()
        self.probe = probe
        probe.begin()
    }

    private func makeProbe() -> HealthProbe {
        let done: (ProbeResult) -> Void = { [weak self] result in
            guard let self, probe != nil else { return }
            probe = nil
            take(result)
        }
        let endpoint = check.port.map { self.endpoint(at: $0) } ?? key.endpoint
        switch (check.probe, endpoint.security) {
        case (.http(let request), _): return RequestProbe(thread, endpoint, key.service, request, done)
        case (.tcp, .plaintext): return ConnectProbe(thread, endpoint.address, done)
        case (.tcp, .mutualTLS): return StreamProbe(thread, endpoint, done)
        }
    }

    /// The same place at another port, which may be meshed where that of traffic is not, and the other way round.
    private func endpoint(at port: Port) -> Endpoint {
        let address = SocketAddress(key.endpoint.address.address, port)
        if case .endpoint(let endpoint) = thread.snapshot.destination(of: address) { return endpoint }
        return Endpoint(
            address: address, workloadUID: key.endpoint.workloadUID, security: .plaintext(.notMeshed), hint: .detect)
    }

    private func take(_ result: ProbeResult) {
        let nanoseconds = check.interval.wholeNanoseconds
        let jitter = Int64.random(in: -nanoseconds / 10...nanoseconds / 10, using: &thread.random)
        thread.loop.setDeadline(max(thread.loop.now, begunAt + .nanoseconds(nanoseconds + jitter)), of: self)
        let isGood: Bool
        switch result {
        case .inconclusive: return
        case .good:
            isGood = true
            failure = nil
        case .bad(let code, let detail):
            isGood = false
            failure = "\(code.label) \(detail)"
        }
        if state.record(isGood: isGood, check) { changed(self, failure) }
    }
}
