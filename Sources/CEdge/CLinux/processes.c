// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call)                                                                                                   \
    ({                                                                                                                 \
        __typeof__(call) result = (call);                                                                              \
        result < 0 ? -errno : result;                                                                                  \
    })

int weft_close(int fd) { return RESULT(close(fd)); }

ssize_t weft_read(int fd, void *buffer, size_t count) { return RESULT(read(fd, buffer, count)); }

ssize_t weft_write(int fd, const void *buffer, size_t count) { return RESULT(write(fd, buffer, count)); }

ssize_t weft_read_at(int fd, void *buffer, size_t count, int64_t offset) {
    return RESULT(pread(fd, buffer, count, offset));
}

int weft_open(const char *path, enum weft_open_mode mode, uint32_t permissions) {
    int flags = O_CLOEXEC;
    switch (mode) {
    case WEFT_OPEN_READ: flags |= O_RDONLY | O_NOCTTY | O_NONBLOCK; break;
    case WEFT_OPEN_DIRECTORY: flags |= O_RDONLY | O_DIRECTORY; break;
    case WEFT_OPEN_CREATE_NEW: flags |= O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW; break;
    case WEFT_OPEN_APPEND: flags |= O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW; break;
    default: return -EINVAL;
    }
    return RESULT(open(path, flags, permissions));
}

int weft_open_output(const char *path) {
    return RESULT(open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

int weft_duplicate(int fd) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

int weft_resolve_path(const char *path, char *buffer, size_t capacity) {
    if (capacity < 4096) return -ENAMETOOLONG;
    return realpath(path, buffer) == NULL ? -errno : 0;
}

static void keep_facts(const struct stat *status, struct weft_file_facts *facts) {
    facts->mode = status->st_mode;
    facts->user = status->st_uid;
    facts->group = status->st_gid;
    facts->size = status->st_size;
    facts->device = status->st_dev;
    facts->inode = status->st_ino;
    facts->modified_seconds = status->st_mtim.tv_sec;
    facts->modified_nanoseconds = status->st_mtim.tv_nsec;
}

int weft_facts(int fd, struct weft_file_facts *facts) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    keep_facts(&status, facts);
    return 0;
}

int weft_facts_of_path(const char *path, struct weft_file_facts *facts) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    keep_facts(&status, facts);
    return 0;
}

int weft_make_directory(const char *path, uint32_t permissions) { return RESULT(mkdir(path, permissions)); }
int weft_unlink(const char *path) { return RESULT(unlink(path)); }
int weft_remove_directory(const char *path) { return RESULT(rmdir(path)); }
int weft_rename(const char *from, const char *to) { return RESULT(rename(from, to)); }
int weft_may_write(const char *path) { return RESULT(access(path, W_OK)); }
int weft_link(const char *from, const char *to) { return RESULT(link(from, to)); }
int weft_set_owner(const char *path, uint32_t user, uint32_t group) { return RESULT(lchown(path, user, group)); }
int weft_set_permissions(const char *path, uint32_t permissions) { return RESULT(chmod(path, permissions)); }
int weft_sync(int fd) { return RESULT(fsync(fd)); }
int weft_lock_exclusive(int fd) { return RESULT(flock(fd, LOCK_EX | LOCK_NB)); }
int weft_unlock(int fd) { return RESULT(flock(fd, LOCK_UN)); }

static void close_ends(int ends[3][2]) {
    for (int stream = 0; stream < 3; stream++) {
        for (int end = 0; end < 2; end++) {
            if (ends[stream][end] >= 0) close(ends[stream][end]);
        }
    }
}

