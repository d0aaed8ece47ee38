// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What is known of one endpoint from using it: how busy it is with our connections, and whether it fails to connect.
package struct EndpointHealth: Sendable {
    package private(set) var activeCount = 0
    private var consecutiveFailures = 0
    private var ejections = 0
    package private(set) var ejectedUntil: Instant?

    package init() {}

    package func isEjected(now: Instant) -> Bool { ejectedUntil.map { now < $0 } ?? false }

    package mutating func begin() { activeCount += 1 }

    package mutating func finish() {
        precondition(activeCount > 0, "A connection that ends has begun.")
        activeCount -= 1
    }

    package mutating func succeed() {
        consecutiveFailures = 0
        ejections = 0
        ejectedUntil = nil
    }

    /// A connect failed; true if the endpoint is ejected by it. Each ejection is twice as long as the one before.
    package mutating func fail(_ settings: EjectionSettings, mayEject: Bool, now: Instant) -> Bool {
        consecutiveFailures += 1
        guard mayEject, consecutiveFailures >= settings.consecutiveFailures, !isEjected(now: now) else { return false }
        let factor = 1 << min(ejections, 16)
        ejectedUntil = now + min(settings.base * factor, settings.longest)
        ejections += 1
        // One failure after its return is enough to send it away again, for longer.
        consecutiveFailures = max(0, settings.consecutiveFailures - 1)
        return true
    }
}
