// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNetlink
package import LinuxSystem
package import MeshModel

/// What nf_tables holds in this namespace, seen through netlink: no `nft` program is needed, and looking changes nothing.
/// Everything here needs NET_ADMIN.
package struct NFTables: Hashable, Sendable {
    package struct Table: Hashable, Sendable {
        /// Nil for tables that are not of one family, such as `inet`.
        package let family: AddressFamily?
        package let name: String
        package let isEmpty: Bool

        package init(family: AddressFamily?, name: String, isEmpty: Bool) {
            self.family = family
            self.name = name
            self.isEmpty = isEmpty
        }
    }

    package struct Chain: Hashable, Sendable {
        package let family: AddressFamily?
        /// True for a table that sees both families.
        package let isInet: Bool
        package let table: String
        package let name: String
        /// The hook of the kernel that it is attached to; nil for a chain that others jump to.
        package let hook: UInt8?
        package let priority: Int32
        /// Without rules, and no rule leads to it.
        package let isEmpty: Bool

        package init(
            family: AddressFamily?, isInet: Bool = false, table: String, name: String, hook: UInt8? = nil,
            priority: Int32 = 0, isEmpty: Bool
        ) {
            self.family = family
            self.isInet = isInet
            self.table = table
            self.name = name
            self.hook = hook
            self.priority = priority
            self.isEmpty = isEmpty
        }
    }

    package let tables: [Table]
    package let chains: [Chain]

    package init(tables: [Table], chains: [Chain]) {
        self.tables = tables
        self.chains = chains
    }

    /// Whether any chain of IP traffic has a rule.
    package var hasRules: Bool {
        chains.contains { ($0.family != nil || $0.isInet) && !$0.isEmpty }
    }

    package func hasTable(_ name: String, _ family: AddressFamily) -> Bool {
        tables.contains { $0.name == name && $0.family == family }
    }

    package func hasChain(_ name: String, table: String, _ family: AddressFamily) -> Bool {
        chains.contains { $0.name == name && $0.table == table && $0.family == family }
    }
}

extension NFTables {
    package static func all() throws(SystemError) -> NFTables {
        let tables = try list("NFT_MSG_GETTABLE", empty: weft_nft_table()) { tables in
            unsafe weft_nft_tables(&tables, Int32(tables.count))
        }
        guard !tables.isEmpty else { return NFTables(tables: [], chains: []) }
        let chains = try list("NFT_MSG_GETCHAIN", empty: weft_nft_chain()) { chains in
            unsafe weft_nft_chains(&chains, Int32(chains.count))
        }
        return NFTables(
            tables: tables.map { table in
                Table(
                    family: AddressFamily(kernelNumber: table.family), name: text(table.name), isEmpty: table.use == 0)
            },
            chains: chains.map { chain in
                Chain(
                    family: AddressFamily(kernelNumber: chain.family), isInet: chain.is_inet == 1,
                    table: text(chain.table), name: text(chain.name), hook: chain.is_base == 1 ? chain.hook : nil,
                    priority: chain.priority, isEmpty: chain.use == 0)
            })
    }

    /// How many rules there are, in tables of one family or in all.
    package static func ruleCount(_ family: AddressFamily? = nil) throws(SystemError) -> Int {
        Int(try check(weft_nft_rule_count(family?.kernelNumber ?? 0), "NFT_MSG_GETRULE"))
    }

    /// Removes a chain if nothing is in it and nothing leads to it; false if it is in use, or not there.
    package static func removeIfEmpty(
        chain: String, table: String, _ family: AddressFamily
    ) throws(SystemError) -> Bool {
        try removed(unsafe weft_nft_delete_chain(family.kernelNumber, table, chain), "NFT_MSG_DELCHAIN \(chain)")
    }

    /// Removes a table if nothing is in it; false if anything is, or it is not there.
    package static func removeIfEmpty(table: String, _ family: AddressFamily) throws(SystemError) -> Bool {
        try removed(unsafe weft_nft_delete_table(family.kernelNumber, table), "NFT_MSG_DELTABLE \(table)")
    }

    private static func removed(_ result: Int32, _ call: String) throws(SystemError) -> Bool {
        if result == -Errno.busy.number || result == -Errno.noEntry.number { return false }
        try check(result, call)
        return true
    }
}