int weft_spawn(
    const char *path, char *const arguments[], char *const environment[], struct weft_child *child) {
    int ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    for (int stream = 0; stream < 3; stream++) {
        if (pipe2(ends[stream], O_CLOEXEC) < 0) {
            int error = errno;
            close_ends(ends);
            return -error;
        }
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, ends[0][0], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1][1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[2][1], 2);
    // The parent may block signals for its signal descriptor; the child must not inherit that.
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t pid = -1;
    int error = posix_spawn(&pid, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        close_ends(ends);
        return -error;
    }
    close(ends[0][0]);
    // Ours alone: the two ends of a pipe have flags of their own, so the child still waits for its input.
    (void)fcntl(ends[0][1], F_SETFL, O_NONBLOCK);
    close(ends[1][1]);
    close(ends[2][1]);
    *child = (struct weft_child){.pid = pid, .input = ends[0][1], .output = ends[1][0], .error = ends[2][0]};
    return 0;
}

int weft_spawn_beside(const char *path, char *const arguments[], char *const environment[], int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    int error = posix_spawn(&pid, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error != 0 ? -error : pid;
}

int weft_wait(int pid, int *status) {
    for (;;) {
        if (waitpid(pid, status, 0) >= 0) return 0;
        if (errno != EINTR) return -errno;
    }
}

int weft_reap(void) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    return pid > 0 ? pid : 0;
}

int weft_execute(const char *file, char *const arguments[]) {
    execvp(file, arguments);
    return -errno;
}

int weft_execute_again(char *const arguments[], const char *name, const char *value) {
    // With more rights than who started it, the C library takes nothing from the environment, and we would go on for ever.
    if (getauxval(AT_SECURE)) return -EPERM;
    // The path that it has, and not /proc/self/exe itself, after which the process would be called `exe`.
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) return -errno;
    path[length] = 0;
    if (setenv(name, value, 1) < 0) return -errno;
    execv(path, arguments);
    return -errno;
}

static void end_now(int number) { _exit(128 + number); }

void weft_end_on_signals(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t index = 0; index < sizeof numbers / sizeof numbers[0]; index++) {
        struct sigaction before;
        // What somebody has us ignore (nohup) stays ignored.
        if (sigaction(numbers[index], NULL, &before) < 0 || before.sa_handler == SIG_IGN) continue;
        struct sigaction action = {.sa_handler = end_now};
        sigaction(numbers[index], &action, NULL);
    }
}

static volatile sig_atomic_t noted_signal;

static void note_signal(int number) { noted_signal = number; }

void weft_note_signals(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t index = 0; index < sizeof numbers / sizeof numbers[0]; index++) {
        struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
        sigaction(numbers[index], &action, NULL);
    }
}

int weft_noted_signal(void) { return noted_signal; }

int weft_kill(int pid, int signal) { return RESULT(kill(pid, signal)); }

int weft_pid_descriptor(int pid) { return (int)RESULT(syscall(SYS_pidfd_open, pid, 0)); }

int weft_poll_input(const int *descriptors, int count, int milliseconds) {
    struct pollfd polled[32];
    if (count > 32) return -EINVAL;
    for (int index = 0; index < count; index++) polled[index] = (struct pollfd){.fd = descriptors[index], .events = POLLIN};
    int ready = poll(polled, (nfds_t)count, milliseconds);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    int mask = 0;
    for (int index = 0; index < count; index++) {
        if (polled[index].revents != 0) mask |= 1 << index;
    }
    return mask;
}

int weft_poll_output(int descriptor, int milliseconds) {
    struct pollfd polled = {.fd = descriptor, .events = POLLOUT};
    int ready = poll(&polled, 1, milliseconds);
    return ready < 0 ? (errno == EINTR ? 0 : -errno) : ready;
}

int weft_poll_child(int input, int output, int error, int milliseconds) {
    struct pollfd polled[3] = {
        {.fd = input, .events = POLLOUT}, {.fd = output, .events = POLLIN}, {.fd = error, .events = POLLIN}};
    int ready = poll(polled, 3, milliseconds);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    int mask = 0;
    for (int index = 0; index < 3; index++) mask |= (polled[index].revents != 0) << index;
    return mask;
}

