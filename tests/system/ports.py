"""Which TCP ports a test may listen on.

Runs of tests share a machine: several processes of one run, and runs of other
checkouts.  Ports are handed out from blocks.  A block belongs to the process
that has bound the abstract unix socket named for its first port: the kernel
gives that name to one process in a network namespace, which is just as far as
ports reach, and takes it back when the process ends, however it does.

SALLYPORT_PORTS, as in "20000-25999", confines a run to a range.
"""
import os
import pathlib
import random
import socket

BLOCK = 100
_LEAST = 12000
_TRIES = 100_000
_NAME = "\0sallyport-tests-port-%d"

_given = set()
_blocks = {}        # first port: the socket that holds the block
_free = []          # ports of the blocks, shuffled, not given yet


def _range():
    """The first port and the one after the last.  They are below the range
    that the kernel gives to clients (ip_local_port_range), so that no client
    of ours can be in the way."""
    asked = os.environ.get("SALLYPORT_PORTS")
    if asked:
        first, last = map(int, asked.split("-"))
        return first, last + 1
    path = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    end = int(path.read_text().split()[0])
    return (_LEAST, end) if end >= _LEAST + 50 * BLOCK else (20000, 32000)


def _claim_block():
    """Takes a block that no process has, and puts its ports into _free."""
    first, end = _range()
    starts = list(range(first, end, BLOCK))
    random.shuffle(starts)
    for start in starts:
        holder = socket.socket(socket.AF_UNIX)
        try:
            holder.bind(_NAME % start)
        except OSError:
            holder.close()
            continue
        _blocks[start] = holder
        _free.extend(range(start, min(start + BLOCK, end)))
        random.shuffle(_free)
        return
    # More blocks than there are: what this process had is given once more,
    # to be judged by whether it can be bound.
    assert _given, f"no port is left in {first}-{end - 1}"
    _free.extend(_given)
    _given.clear()
    random.shuffle(_free)


def _is_free(port):
    try:
        for family, host in ((socket.AF_INET, "127.0.0.1"),
                             (socket.AF_INET6, "::1")):
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
    except OSError:
        return False
    return True


def free_port():
    """A loopback port that no program uses, IPv4 or IPv6, given once only
    (again only after every other one)."""
    for _ in range(_TRIES):
        if not _free:
            _claim_block()
        port = _free.pop()
        if _is_free(port):
            _given.add(port)
            return port
    raise AssertionError("no port to listen on is free")
