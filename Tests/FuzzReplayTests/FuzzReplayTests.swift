// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import FuzzTargets
import MeshTesting
import Testing

/// What the fuzzer has found interesting, run on every test; a crash that was mended stays mended.
@Suite("The corpora of the fuzzer")
struct FuzzReplayTests {
    private func corpus(_ target: FuzzTarget) throws -> [URL] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fuzz/corpus/\(target.rawValue)").standardized
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }
    }

    @Test("every parser takes its corpus without a trap", arguments: FuzzTarget.allCases)
    func replay(target: FuzzTarget) throws {
        let files = try corpus(target)
        #expect(files.count >= 3)
        for file in files { target.run(Array(try Data(contentsOf: file))) }
    }

    @Test("nor with bytes changed, cut and doubled", arguments: FuzzTarget.allCases)
    func mutate(target: FuzzTarget) throws {
        var random = SeededRandom(seed: 20_270_115)
        for file in try corpus(target) {
            let good = Array(try Data(contentsOf: file))
            guard !good.isEmpty else { continue }
            for _ in 0..<30 {
                var bytes = good
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.removeSubrange(index...)
                case 1: bytes.insert(contentsOf: bytes[index...].prefix(64), at: index)
                default: bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
                target.run(bytes)
            }
        }
    }
}
