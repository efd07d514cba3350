#include "sandbox/sandbox_attempts.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/sandbox_columns.h"
#include "sandbox/sandbox_landlock.h"

/* Names are made by the macro for acts that need no more than one call, which is
 * harmless and, unless the sandbox forbids it, mostly allowed. */
#define ACT(name, done) \
    static bool name(const struct sandbox_scene *scene) \
    { \
        (void)scene; \
        return (done); \
    }

/* Duties. */

static bool
use_basic_calls(const struct sandbox_scene *scene)
{
    struct timespec now;
    char bytes[16], *memory = malloc(MIB(1));
    bool ok = memory != NULL &&
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0 &&
        syscall(SYS_getrandom, bytes, sizeof(bytes), 0) == sizeof(bytes);

    (void)scene;
    free(memory);
    return ok;
}

static bool
send_on(const struct sandbox_scene *scene)
{
    return send(scene->given, "x", 1, MSG_NOSIGNAL) == 1;
}

ACT(make_blocking, fcntl(scene->given, F_SETFL, O_RDWR) == 0)
ACT(end_reading, shutdown(scene->given, SHUT_RD) == 0)

/* Files. */

static bool
try_to_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

ACT(read_etc, try_to_open("/etc/passwd", O_RDONLY))
ACT(read_proc, try_to_open("/proc/self/status", O_RDONLY))
ACT(read_folder, try_to_open("/", O_RDONLY | O_DIRECTORY))
ACT(write_temporary, try_to_open("/tmp", O_WRONLY | O_TMPFILE))
ACT(make_folder, mkdir("/tmp/.", 0700) == 0 || errno == EEXIST)
ACT(change_folder, chdir("/") == 0)
ACT(watch_files, inotify_init1(IN_CLOEXEC) >= 0)
ACT(make_memfd, memfd_create("x", MFD_CLOEXEC) >= 0)
ACT(mount_files, mount("none", "/tmp", "tmpfs", 0, NULL) == 0)

/* Programs and processes. */

ACT(run_program, execl("/proc/self/exe", "sallyport", "version", NULL) == 0)
ACT(trace_parent, ptrace(PTRACE_SEIZE, scene->parent, NULL, NULL) == 0)
ACT(signal_parent, kill(scene->parent, 0) == 0)
ACT(signal_any, kill(1, 0) == 0 || kill(-1, 0) == 0)

static bool
make_process(const struct sandbox_scene *scene)
{
    pid_t child = fork();

    (void)scene;
    if (child == 0)
        _exit(EXIT_SUCCESS);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

static void *
do_nothing(void *arg)
{
    return arg;
}

static bool
make_thread(const struct sandbox_scene *scene)
{
    pthread_t thread;

    (void)scene;
    return pthread_create(&thread, NULL, do_nothing, NULL) == 0 &&
        pthread_join(thread, NULL) == 0;
}

static bool
read_parent(const struct sandbox_scene *scene)
{
    char bytes[1];
    struct iovec here = { .iov_base = bytes, .iov_len = 1 };
    struct iovec there = { .iov_base = (void *)scene, .iov_len = 1 };

    return process_vm_readv(scene->parent, &here, 1, &there, 1, 0) == 1;
}

/* Code. */

static void *
map_page(int protection)
{
    return mmap(NULL, KIB(4), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

ACT(map_code, map_page(PROT_READ | PROT_EXEC) != MAP_FAILED)

static bool
make_code(const struct sandbox_scene *scene)
{
    void *memory = map_page(PROT_READ | PROT_WRITE);

    (void)scene;
    return memory != MAP_FAILED &&
        mprotect(memory, KIB(4), PROT_READ | PROT_EXEC) == 0;
}

/* The network. */

static bool
has_socket(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

ACT(make_tcp, has_socket(AF_INET, SOCK_STREAM, 0))
ACT(make_udp, has_socket(AF_INET, SOCK_DGRAM, 0))
ACT(make_unix, has_socket(AF_UNIX, SOCK_STREAM, 0))
ACT(make_raw, has_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))
ACT(make_mptcp, has_socket(AF_INET, SOCK_STREAM, 262))
ACT(make_packet, has_socket(AF_PACKET, SOCK_RAW, 0))
ACT(make_netlink, has_socket(AF_NETLINK, SOCK_RAW, 0))
ACT(make_crypto, has_socket(AF_ALG, SOCK_SEQPACKET, 0))

static bool
try_to_connect(const void *address, socklen_t length, sa_family_t family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, address, length) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

ACT(connect_inside,
    try_to_connect(&scene->inside, sizeof(scene->inside), AF_INET))
ACT(connect_outside,
    try_to_connect(&scene->outside, sizeof(scene->outside), AF_INET))
ACT(connect_name, try_to_connect(&scene->name, scene->name_length, AF_UNIX))

/* TCP Fast Open connects inside sendto(2), past Landlock's connect check. */
static bool
connect_sending(const struct sandbox_scene *scene)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd >= 0 &&
        (sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
             (const struct sockaddr *)&scene->outside,
             sizeof(scene->outside)) >= 0 || errno == EINPROGRESS);
}

static bool
bind_tcp(const struct sandbox_scene *scene)
{
    const struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)scene;
    return fd >= 0 &&
        bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
}

