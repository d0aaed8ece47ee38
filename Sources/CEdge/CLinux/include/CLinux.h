// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// The kernel's interface as Swift sees it. Glibc's Swift module hides half of what a proxy needs (SO_ORIGINAL_DST,
// accept4, splice, epoll's packed event, Landlock), and linux/ headers clash with netinet/ ones, so every call goes
// through here, behind types of our own.
//
// One convention everywhere: a negative result is -errno, so that the error travels in the value and cannot be
// overwritten between the call and the reading of it. Strings are borrowed for the call.

#ifndef WEFT_CLINUX_H
#define WEFT_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Addresses

/// An address and a port. `family` is 4 or 6; `bytes` is in network order (4 or 16 of them); `port` in host order.
struct weft_address {
    uint8_t family;
    uint16_t port;
    uint32_t scope;
    uint8_t bytes[16];
};

// MARK: Sockets (sockets.c). All are non-blocking and close-on-exec.

enum weft_option {
    WEFT_REUSE_ADDRESS = 1,
    WEFT_REUSE_PORT,
    WEFT_V6_ONLY,
    WEFT_NO_DELAY,
    WEFT_KEEPALIVE,
    WEFT_KEEPALIVE_IDLE,
    WEFT_KEEPALIVE_INTERVAL,
    WEFT_KEEPALIVE_COUNT,
    /// Milliseconds.
    WEFT_USER_TIMEOUT,
    /// 0 resets on close, even when the process is killed; -1 switches lingering off.
    WEFT_LINGER,
    /// The whole TOS or traffic class byte of an IPv4 or IPv6 socket.
    WEFT_TOS_V4,
    WEFT_TOS_V6,
    WEFT_DEFER_ACCEPT,
    WEFT_NOTSENT_LOWAT,
};

int weft_socket_stream(int family);
int weft_socket_datagram(int family);
int weft_socket_unix(void);
/// A socket that sends and receives whole Ethernet frames on one interface; needs NET_RAW.
int weft_socket_packet(uint32_t interface);
int weft_set_option(int fd, enum weft_option option, int value);

/// TCP_CONGESTION: writes the name, ended by a zero.
int weft_congestion_control(int fd, char *name, size_t capacity);
int weft_set_congestion_control(int fd, const char *name);
/// The shortest round trip that the connection has seen, in microseconds; -ENODATA before there was one.
int64_t weft_shortest_round_trip(int fd);
int weft_bind(int fd, const struct weft_address *address);
int weft_bind_unix(int fd, const char *path);
/// Binds a unix socket to a name that lives in the network namespace instead of the file system, and goes with the socket.
int weft_bind_abstract(int fd, const char *name);
int weft_connect(int fd, const struct weft_address *address);
int weft_connect_unix(int fd, const char *path);
int weft_listen(int fd, int backlog);
/// Accepts one connection; the new descriptor, or -EAGAIN when there is none.
int weft_accept(int fd, struct weft_address *peer);
int weft_accept_unix(int fd);
/// The user id of the process at the other end of a unix socket.
int weft_peer_user(int fd, uint32_t *user);
/// Where the client dialled before a REDIRECT; -ENOENT where the connection was not redirected and conntrack is absent.
int weft_original_destination(int fd, int family, struct weft_address *destination);
int weft_local_address(int fd, struct weft_address *address);
int weft_peer_address(int fd, struct weft_address *address);
/// The pending error of a socket (SO_ERROR) as a negative value; 0 if there is none.
int weft_socket_error(int fd);
int weft_shutdown_write(int fd);
/// Bytes accepted by the kernel and not yet acknowledged by the peer (SIOCOUTQ).
int weft_unacknowledged(int fd);
/// Bytes accepted by the kernel and not yet sent even once (SIOCOUTQNSD).
int weft_unsent(int fd);

ssize_t weft_receive(int fd, void *buffer, size_t count);
ssize_t weft_peek(int fd, void *buffer, size_t count);
ssize_t weft_send(int fd, const void *buffer, size_t count);
/// One datagram and where it came from. What does not fit into the buffer is lost; the result is the datagram's whole size.
ssize_t weft_receive_from(int fd, void *buffer, size_t count, struct weft_address *source);
ssize_t weft_send_to(int fd, const void *buffer, size_t count, const struct weft_address *target);

struct weft_slice {
    const void *base;
    size_t count;
};
/// At most 64 slices.
ssize_t weft_send_slices(int fd, const struct weft_slice *slices, int count);

