// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How a service is used: the sections of its `spec` that have a default for everything.
extension FieldReader {
    mutating func ejection() -> EjectionSettings {
        var ejection = EjectionSettings()
        section("ejection") { fields in
            fields.assign("consecutiveFailures", to: &ejection.consecutiveFailures) { $0.integer(1...1000) }
            fields.assign("consecutiveErrors", to: &ejection.consecutiveErrors) { $0.integer(0...1000) }
            fields.assign("successPercentMin", to: &ejection.successPercentMin) { $0.integer(0...100) }
            fields.assign("requestsMin", to: &ejection.requestsMin) { $0.integer(1...1_000_000) }
            fields.assign("interval", to: &ejection.interval) { $0.duration(.seconds(1) ... .seconds(3600)) }
            fields.assign("base", to: &ejection.base) { $0.duration(.milliseconds(100) ... .seconds(3600)) }
            fields.assign("longest", to: &ejection.longest) { $0.duration(.milliseconds(100) ... .seconds(86_400)) }
            fields.assign("mostPercent", to: &ejection.mostPercent) { $0.integer(0...100) }
            fields.assign("panicPercent", to: &ejection.panicPercent) { $0.integer(0...100) }
        }
        return ejection
    }

    mutating func balancing() -> BalancingSettings {
        var balancing = BalancingSettings()
        section("balancing") { fields in
            fields.assign("algorithm", to: &balancing.algorithm) { $0.choice(BalancingSettings.Algorithm.self) }
            balancing.hashHeader = fields.read("hashHeader") { $0.hashHeader }
            if balancing.hashHeader != nil, balancing.algorithm != .consistentHash {
                fields.complain(
                    .badValue, "`hashHeader` does nothing with `algorithm: \(balancing.algorithm.rawValue)`",
                    "say `algorithm: consistentHash`, or leave it out")
            }
        }
        return balancing
    }

    mutating func breaker() -> BreakerSettings {
        var breaker = BreakerSettings()
        section("breaker") { fields in
            fields.assign("connections", to: &breaker.connections) { $0.integer(1...1_000_000) }
            fields.assign("pending", to: &breaker.pending) { $0.integer(0...1_000_000) }
            fields.assign("requests", to: &breaker.requests) { $0.integer(1...1_000_000) }
            fields.assign("retries", to: &breaker.retries) { $0.integer(0...1_000_000) }
            fields.assign("retryBudgetPercent", to: &breaker.retryBudgetPercent) { $0.integer(0...100) }
        }
        return breaker
    }
}

extension Value {
    /// The name of a header field in lower case: a token of RFC 9110 section 5.6.2.
    fileprivate var hashHeader: String? {
        scalar("the name of a header field") { text in
            let isToken =
                !text.isEmpty
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                    }
                }
            return isToken ? text.lowercased() : nil
        }
    }
}