int64_t weft_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int weft_usage(int64_t *cpu_nanoseconds, int64_t *resident_bytes) {
    struct timespec spent;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) < 0) return -errno;
    *cpu_nanoseconds = (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
    *resident_bytes = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[128];
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return 0;
    text[count] = 0;
    long total = 0, resident = 0;
    if (sscanf(text, "%ld %ld", &total, &resident) == 2) *resident_bytes = (int64_t)resident * sysconf(_SC_PAGESIZE);
    return 0;
}

void weft_trim_heap(void) { malloc_trim(0); }

void weft_tune_heap(size_t mapped) {
    // Two arenas serve a few threads; the default of eight per core spreads each thread's free memory over arenas that
    // are never given back. A fixed mmap threshold stops glibc from raising it to 32 MiB after the first large block is
    // freed, which would keep later large blocks in the heap for ever.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, (int)mapped);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

int weft_ignore_signal(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -errno : 0; }

uint32_t weft_user(void) { return getuid(); }
uint32_t weft_effective_user(void) { return geteuid(); }
uint32_t weft_group(void) { return getegid(); }

int weft_capabilities(uint64_t *effective) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    *effective = (uint64_t)data[1].effective << 32 | data[0].effective;
    return 0;
}

int weft_become_for_files(uint32_t user) {
    setfsuid(user);
    // setfsuid reports the previous id and no error; asking again with an invalid id tells what holds now.
    return (uint32_t)setfsuid((uid_t)-1) == user ? 0 : -EPERM;
}

/// Enters the user namespace that owns a network namespace, unless we are in it.
static int enter_owner(int fd) {
    // _IO(0xb7, 0x1), NS_GET_USERNS. EPERM: it lies outside of ours, where we can hold nothing.
    int owner = ioctl(fd, 0xb701);
    if (owner < 0) return -errno;
    struct stat theirs, ours;
    int is_ours = fstat(owner, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0
        && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
    int result = is_ours || setns(owner, CLONE_NEWUSER) == 0 ? 0 : -errno;
    close(owner);
    if (result < 0 || is_ours) return result;
    // A program that is started keeps its capabilities only as the namespace's root. Without one it stays as it is.
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) errno = 0;
    return 0;
}

int weft_enter_network_namespace(int fd) {
    int entered = enter_owner(fd);
    if (setns(fd, CLONE_NEWNET) == 0) return 0;
    int error = errno;
    // ENOTTY: not a namespace at all, which setns says better.
    return entered < 0 && entered != -ENOTTY ? entered : -error;
}

struct thread_start {
    void (*body)(void *);
    void *argument;
};

static void *thread_main(void *pointer) {
    struct thread_start start = *(struct thread_start *)pointer;
    free(pointer);
    start.body(start.argument);
    return NULL;
}

int weft_thread_start(const char *name, void (*body)(void *), void *argument, uint64_t *handle) {
    struct thread_start *start = malloc(sizeof *start);
    if (start == NULL) return -ENOMEM;
    *start = (struct thread_start){.body = body, .argument = argument};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    // Signals are for the control thread, which reads them from a descriptor.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        free(start);
        return -error;
    }
    (void)pthread_setname_np(thread, name);
    *handle = (uint64_t)thread;
    return 0;
}

int weft_thread_join(uint64_t handle) {
    int error = pthread_join((pthread_t)handle, NULL);
    return -error;
}

const char *weft_error_text(int number) { return strerrordesc_np(number); }

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t weft_monotonic_nanoseconds(void) { return now(CLOCK_MONOTONIC); }
int64_t weft_wall_nanoseconds(void) { return now(CLOCK_REALTIME); }

int weft_random(void *buffer, size_t count) {
    uint8_t *bytes = buffer;
    while (count > 0) {
        ssize_t got = getrandom(bytes, count > 256 ? 256 : count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        bytes += got;
        count -= (size_t)got;
    }
    return 0;
}
