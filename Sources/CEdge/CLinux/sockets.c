// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h, which cannot be included beside netinet/in.h.
#define WEFT_SO_ORIGINAL_DST 80
// linux/sockios.h
#define WEFT_SIOCOUTQ 0x5411
#define WEFT_SIOCOUTQNSD 0x894B

#define RESULT(call)                                                                                                   \
    ({                                                                                                                 \
        __typeof__(call) result = (call);                                                                              \
        result < 0 ? -errno : result;                                                                                  \
    })

static socklen_t to_kernel(const struct weft_address *address, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        in6->sin6_scope_id = address->scope;
        memcpy(&in6->sin6_addr, address->bytes, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    memcpy(&in->sin_addr, address->bytes, 4);
    return sizeof *in;
}

static int from_kernel(const struct sockaddr_storage *storage, struct weft_address *address) {
    memset(address, 0, sizeof *address);
    if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
        address->family = 6;
        address->port = ntohs(in6->sin6_port);
        address->scope = in6->sin6_scope_id;
        memcpy(address->bytes, &in6->sin6_addr, 16);
        return 0;
    }
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
        address->family = 4;
        address->port = ntohs(in->sin_port);
        memcpy(address->bytes, &in->sin_addr, 4);
        return 0;
    }
    return -EAFNOSUPPORT;
}

