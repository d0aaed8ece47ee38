// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation

// Writes pairs of keys into the store at a path for as long as it lives, and says the number of each pair once it is kept.
// Four at a time, so that the end comes in the middle of something.
let words = CommandLine.arguments
guard words.count == 3, let first = Int(words[2]) else {
    print("usage: store-tool PATH NUMBER")
    exit(2)
}

func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}

do {
    let store = try await SQLiteStore.open(path: words[1])
    say("open")
    await withTaskGroup { group in
        for lane in 0..<4 {
            group.addTask {
                var number = first + lane
                while true {
                    let value = Array(repeating: UInt8(truncatingIfNeeded: number), count: 1 + number * 37 % 20_000)
                    let transaction = StoreTransaction(
                        compares: [.absent("left/\(number)")],
                        operations: [
                            .put(key: "left/\(number)", value: value), .put(key: "right/\(number)", value: value),
                        ])
                    do {
                        guard try await store.commit(transaction).revision != nil else {
                            return say("conflict \(number)")
                        }
                        say("kept \(number)")
                    } catch {
                        return say("failed \(number): \(error)")
                    }
                    number += 4
                }
            }
        }
    }
} catch {
    say("\(error)")
    exit(1)
}
