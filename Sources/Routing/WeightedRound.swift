// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Weighted round robin, smooth: an endpoint of weight w has a turn every 1/w of a round, so that turns of a heavy one lie
/// between those of the others and not in a row. The next is the one whose turn comes first; a heap keeps them, and a choice
/// is O(log n).
struct WeightedRound: Sendable {
    /// A round in units of time. With the largest weight, a million, the length of a step is still exact to 1 in 4000.
    private static let length: UInt64 = 1 << 32
    /// From there on all is set back, long before a sum could overflow.
    private static let farthest: UInt64 = 1 << 60

    private struct Turn: Sendable {
        var due: UInt64
        let index: Int
        let step: UInt64
    }

    /// A binary heap: no turn is due before its parent.
    private var turns: [Turn] = []
    private var now: UInt64 = 0

    /// The first turn of each lies anywhere in its first step, so that not every proxy begins with the same endpoint.
    init(_ weights: EndpointWeights, using random: inout some RandomNumberGenerator) {
        for index in 0..<weights.count {
            let step = max(1, Self.length / UInt64(max(1, weights[index])))
            turns.append(Turn(due: UInt64.random(in: 0..<step, using: &random), index: index, step: step))
        }
        turns.sort { $0.due < $1.due }
    }

    /// The endpoint whose turn it is.
    mutating func next() -> Int? { turns.isEmpty ? nil : take(0) }

    /// The one whose turn is next among those that are wanted; looks at all.
    mutating func next(_ isWanted: (Int) -> Bool) -> Int? {
        var best: Int?
        for place in turns.indices where isWanted(turns[place].index) {
            if best.map({ turns[place].due < turns[$0].due }) ?? true { best = place }
        }
        return best.map { take($0) }
    }

    private mutating func take(_ place: Int) -> Int {
        let turn = turns[place]
        // Whoever was left out for long has one turn at once, not all that it has missed.
        now = max(now, turn.due)
        turns[place].due = now + turn.step
        sink(place)
        if now > Self.farthest { setBack() }
        return turn.index
    }

    /// As if so many rounds had gone by, for tests.
    mutating func skip(rounds: UInt64) {
        for place in turns.indices { turns[place].due += rounds * Self.length }
        now += rounds * Self.length
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            var first = place
            for child in 2 * place + 1...2 * place + 2 where child < turns.count {
                if turns[child].due < turns[first].due { first = child }
            }
            guard first != place else { return }
            turns.swapAt(place, first)
            place = first
        }
    }

    private mutating func setBack() {
        // The order stays: all that were left behind are due at once, and equal in that.
        for place in turns.indices { turns[place].due -= min(turns[place].due, now) }
        now = 0
    }
}
