// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlPlane
internal import HTTPCodec
internal import MeshModel
internal import NIOCore

/// A watch whose connection is no HTTP any more: lines of JSON in both directions (docs/control-link.md).
///
/// ```
///   opening ─▶ 101 ─▶ telling: one task, which waits in the hub for the next line
///      │                 └─ taking: each line of the proxy, one after the other ─▶ heard
///      └─▶ an answer in HTTP, and the end
/// ```
/// What runs deep, as beginning a watch and taking a line do, has a task of its own, which ends: a task keeps the stack that
/// it has once needed.
final class WatchConversation: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a proxy that does not read may hold up before it is let go.
    private static let patience: TimeAmount = .seconds(10)
    /// Chosen by us: with what TLS adds it fits into a page of the buffer that swift-nio-ssl keeps for each connection. Each
    /// part waits until the kernel has the one before.
    private static let part = 4000
    /// A proxy says one thing at a time; this many is one that does not keep to it.
    private static let linesMax = 16

    private let plane: ControlPlane
    private var request: [UInt8]
    private var watch: OpenedWatch?
    private var isOver = false
    private var splitter = LineSplitter(limit: ControlProtocol.requestBytes)
    private var lines: [[UInt8]] = []
    private var isTaking = false
    private var isReadDue = false
    /// Of a line that has begun.
    private var deadline: Scheduled<Void>?

    init(_ plane: ControlPlane, _ request: [UInt8]) {
        self.plane = plane
        self.request = request
    }

    // MARK: The beginning

    func handlerAdded(context: ChannelHandlerContext) {
        let here = NIOLoopBound(self, eventLoop: context.eventLoop)
        let channel = context.channel
        Task(executorPreference: LoopTaskExecutor.shared) { [plane, request] in
            await WatchConversation.open(request, plane, channel, here)
        }
        request = []
    }

    private static func open(
        _ request: [UInt8], _ plane: ControlPlane, _ channel: any Channel, _ here: NIOLoopBound<WatchConversation>
    ) async {
        do throws(Problems) {
            let watch = try await ProxyListener.open(request, channel, plane)
            channel.eventLoop.execute { here.value.begin(watch, channel) }
        } catch {
            let answer = Answer.problems(error)
            channel.eventLoop.execute { refuse(answer, channel) }
        }
    }

    private func begin(_ watch: OpenedWatch, _ channel: any Channel) {
        self.watch = watch
        guard !isOver else {
            Task(executorPreference: LoopTaskExecutor.shared) { [plane] in await plane.closeWatch(watch) }
            return
        }
        var agreed = HTTPResponse(status: 101)
        agreed.upgrade = ControlProtocol.conversation
        agreed.body = .tunnel
        var bytes: [UInt8] = []
        HTTPWriter.append(agreed, to: &bytes)
        channel.write(ByteBuffer(bytes: bytes), promise: nil)
        Task(executorPreference: LoopTaskExecutor.shared) { [plane] in
            await WatchConversation.tell(watch, plane, channel)
        }
    }

    private static func refuse(_ answer: Answer, _ channel: any Channel) {
        var response = HTTPResponse(status: answer.statusNumber)
        response.body = .length(UInt64(answer.body.count))
        response.persists = false
        var bytes: [UInt8] = []
        HTTPWriter.append(response, to: &bytes)
        let guardian = channel.eventLoop.scheduleTask(in: patience) { channel.cut() }
        channel.writeAndFlush(ByteBuffer(bytes: bytes + answer.body)).whenComplete { _ in
            guardian.cancel()
            channel.close(promise: nil)
        }
    }

    // MARK: What is told

    private static func tell(_ watch: OpenedWatch, _ plane: ControlPlane, _ channel: any Channel) async {
        while let message = await plane.hub.next(watch.id) {
            guard await send(message.line(), channel) else { break }
        }
        await plane.closeWatch(watch)
        channel.close(promise: nil)
    }

    /// Sends a line, part by part; false where the connection has ended.
    private static func send(_ line: [UInt8], _ channel: any Channel) async -> Bool {
        var rest = line[...]
        while !rest.isEmpty {
            let guardian = channel.eventLoop.scheduleTask(in: patience) { channel.cut() }
            defer { guardian.cancel() }
            do {
                try await channel.writeAndFlush(ByteBuffer(bytes: rest.prefix(part)))
            } catch {
                return false
            }
            rest = rest.dropFirst(part)
        }
        return true
    }

    // MARK: What the proxy says

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(Problem) {
            lines += try splitter.lines(in: Array(unwrapInboundIn(data).readableBytesView)[...])
        } catch {
            return context.channel.cut()
        }
        guard lines.count <= Self.linesMax else { return context.channel.cut() }
        if !splitter.isInsideLine {
            deadline?.cancel()
            deadline = nil
        } else if deadline == nil {
            let channel = context.channel
            deadline = channel.eventLoop.scheduleTask(in: Patience.body) { channel.cut() }
        }
        takeNext(context.channel)
    }

    /// Nothing more is read while a line is taken up.
    func read(context: ChannelHandlerContext) {
        guard isTaking else { return context.read() }
        isReadDue = true
    }

    private func takeNext(_ channel: any Channel) {
        guard !isTaking, !isOver, !lines.isEmpty, let watch else { return }
        isTaking = true
        let here = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let line = lines.removeFirst()
        Task(executorPreference: LoopTaskExecutor.shared) { [plane] in
            let isFine = await WatchConversation.take(line, watch, plane)
            channel.eventLoop.execute { here.value.took(isFine, channel) }
        }
    }

    private func took(_ isFine: Bool, _ channel: any Channel) {
        isTaking = false
        guard isFine else { return channel.cut() }
        takeNext(channel)
        guard !isTaking, isReadDue else { return }
        isReadDue = false
        channel.read()
    }

    /// False where it means nothing, or is said of a watch that is over.
    private static func take(_ line: [UInt8], _ watch: OpenedWatch, _ plane: ControlPlane) async -> Bool {
        guard let message = try? ProxyMessage.decode(line) else { return false }
        switch message.content {
        case .acknowledge(let acknowledgement):
            guard await plane.acknowledge(watch.id, acknowledgement, identity: watch.identity, serial: nil) else {
                return false
            }
        case .wants(let wants):
            guard await plane.hub.want(watch.id, wants, by: watch.identity) else { return false }
        case .unknown: break
        }
        await plane.hub.heard(message.number, of: watch.id)
        return true
    }

    // MARK: The end

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        // A proxy that says nothing more has gone. TLS would wait for its farewell, which cannot come any more.
        case ChannelEvent.inputClosed: context.channel.cut()
        // It is told to go elsewhere, and hangs up.
        case is ChannelShouldQuiesceEvent: break
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func end() {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        guard let watch else { return }
        // The task that tells of it ends by that.
        Task(executorPreference: LoopTaskExecutor.shared) { [plane] in await plane.hub.end(watch.id) }
    }
}
