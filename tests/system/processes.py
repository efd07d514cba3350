"""Looks at the processes of a daemon from outside, through proc(5), and asks
its control socket."""
import collections
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import sallyport
from sallyport import wait_until


def _read(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def children(pid):
    """The pids of the children of `pid`."""
    try:
        return [int(word) for word in
                _read(pid, f"task/{pid}/children").split()]
    except OSError:
        return []


def name(pid):
    """What the process calls itself; "" if it has gone."""
    try:
        return _read(pid, "comm").rstrip("\n")
    except OSError:
        return ""


def state(pid):
    """One letter, as in ps(1); "" if it has gone."""
    try:
        stat = _read(pid, "stat")
    except OSError:
        return ""
    return stat[stat.rindex(")") + 2]


def slice_ns(pid):
    """How long it runs before the kernel looks for another process, as
    sched_getattr(2) tells; 0: the kernel has one slice for all (Linux before
    6.12)."""
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    attr = ctypes.create_string_buffer(56)      # struct sched_attr
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(number, pid, attr, len(attr), 0) == 0, \
        os.strerror(ctypes.get_errno())
    [runtime_ns] = struct.unpack_from("=Q", attr, 24)
    return runtime_ns


def status_fields(pid):
    """{"Uid": ["0", "0", "0", "0"], "CapEff": [...], ...}: the words of each
    line of /proc/PID/status."""
    return {key: words.split() for key, _, words in
            (line.partition(":") for line in _read(pid, "status").splitlines())}


def is_alive(pid):
    """False: it has gone, or only waits for its parent to notice."""
    return state(pid) not in ("", "Z", "X")


def stop(pid):
    """It is stopped when this returns."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) == "T", f"{pid} to be stopped")


def insist(pid, number=signal.SIGTERM):
    """Sends the signal until the process is gone."""
    def is_gone():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return not is_alive(pid)
    wait_until(is_gone, f"{pid} to give in")


def title(pid):
    """What ps(1) shows as its command line."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return words.read().rstrip(b"\0").replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def role(pid):
    """"w0" for the first worker, "admin", "scout", "trial"; "" if it has gone
    or is none of them."""
    words = name(pid).split(":")
    return words[1] if words[0] == "sallyport" and len(words) == 2 else ""


def roles(master):
    """{"w0": pid, "admin": pid...} of those that live now."""
    named = {pid: role(pid) for pid in children(master)}
    return {name: pid for pid, name in named.items()
            if name and is_alive(pid)}


def workers(master):
    """The pids of the workers, in the order of their numbers."""
    found = roles(master)
    return [found[one] for one in sorted(found) if re.match(r"w\d+$", one)]


def wait_roles(master, wanted):
    """Waits until exactly the roles `wanted` are there; returns roles()."""
    wanted = set(wanted)

    def look():
        found = roles(master)
        return found if set(found) == wanted and \
            len(children(master)) == len(wanted) else None
    try:
        return wait_until(look, f"the children {sorted(wanted)}")
    except AssertionError as problem:
        raise AssertionError(f"{problem}: there are {roles(master)}") from None


def wait_replaced(master, role, before):
    """Waits until another process than the one of pid `before` has that role;
    returns its pid."""
    return wait_until(
        lambda: (lambda pid: pid if pid != before else None)(
            roles(master).get(role)), f"another {role}")


def wait_gone(pids):
    wait_until(lambda: not any(map(is_alive, pids)), f"the end of {pids}")


def program(pid):
    """The file that it runs, whatever its name leads to by now."""
    file = os.stat(f"/proc/{pid}/exe")
    return file.st_dev, file.st_ino


# Memory.

def pss_kib(pid):
    """Its own memory, and its share of what it shares."""
    rollup = _read(pid, "smaps_rollup")
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M).group(1))


def private_kib(pid):
    rollup = _read(pid, "smaps_rollup")
    return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", rollup, re.M)))


def own_kib(pid):
    """Its memory, and its share of what it shares, without what is mapped from
    files, of which its share depends on what else runs; 0 if it has gone, as
    one that looks at certificates soon does."""
    try:
        rollup = _read(pid, "smaps_rollup")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", rollup,
                                   re.M)))


# Descriptors.

