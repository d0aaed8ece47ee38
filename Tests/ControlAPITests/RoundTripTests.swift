// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import MeshModel
import Testing

@Suite("Messages between proxies and the control plane")
struct RoundTripTests {
    /// One message of any type, which is written, read, and compared.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let check: @Sendable () throws -> Void

        init<Message: ControlMessage>(_ message: Message, _ expected: String) {
            testDescription = expected
            check = {
                #expect(String(decoding: message.encode(), as: UTF8.self) == expected)
                let read = try Message.decode(message.encode())
                #expect(read == message)
            }
        }
    }

    @Test("what is written is read again", arguments: try Samples.cases())
    func roundTrips(_ item: Case) throws { try item.check() }

    @Test("a text of any characters arrives as it was")
    func characters() throws {
        let text = "{\"a\":\"\u{1f578} \u{0} \u{85} \u{2028} \\ \u{7f} é\",\n\t\"b\": 1}"
        let answer = ErrorAnswer(code: "WEFT1", message: text)
        #expect(try ErrorAnswer.decode(answer.encode()).message == text)
    }

    @Test("fields and messages of a later version are ignored")
    func later() throws {
        let text = #"{"type":"heartbeat","time":"2026-11-21T05:25:00Z","more":{"than":["this"]},"x":null}"#
        #expect(
            try WatchMessage.decode(Array(text.utf8))
                == .heartbeat(try #require(WallTime(timestamp: "2026-11-21T05:25:00Z"))))
        #expect(try WatchMessage.decode(Array(#"{"type":"dance","n":1}"#.utf8)) == .unknown(type: "dance"))
    }

    @Test(
        "nonsense is refused with a place",
        arguments: [
            ("", "holds 0 values"), ("[]", "is not an object"), ("{} {}", ""), ("{\"type\":", ""),
            ("type: renew", "type is not"),
            (#"{"type":7}"#, "type is not a text"), (#"{"type":"update"}"#, "sequence is missing"),
            (#"{"type":"update","sequence":"1"}"#, "sequence is not a number"),
            (#"{"type":"update","sequence":-1}"#, "sequence is not a number"),
            (#"{"type":"update","sequence":1,"revision":9223372036854775808}"#, "revision is not a number"),
            (#"{"type":"update","sequence":1,"revision":1,"whole":1}"#, "whole is neither"),
            (#"{"type":"update","sequence":1,"revision":1,"resources":{}}"#, "resources is not a list"),
            (
                #"{"type":"update","sequence":1,"revision":1,"resources":[{"id":"a","digest":"AB","text":""}]}"#,
                "resources[0].digest `AB` is not a SHA-256"
            ),
            (
                #"{"type":"update","sequence":1,"revision":1,"denied":{"identities":["spiffe://a"]}}"#,
                "denied.identities[0] `spiffe://a` is not a SPIFFE ID"
            ),
            (#"{"type":"update","sequence":1,"revision":1,"trust":{"A B":"x"}}"#, "trust.A B is not a trust domain"),
            (#"{"type":"logLevel","level":"loud"}"#, "level `loud`"),
            (#"{"type":"welcome","protocol":1,"watch":"../../x"}"#, "watch `../../x`"),
            (#"{"type":"heartbeat","time":"yesterday"}"#, "time `yesterday`"),
            ("{\"type\":\"\(String(repeating: "x", count: 65))\"}", "type is longer than 64"),
            (String(repeating: "[", count: 5000), ""), ("{\"a\":&x 1,\"b\":*x}", ""), ("\u{0}\u{1}", ""),
        ])
    func nonsense(_ text: String, _ expected: String) {
        let problem = #expect(throws: Problem.self) { try WatchMessage.decode(Array(text.utf8)) }
        #expect(problem?.code == .controlMessage)
        let said = [problem?.place, problem?.message].compactMap(\.self).joined(separator: " ")
        #expect(said.contains(expected), "\(said)")
    }

    @Test("more than a proxy may want is refused")
    func tooMuch() throws {
        let address = try #require(IPAddress("10.0.0.1"))
        let most = Wants(addresses: Array(repeating: address, count: ControlProtocol.wantedAddresses))
        #expect(try Wants.decode(most.encode()) == most)
        let more = Wants(addresses: most.addresses + [address])
        #expect(throws: Problem.self) { try Wants.decode(more.encode()) }
    }

    @Test("every beginning of a message is refused without a trap")
    func prefixes() throws {
        let line = WatchMessage.update(try Samples.update()).encode()
        for end in 0..<line.count {
            #expect(throws: Problem.self) { try WatchMessage.decode(Array(line[..<end])) }
        }
    }
}
