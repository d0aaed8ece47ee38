// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Reactor

/// One question until it is answered.
final class NameExchange: EventHandler {
    private let server: NameServer
    let query: NameQuery
    let message: [UInt8]
    let transport: NameResponse.Transport
    private let reply: ([UInt8]) -> Void
    private var isWaiting = true

    init(
        _ server: NameServer, _ query: NameQuery, _ message: [UInt8], _ transport: NameResponse.Transport,
        _ reply: @escaping ([UInt8]) -> Void
    ) {
        self.server = server
        self.query = query
        self.message = message
        self.transport = transport
        self.reply = reply
        super.init()
    }

    var response: NameResponse { NameResponse(to: query, over: transport) }

    func answer(_ result: NameResult, _ bytes: [UInt8]) {
        server.count(result)
        reply(bytes)
    }

    /// Most answers are there at once, and then nothing is registered anywhere.
    func waitUnlessAnswered() {
        guard isWaiting else { return }
        server.loop.add(self)
        server.loop.setDeadline(server.loop.now + server.limits.lookupPatience, of: self)
    }

    func answered(_ answer: MeshAnswer) {
        guard endWaiting() else { return }
        switch answer {
        case .addresses(let addresses):
            let bytes = response.addresses(addresses)
            self.answer(response.hasAny(of: addresses) ? .answered : .empty, bytes)
        case .unknownInMesh: self.answer(.unknown, response.noSuchName())
        case .notOfMesh: server.forward(self)
        }
    }

    /// The mesh is silent. What can be somebody else's is passed on; of its own names only the mesh knows.
    override func deadlineReached(now: Instant) {
        guard endWaiting() else { return }
        guard query.name.isInMeshZone else { return server.forward(self) }
        answer(.failed, response.failure(.serverFailure))
    }

    private func endWaiting() -> Bool {
        guard isWaiting else { return false }
        isWaiting = false
        server.loop.remove(self)
        server.lookupEnded()
        return true
    }
}
