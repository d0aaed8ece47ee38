// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Which requests leave a span, and how many of these are kept.
package struct TracingSettings: Hashable, Sendable {
    /// Of the requests that begin a trace here, in hundredths of a percent; whoever began a trace has decided about its
    /// requests. One percent: enough to see what is common, cheap enough to leave on.
    package var sampleShare = 100
    /// Kept in the process, for all data threads together; 0: none. About two kilobytes each.
    package var spansKept = 2_048

    package init() {}
}

/// How long numbers are told.
package struct MetricsSettings: Hashable, Sendable {
    /// Series about requests that have not counted for so long are no longer told; zero: they stay.
    package var evictAfter: Duration = .seconds(600)

    package init() {}
}
