// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Joining a control plane that dies")
    struct JoinCrashes {
        /// Joins one machine after the other until each has an answer, and says how often it had to ask.
        private static let client = """
            client=$1; count=$2; url=$3; cd "$4"
            for i in $(seq $count); do
              n=0
              until [ "$(curl -sk -m 5 -o answer-$client-$i -w '%{http_code}' --data-binary @request-$client-$i "$url")" = 200 ]
              do n=$((n+1)); [ $n -lt 400 ] || exit 1; done
              echo "joined $client-$i after $n failures"
            done
            """

        @Test("who got an answer is a member, who got none asks again with the same key, and nobody is there twice")
        func killed() async throws {
            let control = try await ControlReplica("control", in: NetworkLab.here)
            try await control.start()
            let (clients, each) = (6, 12)
            let outside = try NetworkLab.here.outside
            let directory = try NetworkLab.here.directory()
            for client in 1...clients {
                for number in 1...each {
                    let message = [
                        "token": try await control.token(for: "crowd"), "csr": try await outside.makeKey().request,
                        "name": "machine-\(client)-\(number)",
                    ]
                    try JSONSerialization.data(withJSONObject: message)
                        .write(to: URL(fileURLWithPath: "\(directory)/request-\(client)-\(number)"))
                }
            }
            let programs = try (1...clients).map { client in
                try outside.start(
                    "sh", "-c", Self.client, "client", String(client), String(each),
                    "https://\(control.joinAddress)/v1/join", directory)
            }
            for round in 1...5 {
                try await eventually("some have joined") {
                    programs.map(\.wholeLines.count).reduce(0, +) >= round * 8 ? true : nil
                }
                try await control.kill()
                try await control.start()
            }
            var failures = 0
            for program in programs {
                let result = try await program.result()
                #expect(result.succeeded, "\(result)")
                failures += result.output.split(separator: "\n").count { !$0.hasSuffix("after 0 failures") }
            }
            print("\(failures) of \(clients * each) had to ask again")
            let members = try await control.must("/v1/members")["members"].list
            #expect(members.count == clients * each)
            #expect(Set(members.map { $0["name"].text }).count == clients * each)
            for member in members {
                let name = member["name"].text.dropFirst("machine-".count)
                let answer = try ControlAnswer(
                    try String(contentsOfFile: "\(directory)/answer-\(name)", encoding: .utf8))
                let serial = try await outside.shell(
                    "printf '%s' '\(answer["chain"].text)' | openssl x509 -noout -serial")
                #expect(serial.lowercased() == "serial=\(member["serial"].text)\n", "\(name)")
            }
            let tokens = try await control.must("/v1/tokens")["tokens"].list
            #expect(tokens.allSatisfy { !$0["usedBy"].text.isEmpty })
        }
    }
}
