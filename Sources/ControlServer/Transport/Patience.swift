// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlPlane
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import NIOSSL
internal import Synchronization

/// Ends a connection whose other side takes too long to say what it wants: a byte now and then would keep one for ever, and
/// there are only so many.
///
/// ```
///   accepted ── 10 s ──▶ handshake done, whole head here ── 30 s ──▶ whole body here ──▶ answered, for as long as it takes
///                                     ▲                                                        │
///                                     └──────────────────────── 60 s ──────────────────────────┘
/// ```
/// Of a body that is answered before it has come, as where nobody may send one, the rest has ten seconds.
final class Patience: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// All chosen by us. Ten thousand resources of ordinary size come over a poor line in half a minute.
    static let firstHead: TimeAmount = .seconds(10)
    static let body: TimeAmount = .seconds(30)
    private static let restOfBody: TimeAmount = .seconds(10)
    static let nextHead: TimeAmount = .seconds(60)

    private var deadline: Scheduled<Void>?
    private var isReading = false
    private var isAnswered = false

    func handlerAdded(context: ChannelHandlerContext) { wait(Self.firstHead, context) }
    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            (isReading, isAnswered) = (true, false)
            wait(Self.body, context)
        case .body: break
        case .end:
            isReading = false
            if isAnswered { wait(Self.nextHead, context) } else { deadline?.cancel() }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            isAnswered = true
            wait(isReading ? Self.restOfBody : Self.nextHead, context)
        }
        context.write(data, promise: promise)
    }

    private func wait(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = channel.eventLoop.scheduleTask(in: time) { channel.cut() }
    }
}

extension Channel {
    /// Ends it with a reset: behind what is not read an end would never be seen, and the kernel would hold all of it for
    /// minutes.
    func cut() {
        _ = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        // Not through TLS, which would wait for the other side to take its farewell.
        if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else {
            close(promise: nil)
        }
    }
}

/// Who is connected to a listener, by address, of IPv6 by customer (``Customer``), so that nobody takes all of its places.
final class Callers: Sendable {
    private let most: Int
    private let counts = Mutex<[String: Int]>([:])

    init(atMost most: Int) { self.most = most }

    /// False where whoever has that address has as many connections as one may have. What has no address is the local administrator's.
    func admit(_ channel: any Channel) -> Bool {
        guard let address = channel.remoteAddress?.ipAddress.map(Customer.of) else { return true }
        let isAdmitted = counts.withLock { counts in
            guard counts[address, default: 0] < most else { return false }
            counts[address, default: 0] += 1
            return true
        }
        guard isAdmitted else { return false }
        channel.closeFuture.whenComplete { [self] _ in
            counts.withLock { counts in
                let rest = counts[address, default: 1] - 1
                counts[address] = rest == 0 ? nil : rest
            }
        }
        return true
    }
}

/// A connection over TLS or not, if its address may have one more, and what is on it.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let tls: ServingTLS?
    let callers: Callers
    let base: Base

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        let ready = channel.eventLoop.makeCompletedFuture {
            guard callers.admit(channel) else { throw ChannelError.ioOnClosedChannel }
            try tls?.add(to: channel)
        }
        // Nobody else closes it: the other side would wait for its handshake in vain.
        ready.whenFailure { _ in channel.cut() }
        return ready.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
