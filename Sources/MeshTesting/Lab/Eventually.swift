// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A condition did not come true in time.
package struct DidNotHappen: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Waits until `body` gives a value. Tests never sleep for a fixed time: they ask again until what they wait for is there.
///
/// The limit is generous, since it is met only where the test fails: a loaded machine must not make it.
@discardableResult
package func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(20), _ body: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    repeat {
        if let value = try await body() { return value }
        try await Task.sleep(for: .milliseconds(5))
    } while ContinuousClock.now < deadline
    throw DidNotHappen("did not happen within \(limit): \(what)")
}