/// Receives into `slots` pieces of `slot_size` bytes that lie one after the other, leaving the first `gap` bytes of each
/// piece alone: room for a frame header before each payload. At most 64 slots.
ssize_t weft_receive_spaced(int fd, void *buffer, size_t slot_size, size_t gap, int slots);

int weft_pipe(int ends[2], int capacity);
/// Moves bytes between a socket and a pipe without copying them.
ssize_t weft_splice(int from, int to, size_t count);

// MARK: Files and processes (processes.c)

int weft_close(int fd);
ssize_t weft_read(int fd, void *buffer, size_t count);
ssize_t weft_write(int fd, const void *buffer, size_t count);
ssize_t weft_read_at(int fd, void *buffer, size_t count, int64_t offset);

struct weft_file_facts {
    uint32_t mode;
    uint32_t user;
    uint32_t group;
    int64_t size;
    uint64_t device;
    uint64_t inode;
    int64_t modified_seconds;
    int64_t modified_nanoseconds;
};

enum weft_open_mode {
    WEFT_OPEN_READ = 1,
    WEFT_OPEN_DIRECTORY,
    /// Creates; fails if it exists; does not follow a symlink in the last step.
    WEFT_OPEN_CREATE_NEW,
    WEFT_OPEN_APPEND,
};
int weft_open(const char *path, enum weft_open_mode mode, uint32_t permissions);
/// Opens for writing without ever waiting.
int weft_open_output(const char *path);
int weft_duplicate(int fd);
/// The path without symlinks, into a buffer of at least 4096 bytes.
int weft_resolve_path(const char *path, char *buffer, size_t capacity);
int weft_facts(int fd, struct weft_file_facts *facts);
int weft_facts_of_path(const char *path, struct weft_file_facts *facts);
int weft_make_directory(const char *path, uint32_t permissions);
int weft_unlink(const char *path);
int weft_remove_directory(const char *path);
int weft_rename(const char *from, const char *to);
/// 0 if this process may write there, as far as permissions and the file system go.
int weft_may_write(const char *path);
/// A second name for a file; fails if that name is taken, which `rename` does not.
int weft_link(const char *from, const char *to);
/// Gives a file to another user; does not follow a symlink. All ones leaves a user or group as it is.
int weft_set_owner(const char *path, uint32_t user, uint32_t group);
int weft_set_permissions(const char *path, uint32_t permissions);
int weft_sync(int fd);
int weft_lock_exclusive(int fd);
int weft_unlock(int fd);

struct weft_child {
    int pid;
    int input;
    int output;
    int error;
};
/// Starts a program with pipes on its three streams; `path` is absolute. `arguments` and `environment` end in NULL.
int weft_spawn(
    const char *path, char *const arguments[], char *const environment[], struct weft_child *child);
/// Starts a program that runs beside us: no input, both outputs go to `output`, and a process group of its own, so that
/// what a terminal sends to us is not sent to it. The process, or -errno.
int weft_spawn_beside(const char *path, char *const arguments[], char *const environment[], int output);
/// Waits for a child; the raw wait status, or -errno.
int weft_wait(int pid, int *status);
/// Reaps one child that has ended, whoever it was; its pid, or 0 if none is waiting.
int weft_reap(void);
/// Becomes another program, looked for in PATH; returns only with an error. `arguments` ends in NULL.
int weft_execute(const char *file, char *const arguments[]);
/// Runs this program from its beginning with one more variable in its environment; returns only with an error, as it does
/// for programs with file capabilities or of another user. `arguments` ends in NULL.
int weft_execute_again(char *const arguments[], const char *name, const char *value);
/// Lets SIGTERM, SIGINT and SIGHUP end this process even where it is process 1, to which the kernel sends no signal that
/// it has no handler for. A program that it becomes has the standard handling again.
void weft_end_on_signals(void);
/// From now on SIGTERM, SIGINT and SIGHUP are only noted, whichever thread they come to.
void weft_note_signals(void);
/// The last of these that came, or 0.
int weft_noted_signal(void);
int weft_kill(int pid, int signal);
int weft_pid_descriptor(int pid);
/// Waits until one of the descriptors has input or `milliseconds` are over; the bit mask of those ready.
int weft_poll_input(const int *descriptors, int count, int milliseconds);
int weft_poll_output(int descriptor, int milliseconds);
/// Waits for a child: bit 0 if `input` can be written to, bits 1 and 2 if `output` and `error` can be read. A negative
/// descriptor is passed over.
int weft_poll_child(int input, int output, int error, int milliseconds);

