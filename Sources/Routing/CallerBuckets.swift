// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// A rate limit for each caller, in bounded memory.
///
/// Two generations: whoever asks is in the young one. After the time in which any bucket fills, the old generation is
/// dropped and the young one becomes the old one; who has not asked for so long has a full bucket, and forgetting a full
/// bucket changes nothing. If callers come faster than that, the generations change early, and those that have not asked
/// for longest are forgotten with what they owe: they gain one burst, and nobody can make us keep more than the bound or
/// look through it for each request.
package struct CallerBuckets<Key: Hashable & Sendable>: Sendable {
    private let fresh: TokenBucket
    private let generationMax: Int
    private let timeToFill: Duration
    private var young: [Key: TokenBucket] = [:]
    private var old: [Key: TokenBucket] = [:]
    private var changedAt: Instant?

    package init(_ limit: FilterResource.RateLimit, share: Int, callersMax: Int = 10_000) {
        fresh = TokenBucket(limit, share: share)
        timeToFill = fresh.timeToFill
        generationMax = max(1, callersMax / 2)
    }

    /// How many callers are remembered.
    package var count: Int { young.count + old.count }

    /// As ``TokenBucket/take(now:)``, of the caller's own bucket.
    package mutating func take(_ key: Key, now: Instant) -> Duration? {
        changeGenerations(now: now)
        if young[key] == nil {
            if young.count >= generationMax { change(now: now) }
            young[key] = old.removeValue(forKey: key) ?? fresh
        }
        return young[key]?.take(now: now)
    }

    private mutating func changeGenerations(now: Instant) {
        guard let changedAt else { return self.changedAt = now }
        if now - changedAt >= timeToFill { change(now: now) }
    }

    private mutating func change(now: Instant) {
        old = young
        young = [:]
        changedAt = now
    }
}
