// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// A backend with a family: one set of tables in the kernel.
struct Place: Hashable, Sendable, CustomStringConvertible {
    let backend: RuleBackend
    let family: AddressFamily

    var description: String { "\(family) (\(backend.rawValue))" }
}

/// What rules the namespace has and in which backend, found out without changing it: merely listing a legacy table makes
/// it, so a table is listed only where the kernel says that it is there.
struct BackendSurvey: Sendable {
    /// Nil where the kernel has no nf_tables.
    let nft: NFTables?

    /// What was found; a place without an entry has no table at all, or no program that could list it.
    let saved: [Place: SavedRules]

    /// Legacy tables that are there while the programs to list them are not.
    let unreadable: [Place]

    static func look(lockTimeout: Duration) throws(Problem) -> BackendSurvey {
        let nft = try nfTables()
        var saved: [Place: SavedRules] = [:]
        var unreadable: [Place] = []
        for family in AddressFamily.allCases {
            if nft?.tables.contains(where: { $0.family == family }) ?? false,
                let iptables = try? Iptables(.nft, family, lockTimeout: lockTimeout)
            {
                saved[iptables.place] = try iptables.save()
            }
            if !legacyTables(family).isEmpty {
                if let iptables = try? Iptables(.legacy, family, lockTimeout: lockTimeout) {
                    saved[iptables.place] = try iptables.save()
                } else {
                    unreadable.append(Place(backend: .legacy, family: family))
                }
            }
        }
        return BackendSurvey(nft: nft, saved: saved, unreadable: unreadable)
    }

    private static func nfTables() throws(Problem) -> NFTables? {
        do throws(SystemError) {
            return try NFTables.all()
        } catch {
            guard error.errno == .notPermitted else { return nil }
            throw Problem(
                .noNetAdmin, "nf_tables cannot be listed: \(error.errno)", remedy: "run as root with NET_ADMIN")
        }
    }

    /// The names of the legacy tables that exist. Read of this thread: the namespace of the process's first thread need
    /// not be ours.
    private static func legacyTables(_ family: AddressFamily) -> [Substring] {
        let name = family == .ipv4 ? "ip_tables_names" : "ip6_tables_names"
        guard let bytes = try? Files.read("/proc/thread-self/net/\(name)", limit: 65_536).bytes else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    /// Whether rules of ours are there.
    func hasOurs(_ backend: RuleBackend) -> Bool {
        saved.contains { place, rules in
            place.backend == backend
                && RuleTable.allCases.contains { !OwnRules(in: rules.table($0), table: $0).isEmpty }
        }
    }

    /// Whether anybody's rules are there.
    func hasRules(_ backend: RuleBackend) -> Bool {
        if backend == .nft, let nft, nft.hasRules { return true }
        return saved.contains { $0.key.backend == backend && !$0.value.isEmpty }
    }

    /// The backends to try, in order. Who has rules already is preferred, we before others; without a preference nf_tables
    /// comes first and legacy is tried where that fails.
    func candidates(_ setting: CaptureSettings.Backend) -> [RuleBackend] {
        switch setting {
        case .nft: return [.nft]
        case .legacy: return [.legacy]
        case .auto: break
        }
        let usable = RuleBackend.allCases.filter { backend in
            (backend == .legacy || nft != nil) && IptablesPrograms.find(backend, .ipv4) != nil
        }
        for owns in [hasOurs, hasRules] {
            if let preferred = usable.first(where: owns) { return [preferred] }
        }
        return usable
    }
}

extension Iptables {
    var place: Place { Place(backend: backend, family: family) }
}
