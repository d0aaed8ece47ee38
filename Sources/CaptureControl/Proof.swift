// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// What came of trying one family in one direction.
struct Proof: Hashable, Sendable {
    enum Direction: String, Hashable, Sendable {
        case outbound
        case inbound
        /// Questions about names, which leave as datagrams.
        case names
    }

    enum Verdict: String, Hashable, Sendable {
        /// A connection was made, or a question sent, and arrived at the proxy's port.
        case proven
        /// A connection was made and went past the rules, or was captured and did not arrive.
        case failed
        /// It could not be tried, or what was seen proves nothing.
        case notProven = "not-proven"
        /// There is nothing that could be captured.
        case notApplicable = "not-applicable"
    }

    let family: AddressFamily
    let direction: Direction
    let verdict: Verdict
    /// What was seen, or why nothing could be.
    let detail: String

    /// The problem that a verdict is, for those that are one.
    var problem: Problem? {
        let subject = "\(family) \(direction.rawValue): \(detail)"
        return switch verdict {
        case .failed: Problem(.notCaptured, subject, remedy: "look at `weft-init status`")
        case .notProven: Problem(.notProven, subject)
        case .proven, .notApplicable: nil
        }
    }
}

/// Why there is no proof; thrown where it turns out, told as a verdict.
enum NoProof: Error {
    case failed(String)
    case notProven(String)
    case notApplicable(String)

    var verdict: Proof.Verdict {
        switch self {
        case .failed: .failed
        case .notProven: .notProven
        case .notApplicable: .notApplicable
        }
    }

    var detail: String {
        switch self {
        case .failed(let detail), .notProven(let detail), .notApplicable(let detail): detail
        }
    }
}

/// All proofs of a run.
struct ProofReport: Hashable, Sendable {
    var proofs: [Proof] = []

    /// One failure fails the whole; what could not be tried, or nothing to try at all, leaves it unproven.
    var exitCode: ExitCode {
        let verdicts = Set(proofs.map(\.verdict))
        if verdicts.contains(.failed) { return .failed }
        return verdicts.contains(.notProven) || !verdicts.contains(.proven) ? .notProven : .done
    }

    /// What to tell beside the lines of the proofs: the problems, and the case that there was nothing to try.
    var problems: [Problem] {
        let problems = proofs.compactMap(\.problem)
        guard problems.isEmpty, exitCode == .notProven else { return problems }
        return [
            Problem(
                .notProven, "there was nothing to try: no family has an address that could be used",
                remedy: "run `weft-init verify` once the namespace has its addresses")
        ]
    }

    func write(_ json: inout JSONWriter) {
        json.key("proofs")
        json.array(proofs) { json, proof in
            json.object { json in
                json.field("family", proof.family == .ipv4 ? "ipv4" : "ipv6")
                json.field("direction", proof.direction.rawValue)
                json.field("verdict", proof.verdict.rawValue)
                json.field("detail", proof.detail)
            }
        }
    }
}
