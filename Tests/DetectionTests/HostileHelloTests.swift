// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Detection
import MeshTesting
import Testing

@Suite("ClientHellos that lie")
struct HostileHelloTests {
    private static let recipe = ClientHelloRecipe(serverName: "api.example", protocols: ["h2", "weft/1"])

    /// What a hello is taken for of which one length lies, all of its bytes being there.
    enum Expectation: Sendable {
        /// A length outside of the message promises more.
        case waits
        /// Inside the message everything has come, so that a length which does not fit ends it.
        case notTLS
        /// Nothing that is read has changed.
        case asBefore
        /// What is skipped is not looked into; the result is a hello that is not ours, or has another name.
        case anotherHello
    }

    struct Lie: CustomTestStringConvertible, Sendable {
        let field: ClientHelloRecipe.LengthField
        let amount: Int

        var testDescription: String { "\(field) \(amount > 0 ? "+" : "")\(amount)" }

        var expected: Expectation {
            switch (field, amount) {
            case (.record, 1...): .asBefore
            case (.handshake, 1...): .waits
            case (.cipherSuites, 1): .asBefore
            case (.compressionMethods, -1), (.serverName, -1): .anotherHello
            default: .notTLS
            }
        }
    }

    static let lies = ClientHelloRecipe.LengthField.allCases.flatMap { field in
        [-1, 1, 40, 200].map { Lie(field: field, amount: $0) }
    }

    @Test("a wrong length is noticed, wherever it is", arguments: lies)
    func wrongLength(_ lie: Lie) {
        var recipe = Self.recipe
        recipe.lies = [lie.field: lie.amount]
        let (verdict, truth) = (classify(recipe.bytes), classify(Self.recipe.bytes))
        switch lie.expected {
        case .waits: #expect(verdict == .needMoreBytes)
        case .notTLS: #expect(verdict == .notTLS)
        case .asBefore: #expect(verdict == truth)
        case .anotherHello: #expect(verdict != truth && verdict != .notTLS && verdict != .needMoreBytes)
        }
    }

    @Test("beyond 16 KiB nobody waits, and what is said there stays said")
    func tooLong() {
        let limit = ClientHello.byteLimit
        let overhead = ClientHelloRecipe(protocols: ["weft/1"], padding: 0).bytes.count
        let fitting = ClientHelloRecipe(protocols: ["weft/1"], padding: limit - overhead).bytes
        #expect(fitting.count == limit)
        guard case .complete = classify(fitting) else {
            Issue.record("A hello of exactly \(limit) bytes is read.")
            return
        }
        let long = ClientHelloRecipe(protocols: ["weft/1"], padding: limit - overhead + 1).bytes
        for count in [5, 100, limit - 1] { #expect(classify(long.prefix(count)) == .needMoreBytes) }
        for count in [limit, limit + 1, limit + 100] { #expect(classify(long.prefix(count)) == .tooLong) }
        let endless = ClientHelloRecipe(padding: 60_000).fragmented([1000])
        // The length of the message is in its first record, and says it all.
        #expect(classify(endless.prefix(8)) == .needMoreBytes)
        for count in [9, 1004, 1006, limit, endless.count] { #expect(classify(endless.prefix(count)) == .tooLong) }
    }

    @Test("however the bytes are changed, a verdict never changes once it is given")
    func mutations() throws {
        let seed: UInt64 = 7_301
        var random = SeededRandom(seed: seed)
        for round in 0..<400 {
            var bytes = Bool.random(using: &random) ? Self.recipe.bytes : Self.recipe.fragmented([1, 7, 50])
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
                default:
                    bytes.insert(
                        UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
                }
            }
            var decided: ClientHelloVerdict?
            for count in 0...bytes.count {
                let verdict = classify(bytes.prefix(count))
                if let decided { try #require(verdict == decided, "seed \(seed), round \(round), \(count) bytes") }
                if verdict != .needMoreBytes { decided = verdict }
            }
        }
    }
}
