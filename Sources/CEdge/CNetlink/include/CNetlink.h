// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// What the init step asks of the kernel through netlink, behind plain types of our own. libmnl builds and takes apart the
// messages; no libmnl or linux/ header is seen beyond this file, since those clash with glibc's in one Swift module.
//
// A negative result is -errno. Functions that list take an array with its capacity and return how many there are, which
// may be more than fitted: the caller asks again with more room.

#ifndef WEFT_CNETLINK_H
#define WEFT_CNETLINK_H

#include <stdint.h>

// MARK: TCP sockets (sockets.c)

/// The states of a TCP socket as the kernel numbers them (net/tcp_states.h).
enum weft_tcp_state {
    WEFT_TCP_ESTABLISHED = 1,
    WEFT_TCP_SYN_SENT,
    WEFT_TCP_SYN_RECEIVED,
    WEFT_TCP_FIN_WAIT_1,
    WEFT_TCP_FIN_WAIT_2,
    WEFT_TCP_TIME_WAIT,
    WEFT_TCP_CLOSED,
    WEFT_TCP_CLOSE_WAIT,
    WEFT_TCP_LAST_ACK,
    WEFT_TCP_LISTEN,
    WEFT_TCP_CLOSING,
};

/// One TCP socket. Addresses are in network order, the first four bytes for IPv4; ports are in host order.
struct weft_tcp_socket {
    /// 4 or 6: of the socket itself. An IPv6 socket may carry v4-mapped addresses.
    uint8_t family;
    uint8_t state;
    uint16_t local_port;
    uint16_t remote_port;
    uint8_t local[16];
    uint8_t remote[16];
    uint32_t interface;
    uint32_t user;
    uint32_t inode;
    uint32_t cookie[2];
};

/// Every TCP socket of one family in this namespace, in whatever state.
int weft_tcp_sockets(int family, struct weft_tcp_socket *sockets, int capacity);
/// The socket with these two ends, filled in; -ENOENT where there is none. A listener is never found.
int weft_tcp_find(struct weft_tcp_socket *socket);
/// Ends a connection as if its owner had aborted it (SOCK_DESTROY); needs NET_ADMIN.
int weft_tcp_destroy(const struct weft_tcp_socket *socket);

// MARK: Interfaces, addresses, routes (links.c)

enum weft_link_flag {
    WEFT_LINK_UP = 1,
    WEFT_LINK_LOOPBACK = 2,
    /// Attached to a bridge or bond: packets are seen on that one instead.
    WEFT_LINK_ENSLAVED = 4,
};

struct weft_link {
    uint32_t index;
    uint32_t flags;
    /// Zero for interfaces that have none of six bytes.
    uint8_t hardware[6];
    char name[16];
};
int weft_links(struct weft_link *links, int capacity);

enum weft_address_flag {
    /// Being checked for duplicates; not usable yet.
    WEFT_ADDRESS_TENTATIVE = 1,
    /// A duplicate was found; never usable.
    WEFT_ADDRESS_DUPLICATE = 2,
    /// May be used although it is tentative.
    WEFT_ADDRESS_OPTIMISTIC = 4,
};

struct weft_link_address {
    uint32_t index;
    uint32_t flags;
    uint8_t family;
    uint8_t prefix_length;
    uint8_t bytes[16];
};
int weft_link_addresses(struct weft_link_address *addresses, int capacity);

/// 1 if the namespace has a default route of this family that leads somewhere, else 0.
int weft_has_default_route(int family);

struct weft_route {
    /// The interface packets leave by.
    uint32_t interface;
    /// 1 if the destination is an address of this namespace.
    uint8_t is_local;
};
/// Where the kernel would send a packet for `destination`; -ENETUNREACH and the like where it would not.
int weft_route(int family, const uint8_t *destination, struct weft_route *route);

/// A pair of Ethernet interfaces joined by a cable, with the given hardware addresses; the near one is up.
int weft_create_pair(const char *near, const uint8_t near_hardware[6], const char *far, const uint8_t far_hardware[6]);
int weft_bring_up(uint32_t index);
int weft_delete_link(uint32_t index);
/// Gives an interface an address with one address at the other end of it, usable at once.
int weft_add_address(uint32_t index, int family, const uint8_t *local, const uint8_t *peer);
/// Tells the kernel the hardware address of a neighbour, so that it never asks.
int weft_add_neighbour(uint32_t index, int family, const uint8_t *address, const uint8_t hardware[6]);

// MARK: nf_tables (nftables.c); everything here needs NET_ADMIN

struct weft_nft_table {
    /// 4, 6, or 0 for tables of both families (inet) and all others.
    uint8_t family;
    uint8_t is_inet;
    /// Chains, sets and objects in it.
    uint32_t use;
    char name[256];
};
int weft_nft_tables(struct weft_nft_table *tables, int capacity);

struct weft_nft_chain {
    uint8_t family;
    uint8_t is_inet;
    /// 1 if the chain is attached to a hook of the kernel; only then do `hook` and `priority` mean something.
    uint8_t is_base;
    uint8_t hook;
    int32_t priority;
    /// Rules in it and rules that lead to it.
    uint32_t use;
    char table[256];
    char name[256];
};
int weft_nft_chains(struct weft_nft_chain *chains, int capacity);

/// How many rules the kernel holds in tables of this family: 4, 6, or 0 for all.
int weft_nft_rule_count(int family);

/// Removes a chain if it is empty; -EBUSY if it is not.
int weft_nft_delete_chain(int family, const char *table, const char *chain);
/// Removes a table if nothing is in it; -EBUSY if anything is.
int weft_nft_delete_table(int family, const char *table);

#endif
