// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Backends of a rule, each with its share.
struct WeightedBackends: Sendable {
    let backends: [CompiledBackend]
    private let totalWeight: Int

    init(_ backends: [CompiledBackend]) {
        self.backends = backends
        totalWeight = backends.reduce(0) { sum, backend in
            let (next, overflow) = sum.addingReportingOverflow(backend.weight)
            return overflow ? .max : next
        }
    }

    /// Nil where there is none or none has weight.
    func choose(using random: inout some RandomNumberGenerator) -> CompiledBackend? {
        guard totalWeight > 0 else { return nil }
        if backends.count == 1 { return backends.first }
        var rest = Int.random(in: 0..<totalWeight, using: &random)
        for backend in backends {
            if rest < backend.weight { return backend }
            rest -= backend.weight
        }
        return nil
    }
}
