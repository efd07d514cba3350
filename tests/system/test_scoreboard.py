"""A process that has been taken over writes what it likes to all shared memory
that it can write: others go on accepting, and `status` goes on answering."""
import errno
import os
import re
import struct

import pytest

import configs
import peers
import processes
import sallyport
import takeover
from peers import is_served, serves

pytestmark = [
    pytest.mark.promise(46),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.getuid() != 0,
                       reason="only root may write to another's memory"),
]


def shared_maps(pid):
    """[(from, to, writable)] of the memory that it shares with others."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        rows = re.findall(r"^(\w+)-(\w+) (..).s ", file.read(), re.M)
    return [(int(a, 16), int(b, 16), "w" in flags) for a, b, flags in rows]


def fill(pid, number):
    """Writes `number` all over it; returns how many bytes there were."""
    filled = 0
    page = struct.pack("=Q", number) * 512
    with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        for begin, end, writable in shared_maps(pid):
            for address in range(begin, end, len(page)) if writable else ():
                memory.seek(address)
                memory.write(page)
                filled += len(page)
    return filled


def open_board(pid):
    """The flags of every descriptor that it has of the scoreboard."""
    flags = []
    for fd, what in processes.links(pid).items():
        if "sallyport-board" in what:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                flags.append(int(re.search(r"flags:\s+(\d+)",
                                           file.read()).group(1), 8))
    return flags


def start(relay, server, free_port, *options):
    port, far = free_port(), server(peers.echo)
    name = configs.service(f"127.0.0.1:{port}", f"localhost:{far.port}")
    one = relay(configs.settings(*options) + name)
    roles = processes.wait_roles(one.pid,
                                 ["w0", "w1", "scout", "admin"])
    return one, roles, port


def serves_each(port, clients):
    """Whether so many clients, one after the other, are served."""
    return all(serves(port) for _ in range(clients))


def test_worker_can_write_its_own_slot_only(relay, server, free_port):
    """A worker can write to its own slot of the scoreboard, other children to
    none."""
    one, roles, _ = start(relay, server, free_port)
    slots = set()
    for role, pid in roles.items():
        writable = [row for row in shared_maps(pid) if row[2]]
        assert len(writable) == (1 if role[0] == "w" else 0), role
        slots.update(row[1] - row[0] for row in writable)
        assert not any(flags & os.O_ACCMODE for flags in open_board(pid)), role
    assert max(slots) < 1 << 20, "a slot"


@pytest.mark.skipif(sallyport.SANITIZED, reason="confines no process")
def test_slot_cannot_grow(relay, server, free_port):
    """The mapping of a worker's slot cannot grow over the slots behind it
    (promise 47)."""
    _, roles, _ = start(relay, server, free_port)
    [(begin, end, _)] = [row for row in shared_maps(roles["w0"]) if row[2]]
    may_move = 1
    assert takeover.inside(roles["w0"], (
        "mremap", begin, end - begin, 2 * (end - begin), may_move)) == \
        [-errno.EPERM]
    [(_, after, _)] = [row for row in shared_maps(roles["w0"]) if row[2]]
    assert after == end


@pytest.mark.parametrize("number", [1, 1000000, (1 << 64) - 1, 1 << 63])
def test_worker_that_fills_its_slot_stops_no_client(relay, server, client,
                                                    free_port, number):
    """A worker that has been taken over and fills its slot with nonsense stops
    no client and no `status`."""
    one, roles, port = start(relay, server, free_port,
                             "max_connections = 1000")
    assert serves_each(port, 4)
    assert fill(roles["w0"], number) > 0
    for role in "scout", "admin":
        assert fill(roles[role], number) == 0
    # The worker itself goes by what it knows, so all clients are served.
    assert serves_each(port, 40)
    assert processes.status(one)["services"]
    assert processes.roles(one.pid) == roles


def test_worker_that_lies_about_its_slot_stops_no_client(relay, server, client,
                                                         free_port):
    """A worker that reports no connections, or more than there are, keeps no
    client out."""
    one, roles, port = start(relay, server, free_port, "max_connections = 4")
    for number in 0, 1:
        held = [client(port) for _ in range(4)]
        for peer in held:
            assert is_served(peer, b"%08d" % number)
        fill(roles["w1"], number)
        for peer in held:
            peer.close()
        assert serves_each(port, 20)
    del one
