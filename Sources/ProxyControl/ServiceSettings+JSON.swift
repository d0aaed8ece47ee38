// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// How a service is used, under the names that the file has.
extension BalancingSettings {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("algorithm", algorithm.rawValue)
            writer.field("hashHeader", ifPresent: hashHeader)
        }
    }
}

extension BreakerSettings {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("connections", connections)
            writer.field("pending", pending)
            writer.field("requests", requests)
            writer.field("retries", retries)
            writer.field("retryBudgetPercent", retryBudgetPercent)
        }
    }
}

extension EjectionSettings {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("consecutiveFailures", consecutiveFailures)
            writer.field("consecutiveErrors", consecutiveErrors)
            writer.field("successPercentMin", successPercentMin)
            writer.field("requestsMin", requestsMin)
            writer.field("interval", DurationText.text(interval))
            writer.field("base", DurationText.text(base))
            writer.field("longest", DurationText.text(longest))
            writer.field("mostPercent", mostPercent)
            writer.field("panicPercent", panicPercent)
        }
    }
}
