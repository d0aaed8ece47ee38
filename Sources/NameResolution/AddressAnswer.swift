// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What a lookup of one family came to.
package enum AddressAnswer: Equatable, Sendable {
    /// At least one address, with the shortest time to live of the answer in seconds; nil where it has none, as what
    /// stands in /etc/hosts.
    case addresses([IPAddress], timeToLive: Int?)
    /// DNS says that there is none: no such name, or none of this family.
    case absent(String)
    /// No answer, or one that cannot be believed.
    case failed(String)
}

/// The families to ask for.
package struct AddressFamilies: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ipv4 = AddressFamilies(rawValue: 1)
    package static let ipv6 = AddressFamilies(rawValue: 2)
    package static let both: AddressFamilies = [.ipv4, .ipv6]
}

/// How answers become what is used: a set that changes only where DNS says something else, in an order that does not change
/// with that of the answers, and with nothing in it that no endpoint can have.
package struct AnswerRules: Sendable {
    /// A name that has more is no list of endpoints; each of them takes memory and a place in every balancer.
    package static let addressesMax = 1024
    /// What an answer without a time to live is believed for; c-ares tells none from zero.
    package static let withoutTimeToLive = Duration.seconds(5)
    /// However short the time to live.
    package static let shortest = Duration.seconds(1)

    package let name: DNSName

    package init(name: DNSName) { self.name = name }

    /// Whether an endpoint can be there. A stranger's DNS must not lead the proxy to what listens on its own loopback, nor to
    /// the metadata service of a cloud.
    package func isUsable(_ address: IPAddress) -> Bool {
        guard !address.isUnspecified, !address.isMulticast, !address.isLinkLocal else { return false }
        if case .v4(let address) = address, address.bits == .max { return false }
        return name.isLocalhost || !address.isLoopback
    }

    /// What is used after `answer`, where `old` was before: those that stay keep their order, and new ones follow in that of
    /// the answer.
    package func merge(_ answer: [IPAddress], into old: [IPAddress]) -> [IPAddress] {
        let usable = answer.filter(isUsable)
        var there = Set(usable)
        var merged = old.filter { there.remove($0) != nil }
        for address in usable where there.remove(address) != nil { merged.append(address) }
        return Array(merged.prefix(Self.addressesMax))
    }

    /// The whole of both families; nil where nothing good came, and what was there stays. A family that failed beside one
    /// that did not stays as it was; a family that DNS says is not there goes.
    package func merge(_ ipv4: AddressAnswer?, _ ipv6: AddressAnswer?, into old: ResolvedName) -> ResolvedName? {
        func part(_ answer: AddressAnswer?, _ old: [IPAddress]) -> [IPAddress] {
            switch answer {
            case .addresses(let addresses, _): merge(addresses, into: old)
            case .absent, nil: []
            case .failed: old
            }
        }
        let hasNews = [ipv4, ipv6].contains { answer in
            if case .addresses(let addresses, _) = answer { addresses.contains(where: isUsable) } else { false }
        }
        guard hasNews else { return nil }
        return ResolvedName(ipv4: part(ipv4, old.ipv4), ipv6: part(ipv6, old.ipv6))
    }

    /// How long the answers are believed.
    package static func lifetime(_ answers: [AddressAnswer?], interval: Duration) -> Duration {
        var lifetime = interval
        for answer in answers {
            switch answer {
            case .addresses(_, let timeToLive):
                let seconds = timeToLive.map { Duration.seconds(max(0, $0)) } ?? withoutTimeToLive
                lifetime = min(lifetime, max(seconds, shortest))
            // The other family was good: this one is asked again before long.
            case .failed: lifetime = min(lifetime, withoutTimeToLive)
            case .absent, nil: break
            }
        }
        return max(lifetime, shortest)
    }
}
