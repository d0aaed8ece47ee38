// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlPlane
internal import HTTPCodec
internal import HummingbirdCore
internal import Logging
internal import MeshModel
internal import NIOCore

/// A connection of the proxies' port: a watch whose proxy offers to leave HTTP for it, or requests like everywhere.
///
/// A mesh has as many watches as proxies. Each would keep the tasks, the decoder and the buffers of a request that never ends;
/// so a watch is taken off the library before it begins (docs/adr/0019).
struct WatchChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Nil: it is a watch, or has ended before it said what it is.
        let requests: EventLoopFuture<HTTP1Channel.Value?>
    }

    let plane: ControlPlane
    let http: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let decision = channel.eventLoop.makePromise(of: HTTP1Channel.Value?.self)
        let ready = channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                WatchGate(plane: plane, decision: decision) { http.setup(channel: $0, logger: logger) })
            return Value(channel: channel, requests: decision.futureResult)
        }
        ready.whenFailure { decision.fail($0) }
        return ready
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            if let requests = try? await value.requests.get() {
                return await http.handle(value: requests, logger: logger)
            }
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }
}

/// Reads the first request of a connection.
///
/// ```
///   head ─ POST /v1/watch, Upgrade: weft-watch/1 ─▶ body ─▶ WatchConversation takes its place
///     └─ anything else, or nothing that can be read ─▶ the library, with all that came
/// ```
final class WatchGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let plane: ControlPlane
    private let decision: EventLoopPromise<HTTP1Channel.Value?>
    private let library: (any Channel) -> EventLoopFuture<HTTP1Channel.Value>
    private var reader = RequestReader(WatchGate.limits)
    private var isDecided = false
    /// What the library is given, if it is for that.
    private var head = ByteBuffer()
    private var isBody = false
    private var body: [UInt8] = []
    private var deadline: Scheduled<Void>?

    private static var limits: HTTPSettings {
        var settings = HTTPSettings()
        settings.headBytes = ControlServer.headerBytes
        settings.fieldCount = ControlServer.headerCount
        return settings
    }

    /// Fulfils `decision` with what `library` makes of the connection, or with nil.
    init(
        plane: ControlPlane, decision: EventLoopPromise<HTTP1Channel.Value?>,
        library: @escaping (any Channel) -> EventLoopFuture<HTTP1Channel.Value>
    ) {
        self.plane = plane
        self.decision = decision
        self.library = library
    }

    func handlerAdded(context: ChannelHandlerContext) { wait(Patience.firstHead, context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { decide(nil) }

    func channelInactive(context: ChannelHandlerContext) {
        decide(nil)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        // Nothing that was asked is under way.
        case is ChannelShouldQuiesceEvent: context.close(promise: nil)
        // TLS would wait for a farewell that cannot come any more.
        case ChannelEvent.inputClosed: context.channel.cut()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDecided else { return context.fireChannelRead(data) }
        let buffer = unwrapInboundIn(data)
        if !isBody { head.writeImmutableBuffer(buffer) }
        let bytes = Array(buffer.readableBytesView)
        var offset = 0
        do throws(HTTPRefusal) {
            while let event = unsafe try reader.next(bytes.span.bytes, &offset) {
                switch consume event {
                case .head(let request):
                    guard Self.isWatch(request) else { return handOver(context) }
                    isBody = true
                    head = ByteBuffer()
                    wait(Patience.body, context.channel)
                case .data(let range):
                    guard body.count + range.count <= ControlProtocol.requestBytes else { return context.channel.cut() }
                    body += bytes[range]
                case .end:
                    // Before the switch is agreed on there is nothing to be said.
                    guard offset == bytes.count else { return context.channel.cut() }
                    return begin(context)
                }
            }
        } catch {
            // The library has an answer for it; to half a body there is none.
            if isBody { context.channel.cut() } else { handOver(context) }
        }
    }

    private static func isWatch(_ request: HTTPRequest) -> Bool {
        request.method == "POST" && request.target == ControlProtocol.watchPath
            && request.upgrade == ControlProtocol.conversation && !request.expectsContinue
    }

    private func wait(_ time: TimeAmount, _ channel: any Channel) {
        deadline?.cancel()
        deadline = channel.eventLoop.scheduleTask(in: time) { channel.cut() }
    }

    private func decide(_ value: HTTP1Channel.Value?) {
        deadline?.cancel()
        guard !isDecided else { return }
        isDecided = true
        decision.succeed(value)
    }

    private func begin(_ context: ChannelHandlerContext) {
        decide(nil)
        let pipeline = context.pipeline.syncOperations
        let conversation = WatchConversation(plane, body)
        do {
            try pipeline.addHandler(conversation)
        } catch {
            return context.channel.cut()
        }
        pipeline.removeHandler(self, promise: nil)
    }

    private func handOver(_ context: ChannelHandlerContext) {
        let head = head
        // It is made in this turn of the loop: everything that follows finds it there.
        library(context.channel).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let requests):
                decide(requests)
                context.fireChannelRead(wrapInboundOut(head))
                context.fireChannelReadComplete()
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            case .failure: context.channel.cut()
            }
        }
    }
}
