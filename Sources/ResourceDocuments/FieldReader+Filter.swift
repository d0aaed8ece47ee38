// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: Filter`, which routes use by `ExtensionRef`.
extension FieldReader {
    mutating func filter() -> FilterResource? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                let fault = fields.value("fault")
                let rateLimit = fields.value("rateLimit")
                let action: FilterResource.Action? =
                    switch (fault, rateLimit) {
                    case (let fault?, nil): fault.fault.map { .fault($0) }
                    case (nil, let rateLimit?): rateLimit.rateLimit.map { .rateLimit($0) }
                    default: fields.complainOfActions()
                    }
                guard let metadata, let action else { return nil }
                return FilterResource(reference: metadata.reference, action: action)
            }
        }
    }

    private func complainOfActions() -> FilterResource.Action? {
        complain(.missingField, "a Filter has exactly one of `fault` and `rateLimit`", "make two Filters for both")
        return nil
    }
}

extension Value {
    fileprivate var fault: FilterResource.Fault? {
        mapping { fields in
            let delay = fields.read("delay") { $0.faultDelay }
            let abort = fields.read("abort") { $0.faultAbort }
            let until = fields.require("until") { $0.timestamp }
            if !fields.contains("delay"), !fields.contains("abort") {
                fields.complain(.missingField, "a fault has a `delay`, an `abort` or both")
            }
            return until.map { FilterResource.Fault(delay: delay, abort: abort, until: $0) }
        }
    }

    private var faultDelay: FilterResource.Fault.Delay? {
        mapping { fields in
            let duration = fields.require("duration") { $0.duration(.milliseconds(1) ... .seconds(600)) }
            let share = fields.require("percent") { $0.percentHundredths }
            guard let duration, let share else { return nil }
            return FilterResource.Fault.Delay(duration: duration, share: share)
        }
    }

    private var faultAbort: FilterResource.Fault.Abort? {
        mapping { fields in
            let status = fields.require("status") { $0.integer(400...599) }
            let share = fields.require("percent") { $0.percentHundredths }
            guard let status, let share else { return nil }
            return FilterResource.Fault.Abort(status: status, share: share)
        }
    }

    fileprivate var rateLimit: FilterResource.RateLimit? {
        mapping { fields in
            let requests = fields.require("requests") { $0.integer(1...1_000_000_000) }
            let interval = fields.require("per") { $0.duration(.milliseconds(1) ... .seconds(24 * 3600)) }
            let burst = fields.read("burst") { $0.integer(1...1_000_000_000) }
            let isPerCaller = fields.read("perCaller") { $0.truth } ?? false
            guard let requests, let interval else { return nil }
            return FilterResource.RateLimit(
                requests: requests, interval: interval, burst: burst ?? requests, isPerCaller: isPerCaller)
        }
    }

    /// `5`, `0.5`, `12.25`: as hundredths of a percent.
    var percentHundredths: Int? {
        scalar("a share from 0 to 100 with at most two decimals") { text in
            let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard let first = parts.first, let whole = Decimal.parse(first, atMost: 100) else { return nil }
            guard parts.count > 1 else { return Int(whole) * 100 }
            guard parts.count == 2, (1...2).contains(parts[1].count) else { return nil }
            var hundredths = 0
            for byte in parts[1] {
                guard let digit = Decimal.parse([byte], atMost: 9) else { return nil }
                hundredths = hundredths * 10 + Int(digit)
            }
            let share = Int(whole) * 100 + (parts[1].count == 1 ? hundredths * 10 : hundredths)
            return share <= 10_000 ? share : nil
        }
    }
}