int weft_socket_stream(int family) {
    int domain = family == 6 ? AF_INET6 : AF_INET;
    return RESULT(socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int weft_socket_datagram(int family) {
    int domain = family == 6 ? AF_INET6 : AF_INET;
    return RESULT(socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int weft_socket_unix(void) { return RESULT(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int weft_socket_packet(uint32_t interface) {
    // Protocol 0 until the interface is known, so that no frame of another one slips in.
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)interface};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int weft_set_option(int fd, enum weft_option option, int value) {
    int level, name;
    switch (option) {
    case WEFT_REUSE_ADDRESS: level = SOL_SOCKET, name = SO_REUSEADDR; break;
    case WEFT_REUSE_PORT: level = SOL_SOCKET, name = SO_REUSEPORT; break;
    case WEFT_V6_ONLY: level = IPPROTO_IPV6, name = IPV6_V6ONLY; break;
    case WEFT_NO_DELAY: level = IPPROTO_TCP, name = TCP_NODELAY; break;
    case WEFT_KEEPALIVE: level = SOL_SOCKET, name = SO_KEEPALIVE; break;
    case WEFT_KEEPALIVE_IDLE: level = IPPROTO_TCP, name = TCP_KEEPIDLE; break;
    case WEFT_KEEPALIVE_INTERVAL: level = IPPROTO_TCP, name = TCP_KEEPINTVL; break;
    case WEFT_KEEPALIVE_COUNT: level = IPPROTO_TCP, name = TCP_KEEPCNT; break;
    case WEFT_USER_TIMEOUT: level = IPPROTO_TCP, name = TCP_USER_TIMEOUT; break;
    case WEFT_TOS_V4: level = IPPROTO_IP, name = IP_TOS; break;
    case WEFT_TOS_V6: level = IPPROTO_IPV6, name = IPV6_TCLASS; break;
    case WEFT_DEFER_ACCEPT: level = IPPROTO_TCP, name = TCP_DEFER_ACCEPT; break;
    case WEFT_NOTSENT_LOWAT: level = IPPROTO_TCP, name = TCP_NOTSENT_LOWAT; break;
    case WEFT_LINGER: {
        struct linger linger = {.l_onoff = value >= 0, .l_linger = value >= 0 ? value : 0};
        return RESULT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    }
    default: return -EINVAL;
    }
    return RESULT(setsockopt(fd, level, name, &value, sizeof value));
}

int weft_bind(int fd, const struct weft_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = to_kernel(address, &storage);
    return RESULT(bind(fd, (struct sockaddr *)&storage, length));
}

static int unix_address(const char *path, struct sockaddr_un *un) {
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof un->sun_path) return -ENAMETOOLONG;
    memcpy(un->sun_path, path, length);
    return 0;
}

int weft_bind_unix(int fd, const char *path) {
    struct sockaddr_un un;
    int result = unix_address(path, &un);
    return result < 0 ? result : RESULT(bind(fd, (struct sockaddr *)&un, sizeof un));
}

int weft_bind_abstract(int fd, const char *name) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof un.sun_path) return -ENAMETOOLONG;
    memcpy(un.sun_path + 1, name, length);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    return RESULT(bind(fd, (struct sockaddr *)&un, size));
}

int weft_connect(int fd, const struct weft_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = to_kernel(address, &storage);
    return RESULT(connect(fd, (struct sockaddr *)&storage, length));
}

int weft_connect_unix(int fd, const char *path) {
    struct sockaddr_un un;
    int result = unix_address(path, &un);
    return result < 0 ? result : RESULT(connect(fd, (struct sockaddr *)&un, sizeof un));
}

int weft_listen(int fd, int backlog) { return RESULT(listen(fd, backlog)); }

int weft_accept(int fd, struct weft_address *peer) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int accepted = accept4(fd, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) return -errno;
    if (from_kernel(&storage, peer) < 0) memset(peer, 0, sizeof *peer);
    return accepted;
}

int weft_accept_unix(int fd) { return RESULT(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

int weft_peer_user(int fd, uint32_t *user) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    *user = credentials.uid;
    return 0;
}

int weft_original_destination(int fd, int family, struct weft_address *destination) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int level = family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (getsockopt(fd, level, WEFT_SO_ORIGINAL_DST, &storage, &length) < 0) return -errno;
    return from_kernel(&storage, destination);
}

int weft_local_address(int fd, struct weft_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    return from_kernel(&storage, address);
}

int weft_peer_address(int fd, struct weft_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getpeername(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    return from_kernel(&storage, address);
}

int weft_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

int weft_shutdown_write(int fd) { return RESULT(shutdown(fd, SHUT_WR)); }

int weft_unacknowledged(int fd) {
    int count = 0;
    return ioctl(fd, WEFT_SIOCOUTQ, &count) < 0 ? -errno : count;
}

int weft_unsent(int fd) {
    int count = 0;
    return ioctl(fd, WEFT_SIOCOUTQNSD, &count) < 0 ? -errno : count;
}

// The two calls of every byte that passes go to the kernel without the C library's wrapper: in a process with threads that
// one first makes the call a cancellation point, which costs about a hundredth of a small message, and nothing here is ever
// cancelled.
ssize_t weft_receive(int fd, void *buffer, size_t count) {
    return RESULT(syscall(SYS_recvfrom, fd, buffer, count, 0, NULL, NULL));
}

ssize_t weft_peek(int fd, void *buffer, size_t count) { return RESULT(recv(fd, buffer, count, MSG_PEEK)); }

ssize_t weft_send(int fd, const void *buffer, size_t count) {
    return RESULT(syscall(SYS_sendto, fd, buffer, count, MSG_NOSIGNAL, NULL, 0));
}

ssize_t weft_receive_from(int fd, void *buffer, size_t count, struct weft_address *source) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    memset(&storage, 0, sizeof storage);
    ssize_t received = recvfrom(fd, buffer, count, MSG_TRUNC, (struct sockaddr *)&storage, &length);
    if (received < 0) return -errno;
    int result = from_kernel(&storage, source);
    return result < 0 ? result : received;
}

ssize_t weft_send_to(int fd, const void *buffer, size_t count, const struct weft_address *target) {
    struct sockaddr_storage storage;
    socklen_t length = to_kernel(target, &storage);
    return RESULT(sendto(fd, buffer, count, MSG_NOSIGNAL, (struct sockaddr *)&storage, length));
}

ssize_t weft_send_slices(int fd, const struct weft_slice *slices, int count) {
    // One piece is the common case, and send costs less than sendmsg.
    if (count == 1) return weft_send(fd, slices[0].base, slices[0].count);
    struct iovec vectors[64];
    if (count > 64) count = 64;
    for (int index = 0; index < count; index++) {
        vectors[index].iov_base = (void *)slices[index].base;
        vectors[index].iov_len = slices[index].count;
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return RESULT(sendmsg(fd, &message, MSG_NOSIGNAL));
}

ssize_t weft_receive_spaced(int fd, void *buffer, size_t slot_size, size_t gap, int slots) {
    if (slots == 1) return weft_receive(fd, (char *)buffer + gap, slot_size - gap);
    struct iovec vectors[64];
    if (slots > 64) slots = 64;
    for (int slot = 0; slot < slots; slot++) {
        vectors[slot].iov_base = (char *)buffer + (size_t)slot * slot_size + gap;
        vectors[slot].iov_len = slot_size - gap;
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)slots};
    return RESULT(recvmsg(fd, &message, 0));
}

int weft_pipe(int ends[2], int capacity) {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
    // A user may run out of pipe pages (fs.pipe-user-pages-soft); the default capacity then does as well.
    if (capacity > 0) (void)fcntl(ends[1], F_SETPIPE_SZ, capacity);
    return 0;
}

ssize_t weft_splice(int from, int to, size_t count) {
    return RESULT(splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}
