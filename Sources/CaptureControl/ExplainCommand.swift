// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// `weft-init explain`: which rule decides about a connection. Walks the same plan that `apply` puts in place; what it
/// asks the kernel (own addresses, the route) anyone may ask.
struct ExplainCommand {
    private let request: CaptureRequest
    private let plans: [AddressFamily: RedirectPlan]
    private let console: Console
    private let target: SocketAddress
    private let user: UserID?
    private let source: IPAddress?
    private let interface: InterfaceName?
    private let isTagged: Bool
    private let transport: ConnectionFacts.Transport

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        self.console = console
        var reader = OptionReader(arguments)
        let target = reader.require("--to", "an address with a port, such as 10.0.0.7:443 or [fd00::7]:443") {
            SocketAddress($0)
        }
        user = reader.read("--from-uid", "a numeric uid") { UserID($0) }
        source = reader.read("--from", "an address") { IPAddress($0) }
        interface = reader.read("--interface", "an interface name") { InterfaceName($0) }
        isTagged = arguments.isGiven("--tagged")
        transport = arguments.isGiven("--udp") ? .udp : .tcp
        try reader.finish()
        request = try CaptureRequest(arguments)
        plans = try request.plans()
        guard let target else { throw Problems(Problem(.missingValue, at: "--to", "is missing")) }
        self.target = target
        if user != nil, source != nil {
            throw Problems(
                Problem(
                    .conflict, at: "--from", "does not go with --from-uid",
                    remedy: "--from-uid is for a connection made here, --from for one that comes in"))
        }
        if let source, source.family != target.address.family {
            throw Problems(Problem(.conflict, at: "--from", "\(source) and \(target) are of different families"))
        }
    }

    func run() throws(Problem) -> ExitCode {
        try Preconditions.enter(request)
        guard let plan = plans[target.address.family] else { return .failed }
        let connection = try facts()
        let explanation = plan.explain(connection)
        tell(connection, explanation)
        return console.finish("explain", .done) { write(&$0, connection, explanation) }
    }

    /// What is not said is looked up: where the packet would leave, and whether the destination is our own.
    private func facts() throws(Problem) -> ConnectionFacts {
        do throws(SystemError) {
            let own = Set(try InterfaceAddress.all().map(\.address))
            let isLocal = own.contains(target.address) || target.address.isLoopback
            guard let user else {
                // Without a word about it, what comes in is taken to be for this pod.
                return ConnectionFacts(
                    .inbound, over: transport, to: target, isLocalDestination: true, source: source,
                    interface: interface?.text)
            }
            let service: UInt8 = isTagged ? RedirectPlan.selfCallService : 0
            return ConnectionFacts(
                .outbound(user: user, service: service), over: transport, to: target, isLocalDestination: isLocal,
                interface: try leaving(isLocal: isLocal))
        } catch {
            throw Problem(.netlinkFailed, "\(error)")
        }
    }

    private func leaving(isLocal: Bool) throws(SystemError) -> String? {
        if let interface { return interface.text }
        guard !isLocal else { return "lo" }
        guard let route = try Route.lookup(target.address) else { return nil }
        return try NetworkInterface.all().first { $0.index == route.interface }?.name
    }

    private func tell(_ connection: ConnectionFacts, _ explanation: Explanation) {
        let by = connection.interface.map { " by \($0)" } ?? ""
        let who = user.map { "uid \($0)" } ?? source.map { "\($0)" } ?? "somebody outside"
        console.line("connection", "\(who) to \(target)\(transport == .udp ? " over UDP" : "")\(by)")
        switch explanation.outcome {
        case .redirected(let port): console.line("outcome", "captured: redirected to the proxy's port \(port)")
        case .notCaptured: console.line("outcome", "not captured: it goes its way without the proxy")
        }
        guard let decision = explanation.decision else {
            console.line("because", "no rule matches it")
            return
        }
        console.line("because", "\(decision.rule.reason.name): \(decision.rule.reason.sentence)")
        for step in explanation.steps {
            console.line("rule", "\(step.chain) \(step.position): \(step.rule.text)")
        }
        for assumption in explanation.assumptions { console.line("note", assumption) }
    }

    private func write(_ json: inout JSONWriter, _ connection: ConnectionFacts, _ explanation: Explanation) {
        json.field("direction", user == nil ? "inbound" : "outbound")
        json.field("to", target.description)
        json.field("transport", transport == .udp ? "udp" : "tcp")
        json.field("interface", ifPresent: connection.interface)
        switch explanation.outcome {
        case .redirected(let port):
            json.field("captured", true)
            json.field("proxyPort", port.number)
        case .notCaptured: json.field("captured", false)
        }
        json.field("reason", ifPresent: explanation.decision?.rule.reason.name)
        json.field("sentence", ifPresent: explanation.decision?.rule.reason.sentence)
        json.key("rules")
        json.array(explanation.steps) { json, step in
            json.object { json in
                json.field("chain", step.chain)
                json.field("position", step.position)
                json.field("rule", step.rule.text)
            }
        }
        json.key("assumptions")
        json.array(explanation.assumptions) { $0.string($1) }
    }
}
