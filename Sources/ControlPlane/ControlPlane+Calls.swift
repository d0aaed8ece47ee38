// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import HTTPCodec
package import MeshModel
internal import ResourceDocuments
internal import Routing

/// A call that somebody might make: may it be made, by which rule, and where does it lead?
package struct CallQuestion: Sendable {
    package enum Caller: Sendable {
        case identity(SPIFFEID)
        /// A workload, or else a service, whose workloads all have one identity.
        case name(ResourceReference)
        /// Nobody has proved anything: plaintext.
        case anonymous
    }

    package var caller: Caller
    package var service: ResourceReference
    /// Nil: every port of the service.
    package var port: Port?
    /// Nil: a connection, of which no request is known.
    package var request: Request?

    package struct Request: Sendable {
        package var method: String
        /// With a query or without.
        package var target: String
        package var host: String?
        package var headers: [(name: String, value: String)]

        package init(
            method: String, target: String, host: String? = nil, headers: [(name: String, value: String)] = []
        ) {
            self.method = method
            self.target = target
            self.host = host
            self.headers = headers
        }
    }

    package init(caller: Caller, service: ResourceReference, port: Port? = nil, request: Request? = nil) {
        self.caller = caller
        self.service = service
        self.port = port
        self.request = request
    }
}

/// What came of a ``CallQuestion``, port by port.
package struct CallAnswer: Sendable {
    /// One workload that the call may reach.
    package struct Endpoint: Sendable {
        package let service: ResourceReference
        package let workload: ResourceReference
        package let port: Port
        package let isAllowed: Bool
        /// The rule that decides, in the words of the access log.
        package let reason: String
        /// What policies in audit mode would have denied.
        package let auditReason: String?
        package let isConnected: Bool
    }

    package struct Backend: Sendable {
        package let service: ResourceReference
        package let port: Port
        package let weight: Int
    }

    package struct PortAnswer: Sendable {
        package let port: Port
        /// The rule that the request takes; nil where there are no routes, or no request was asked about.
        package var rule: String?
        /// Why nothing can come of it before anybody is asked: no rule for it, a missing backend, no endpoint.
        package var obstacle: String?
        /// It is answered with a redirect, and reaches nobody.
        package var isRedirected = false
        package var backends: [Backend] = []
        package var endpoints: [Endpoint] = []

        /// Every endpoint that it may reach lets it in.
        package var isAllowed: Bool {
            obstacle == nil && (isRedirected || !endpoints.isEmpty && endpoints.allSatisfy(\.isAllowed))
        }
    }

    package let identity: SPIFFEID?
    package let ports: [PortAnswer]
    package let revision: UInt64

    package var isAllowed: Bool { !ports.isEmpty && ports.allSatisfy(\.isAllowed) }
}

extension ControlPlane {
    /// Decides as the proxies would: the caller's by its routes, that of each endpoint by its policies.
    package func answer(_ question: CallQuestion) async throws(Problem) -> CallAnswer {
        let index = await keeper.index
        let verdicts = Verdicts(index, trustDomain)
        guard let service = verdicts.resources.services.first(where: { $0.reference == question.service }) else {
            let known = verdicts.services.map(\.description)
            let nearest = Spelling.nearest(to: question.service.description, among: known)
            throw Problem(
                .resourceMissing, at: "Service/\(question.service)", "does not exist",
                remedy: nearest.map { "did you mean `\($0)`?" } ?? "`weft get services` lists what does")
        }
        let caller = try verdicts.caller(try await proved(question.caller, verdicts))
        let ports = question.port.map { port in service.ports.filter { $0.port == port } } ?? service.ports
        guard !ports.isEmpty else {
            throw Problem(
                .badValue, at: "port", "the service \(question.service) has no port \(question.port?.number ?? 0)",
                remedy: "it has \(service.ports.map(\.port.description).joined(separator: ", "))")
        }
        var answers: [CallAnswer.PortAnswer] = []
        for port in ports { answers.append(try verdicts.answer(caller, service, port, question.request)) }
        return CallAnswer(identity: caller.identity, ports: answers, revision: index.state.revision)
    }

    /// Who has joined and is not connected now is somebody too: as a workload, or by what its token was for, which need not
    /// be a service that exists.
    private func proved(
        _ caller: CallQuestion.Caller, _ verdicts: Verdicts
    ) async throws(Problem) -> CallQuestion.Caller {
        guard case .name(let name) = caller, verdicts.identities[name] == nil, !verdicts.services.contains(name) else {
            return caller
        }
        let members = try await enrollment.members()
        let member =
            members.first { $0.workload == name } ?? members.first { $0.identity.serviceAccount == name }
        return member.map { .identity($0.identity) } ?? caller
    }
}

/// Who calls, as far as routes and policies ask.
struct CallerFacts {
    let identity: SPIFFEID?
    /// Routes of other namespaces than the service's hold for callers from there.
    let namespace: ResourceName?
    let source: IPAddress
}

