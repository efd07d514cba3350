#include "sandbox/sandbox_calls.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>

#include "sandbox/sandbox_columns.h"

/* Newer than some system's headers. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef F_GETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

/* The lower bits of a type: the others are SOCK_NONBLOCK and SOCK_CLOEXEC. */
enum { SOCKET_TYPE_MASK = 0xf };

/* Most arguments are an int: the register's upper half may hold anything. */
#define IS(n, value) \
    { (n), SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value) }
#define LACKS(n, bits) { (n), SCMP_CMP_MASKED_EQ, (bits), 0 }
#define HAS(n, bits) { (n), SCMP_CMP_MASKED_EQ, (bits), (bits) }
#define IS_TYPE(n, type) { (n), SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, (type) }
#define IS_NULL(n) { (n), SCMP_CMP_EQ, 0, 0 }

/* Not AT_FDCWD, which is negative. */
#define IS_DESCRIPTOR(n) { (n), SCMP_CMP_LE, INT_MAX, 0 }

#define CALL(name, roles) { name, (roles), SANDBOX_NEEDS_NOTHING, 0, { { 0 } } }
#define CALL1(name, roles, one) \
    { name, (roles), SANDBOX_NEEDS_NOTHING, 1, { one } }
#define CALL2(name, roles, one, two) \
    { name, (roles), SANDBOX_NEEDS_NOTHING, 2, { one, two } }
#define SOCKET(roles, need, family, type, protocol) \
    { "socket", (roles), (need), 3, \
        { IS(0, family), IS_TYPE(1, type), IS(2, protocol) } }
#define OPTION(roles, level, name) \
    CALL2("setsockopt", roles, IS(1, level), IS(2, name))
#define CALL_IF(name, roles, need) { name, (roles), (need), 0, { { 0 } } }

