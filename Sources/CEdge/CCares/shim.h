// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#ifndef WEFT_CCARES_H
#define WEFT_CCARES_H

#include <ares.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

// The bytes of an address, in the order of the network: how many, or 0 for something that is no address. What a socket
// address looks like is kept in here, so that no pointer of this kind is read from Swift.
static inline int weft_cares_address(const struct ares_addrinfo_node *node, uint8_t bytes[16]) {
    if (node->ai_addr == NULL) return 0;
    if (node->ai_family == AF_INET && node->ai_addrlen >= (ares_socklen_t)sizeof(struct sockaddr_in)) {
        struct sockaddr_in address;
        memcpy(&address, node->ai_addr, sizeof address);
        memcpy(bytes, &address.sin_addr, 4);
        return 4;
    }
    if (node->ai_family == AF_INET6 && node->ai_addrlen >= (ares_socklen_t)sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 address;
        memcpy(&address, node->ai_addr, sizeof address);
        memcpy(bytes, &address.sin6_addr, 16);
        return 16;
    }
    return 0;
}

// Asks for the addresses of one family, 4 or 6, or with 0 of both. They come in the order of the answer: sorting them (RFC 6724) would open a socket
// toward each.
static inline void weft_cares_ask(
    ares_channel channel, const char *name, int family, ares_addrinfo_callback callback, void *context) {
    struct ares_addrinfo_hints hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_family = family == 0 ? AF_UNSPEC : family == 6 ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel, name, NULL, &hints, callback, context);
}

// A channel for /etc/hosts alone ('f') or for the servers of /etc/resolv.conf alone ('b'); the status of c-ares.
// `is_brisk` leaves aside what resolv.conf says of patience: half a second for the first attempt.
static inline int weft_cares_open(
    ares_channel *channel, char place, ares_sock_state_cb callback, void *context, int is_brisk) {
    struct ares_options options;
    memset(&options, 0, sizeof options);
    options.sock_state_cb = callback;
    options.sock_state_cb_data = context;
    char lookups[] = {place, 0};
    options.lookups = lookups;
    options.timeout = 500;
    options.tries = 4;
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
    if (is_brisk) mask |= ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    return ares_init_options(channel, &options, mask);
}

// Milliseconds until the next retry or timeout, rounded up; -1 if nothing is under way.
static inline int64_t weft_cares_patience(ares_channel channel) {
    struct timeval space;
    struct timeval *wait = ares_timeout(channel, NULL, &space);
    return wait == NULL ? -1 : (int64_t)wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000;
}

#endif
