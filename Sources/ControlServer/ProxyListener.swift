// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import Hummingbird
internal import MeshModel
internal import NIOCore

/// Port 15012: what proxies ask, over mutual TLS.
struct ProxyListener: Sendable {
    let plane: ControlPlane

    /// What a proxy that does not read may hold up before it is let go.
    private static let patience: TimeAmount = .seconds(10)
    /// Each part of a line is followed by a turn of the connection's event loop: without it TLS takes all that it is given,
    /// whether or not the other side reads.
    private static let part = 16 << 10

    func router() -> Router<CallContext> {
        let router = Router(context: CallContext.self)
        router.middlewares.add(NothingThere())
        router.on(RouterPath(ControlProtocol.watchPath), method: .post) { request, context in
            await watch(request, context)
        }
        router.answer(.post, "\(ControlProtocol.watchPath)/:watch/acknowledge", atMost: ControlProtocol.requestBytes) {
            call throws(Problems) in
            let peer = try await peer(call.context)
            let message = try await single { () throws(Problem) in try Acknowledgement.decode(call.body) }
            let isKnown = await plane.acknowledge(
                call.parameter("watch"), message, identity: peer.identity, serial: peer.serial)
            guard isKnown else { throw over }
            return .nothing
        }
        router.answer(.post, "\(ControlProtocol.watchPath)/:watch/wants", atMost: ControlProtocol.requestBytes) {
            call throws(Problems) in
            let peer = try await peer(call.context)
            let message = try await single { () throws(Problem) in try Wants.decode(call.body) }
            guard await plane.hub.want(call.parameter("watch"), message, by: peer.identity) else { throw over }
            return .nothing
        }
        router.answer(.post, ControlProtocol.certificatesPath, atMost: ControlProtocol.joinBytes) {
            call throws(Problems) in
            let peer = try await peer(call.context)
            return try await single { () async throws(Problem) in
                let request = try CertificateRequestMessage.decode(call.body)
                return .message(
                    try await plane.enrollment.renew(
                        request, identity: peer.identity, serial: peer.serial, begin: peer.begin))
            }
        }
        return router
    }

    private var over: Problems {
        Problems(Problem(.watchOver, "there is no such watch of yours", remedy: "begin a new one"))
    }

    private func peer(_ context: CallContext) async throws(Problems) -> ProvedPeer {
        try await Self.peer(of: context.channel)
    }

    private static func peer(of channel: any Channel) async throws(Problems) -> ProvedPeer {
        guard let peer = await ProvedPeer.of(channel) else {
            throw Problems(Problem(.unauthenticated, "there is no client certificate"))
        }
        return peer
    }

    // MARK: A watch that stays in HTTP

    private func watch(_ request: Request, _ context: CallContext) async -> Response {
        do throws(Problems) {
            let limit = ControlProtocol.requestBytes
            var request = request
            guard let buffer = try? await request.collectBody(upTo: limit) else {
                throw Problems(Problem(.bodyTooLarge, "the body has more than \(limit) bytes, or did not come whole"))
            }
            let watch = try await Self.open(Array(buffer.readableBytesView), context.channel, plane)
            return Response(
                status: .ok, headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
                body: body(of: watch, request, context.channel))
        } catch {
            return Answer.problems(error).response
        }
    }

    /// Begins what a request's body asks for.
    static func open(
        _ body: [UInt8], _ channel: any Channel, _ plane: ControlPlane
    ) async throws(Problems) -> OpenedWatch {
        let peer = try await peer(of: channel)
        return try await single { () async throws(Problem) in
            let message = try WatchRequest.decode(body)
            let id = try await plane.openWatch(message, identity: peer.identity, serial: peer.serial)
            return OpenedWatch(
                id: id, identity: peer.identity, workload: message.workload, instance: message.instance)
        }
    }

    private func body(
        of watch: OpenedWatch, _ request: Request, _ channel: any Channel
    ) -> ResponseBody {
        ResponseBody { writer in
            do {
                // Only this notices that the proxy has gone while there is nothing to be said to it.
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    while let line = await plane.hub.next(watch.id) {
                        try await write(line.line(), to: &writer, channel)
                    }
                }
                await plane.closeWatch(watch)
                try await writer.finish(nil)
            } catch {
                await plane.closeWatch(watch)
                throw error
            }
        }
    }

    /// Runs where the library runs it, so that the writer stays in one hand.
    @concurrent
    private func write(
        _ line: [UInt8], to writer: inout any ResponseBodyWriter, _ channel: any Channel
    ) async throws {
        var rest = line[...]
        while !rest.isEmpty {
            let guardian = channel.eventLoop.scheduleTask(in: Self.patience) { channel.cut() }
            defer { guardian.cancel() }
            try await writer.write(ByteBuffer(bytes: rest.prefix(Self.part)))
            try await channel.eventLoop.submit {}.get()
            rest = rest.dropFirst(Self.part)
        }
    }
}

/// What is kept of the request for a watch that has begun.
struct OpenedWatch: Sendable {
    let id: String
    let identity: SPIFFEID
    let workload: ResourceReference
    let instance: String
}

extension ControlPlane {
    func closeWatch(_ watch: OpenedWatch) async {
        await closeWatch(watch.id, of: watch.workload, instance: watch.instance)
    }
}
