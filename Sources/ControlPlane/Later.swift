// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Does what it is given a fixed time later: whoever waits costs a line in a list, not a task with its stack and its timer.
actor Later {
    /// As many at once; each may wait for the store.
    private static let abreast = 16

    private let delay: Duration
    private var waiting: [(due: ContinuousClock.Instant, body: @Sendable () async -> Void)] = []
    private var isRunning = false

    init(_ delay: Duration) { self.delay = delay }

    func add(_ body: @escaping @Sendable () async -> Void) {
        waiting.append((.now + delay, body))
        guard !isRunning else { return }
        isRunning = true
        Task { await run() }
    }

    private func run() async {
        while let first = waiting.first {
            try? await Task.sleep(until: first.due, clock: .continuous)
            let now = ContinuousClock.now
            let due = waiting.prefix { $0.due <= now }.prefix(Self.abreast).map(\.body)
            waiting.removeFirst(due.count)
            await withTaskGroup { group in
                for body in due { group.addTask { await body() } }
            }
        }
        waiting = []
        isRunning = false
    }
}
