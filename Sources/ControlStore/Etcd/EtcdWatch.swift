// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Synchronization

/// A watch as its consumer holds it; letting go of it ends it.
final class EtcdWatch: Sendable {
    private let queue: WatchQueue
    private let reading: Task<Void, Never>

    init(_ loop: sending EtcdWatchLoop) {
        let queue = WatchQueue()
        self.queue = queue
        reading = Task {
            var loop = loop
            await queue.finish(loop.run(into: queue))
        }
    }

    deinit { reading.cancel() }

    func next() async throws(StoreError) -> StoreEvents { try await queue.next() }
}

/// Batches between who reads a watch and who consumes it. The reader waits where the consumer is slow, and with it, by way of
/// TCP, etcd does.
final class WatchQueue: Sendable {
    private typealias Consumer = CheckedContinuation<Result<StoreEvents, StoreError>, Never>

    private struct State {
        var batches: ArraySlice<StoreEvents> = []
        var ending: StoreError?
        var consumer: Consumer?
        var producer: CheckedContinuation<Void, Never>?

        mutating func takeProducer() -> CheckedContinuation<Void, Never>? {
            defer { producer = nil }
            return producer
        }
    }

    private static let capacity = 64
    private let state = Mutex(State())

    /// Returns when there is room for more.
    func send(_ batch: StoreEvents) async {
        let consumer: Consumer? = state.withLock { state in
            if let consumer = state.consumer {
                state.consumer = nil
                return consumer
            }
            state.batches.append(batch)
            return nil
        }
        if let consumer { return consumer.resume(returning: .success(batch)) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    let isFull = state.batches.count >= Self.capacity && !Task.isCancelled
                    if isFull { state.producer = continuation }
                    return isFull
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeProducer() }?.resume()
        }
    }

    /// What was sent before is still delivered.
    func finish(_ error: StoreError) {
        let consumer = state.withLock { state in
            state.ending = error
            defer { state.consumer = nil }
            return state.consumer
        }
        consumer?.resume(returning: .failure(error))
    }

    func next() async throws(StoreError) -> StoreEvents {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: Consumer) in
                let (answer, producer) = state.withLock { state in
                    if let batch = state.batches.popFirst() {
                        return (Result<StoreEvents, StoreError>?.some(.success(batch)), state.takeProducer())
                    }
                    if let ending = state.ending { return (.failure(ending), nil) }
                    // A cancellation that came before this found nobody to wake.
                    if Task.isCancelled { return (.failure(.cancelled), nil) }
                    state.consumer = continuation
                    return (nil, nil)
                }
                producer?.resume()
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let consumer = state.withLock { state in
                defer { state.consumer = nil }
                return state.consumer
            }
            consumer?.resume(returning: .failure(.cancelled))
        }
        return try result.get()
    }
}
