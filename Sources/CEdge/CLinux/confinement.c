// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int weft_harden_process(void) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

// linux/landlock.h of older distributions lacks what newer kernels know; the few numbers we use are fixed ABI.
#define LANDLOCK_CREATE_RULESET_VERSION 1u
#define LANDLOCK_RULE_PATH_BENEATH 1
#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_ALL_V1 ((1ull << 13) - 1)
#define FS_TRUNCATE (1ull << 14)

struct ruleset_attributes {
    uint64_t handled_access_fs;
};

struct path_beneath {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

int weft_landlock_version(void) {
    long version = syscall(444, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? -errno : (int)version;
}

static int allow(int ruleset, const char *path, uint64_t access) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    struct stat status;
    // Rights about directories are refused on anything else.
    if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode)) access &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE;
    struct path_beneath rule = {.allowed_access = access, .parent_fd = fd};
    int result = syscall(445, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int weft_landlock(
    const char *const *readable, int readable_count, const char *const *writable, int writable_count) {
    int version = weft_landlock_version();
    if (version < 1) return version < 0 ? version : -ENOSYS;
    uint64_t all = FS_ALL_V1 | (version >= 3 ? FS_TRUNCATE : 0);
    struct ruleset_attributes attributes = {.handled_access_fs = all};
    int ruleset = (int)syscall(444, &attributes, sizeof attributes, 0);
    if (ruleset < 0) return -errno;
    int result = 0;
    for (int index = 0; index < readable_count && result == 0; index++)
        result = allow(ruleset, readable[index], FS_READ_FILE | FS_READ_DIR);
    for (int index = 0; index < writable_count && result == 0; index++)
        result = allow(ruleset, writable[index], all & ~FS_EXECUTE);
    if (result == 0 && syscall(446, ruleset, 0) < 0) result = -errno;
    close(ruleset);
    return result;
}

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "Name this architecture for the system call filter."
#endif

#define REFUSE(number)                                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

int weft_seccomp(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        // The x32 numbers reach the same calls under other names.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        REFUSE(SYS_fork),
        REFUSE(SYS_vfork),
#endif
        REFUSE(SYS_execve),
        REFUSE(SYS_execveat),
        REFUSE(SYS_ptrace),
        REFUSE(SYS_process_vm_readv),
        REFUSE(SYS_process_vm_writev),
        REFUSE(SYS_mount),
        REFUSE(SYS_umount2),
        REFUSE(SYS_pivot_root),
        REFUSE(SYS_chroot),
        REFUSE(SYS_setns),
        REFUSE(SYS_unshare),
        REFUSE(SYS_bpf),
        REFUSE(SYS_perf_event_open),
        REFUSE(SYS_init_module),
        REFUSE(SYS_finit_module),
        REFUSE(SYS_delete_module),
        REFUSE(SYS_kexec_load),
        REFUSE(SYS_reboot),
        REFUSE(SYS_swapon),
        REFUSE(SYS_swapoff),
        REFUSE(SYS_settimeofday),
        REFUSE(SYS_clock_settime),
        REFUSE(SYS_adjtimex),
        REFUSE(SYS_setuid),
        REFUSE(SYS_setgid),
        REFUSE(SYS_setreuid),
        REFUSE(SYS_setregid),
        REFUSE(SYS_setresuid),
        REFUSE(SYS_setresgid),
        REFUSE(SYS_setgroups),
        REFUSE(SYS_capset),
        REFUSE(SYS_keyctl),
        REFUSE(SYS_add_key),
        REFUSE(SYS_request_key),
        REFUSE(SYS_userfaultfd),
        REFUSE(SYS_personality),
        REFUSE(SYS_io_uring_setup),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    // Every thread: the data threads may already run.
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return result == 0 ? 0 : -errno;
}