static bool
listen_tcp(const struct sandbox_scene *scene)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)scene;
    return fd >= 0 && listen(fd, 1) == 0;
}

ACT(send_elsewhere,
    sendto(scene->given, "x", 1, MSG_NOSIGNAL,
        (const struct sockaddr *)&scene->datagrams,
        scene->datagrams_length) == 1)

static bool
filter_packets(const struct sandbox_scene *scene)
{
    struct sock_filter all = { .code = BPF_RET | BPF_K, .k = UINT32_MAX };
    const struct sock_fprog program = { .len = 1, .filter = &all };

    return setsockopt(scene->given, SOL_SOCKET, SO_ATTACH_FILTER, &program,
        sizeof(program)) == 0;
}

/* The kernel. */

static bool
set_capabilities(const struct sandbox_scene *scene)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    (void)scene;
    return syscall(SYS_capset, &header, none) == 0;
}

static bool
make_ring(const struct sandbox_scene *scene)
{
    uint32_t parameters[64] = { 0 };

    (void)scene;
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

/* BPF_MAP_CREATE of an array, whose key is a number; PERF_TYPE_SOFTWARE. */
static bool
load_program(const struct sandbox_scene *scene)
{
    uint32_t map_of[32] = { 2, 4, 4, 1 };

    (void)scene;
    return syscall(SYS_bpf, 0, map_of, sizeof(map_of)) >= 0;
}

static bool
count_events(const struct sandbox_scene *scene)
{
    uint32_t attributes[32] = { 1, sizeof(attributes) };

    (void)scene;
    return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0) >= 0;
}

static bool
set_limit(const struct sandbox_scene *scene)
{
    struct rlimit limit;

    (void)scene;
    return getrlimit(RLIMIT_STACK, &limit) == 0 &&
        setrlimit(RLIMIT_STACK, &limit) == 0;
}

enum { KEYCTL_GET_ID = 0, SESSION_KEYRING = -3 };