/// Raises the soft descriptor limit to the hard one; the limit that holds now.
int64_t weft_raise_descriptor_limit(void);
/// User and system time of this process in nanoseconds, and resident bytes.
int weft_usage(int64_t *cpu_nanoseconds, int64_t *resident_bytes);
/// Gives freed heap memory back to the kernel.
void weft_trim_heap(void);
/// Sets up the allocator for a process of few threads, with blocks of so many bytes and more outside the heap: see the
/// comment at the definition.
void weft_tune_heap(size_t mapped);
int weft_ignore_signal(int signal);

uint32_t weft_user(void);
uint32_t weft_effective_user(void);
uint32_t weft_group(void);
/// The effective capabilities of this process as a bit mask.
int weft_capabilities(uint64_t *effective);
/// Lets the next sockets belong to another user (setfsuid): the owner match looks at that.
int weft_become_for_files(uint32_t user);
/// Enters a network namespace, first the user namespace that owns it if that is not ours; there we become its root, so
/// that programs we start keep the capabilities. Only before any other thread exists.
int weft_enter_network_namespace(int fd);

/// Starts a thread with a stack of 1 MiB that blocks all signals; the handle is to be joined.
int weft_thread_start(const char *name, void (*body)(void *), void *argument, uint64_t *handle);
int weft_thread_join(uint64_t handle);

/// The system's words for an error number, in English; NULL for an unknown one.
const char *weft_error_text(int number);

int64_t weft_monotonic_nanoseconds(void);
int64_t weft_wall_nanoseconds(void);
int weft_random(void *buffer, size_t count);

// MARK: Readiness (events.c)

struct weft_event {
    uint32_t events;
    uint64_t token;
} __attribute__((packed));

enum {
    WEFT_READABLE = 0x001,
    WEFT_WRITABLE = 0x004,
    WEFT_ERROR = 0x008,
    WEFT_HANGUP = 0x010,
    WEFT_PEER_ENDED = 0x2000,
    WEFT_EXCLUSIVE = 1 << 28,
    WEFT_EDGE = 1 << 30,
};
static const uint32_t WEFT_EDGE_TRIGGERED = 1u << 31;

int weft_epoll_create(void);
int weft_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int weft_epoll_change(int epoll, int fd, uint32_t events, uint64_t token);
int weft_epoll_remove(int epoll, int fd);
/// Waits up to `milliseconds` (-1: for ever).
int weft_epoll_wait(int epoll, struct weft_event *events, int capacity, int milliseconds);

int weft_eventfd(void);
/// Blocks SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 and delivers them through a descriptor.
int weft_signal_descriptor(void);
/// The next signal number, or -EAGAIN.
int weft_next_signal(int fd);
/// A descriptor that has input when something changes in one of the watched directories.
int weft_watch_create(void);
int weft_watch_directory(int fd, const char *path);
/// Reads and forgets what changed; 1 if anything did.
int weft_watch_drain(int fd);

/// A descriptor for questions about sockets (NETLINK_SOCK_DIAG); needs no privilege.
int weft_socket_diagnosis(void);
/// The local addresses on which somebody listens on a port, both families, at most `capacity`; how many were found.
int weft_listening_addresses(int fd, uint16_t port, struct weft_address *addresses, int capacity);

/// A descriptor that has input when an address of this host came or went (RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR).
int weft_address_changes(void);
int weft_drain_changes(int fd);
/// Every address of every interface of this namespace, at most `capacity`; the number found, which may be larger.
int weft_own_addresses(struct weft_address *addresses, int capacity);

// MARK: Confinement (confinement.c)

/// no_new_privs, no core dumps, not dumpable (and so not traceable by equals).
int weft_harden_process(void);
/// The Landlock version of this kernel, or a negative value where it is off.
int weft_landlock_version(void);
/// Confines file access to what lies below the given paths. Paths that do not exist are left out.
int weft_landlock(
    const char *const *readable, int readable_count, const char *const *writable, int writable_count);
/// Refuses (EPERM) what a proxy never does: starting programs, tracing, mounting, loading code into the kernel, changing
/// users, namespaces or the clock.
int weft_seccomp(void);

#endif
