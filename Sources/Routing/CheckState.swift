// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What the checks of one endpoint have come to. It counts as healthy until the first check; that one decides alone, so that
/// an endpoint that is down when a proxy starts gets nothing from the first answer on. From then on it takes as many in a row
/// as the service says.
package struct CheckState: Sendable {
    package private(set) var isUnhealthy = false
    /// In a row, of the kind of the last one.
    package private(set) var streak = 0
    private var wasGood: Bool?

    package init() {}

    /// Takes in a result; true if the endpoint has turned healthy or unhealthy by it.
    package mutating func record(isGood: Bool, _ check: HealthCheck) -> Bool {
        guard let wasGood else {
            self.wasGood = isGood
            streak = 1
            isUnhealthy = !isGood
            return isUnhealthy
        }
        streak = wasGood == isGood ? min(streak + 1, 1_000_000) : 1
        self.wasGood = isGood
        guard isGood == isUnhealthy else { return false }
        guard streak >= (isGood ? check.healthyThreshold : check.unhealthyThreshold) else { return false }
        isUnhealthy.toggle()
        return true
    }
}
