// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import Testing

@Suite("May it be tried again")
struct ReplayTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let hasSentData: Bool
        let failure: Replay.Failure
        let mayTryAgain: Bool

        var testDescription: String { "\(hasSentData ? "data sent" : "nothing sent"), \(failure)" }
    }

    @Test(
        "only where the application cannot have seen anything, and only once",
        arguments: [
            Case(hasSentData: false, failure: .rejectedByPeer, mayTryAgain: true),
            Case(hasSentData: false, failure: .ambiguous, mayTryAgain: true),
            Case(hasSentData: true, failure: .rejectedByPeer, mayTryAgain: true),
            Case(hasSentData: true, failure: .ambiguous, mayTryAgain: false),
        ])
    func table(_ item: Case) {
        var replay = Replay()
        replay.beginAttempt()
        if item.hasSentData { replay.sendData() }
        #expect(replay.isSafe(after: item.failure) == item.mayTryAgain)
        let first = replay.mayTryAgain(after: item.failure)
        #expect(first == item.mayTryAgain)
        replay.beginAttempt()
        for failure in Replay.Failure.allCases {
            let again = replay.mayTryAgain(after: failure)
            #expect(again == (!first && item.mayTryAgain == false))
            if again { break }
        }
    }

    @Test("data of an earlier attempt does not count against the next")
    func attempts() {
        var replay = Replay()
        replay.beginAttempt()
        replay.sendData()
        #expect(!replay.isSafe(after: .ambiguous))
        replay.beginAttempt()
        #expect(replay.isSafe(after: .ambiguous))
    }
}
