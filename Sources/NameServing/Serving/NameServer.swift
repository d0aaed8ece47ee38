// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel
package import Reactor

/// Answers questions about names of the mesh and passes all others on, on the loop of the control thread.
///
/// ```
///   UDP, TCP ─▶ read strictly ─▶ may it be of the mesh? ── yes ─▶ lookup ─▶ addresses, none, no such name
///                    │                    │ no                       │ not of the mesh
///                    ▼                    ▼                          │
///                 refused          resolvers, one by one ◀───────────┘
/// ```
package final class NameServer {
    /// Asks the mesh; the answer may come from inside the call or later, on the same loop.
    package typealias Lookup = (
        _ name: QueriedName, _ type: RecordType, _ completion: @escaping (MeshAnswer) -> Void
    ) -> Void

    /// What came of all questions so far.
    package private(set) var results: [NameResult: UInt64] = [:]

    let loop: EventLoop
    let limits: NameLimits
    private let lookup: Lookup
    private let forwarder: Forwarder
    private var listeners: [EventHandler] = []
    private var lookupCount = 0
    private var second = (start: Instant(nanoseconds: 0), count: 0)
    var streamCount = 0
    /// What datagrams are read into, one after the other.
    var scratch: [UInt8]

    package init(_ loop: EventLoop, limits: NameLimits = NameLimits(), lookup: @escaping Lookup) {
        self.loop = loop
        self.limits = limits
        self.lookup = lookup
        forwarder = Forwarder(loop, limits)
        scratch = [UInt8](repeating: 0, count: limits.datagramBytes)
    }

    /// Questions that are not answered yet.
    package var pendingCount: Int { lookupCount + forwarder.count }

    /// Whom questions go on to.
    package var resolvers: [SocketAddress] { forwarder.resolvers }

    /// From now on these are asked what is not of the mesh. Ourselves we do not ask.
    package func use(resolvers: [SocketAddress]) {
        forwarder.use(resolvers.filter { !own.contains($0) })
    }

    /// Where it listens.
    package private(set) var own: Set<SocketAddress> = []

    /// Listens on UDP and TCP. With port 0 the kernel chooses one for both.
    @discardableResult
    package func listen(_ address: SocketAddress) throws(SystemError) -> SocketAddress {
        let family = address.address.family
        let datagrams = try Descriptor.datagram(family)
        if family == .ipv6 { try datagrams.set(.ipv6Only) }
        try datagrams.bind(to: address)
        let bound = try datagrams.localAddress() ?? address
        let streams = try Descriptor.stream(family)
        try streams.set(.reuseAddress)
        if family == .ipv6 { try streams.set(.ipv6Only) }
        try streams.bind(to: bound)
        try streams.listen(backlog: 128)
        listeners.append(try DatagramListener(self, datagrams))
        listeners.append(try NameStreamListener(self, streams))
        own.insert(bound)
        forwarder.use(forwarder.resolvers.filter { $0 != bound })
        return bound
    }

    // MARK: Questions

    /// Whether there is room for another question in this second.
    func admit() -> Bool {
        if loop.now - second.start >= .seconds(1) { second = (loop.now, 0) }
        second.count += 1
        guard second.count > limits.questionsPerSecond else { return true }
        count(.overloaded)
        return false
    }

    /// Answers a message that has come, now or later. False: there is nothing to answer.
    @discardableResult
    func take(
        _ message: [UInt8], over transport: NameResponse.Transport, _ reply: @escaping ([UInt8]) -> Void
    ) -> Bool {
        let query: NameQuery
        do throws(QueryFlaw) {
            query = unsafe try NameQuery(message.span.bytes)
        } catch {
            count(.refused)
            switch error {
            case .unanswerable: return false
            case .refused(let header, let code): reply(NameResponse.refusal(header, code))
            case .refusedVersion(let query): reply(NameResponse(to: query, over: transport).failure(.badVersion))
            }
            return true
        }
        let exchange = NameExchange(self, query, message, transport, reply)
        if query.type == .transfer || query.type == .incrementalTransfer {
            exchange.answer(.refused, exchange.response.failure(.refused))
        } else if query.recordClass == NameQuery.internet, query.name.mayBeOfMesh {
            ask(exchange)
        } else {
            forward(exchange)
        }
        return true
    }

    private func ask(_ exchange: NameExchange) {
        guard lookupCount < limits.lookups else {
            return exchange.answer(.overloaded, exchange.response.failure(.serverFailure))
        }
        lookupCount += 1
        lookup(exchange.query.name, exchange.query.type) { answer in exchange.answered(answer) }
        exchange.waitUnlessAnswered()
    }

    /// The mesh has answered, or has had its time.
    func lookupEnded() { lookupCount -= 1 }

    func forward(_ exchange: NameExchange) {
        let failure = exchange.response.failure(.serverFailure)
        let hasRoom = forwarder.forward(exchange.message, exchange.query, over: exchange.transport) { answer in
            exchange.answer(answer == nil ? .failed : .forwarded, answer ?? failure)
        }
        if !hasRoom { exchange.answer(.overloaded, failure) }
    }

    func count(_ result: NameResult) { results[result, default: 0] &+= 1 }
}
