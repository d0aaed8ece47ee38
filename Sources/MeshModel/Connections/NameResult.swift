// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What came of a question about a name; the label of the metric.
package enum NameResult: String, Hashable, Sendable, CaseIterable {
    /// An address of the mesh.
    case answered
    /// A name of the mesh, but nothing of the type that was asked for.
    case empty
    /// `.mesh`, and there is no such name.
    case unknown
    /// Answered by a resolver.
    case forwarded
    /// No resolver gave an answer, or the mesh did not in time.
    case failed
    /// No question that can be answered.
    case refused
    /// Beyond a limit.
    case overloaded
}
