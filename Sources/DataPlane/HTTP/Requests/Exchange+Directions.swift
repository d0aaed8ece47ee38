// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import Discovery
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Routing
internal import Telemetry

/// Fields that sidecars tell each other and the application; nobody else may set them, nor any other that begins so.
enum MeshField {
    static let prefix: StaticString = "x-weft-"
    /// Inbound, to the application: the SPIFFE ID of the caller; absent where it is not authenticated.
    static let caller = "x-weft-caller"
    /// Outbound: the address of the client that a shared stream carries a request of.
    static let client = "x-weft-client"
}

extension Exchange {
    typealias Refusal = DataThread.Refusal

    /// Toward the workload: who asks, may it, and what the application is told of it.
    func beginInbound() -> Refusal? {
        let peer: SPIFFEID? = if case .mutualTLS(let peer, _) = record.security { peer } else { nil }
        let source = record.client.address
        var fields = takeFields()
        let claimed = fields.first(MeshField.client)
        fields.removeAll(beginning: MeshField.prefix)
        if let peer {
            fields.add(MeshField.caller, peer.description)
            if let claimed, let address = SocketAddress(claimed) {
                record.client = address
                fields.add(MeshField.client, claimed)
            }
        }
        request.fields = fields
        guard let target = origin.dialled else {
            return Refusal(outcome: .internalFault, detail: "")
        }
        let facts = ConnectionFacts(peer: peer, source: source, port: target.port)
        let decision = thread.snapshot.policies.judge(facts, RequestFacts(request, path: record.path))
        record.authorization = decision.reason
        record.audit = decision.auditReason
        if !decision.isAllowed { return Refusal(outcome: .requestDenied, detail: decision.reason) }
        current = thread.requests.application(at: target)
        return nil
    }

    /// From a client of a gateway: which listener its host belongs to, and which rule of the routes attached there holds.
    private func beginGateway(_ front: any ExchangeFront, _ origin: GatewayOrigin, _ dialled: SocketAddress) -> Refusal?
    {
        var fields = takeFields()
        fields.removeAll(beginning: MeshField.prefix)
        fields.add(MeshField.client, front.clientText)
        let forwarded = fields.joined("x-forwarded-for").map { "\($0), " } ?? ""
        fields.set("x-forwarded-for", forwarded + record.client.address.description)
        fields.set("x-forwarded-proto", origin.scheme)
        request.fields = fields
        let listener = thread.snapshot.gateways.port(dialled: dialled)?.listener(for: request.host)
        guard let listener else { return Refusal(outcome: .routeNotFound, detail: "no listener for this host") }
        record.listener = listener.label
        // The certificate that was shown is another listener's (RFC 9110 section 15.5.20).
        if let secured = origin.secureListener, secured != listener.label {
            return Refusal(outcome: .requestMisdirected, detail: "\(request.authority) on a connection for \(secured)")
        }
        guard let table = listener.routes else { return Refusal(outcome: .routeNotFound, detail: listener.label) }
        return follow(table, listener.label, front, scheme: origin.scheme, port: listener.listener.port, dialled)
    }

    /// From the workload: which rule of the service's routes holds, and what it says.
    func beginOutbound(_ front: any ExchangeFront) -> Refusal? {
        if let gateway = front.gateway, let dialled = origin.dialled {
            return beginGateway(front, gateway, dialled)
        }
        guard let dialled = origin.dialled, let service = origin.service else {
            return Refusal(outcome: .internalFault, detail: "")
        }
        record.service = service
        var fields = takeFields()
        fields.removeAll(beginning: MeshField.prefix)
        fields.add(MeshField.client, front.clientText)
        request.fields = fields
        guard let table = thread.requests.routes(of: service, port: dialled.port, in: thread.snapshot) else {
            // The routes have been taken away since the connection was made: as without them.
            let destination = thread.snapshot.destination(
                of: service, port: .known(dialled.port), dialled.address.family)
            self.service = destination.map { thread.services.state(of: $0) }
            return destination == nil
                ? Refusal(outcome: thread.snapshot.lack(of: service), detail: "service \(service)") : nil
        }
        return follow(
            table, "service \(service)", front, scheme: "http", port: .known(dialled.port), dialled)
    }

