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

extension Service.Member {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            switch place {
            case .workload(let reference): writer.field("workload", reference.description)
            case .address(let address): writer.field("address", address.description)
            case .name(let name): writer.field("hostname", name.text)
            }
            if let port { writer.field("port", port.number) }
            writer.field("weight", weight)
        }
    }
}

extension ResolutionSettings {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mode", mode.rawValue)
            writer.field("family", family.rawValue)
            writer.field("interval", DurationText.text(interval))
        }
    }
}

extension HealthCheck {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            switch probe {
            case .tcp:
                writer.key("tcp")
                writer.object { _ in }
            case .http(let probe):
                writer.key("http")
                probe.write(into: &writer)
            }
            if let port { writer.field("port", port.number) }
            writer.field("interval", DurationText.text(interval))
            writer.field("timeout", DurationText.text(timeout))
            writer.field("healthyThreshold", healthyThreshold)
            writer.field("unhealthyThreshold", unhealthyThreshold)
        }
    }
}

extension HealthCheck.HTTPProbe {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("method", method)
            writer.field("path", path)
            writer.field("host", ifPresent: host)
            writer.key("headers")
            writer.array(fields) { writer, field in
                writer.object { writer in
                    writer.field("name", field.name)
                    writer.field("value", field.value)
                }
            }
            writer.key("statuses")
            writer.array(statuses) { writer, range in
                writer.string(
                    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)")
            }
        }
    }
}