extension Verdicts {
    func caller(_ caller: CallQuestion.Caller) throws(Problem) -> CallerFacts {
        switch caller {
        case .anonymous: return CallerFacts(identity: nil, namespace: nil, source: .unknownSource)
        case .identity(let identity):
            return CallerFacts(
                identity: identity, namespace: identity.serviceAccount?.namespace, source: .unknownSource)
        case .name(let name):
            let source = index.registration(of: name)?.addresses.first ?? .unknownSource
            if let identity = identities[name] {
                return CallerFacts(identity: identity, namespace: name.namespace, source: source)
            }
            guard services.contains(name) else {
                let known = (callers + services).map(\.description)
                let nearest = Spelling.nearest(to: name.description, among: known)
                throw Problem(
                    .resourceMissing, at: name.description, "is neither a workload nor a service",
                    remedy: nearest.map { "did you mean `\($0)`?" } ?? "or give a SPIFFE ID")
            }
            let identity = SPIFFEID(
                trustDomain: trustDomain, namespace: name.namespace, serviceAccount: name.name)
            return CallerFacts(identity: identity, namespace: name.namespace, source: .unknownSource)
        }
    }

    func answer(
        _ caller: CallerFacts, _ service: Service, _ port: Service.PortMapping, _ question: CallQuestion.Request?
    ) throws(Problem) -> CallAnswer.PortAnswer {
        var answer = CallAnswer.PortAnswer(port: port.port)
        let request = try question.map { question throws(Problem) in try Self.request(question, service, port.port) }
        let table =
            port.hint == .opaque
            ? nil
            : RouteTable(
                resources.routes, service: service.reference, port: port.port, callers: caller.namespace,
                filters: resources.filters)
        guard let request, let table else {
            answer.backends = [CallAnswer.Backend(service: service.reference, port: port.port, weight: 1)]
            answer.endpoints = endpoints(caller, service.reference, port.port, request)
            if answer.endpoints.isEmpty { answer.obstacle = "\(service.reference) has no endpoint" }
            return answer
        }
        switch table.match(request, path: request.path) {
        case .notFound: answer.obstacle = "no rule of the routes of \(service.reference) is for it: 404"
        case .tooCostly: answer.obstacle = "an expression of a route costs too much: refused"
        case .matched(let rule, let prefix): follow(rule, prefix, caller, request, &answer)
        }
        return answer
    }

    private func follow(
        _ rule: CompiledRule, _ prefix: String?, _ caller: CallerFacts, _ request: HTTPRequest,
        _ answer: inout CallAnswer.PortAnswer
    ) {
        answer.rule = rule.label
        guard !rule.hasMissingFilter else {
            answer.obstacle = "\(rule.label) names a Filter that does not exist: 500"
            return
        }
        guard !rule.isRedirect else {
            answer.isRedirected = true
            return
        }
        for backend in rule.sharers {
            answer.backends.append(
                CallAnswer.Backend(service: backend.service, port: backend.port, weight: backend.weight))
            var changed = request
            rule.apply(to: &changed, backend: backend, matchedPrefix: prefix)
            answer.endpoints += endpoints(caller, backend.service, backend.port, changed)
        }
        if answer.endpoints.isEmpty { answer.obstacle = "no backend of \(rule.label) has an endpoint" }
    }

    private func endpoints(
        _ caller: CallerFacts, _ reference: ResourceReference, _ port: Port, _ request: HTTPRequest?
    ) -> [CallAnswer.Endpoint] {
        guard let service = resources.services.first(where: { $0.reference == reference }),
            let mapping = service.ports.first(where: { $0.port == port })
        else { return [] }
        return service.members.compactMap { member in
            guard case .workload(let workload) = member.place else { return nil }
            let target = member.port ?? mapping.targetPort
            let policies = PolicySet(resources, workload: workload, trustDomain: trustDomain)
            let facts = ConnectionFacts(peer: caller.identity, source: caller.source, port: target.number)
            let decision =
                request.map { policies.judge(facts, RequestFacts($0, path: $0.path)) }
                ?? policies.judge(facts)
            return CallAnswer.Endpoint(
                service: reference, workload: workload, port: target, isAllowed: decision.isAllowed,
                reason: decision.reason, auditReason: decision.auditReason,
                isConnected: index.registration(of: workload) != nil)
        }
    }

    private static func request(
        _ question: CallQuestion.Request, _ service: Service, _ port: Port
    ) throws(Problem) -> HTTPRequest {
        let target: String
        do throws(PathRefusal) { target = try NormalPath.normalise(question.target) } catch {
            throw Problem(.badValue, at: "path", "every proxy refuses it: \(error.sentence)")
        }
        let authority = question.host ?? "\(service.reference.name)"
        var request = HTTPRequest(method: question.method, authority: authority, target: target)
        for header in question.headers { request.fields.add(header.name.lowercased(), header.value) }
        return request
    }
}