ACT(set_user, setresuid(getuid(), getuid(), getuid()) == 0)
ACT(make_user_space, unshare(CLONE_NEWUSER) == 0)
ACT(make_mount_space, unshare(CLONE_NEWNS) == 0)
ACT(handle_faults, syscall(SYS_userfaultfd, O_CLOEXEC | 1) >= 0)
ACT(use_keys, syscall(SYS_keyctl, KEYCTL_GET_ID, SESSION_KEYRING, 1) != -1)
ACT(be_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
ACT(change_personality, personality(READ_IMPLIES_EXEC) != -1)
ACT(own_signals, fcntl(scene->given, F_SETOWN, getpid()) == 0)

static bool
grow_mapping(const struct sandbox_scene *scene)
{
    void *page = mmap(NULL, KIB(4), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)scene;
    return page != MAP_FAILED &&
        mremap(page, KIB(4), KIB(8), MREMAP_MAYMOVE) != MAP_FAILED;
}

const struct sandbox_act sandbox_attempts[] = {
    { "compute: memory, time, randomness", use_basic_calls, ALL, 0, 0 },
    { "send over a socket that it was given", send_on, ALL, 0, 0 },
    { "have a socket block that it was given", make_blocking, 0, 0, 0 },
    { "end reading for all who have a socket", end_reading, 0, 0, 0 },
    { "make a TCP socket", make_tcp, W | S | T, 0, 0 },
    { "connect to a port of its servers", connect_inside, W, S | T,
        LANDLOCK_TCP },
    { "connect to another port", connect_outside, 0, W | S | T,
        LANDLOCK_TCP },
    { "connect while sending (TCP fast open)", connect_sending, 0, 0, 0 },
    { "bind a TCP socket", bind_tcp, 0, T, LANDLOCK_TCP },
    { "listen", listen_tcp, T, 0, 0 },
    { "make a UDP socket", make_udp, S, 0, 0 },
    { "make a unix socket", make_unix, W | T, 0, 0 },
    { "connect to another's abstract socket", connect_name, 0, W | T,
        LANDLOCK_SCOPES },
    { "send to another's abstract socket", send_elsewhere, 0, S,
        LANDLOCK_SCOPES },
    { "make a raw socket", make_raw, 0, 0, 0 },
    { "make an MPTCP socket", make_mptcp, 0, 0, 0 },
    { "make a packet socket", make_packet, 0, 0, 0 },
    { "make a netlink socket", make_netlink, 0, 0, 0 },
    { "make a socket of AF_ALG", make_crypto, 0, 0, 0 },
    { "attach a filter to a socket", filter_packets, 0, 0, 0 },
    { "read /etc/passwd", read_etc, 0, 0, 0 },
    { "read /proc/self/status", read_proc, 0, 0, 0 },
    { "list /", read_folder, 0, 0, 0 },
    { "make a file in /tmp", write_temporary, 0, 0, 0 },
    { "make a folder in /tmp", make_folder, 0, 0, 0 },
    { "change its folder", change_folder, 0, 0, 0 },
    { "watch files", watch_files, 0, 0, 0 },
    { "make a file in memory", make_memfd, 0, 0, 0 },
    { "mount", mount_files, 0, 0, 0 },
    { "run a program", run_program, 0, 0, 0 },
    { "make a process", make_process, 0, 0, 0 },
    { "make a thread", make_thread, 0, 0, 0 },
    { "trace its parent", trace_parent, 0, 0, 0 },
    { "read its parent's memory", read_parent, 0, 0, 0 },
    { "send its parent a signal", signal_parent, 0, 0, 0 },
    { "send any other process a signal", signal_any, 0, 0, 0 },
    { "have signals sent by a socket", own_signals, 0, 0, 0 },
    { "have a mapping grow", grow_mapping, 0, 0, 0 },
    { "map memory to be executed", map_code, 0, 0, 0 },
    { "make memory executable", make_code, 0, 0, 0 },
    { "set its user", set_user, 0, 0, 0 },
    { "set its capabilities", set_capabilities, 0, 0, 0 },
    { "set a limit", set_limit, 0, 0, 0 },
    { "be dumpable", be_dumpable, 0, 0, 0 },
    { "change its personality", change_personality, 0, 0, 0 },
    { "make a user namespace", make_user_space, 0, 0, 0 },
    { "make a mount namespace", make_mount_space, 0, 0, 0 },
    { "use io_uring", make_ring, 0, 0, 0 },
    { "use bpf", load_program, 0, 0, 0 },
    { "use perf events", count_events, 0, 0, 0 },
    { "use userfaultfd", handle_faults, 0, 0, 0 },
    { "use the kernel's keys", use_keys, 0, 0, 0 },
};
const size_t sandbox_attempts_count = COUNT(sandbox_attempts);
