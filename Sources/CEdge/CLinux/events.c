// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct weft_event) == sizeof(struct epoll_event), "Events are handed to the kernel as they are.");
_Static_assert(
    WEFT_READABLE == EPOLLIN && WEFT_WRITABLE == EPOLLOUT && WEFT_ERROR == EPOLLERR && WEFT_HANGUP == EPOLLHUP
        && WEFT_PEER_ENDED == EPOLLRDHUP,
    "Event bits are the kernel's.");

int weft_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int weft_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int weft_epoll_change(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int weft_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int weft_epoll_wait(int epoll, struct weft_event *events, int capacity, int milliseconds) {
    int count = epoll_wait(epoll, (struct epoll_event *)(void *)events, capacity, milliseconds);
    return count < 0 ? -errno : count;
}

int weft_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int weft_signal_descriptor(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGUSR1);
    int result = pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (result != 0) return -result;
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int weft_next_signal(int fd) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count < 0) return -errno;
    return count == (ssize_t)sizeof info ? (int)info.ssi_signo : -EAGAIN;
}

int weft_watch_create(void) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int weft_watch_directory(int fd, const char *path) {
    // Mounted secrets are swapped by renaming a symlink, editors rename a finished file, others rewrite in place.
    uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
    int watch = inotify_add_watch(fd, path, mask);
    return watch < 0 ? -errno : watch;
}

static int drain(int fd) {
    char buffer[8192] __attribute__((aligned(8)));
    int any = 0;
    // Bounded: what comes in the meantime makes the descriptor readable again.
    for (int round = 0; round < 64; round++) {
        ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count < 0 && errno == ENOTSOCK) count = read(fd, buffer, sizeof buffer);
        // ENOBUFS: messages were lost, which is a change too.
        if (count < 0 && errno != ENOBUFS) break;
        any = 1;
    }
    return any;
}

int weft_watch_drain(int fd) { return drain(fd); }

int weft_drain_changes(int fd) { return drain(fd); }

int weft_address_changes(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int weft_own_addresses(struct weft_address *addresses, int capacity) {
    // glibc asks RTM_GETADDR for us; nothing else of the answer is needed here.
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0) return -errno;
    int count = 0;
    for (struct ifaddrs *entry = list; entry != NULL; entry = entry->ifa_next) {
        if (entry->ifa_addr == NULL) continue;
        struct weft_address found = {0};
        if (entry->ifa_addr->sa_family == AF_INET) {
            found.family = 4;
            memcpy(found.bytes, &((struct sockaddr_in *)entry->ifa_addr)->sin_addr, 4);
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            found.family = 6;
            found.scope = ((struct sockaddr_in6 *)entry->ifa_addr)->sin6_scope_id;
            memcpy(found.bytes, &((struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr, 16);
        } else {
            continue;
        }
        if (count < capacity) addresses[count] = found;
        count++;
    }
    freeifaddrs(list);
    return count;
}
