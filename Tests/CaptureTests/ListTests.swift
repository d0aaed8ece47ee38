// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Capture {
    /// Each kind of list, tried with a connection that is in it and one that is not.
    @Suite("Lists")
    struct ListTests {
        struct Attempt: Sendable {
            let fromOutside: Bool
            let target: String
            var user: UInt32 = 1000
            let isCaptured: Bool
        }

        struct Case: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let flags: [String]
            let attempts: [Attempt]
        }

        private static func out(_ target: String, _ isCaptured: Bool, as user: UInt32 = 1000) -> Attempt {
            Attempt(fromOutside: false, target: target, user: user, isCaptured: isCaptured)
        }

        /// `10.77.0.2` and `fd77::2` are the pod's.
        private static func into(_ target: String, _ isCaptured: Bool) -> Attempt {
            Attempt(fromOutside: true, target: target, isCaptured: isCaptured)
        }

        /// Twenty ports before and after those that matter.
        private static let twenty =
            (0..<20).map { "\(3000 + 2 * $0)" } + ["81", "90-99"] + (0..<20).map { "\(5000 + 2 * $0)" }

        static let cases: [Case] = [
            Case(
                testDescription: "skipped inbound ports", flags: ["--skip-inbound-ports", "81"],
                attempts: [into("10.77.0.2:80", true), into("10.77.0.2:81", false), into("[fd77::2]:81", false)]),
            Case(
                testDescription: "more than fifteen skipped inbound ports",
                flags: ["--skip-inbound-ports", twenty.joined(separator: ",")],
                attempts: [into("10.77.0.2:80", true), into("10.77.0.2:81", false), into("[fd77::2]:81", false)]),
            Case(
                testDescription: "listed inbound ports", flags: ["--inbound-ports", "80"],
                attempts: [into("10.77.0.2:80", true), into("10.77.0.2:81", false), into("[fd77::2]:80", true)]),
            Case(
                testDescription: "skipped outbound ports", flags: ["--skip-outbound-ports", "75-80"],
                attempts: [out("10.77.0.1:80", false), out("10.77.0.1:81", true), out("[fd77::1]:80", false)]),
            Case(
                testDescription: "more than fifteen listed outbound ports",
                flags: ["--outbound-ports", twenty.joined(separator: ",")],
                attempts: [out("10.77.0.1:80", false), out("10.77.0.1:81", true), out("[fd77::1]:81", true)]),
            Case(
                testDescription: "skipped destinations",
                flags: ["--skip-outbound-destinations", "10.77.0.1/32,fd77::/64"],
                attempts: [out("10.77.0.1:80", false), out("10.78.0.1:80", true), out("[fd77::1]:80", false)]),
            Case(
                testDescription: "listed destinations", flags: ["--outbound-destinations", "10.78.0.0/16,fd77::/64"],
                attempts: [out("10.77.0.1:80", false), out("10.78.0.1:80", true), out("[fd77::1]:80", true)]),
            Case(
                testDescription: "skipped sources", flags: ["--skip-inbound-sources", "10.77.0.1,fd77::1"],
                attempts: [into("10.77.0.2:80", false), into("[fd77::2]:80", false)]),
            Case(
                testDescription: "listed sources", flags: ["--inbound-sources", "10.77.0.0/24,fd99::/64"],
                attempts: [into("10.77.0.2:80", true), into("[fd77::2]:80", false)]),
            Case(
                testDescription: "skipped inbound interfaces", flags: ["--skip-inbound-interfaces", "eth+"],
                attempts: [into("10.77.0.2:80", false), into("[fd77::2]:80", false), out("10.77.0.1:80", true)]),
            Case(
                testDescription: "listed inbound interfaces", flags: ["--inbound-interfaces", "eth+"],
                attempts: [into("10.77.0.2:80", true), into("[fd77::2]:80", true)]),
            Case(
                testDescription: "skipped outbound interfaces", flags: ["--skip-outbound-interfaces", "tun0,wg+"],
                attempts: [out("10.77.0.1:80", true), out("[fd77::1]:80", true)]),
            Case(
                testDescription: "listed outbound interfaces", flags: ["--outbound-interfaces", "eth0"],
                attempts: [out("10.77.0.1:80", true), out("[fd77::1]:80", true), into("10.77.0.2:80", true)]),
            Case(
                testDescription: "skipped users", flags: ["--skip-uids", "1000-1005"],
                attempts: [out("10.77.0.1:80", false), out("10.77.0.1:80", true, as: 1006), out("[fd77::1]:80", false)]),
            Case(
                testDescription: "listed users", flags: ["--uids", "0,1000"],
                attempts: [
                    out("10.77.0.1:80", true), out("10.77.0.1:80", false, as: 1006), out("[fd77::1]:80", true),
                    out("10.77.0.1:80", true, as: 0),
                ]),
            Case(
                testDescription: "all lists at once, each narrowing the others",
                flags: [
                    "--uids", "1000-1100", "--outbound-destinations", "10.77.0.0/16", "--outbound-ports", "80,81",
                    "--skip-outbound-ports", "81", "--outbound-interfaces", "eth+",
                ],
                attempts: [
                    out("10.77.0.1:80", true), out("10.77.0.1:81", false), out("10.77.0.1:80", false, as: 2000),
                    out("[fd77::1]:80", false),
                ]),
        ]

        @Test("capture what they say and nothing else", arguments: cases, Backend.allCases)
        func lists(_ example: Case, _ backend: Backend) async throws {
            let lab = try NetworkLab.here
            let app = try await lab.pod("app")
            _ = try await app.startProxy()
            _ = try await app.listen("0.0.0.0:80", "0.0.0.0:81", "[::]:80", "[::]:81")
            _ = try await lab.outside.listen("0.0.0.0:80", "0.0.0.0:81", "[::]:80", "[::]:81")
            let flags = ["apply", "--proxy-uid", "1337", "--backend", backend.rawValue] + example.flags
            let applied = try await app.weftInit(flags)
            #expect(applied.succeeded, "\(applied)")
            for attempt in example.attempts {
                let pod = attempt.fromOutside ? lab.outside : app
                let answer = try await pod.answerer(attempt.target, as: attempt.user)
                #expect(
                    answer.hasSuffix(":1500\(attempt.fromOutside ? 6 : 1)") == attempt.isCaptured,
                    "\(attempt): \(answer)")
                #expect(
                    attempt.isCaptured || answer.hasSuffix(":80") || answer.hasSuffix(":81"), "\(attempt): \(answer)")
            }
        }
    }
}