const struct sandbox_call sandbox_allowed[] = {
    /* Descriptors that it has. */
    CALL("read", ALL), CALL("readv", ALL), CALL("write", ALL),
    CALL("writev", ALL), CALL("close", ALL), CALL("fstat", ALL),
    CALL("fstat64", ALL),
    /* What the C library makes of fstat(3). */
    CALL2("newfstatat", ALL, IS_DESCRIPTOR(0), IS(3, AT_EMPTY_PATH)),
    CALL2("fstatat64", ALL, IS_DESCRIPTOR(0), IS(3, AT_EMPTY_PATH)),
    CALL2("statx", ALL, IS_DESCRIPTOR(0), HAS(2, AT_EMPTY_PATH)),
    CALL1("fcntl", ALL, IS(1, F_GETFD)), CALL1("fcntl64", ALL, IS(1, F_GETFD)),
    CALL1("fcntl", ALL, IS(1, F_SETFD)), CALL1("fcntl64", ALL, IS(1, F_SETFD)),
    CALL1("fcntl", ALL, IS(1, F_GETFL)), CALL1("fcntl64", ALL, IS(1, F_GETFL)),
    /* O_NONBLOCK is of the open file description, which others may have too;
     * so is O_APPEND, of the log's.  c-ares sets what it has made. */
    CALL2("fcntl", S, IS(1, F_SETFL), HAS(2, O_NONBLOCK)),
    CALL2("fcntl64", S, IS(1, F_SETFL), HAS(2, O_NONBLOCK)),
    CALL1("fcntl", ALL, IS(1, F_DUPFD_CLOEXEC)),
    CALL1("fcntl64", ALL, IS(1, F_DUPFD_CLOEXEC)),
    CALL1("fcntl", ALL, IS(1, F_GET_SEALS)),
    CALL1("fcntl64", ALL, IS(1, F_GET_SEALS)),
    CALL1("fcntl", W, IS(1, F_SETPIPE_SZ)),
    CALL1("fcntl64", W, IS(1, F_SETPIPE_SZ)),
    CALL1("fcntl", W, IS(1, F_GETPIPE_SZ)),
    CALL1("fcntl64", W, IS(1, F_GETPIPE_SZ)),
    CALL1("ioctl", ALL, IS(1, FIONREAD)), CALL1("ioctl", W, IS(1, SIOCOUTQ)),
    CALL1("ioctl", S, IS(1, SIOCGIFINDEX)), /* fe80::1%eth0 as a server */
    { "ioctl", W | T, SANDBOX_NEEDS_ZONES, 1, { IS(1, SIOCGIFINDEX) } },
    CALL("pipe2", ALL), CALL("splice", W),

    /* Sockets.  With MSG_FASTOPEN sending connects, which Landlock does not
     * see; with an address a datagram socket, such as the log's, would send
     * anywhere. */
    CALL("recvfrom", ALL), CALL("recvmsg", ALL), CALL("recv", ALL),
    CALL2("sendto", W | K | A | T, LACKS(3, MSG_FASTOPEN), IS_NULL(4)),
    CALL1("sendto", S, LACKS(3, MSG_FASTOPEN)), CALL("send", W | K | A | T),
    /* With descriptors: a client to another worker, a socket to the master. */
    CALL1("sendmsg", W | T, LACKS(2, MSG_FASTOPEN)),
    /* SHUT_RD would end a listening socket for every process that has it. */
    CALL1("shutdown", W, IS(1, SHUT_WR)), CALL("getsockname", W | S | A),
    CALL("getpeername", W | S | A), CALL("accept4", W | A),
    CALL("accept", W | A), CALL("connect", W | S | T),
    SOCKET(W, SANDBOX_NEEDS_PORTS, AF_INET, SOCK_STREAM, 0),
    SOCKET(W, SANDBOX_NEEDS_PORTS, AF_INET6, SOCK_STREAM, 0),
    SOCKET(T, SANDBOX_NEEDS_NOTHING, AF_INET, SOCK_STREAM, 0),
    SOCKET(T, SANDBOX_NEEDS_NOTHING, AF_INET6, SOCK_STREAM, 0),
    SOCKET(W | T, SANDBOX_NEEDS_UNIX, AF_UNIX, SOCK_STREAM, 0),
    SOCKET(W | T, SANDBOX_NEEDS_ZONES, AF_UNIX, SOCK_DGRAM, 0), /* to ask with */
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET, SOCK_STREAM, 0),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET6, SOCK_STREAM, 0),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET, SOCK_DGRAM, 0),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET6, SOCK_DGRAM, 0),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(S, SANDBOX_NEEDS_NOTHING, AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    CALL1("getsockopt", ALL, IS(1, SOL_SOCKET)),
    CALL1("getsockopt", W | S, IS(1, IPPROTO_TCP)),
    OPTION(W | S | T, SOL_SOCKET, SO_KEEPALIVE),
    OPTION(W | S | T, SOL_SOCKET, SO_RCVBUF),
    OPTION(W | S | T, SOL_SOCKET, SO_SNDBUF),
    OPTION(W | T, SOL_SOCKET, SO_LINGER),
    OPTION(W | T, SOL_SOCKET, SO_OOBINLINE),
    OPTION(W | S | T, IPPROTO_TCP, TCP_NODELAY),
    OPTION(W, IPPROTO_TCP, TCP_QUICKACK),
    OPTION(S, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), /* c-ares from 1.34 on */
    OPTION(W | T, IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(W | T, IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(W | T, IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(W | T, IPPROTO_TCP, TCP_USER_TIMEOUT),

    /* Waiting, and the time. */
    CALL("epoll_create1", ALL), CALL("epoll_create", ALL),
    CALL("epoll_ctl", ALL), CALL("epoll_wait", ALL), CALL("epoll_pwait", ALL),
    CALL("epoll_pwait2", ALL), CALL("eventfd2", ALL),
    CALL("timerfd_create", ALL), CALL("timerfd_settime", ALL),
    CALL("timerfd_settime64", ALL), CALL("poll", ALL), CALL("ppoll", ALL),
    CALL("ppoll_time64", ALL), CALL("clock_gettime", ALL),
    CALL("clock_gettime64", ALL), CALL("clock_getres", ALL),
    CALL("clock_getres_time64", ALL), CALL("gettimeofday", ALL),
    CALL("time", ALL), CALL("clock_nanosleep", ALL),
    CALL("clock_nanosleep_time64", ALL), CALL("nanosleep", ALL),
    CALL("restart_syscall", ALL),

    /* Memory, none of it to be executed. */
    CALL("brk", ALL), CALL("munmap", ALL), CALL("madvise", ALL),
    CALL1("mmap", ALL, LACKS(2, PROT_EXEC)),
    CALL1("mmap2", ALL, LACKS(2, PROT_EXEC)),
    CALL1("mprotect", ALL, LACKS(2, PROT_EXEC)),
    CALL("map_shadow_stack", ALL), /* makecontext(3) where returns are guarded */
    CALL("futex", ALL), CALL("futex_time64", ALL), CALL("sched_yield", ALL),
    CALL("membarrier", ALL), CALL("getrandom", ALL),

    /* Itself. */
    CALL("rt_sigaction", ALL), CALL("rt_sigprocmask", ALL),
    CALL("rt_sigreturn", ALL), CALL("sigreturn", ALL), CALL("sigaltstack", ALL),
    CALL("getpid", ALL), CALL("gettid", ALL), CALL("getppid", ALL),
    CALL("getuid", ALL), CALL("geteuid", ALL), CALL("getgid", ALL),
    CALL("getegid", ALL), CALL("getuid32", ALL), CALL("geteuid32", ALL),
    CALL("getgid32", ALL), CALL("getegid32", ALL), CALL("uname", ALL),
    CALL("sysinfo", ALL), CALL("getrusage", ALL),
    CALL("sched_getaffinity", ALL), CALL("getrlimit", ALL),
    CALL("ugetrlimit", ALL), CALL2("prlimit64", ALL, IS(0, 0), IS_NULL(2)),
    CALL2("prlimit64", W | T, IS(0, 0), IS(1, RLIMIT_NOFILE)),
    CALL1("setrlimit", W | T, IS(0, RLIMIT_NOFILE)), CALL("exit", ALL),
    CALL("exit_group", ALL),

    /* The trial binds. */
    CALL("bind", T), CALL("listen", T), OPTION(T, SOL_SOCKET, SO_RCVTIMEO),
    OPTION(T, SOL_SOCKET, SO_SNDTIMEO), OPTION(T, SOL_SOCKET, SO_REUSEADDR),
    OPTION(T, SOL_SOCKET, SO_REUSEPORT), OPTION(T, IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(T, IPPROTO_IP, IP_FREEBIND), OPTION(T, IPPROTO_IPV6, IPV6_FREEBIND),
    CALL_IF("lstat", T, SANDBOX_NEEDS_PATHS),
    CALL_IF("lstat64", T, SANDBOX_NEEDS_PATHS),
    CALL_IF("newfstatat", T, SANDBOX_NEEDS_PATHS),
    CALL_IF("fstatat64", T, SANDBOX_NEEDS_PATHS),
    CALL_IF("statx", T, SANDBOX_NEEDS_PATHS),
    CALL_IF("unlink", T, SANDBOX_NEEDS_PATHS),
    { "unlinkat", T, SANDBOX_NEEDS_PATHS, 1, { LACKS(2, AT_REMOVEDIR) } },
    CALL("fchmod", T), /* of the socket, before it is bound */
};
const size_t sandbox_allowed_count = COUNT(sandbox_allowed);

const struct sandbox_self sandbox_on_self[] = {
    { "kill", 0 }, { "tgkill", 0 }, { "tkill", 0 },
};
const size_t sandbox_on_self_count = COUNT(sandbox_on_self);

const struct sandbox_call sandbox_fails[] = {
    /* A mapping of a file grows over what follows in it: a worker's slot over
     * all slots behind it.  realloc(3) copies instead. */
    CALL("mremap", ALL),
    CALL1("ioctl", ALL, IS(1, TCGETS)),
    CALL1("prctl", ALL, IS(0, PR_SET_VMA)),
};
const size_t sandbox_fails_count = COUNT(sandbox_fails);