    /// Finds the rule for the request and does what it says, up to the choice of a backend. `place` is where the routes are
    /// attached, asked only to be told; `scheme` and `port` are those that the client has used.
    private func follow(
        _ table: RouteTable, _ place: @autoclosure () -> String, _ front: any ExchangeFront, scheme: String, port: Port,
        _ dialled: SocketAddress
    ) -> Refusal? {
        switch verdict(of: table) {
        case .notFound: return Refusal(outcome: .routeNotFound, detail: place())
        case .tooCostly: return Refusal(outcome: .expressionTooCostly, detail: place())
        case .matched(let rule, let prefix):
            self.rule = rule
            matchedPrefix = prefix
            record.route = rule.label
        }
        guard let rule else { return nil }
        if rule.hasMissingFilter {
            return Refusal(outcome: .backendMissing, detail: "\(rule.label) names a missing Filter")
        }
        if rule.isRedirect,
            let redirect = rule.redirect(request, matchedPrefix: matchedPrefix, scheme: scheme, port: port)
        {
            answerLocally(front, redirect, [])
            return nil
        }
        if let limit = rule.rateLimit, let pause = thread.takeToken(rule.label, limit, caller: record.client.address) {
            let seconds = max(1, (pause.wholeMilliseconds + 999) / 1000)
            refuse(.rateLimited, rule.label, [("retry-after", String(seconds))])
            return nil
        }
        if let refusal = chooseBackend(rule, dialled.address.family) { return refusal }
        return injectFault(rule)
    }

    /// What the routes say to the request, which is taken out for that: what an object holds is copied to be passed on.
    private func verdict(of table: RouteTable) -> RouteVerdict {
        var taken = HTTPRequest(method: "", authority: "", target: "")
        swap(&taken, &request)
        defer { swap(&taken, &request) }
        return table.match(taken, path: record.path)
    }

    private func chooseBackend(_ rule: CompiledRule, _ family: AddressFamily) -> Refusal? {
        guard let backend = rule.chooseBackend(using: &thread.random) else {
            return Refusal(outcome: .backendMissing, detail: rule.label)
        }
        self.backend = backend
        record.service = backend.service
        if let known = thread.requests.service(of: backend, family) {
            service = known
            return nil
        }
        guard let destination = thread.snapshot.destination(of: backend.service, port: backend.port, family) else {
            let lack = thread.snapshot.lack(of: backend.service)
            return Refusal(
                outcome: lack == .nameNotResolved ? lack : .backendMissing,
                detail: "\(rule.label): \(backend.service) port \(backend.port)")
        }
        let state = thread.services.state(of: destination)
        thread.requests.remember(state, of: backend, family)
        service = state
        return nil
    }

    /// Faults that a Filter asks for, until its time is over.
    private func injectFault(_ rule: CompiledRule) -> Refusal? {
        guard let fault = rule.fault, WallTime.now() < fault.until else { return nil }
        func happens(_ share: Int) -> Bool { Int.random(in: 0..<10_000, using: &thread.random) < share }
        if let abort = fault.abort, happens(abort.share), let front {
            record.outcome = .faultInjected
            record.detail = rule.label
            let answer = LocalAnswer(.faultInjected, status: abort.status, detail: rule.label, isGRPC: isGRPC)
            record.grpcStatus = answer.head.fields.grpcStatus
            answerLocally(front, answer.head, answer.body)
            return nil
        }
        if let delay = fault.delay, happens(delay.share) { self.delay(delay.duration) }
        return nil
    }

    /// W3C Trace Context: the caller's trace goes on with a span of ours, or one begins.
    func continueTrace() {
        var fields = takeFields()
        let context = fields.withOnly("traceparent") { TraceContext($0) }
        // What cannot be read leaves nothing that its state could belong to (Trace Context section 3.3).
        if context == nil { fields.remove("tracestate") }
        record.trace = context?.trace ?? TraceID(using: &thread.random)
        beginSpan(under: context?.span, flags: context?.flags ?? newTraceFlags, told: &fields)
        request.fields = fields
    }

    /// A span of its own: whoever gets the request is below it.
    func beginSpan(under parent: UInt64?, flags: UInt8) {
        var fields = takeFields()
        beginSpan(under: parent, flags: flags, told: &fields)
        request.fields = fields
    }

    private func beginSpan(under parent: UInt64?, flags: UInt8, told fields: inout HTTPFields) {
        guard let trace = record.trace else { return }
        let span = UInt64.random(in: 1...UInt64.max, using: &thread.random)
        record.span = SpanIdentity(id: span, parent: parent, flags: flags)
        let context = TraceContext(trace: trace, span: span, flags: flags)
        fields.set("traceparent", byteCount: TraceContext.byteCount) { context.append(to: &$0) }
    }

    /// Takes the fields out to be changed, and put back afterwards. What is changed in place is lent, and of what is lent the
    /// compiler cannot prove that its accesses never overlap: it would check every use of the request while the program runs.
    private func takeFields() -> HTTPFields {
        var fields = HTTPFields()
        swap(&fields, &request.fields)
        return fields
    }

    /// Whether a trace that begins here is sampled; nobody after us decides again.
    private var newTraceFlags: UInt8 {
        let share = thread.settings.proxy.tracing.sampleShare
        guard share > 0, Int.random(in: 0..<10_000, using: &thread.random) < share else { return 0 }
        return TraceContext.sampledFlag
    }
}
