// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#include "CLinux.h"

#include <errno.h>
// In a file of its own: it cannot be included beside netinet/tcp.h, whose tcp_info ends before tcpi_min_rtt.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

int weft_congestion_control(int fd, char *name, size_t capacity) {
    socklen_t length = (socklen_t)capacity - 1;
    memset(name, 0, capacity);
    return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0 ? -errno : 0;
}

int weft_set_congestion_control(int fd, const char *name) {
    return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) < 0 ? -errno : 0;
}

int64_t weft_shortest_round_trip(int fd) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -errno;
    // An older kernel gives less, and a connection without a sample says so with the highest number.
    if (length < offsetof(struct tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt) return -ENODATA;
    return info.tcpi_min_rtt == UINT32_MAX ? -ENODATA : (int64_t)info.tcpi_min_rtt;
}
