// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AsyncHTTPClient
internal import Foundation
internal import MeshModel
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

/// Reads one watch for as long as it lives, over as many connections as that takes.
///
/// ```
///        ┌────────────── lost, silent, no leader, token expired ──────────────┐
///        ▼                                                                    │
///   check that `next - 1` is kept ──▶ POST /v3/watch from `next` ──▶ lines ───┘   next = last revision + 1
///        │                                   │ canceled, compactRevision
///        └──────────── compacted ◀───────────┘
/// ```
///
/// `next` moves only with whole commits, so that a new connection begins exactly where the one before ended.
struct EtcdWatchLoop {
    private let client: EtcdClient
    private let names: EtcdNames
    private let range: KeyRange
    private var next: StoreRevision
    private var pending = PendingCommit()
    private var pause = Self.shortestPause

    /// Begun with again whenever something has been delivered.
    private static let shortestPause = Duration.milliseconds(50)

    /// Above what etcd puts into one message where it may send fragments, in base64.
    private static let lineBytes = 8 << 20

    init(client: EtcdClient, names: EtcdNames, prefix: String, from revision: StoreRevision) {
        self.client = client
        self.names = names
        range = names.range(prefix)
        next = revision
    }

    /// Goes on until there is an error that no new connection mends.
    mutating func run(into queue: WatchQueue) async -> StoreError {
        while !Task.isCancelled {
            let endpoint = client.preferred
            do throws(EtcdFailure) {
                try await checkThatHistoryIsKept()
                try await follow(endpoint, queue)
            } catch {
                pending = PendingCommit()
                switch error {
                case .final(let error): return error
                case .tokenExpired: client.keep(token: nil)
                case .silent:
                    pause = Self.shortestPause
                    continue
                case .notReached, .noAnswer, .notNow, .tooLong: client.leave(endpoint)
                }
            }
            if client.isClosed { return .closed }
            do { try await Task.sleep(for: pause) } catch { return .cancelled }
            pause = min(pause * 2, .seconds(2))
        }
        return .cancelled
    }

    /// etcd refuses a watch only from a revision *before* the one it was compacted at, though deletions of that very revision
    /// may be gone too. A read of the revision before tells.
    private func checkThatHistoryIsKept() async throws(EtcdFailure) {
        guard next > 1 else { return }
        let message = EtcdMessage.Range(
            key: Data(range.lower), limit: .init(1), revision: .init(next - 1), keysOnly: true)
        do throws(StoreError) {
            let _: EtcdAnswer.Range = try await client.call("/v3/kv/range", message)
        } catch {
            switch error {
            case .compacted: throw .final(.compacted(oldest: next))
            case .unavailable(let problem): throw .notNow(problem.message)
            default: throw .final(error)
            }
        }
    }

    private mutating func follow(_ endpoint: Int, _ queue: WatchQueue) async throws(EtcdFailure) {
        let limit = ContinuousClock.now + client.settings.callTimeout
        let token = try await client.currentToken(endpoint, until: limit)
        let start = EtcdMessage.WatchStart(
            createRequest: .init(
                key: Data(range.lower), rangeEnd: Data(range.upper), startRevision: .init(next)))
        let body: ByteBuffer
        do throws(StoreError) { body = try EtcdClient.encoded(start) } catch { throw .final(error) }
        let response = try await client.post(endpoint, "/v3/watch", body, token: token, deadline: nil)
        do {
            guard response.status == .ok else {
                throw client.failure(endpoint, response, try await response.body.collect(upTo: 65_536))
            }
            var lines = LineBuffer()
            for try await chunk in response.body {
                lines.append(chunk)
                while let line = lines.next() { try await take(line, endpoint, queue) }
                guard lines.count <= Self.lineBytes else { throw EtcdFailure.tooLong }
            }
        } catch let error as HTTPClientError where error == .readTimeout {
            throw .silent
        } catch {
            throw EtcdFailure(error)
        }
        throw .noAnswer("the watch has ended")
    }

    private mutating func take(_ line: ByteBuffer, _ endpoint: Int, _ queue: WatchQueue) async throws {
        let line = try EtcdAnswer.decoded(EtcdAnswer.WatchLine.self, from: line)
        if let failure = line.error { throw EtcdFailure(failure, at: client.settings.endpoints[endpoint]) }
        guard let message = line.result else { throw EtcdFailure.noAnswer("a line without a result") }
        if message.canceled == true { throw cancellation(message, endpoint) }
        for event in message.events ?? [] {
            guard let found = event.kv, let revision = found.modRevision?.value, revision >= next else { continue }
            if let batch = pending.finish(before: revision) { await deliver(batch, queue) }
            guard let key = names.name(found.key) else { continue }
            if event.type == "DELETE" {
                pending.append(.delete(key: key), revision)
            } else if let entry = names.entry(found) {
                pending.append(.put(entry), revision)
            }
        }
        // Where a message was cut into fragments, the next one may go on with the same commit.
        guard message.fragment != true else { return }
        if let batch = pending.finish() { await deliver(batch, queue) }
        // A message without events, other than the first, says that nothing has happened up to its revision.
        if message.events == nil, message.created != true, let revision = message.header?.revision?.value {
            next = max(next, revision + 1)
        }
    }

    private mutating func deliver(_ batch: StoreEvents, _ queue: WatchQueue) async {
        next = batch.revision + 1
        pause = Self.shortestPause
        await queue.send(batch)
    }

    private func cancellation(_ message: EtcdAnswer.Watch, _ endpoint: Int) -> EtcdFailure {
        if let oldest = message.compactRevision?.value, oldest > 0 { return .final(.compacted(oldest: oldest)) }
        let reason = message.cancelReason ?? "etcd has ended the watch"
        if reason.contains("token") { return .tokenExpired }
        if reason.contains("permission denied") {
            return .final(.denied(Problem(.storeDenied, at: client.settings.endpoints[endpoint], reason)))
        }
        return .noAnswer(reason)
    }
}

/// The events of a commit that may not be complete yet.
private struct PendingCommit {
    private var revision: StoreRevision = 0
    private var events: [StoreEvent] = []

    mutating func append(_ event: StoreEvent, _ revision: StoreRevision) {
        self.revision = revision
        events.append(event)
    }

    /// The commit if an event of another one has come.
    mutating func finish(before revision: StoreRevision) -> StoreEvents? {
        revision == self.revision ? nil : finish()
    }

    mutating func finish() -> StoreEvents? {
        guard !events.isEmpty else { return nil }
        defer { events = [] }
        return StoreEvents(revision: revision, events: events)
    }
}