def _sockets():
    """{inode: kind} of this network namespace."""
    kinds = {}
    for table in ("tcp", "tcp6"):
        for line in _read("self", f"net/{table}").splitlines()[1:]:
            words = line.split()
            kinds[words[9]] = "tcp-listen" if words[3] == "0A" else "tcp"
    types = {"0001": "stream", "0002": "datagram", "0005": "seqpacket"}
    for line in _read("self", "net/unix").splitlines()[1:]:
        words = line.split()
        kind = types.get(words[4], words[4])
        kinds[words[6]] = "unix-listen" if int(words[3], 16) & 0x10000 \
            else f"unix-{kind}"
    return kinds


def _kind(target, sockets):
    match = re.match(r"socket:\[(\d+)\]$", target)
    if match:
        return sockets.get(match.group(1), "socket")
    match = re.match(r"anon_inode:\[?(\w+)\]?$", target)
    if match:
        return match.group(1)
    if target.startswith("/memfd:"):
        return "memfd"
    if target.startswith("pipe:"):
        return "pipe"
    return target


def _is_settled(pid):
    """The process sleeps or is stopped, and each of its children has a role:
    none was just forked, looks at files through a pipe, as one does every two
    seconds, or has just ended."""
    return state(pid) in ("S", "T") and all(
        role(child) and is_alive(child) for child in children(pid))


def _links_now(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def links(pid):
    """{fd: what it is}, without what a master has for a moment: two looks that
    agree, while it has nothing to do."""
    last = None
    for _ in range(100):
        now = _links_now(pid)
        if now == last and _is_settled(pid):
            break
        last = now
        time.sleep(0.005)
    return now


def kinds(pid):
    """How many descriptors it has of each kind: tcp-listen, tcp, unix-listen,
    unix-seqpacket, unix-datagram, eventpoll, memfd... ; files by path."""
    sockets = _sockets()
    return collections.Counter(
        _kind(target, sockets) for target in links(pid).values())


def fd_counts(master):
    """{role: number of descriptors}, the master's too."""
    return {one: len(links(pid))
            for one, pid in [("master", master), *roles(master).items()]}


# Descriptors that are borrowed, which only root may.

_PIDFD_GETFD = 438      # the same on every architecture


def borrow(pid, fd):
    """Its socket `fd`, as one of this process (pidfd_getfd(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    got = libc.syscall(_PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    if got < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return socket.socket(fileno=got)


def each_socket(pid):
    """(fd, inode as of links(), the socket, borrowed until the next one) of
    each socket of the process, but those that it closes meanwhile, or loses by
    its end."""
    for fd, what in links(pid).items():
        if not what.startswith("socket:"):
            continue
        try:
            one = borrow(pid, fd)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            continue
        with one:
            yield fd, what, one


def channel(pid, far):
    """The socket over which it speaks to the process `far`, borrowed from
    it."""
    told = subprocess.run(["ss", "-Hx"], check=True, capture_output=True,
                          text=True).stdout
    ends = dict(re.findall(r"^u_seq .*?(\d+) +\* (\d+)\s*$", told, re.M))
    there = set(links(far).values())
    [fd] = [fd for fd, what in links(pid).items() if what.startswith("socket")
            and f"socket:[{ends.get(what[8:-1])}]" in there]
    return borrow(pid, fd)


def unread(sock):
    """The bytes that wait in it for its reader (unix(7))."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]


# The control socket.

def command(relay, *words, **options):
    """`sallyport WORDS... -c` the daemon's file."""
    return sallyport.sallyport(*words, "-c", relay.config, **options)


def status(relay, **options):
    done = command(relay, "status", "--json", **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def reload(relay, **options):
    """`sallyport reload`, which must succeed."""
    done = command(relay, "reload", **options)
    assert done.returncode == 0, f"{done.stderr}\n{relay.tail()}"
    return done


def wait_reload(relay, start):
    """Waits until the log, behind its first `start` bytes, tells of a reload,
    good or bad."""
    wait_until(lambda: relay.matching("reloaded: generation|reload failed",
                                      start), "a reload")


def hang_up(relay):
    """SIGHUP; waits until the log tells what became of it."""
    start = relay.log_size()
    relay.signal(signal.SIGHUP)
    wait_reload(relay, start)
