// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
package import Testing

/// Whether tests that need root can run.
package enum RootTests {
    package static var isRoot: Bool { geteuid() == 0 }

    /// In continuous integration a test that is left out is a test that failed.
    package static var mustRun: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }
}

extension Trait where Self == ConditionTrait {
    /// Leaves the tests out, and says so, for anybody but root; where `CI=true` they run and fail instead.
    package static var needsRoot: Self {
        .enabled(if: RootTests.isRoot || RootTests.mustRun, "needs root, for network namespaces")
    }
}

/// Gives each test a ``NetworkLab`` of its own and takes it away afterwards.
package struct NetworkLabTrait: TestTrait, SuiteTrait, TestScoping {
    package var isRecursive: Bool { true }

    @concurrent
    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard RootTests.isRoot else {
            Issue.record("This test needs root, and CI=true does not let it be left out.")
            return
        }
        let lab = try await NetworkLab()
        do {
            try await NetworkLab.$current.withValue(lab) { try await function() }
            await lab.tearDown(keepLogs: false)
        } catch {
            Issue.record("The logs of all programs are in \(lab.logDirectory).")
            await lab.tearDown(keepLogs: true)
            throw error
        }
    }
}

extension Trait where Self == NetworkLabTrait {
    /// A lab for each test: `NetworkLab.here`.
    package static var networkLab: Self { NetworkLabTrait() }
}
