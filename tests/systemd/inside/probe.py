"""Tries what the unit forbids, as a command of the unit (ExecStartPost=), which
systemd confines as it confines the daemon.

Prints a JSON object: the name of each act, and how it went: "done", or the name
of the error, or what killed it.
"""
import ctypes
import errno
import json
import mmap
import os
import signal
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
RUN = "/run/sallyport"
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS = 0x10000000, 0x40000000, 0x20000
# Calls that the C library has no function for, as x86-64 numbers them.
INIT_MODULE, ADD_KEY, PERF_EVENT_OPEN, BPF, USERFAULTFD = 175, 248, 298, 321, 323
PTRACE_ATTACH, PER_LINUX32, SYSLOG_READ_ALL = 16, 8, 3
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN = 47, 2, 21


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments) == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def write(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("probe")
    os.unlink(path)


def set_uid_bit():
    path = f"{RUN}/probe"
    with open(path, "w", encoding="ascii"):
        pass
    try:
        os.chmod(path, 0o4755)
    finally:
        os.unlink(path)


def bind_any(family, kind=socket.SOCK_STREAM, protocol=0):
    socket.socket(family, kind, protocol).close()


def trace():
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        call("ptrace", PTRACE_ATTACH, child, None, None)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# Name: the act.  All are to fail.
ACTS = {
    "write /usr": lambda: write("/usr/probe"),
    "write /etc": lambda: write("/etc/probe"),
    "write /etc/sallyport": lambda: write("/etc/sallyport/probe"),
    "write /var": lambda: write("/var/probe"),
    "write /var/lib": lambda: write("/var/lib/probe"),
    "write /root": lambda: write("/root/probe"),
    "write /home": lambda: write("/home/probe"),
    "write /run": lambda: write("/run/probe"),
    "write /sys/fs/cgroup": lambda: os.mkdir("/sys/fs/cgroup/probe"),
    "read /root": lambda: open("/root/secret", encoding="ascii").close(),
    "read /home": lambda: open("/home/user/secret", encoding="ascii").close(),
    "read kernel modules": lambda: os.stat("/usr/lib/modules/probe"),
    "open /dev/kmsg": lambda: open("/dev/kmsg", "rb").close(),
    "open /dev/console": lambda: open("/dev/console", "rb").close(),
    "open /dev/fuse": lambda: open("/dev/fuse", "rb").close(),
    "open /proc/kallsyms": lambda: open("/proc/kallsyms", "rb").close(),
    "open /proc/meminfo": lambda: open("/proc/meminfo", "rb").close(),
    "make a device": lambda: os.mknod(f"{RUN}/probe", 0o020600, 0x103),
    "set-uid file": set_uid_bit,
    "memory to write and run": lambda: mmap.mmap(-1, 4096, prot=7),
    "AF_NETLINK": lambda: bind_any(socket.AF_NETLINK, socket.SOCK_RAW),
    "AF_PACKET": lambda: bind_any(socket.AF_PACKET, socket.SOCK_RAW),
    "raw IP": lambda: bind_any(socket.AF_INET, socket.SOCK_RAW, 1),
    "AF_VSOCK": lambda: bind_any(40),
    "user namespace": lambda: call("unshare", CLONE_NEWUSER),
    "network namespace": lambda: call("unshare", CLONE_NEWNET),
    "mount namespace": lambda: call("unshare", CLONE_NEWNS),
    "mount": lambda: call("mount", b"none", b"/run/sallyport", b"tmpfs", 0,
                          None),
    "unmount": lambda: call("umount2", b"/tmp", 2),
    "chroot": lambda: os.chroot(RUN),
    "real-time scheduling": lambda: os.sched_setscheduler(
        0, os.SCHED_FIFO, os.sched_param(1)),
    "another personality": lambda: call("personality", PER_LINUX32),
    "host name": lambda: socket.sethostname("probe"),
    "clock": lambda: call("clock_settime", 0, (ctypes.c_long * 2)(1, 0)),
    "kernel log": lambda: call("klogctl", SYSLOG_READ_ALL,
                                 ctypes.create_string_buffer(9), 9),
    "load a module": lambda: call("syscall", INIT_MODULE, b"", 0, b""),
    "unload a module": lambda: call("delete_module", b"probe", 0),
    "reboot": lambda: call("reboot", 0),    # disables Ctrl-Alt-Del, if allowed
    "swap": lambda: call("swapoff", b"/probe"),
    "ptrace": trace,
    "bpf": lambda: call("syscall", BPF, 0, None, 0),
    "perf": lambda: call("syscall", PERF_EVENT_OPEN, None, 0, -1, -1, 0),
    "userfaultfd": lambda: call("syscall", USERFAULTFD, 0),
    "keyring": lambda: call("syscall", ADD_KEY, b"user", b"probe", b"x", 1, -3),
    "process accounting": lambda: call("acct", None),
    "gain a capability": lambda: call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
                                      CAP_SYS_ADMIN, 0, 0),
}
# What has to work, or the probe would show nothing.
HARMLESS = {
    "write run": lambda: write(f"{RUN}/probe"),
    "write log": lambda: write("/var/log/sallyport/probe"),
    "write tmp": lambda: write("/tmp/probe"),
    "AF_INET": lambda: bind_any(socket.AF_INET),
    "AF_UNIX": lambda: bind_any(socket.AF_UNIX),
}


def tried(act):
    """In a process of its own: it may not survive."""
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            said = "done"
        except OSError as error:
            said = errno.errorcode.get(error.errno, str(error))
        except BaseException as error:      # pylint: disable=broad-except
            said = repr(error)
        os.write(write_end, said.encode())
        os._exit(0)
    os.close(write_end)
    _, status = os.waitpid(child, 0)
    said = os.read(read, 1000).decode()
    os.close(read)
    return said or f"killed by {os.WTERMSIG(status)}"


def main():
    print(json.dumps({
        "uid": os.getuid(),
        "acts": {name: tried(act) for name, act in ACTS.items()},
        "harmless": {name: tried(act) for name, act in HARMLESS.items()}}))


main()
