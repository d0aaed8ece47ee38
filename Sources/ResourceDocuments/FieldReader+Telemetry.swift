// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What is told of requests, beside the log.
extension FieldReader {
    mutating func tracing(_ tracing: inout TracingSettings) {
        assign("samplePercent", to: &tracing.sampleShare) { $0.percentHundredths }
        assign("spansKept", to: &tracing.spansKept) { $0.integer(0...65_536) }
    }

    mutating func metrics(_ metrics: inout MetricsSettings) {
        assign("evictAfter", to: &metrics.evictAfter) { $0.duration(.zero ... .seconds(30 * 86_400)) }
    }
}
