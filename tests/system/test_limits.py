"""What happens at the limits: of connections, and of descriptors."""
import itertools
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import configs
import peers
import sallyport
from peers import is_served, serves


class Waiting:
    """A client that has asked and is not served yet; `leaves`: it makes room
    for others when it has been."""

    def __init__(self, port, number, leaves=False):
        self.peer = peers.Peer(peers.open_socket(port))
        self.number = number
        self.leaves = leaves
        self.served = threading.Event()
        self._answer = peers.in_background(self._ask)

    def _ask(self):
        answered = is_served(self.peer, b"%08d" % self.number)
        if self.leaves:
            self.peer.close()
        self.served.set()
        return answered

    def result(self):
        return self._answer.result(sallyport.PATIENCE)


@pytest.mark.parametrize("where", ["global", "service"])
def test_max_connections_lets_clients_wait(relay, server, client, free_port,
                                           where):
    """Clients over max_connections wait, are served when a place is free, and
    the log says so once."""
    port = free_port()
    far = server(peers.echo)
    service = configs.plain(port, far.port)
    one = relay(configs.settings("max_connections = 2") + service
                if where == "global" else service + "max_connections = 2\n")
    first, second = client(port), client(port)
    assert is_served(first) and is_served(second)
    # The third place is free when one of them has left; each worker has a
    # queue of its own, so it may be any of them.
    waiting = [Waiting(port, 3 + turn, leaves=True) for turn in range(3)]
    # The two go on, and what waits does not come to the server.
    for number in range(100):
        for peer in first, second:
            assert is_served(peer, b"%08d" % number)
    assert not any(one.served.is_set() for one in waiting)
    assert len(far.results) == 2
    first.close()
    second.close()
    assert all(done.result() for done in waiting)
    ends = one.wait_ends(5)
    assert {end["reason"] for end in ends} == {"client-closed"}
    assert len(one.matching("max_connections = 2 is reached")) == 1


def test_limit_of_one_service_leaves_others_alone(relay, server, client,
                                                  free_port):
    """A service at its limit leaves the clients of another service alone."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    relay(configs.plain(port, far.port, "max_connections = 1", name="a") +
          configs.plain(other, far.port, name="b"))
    held = client(port)
    assert is_served(held)
    late = Waiting(port, 2)
    for _ in range(20):
        assert serves(other)
    assert not late.served.is_set()
    held.close()
    assert late.result()
    late.peer.close()


def test_hanging_server_leaves_places_to_other_services(
        relay, server, free_port):
    """A server that accepts and never reads keeps the connections of clients
    that sent, closed and left; clients of another service are served on."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    hanging = socket.create_server(("127.0.0.1", 0), backlog=64)
    one = relay(configs.settings("max_connections = 16") +
                configs.plain(port, hanging.getsockname()[1], name="hangs") +
                configs.plain(other, far.port, name="works"))
    gone = [peers.open_socket(port) for _ in range(30)]
    for sock in gone:
        sock.sendall(b"question")
        sock.close()
    # Sixteen less an eighth; the rest waits in the kernel's queue.
    one.wait_log("max_connections = 14 is reached")
    for _ in range(20):
        assert serves(other)
    hanging.close()


def test_handshakes_count_against_max_connections(relay, certs, server,
                                                  free_port):
    """Silent clients fill the service, and make room when they time out."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs, "max_connections = 5",
                            "timeout.handshake = 1s"))
    silent = [peers.open_socket(port) for _ in range(5)]
    with peers.connect(port, peers.client_context(certs)) as peer:
        assert is_served(peer)
    reasons = [end["reason"] for end in one.wait_ends(6)]
    assert reasons.count("handshake-timeout") == 5
    for sock in silent:
        sock.close()


def test_thousands_pass_through_few_places(relay, server, free_port):
    """More than a thousand clients are served through three places: pausing
    and resuming loses none."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port, "max_connections = 3"))
    count, threads = 150, 8

    def work(start):
        for number in range(start, start + count):
            with peers.connect(port) as peer:
                assert is_served(peer, b"%08d" % number)

    for done in [peers.in_background(work, start * count)
                 for start in range(threads)]:
        done.result(3 * sallyport.PATIENCE)
    one.wait_ends(count * threads)


# Descriptors.

def soft_limit(one):
    """Of its workers, which all have the same."""
    [limit] = {limits_of(pid)[0] for pid in one.workers().values()}
    return limit


def limits_of(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return [int(word) for word in re.search(
        r"^Max open files +(\d+) +(\d+)", text, re.M).groups()]


def set_limit(pid, limit):
    """As its own user: prlimit(2) lets others only with a capability that root
    in a container does not have."""
    owner = os.stat(f"/proc/{pid}")
    as_owner = {} if owner.st_uid == os.getuid() else {
        "user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={limit}:"],
                   check=True, **as_owner)


def set_soft_limit(one, spare):
    """Lets each of its workers open `spare` more descriptors; returns how to
    undo it."""
    undo = [limit_process(pid, spare) for pid in one.workers().values()]
    return lambda: [set_limit(*arguments) for arguments in undo]


def limit_process(pid, spare):
    before, _ = limits_of(pid)
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = (number for number in itertools.count() if number not in taken)
    limit = next(itertools.islice(free, spare, None))
    set_limit(pid, limit)
    return pid, before


