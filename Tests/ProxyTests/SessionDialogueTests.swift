// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars.SharedSessionTests {
    /// What `dialogues.py` tells of each dialogue.
    private struct Dialogues {
        /// By the name of what was asked.
        let answers: [String: String]
        /// What the server has read, in any order, and with the lines sorted: HTTP/2 puts cookies last. Some it has read twice: on a
        /// connection that was used before, what may be repeated is.
        let requests: Set<String>

        init(client: String, server: String) throws {
            func lines(_ text: String) throws -> [[String]] {
                try text.split(separator: "\n").map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) }
            }
            answers = Dictionary(try lines(client).map { ($0[0], $0[1]) }, uniquingKeysWith: +)
            requests = Set(
                try lines(server).map { $0[1].components(separatedBy: "\r\n").sorted().joined(separator: "\n") })
        }
    }

    @Test("whatever is asked and answered, client and server get the same as without a session, to the byte")
    func sameAsWithout() async throws {
        let scene = try await scene("[{backendRefs: [{name: shop-one, port: 80}]}]", server: "dialogues")
        func talk() async throws -> Dialogues {
            let before = scene.servers[0].output.count
            let client = try scene.client.start(
                "/usr/bin/python3", RequestScene.script("dialogues.py"), "ask", "10.96.0.20:80")
            try await eventually("the end of the dialogues", within: .seconds(120)) { client.isRunning ? nil : true }
            #expect(client.error == "")
            return try Dialogues(client: client.output, server: String(scene.servers[0].output.dropFirst(before)))
        }
        let shared = try await talk()
        scene.client.set("http", "{shareSessions: false}")
        #expect(try await scene.client.reload())
        let single = try await talk()
        #expect(shared.answers.count > 80 && shared.answers.keys == single.answers.keys)
        for (name, answer) in single.answers where name != "answer badchunk" {
            #expect(shared.answers[name] == answer, "\(name)")
        }
        // The head has gone into the session before it is seen that the body is wrong: reset, where else there is time for 502.
        #expect(single.answers["answer badchunk"]?.contains("WEFT3123") ?? false)
        #expect(shared.answers["answer badchunk"]?.hasSuffix("Connection reset by peer]") ?? false)
        #expect(shared.requests == single.requests)
    }
}