def test_descriptor_limit_is_raised_to_what_is_needed(relay, server, client,
                                                      free_port):
    """A start raises the soft limit of descriptors to what max_connections
    needs."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("max_connections = 300") +
                configs.plain(port, far.port), limit_nofile="256:20000")
    assert 2 * 300 < soft_limit(one) < 1000
    held = [client(port) for _ in range(200)]
    assert all(is_served(peer, b"%08d" % number)
               for number, peer in enumerate(held))


def test_descriptor_limit_is_raised_by_a_reload(relay, server, client,
                                                free_port):
    """A reload raises the limit in the workers that are there, too."""
    port = free_port()
    far = server(peers.echo)
    service = configs.plain(port, far.port)
    one = relay(configs.settings("max_connections = 10") + service,
                limit_nofile="256:20000")
    assert soft_limit(one) < 600
    workers = one.workers()
    one.reload_config(configs.settings("max_connections = 300") + service)
    one.signal(signal.SIGHUP)
    one.wait_log("reloaded")
    assert one.workers() == workers
    assert 2 * 300 < soft_limit(one) < 1000
    held = [client(port) for _ in range(200)]
    assert all(is_served(peer, b"%08d" % number)
               for number, peer in enumerate(held))


def test_descriptor_limit_is_raised_before_listeners_are_bound(
        relay, free_port, tmp_path):
    """A start with more listeners than the soft limit binds them all."""
    one = relay(configs.settings("max_connections = 10") +
                "".join(configs.service(f"unix:{tmp_path}/{number}",
                                        free_port(), name=f"s{number}")
                        for number in range(300)),
                limit_nofile="200:20000")
    assert len(one.matching("listening on")) == 300


def test_descriptor_limit_that_is_high_enough_stays(relay, server, free_port):
    """A soft limit that is high enough is left as it is."""
    far = server(peers.echo)
    one = relay(configs.settings("max_connections = 300") +
                configs.plain(free_port(), far.port),
                limit_nofile="5000:20000")
    assert soft_limit(one) == 5000


def test_descriptor_limit_that_cannot_be_raised_is_an_error(tmp_path,
                                                            free_port):
    """A start that needs more descriptors than the hard limit says what to
    raise."""
    most = int(open("/proc/sys/fs/nr_open").read())     # root's limit, too
    path = tmp_path / "unix"
    config = tmp_path / "sallyport.ini"
    config.write_text(
        configs.settings(f"max_connections = {min(most, 10_000_000)}") +
        configs.service(f"unix:{path}", free_port()))
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == os.EX_CONFIG
    need = 2 * min(most, 10_000_000)
    assert f"max_connections = {min(most, 10_000_000)} needs {need}"[:-3] \
        in done.stderr
    assert "LimitNOFILE=" in done.stderr and "ulimit -n" in done.stderr
    assert not path.exists()


@pytest.mark.promise(16)
@pytest.mark.parametrize("spare", [0, 1, 2, 3])
def test_out_of_descriptors_pauses_accepting(relay, server, client, free_port,
                                             spare):
    """Accepting pauses without spinning, established connections go on, and
    clients that waited are served when descriptors come back."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    held = client(port)
    assert is_served(held)
    restore = set_soft_limit(one, spare)
    before, fds, start = one.cpu_seconds(), one.fds(), time.monotonic()
    late = [Waiting(port, 2 + turn) for turn in range(10)]
    one.wait_log("accepting .* pauses: Too many open files.*LimitNOFILE")
    for number in range(100):
        assert is_served(held, b"%08d" % number)
    one.wait_log("accepting .* pauses", count=3)
    spent = one.cpu_seconds() - before
    lines = len(one.matching("accepting .* pauses"))
    assert lines <= 2 + (time.monotonic() - start), "once a second"
    assert spent < (2 if sallyport.SANITIZED else 0.5), "it spins"
    workers = len(one.workers())
    assert one.fds() <= fds + workers * spare
    assert sum(one.served.is_set() for one in late) <= workers * (spare // 2)
    assert not one.ends()
    restore()
    assert all(waiting.result() for waiting in late)
    assert is_served(held)
    for waiting in late:
        waiting.peer.close()
    held.close()
    assert {end["reason"] for end in one.wait_ends(11)} == {"client-closed"}


@pytest.mark.promise(16)
def test_out_of_descriptors_for_the_onward_socket_ends_a_client(
        relay, server, client, free_port):
    """A client that could be accepted, but not connected onward in time, is
    reset with its reason."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port, "timeout.connect = 500ms"))
    held = client(port)
    assert is_served(held)
    restore = set_soft_limit(one, 1)
    late = client(port)
    [end] = one.wait_ends(1)
    assert end["reason"] == "out-of-resources"
    assert end["state"] == "connect"
    assert late.receive().end == "reset"
    assert is_served(held)
    restore()
    assert serves(port)


@pytest.mark.promise(16, 23)
def test_exhaustion_is_logged_once_a_second(relay, server, free_port):
    """The log has one line a second, however many listeners have no
    descriptors."""
    ports = [free_port() for _ in range(5)]
    far = server(peers.echo)
    one = relay("".join(configs.plain(port, far.port, name=f"s{port}")
                        for port in ports))
    restore = set_soft_limit(one, 0)
    late = [Waiting(port, 1) for port in ports]
    one.wait_log("accepting .* pauses", count=3)
    lines = one.matching("accepting .* pauses")
    seconds = {line[:19] for line in lines}
    assert len(lines) <= len(seconds) + 1, lines
    restore()
    assert all(waiting.result() for waiting in late)
    for waiting in late:
        waiting.peer.close()
