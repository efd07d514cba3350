"""A process that sends another a message that is not in order: the receiver has
it killed, or closes the channel between them, and no other process notices."""
import array
import contextlib
import os
import socket
import struct

import pytest

import configs
import peers
import processes
import sallyport
from messages import TYPES, VERBS
from peers import is_served

pytestmark = [
    pytest.mark.promise(46),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.geteuid() != 0,
                       reason="only root may speak for another process"),
]

ROLES = ["w0", "w1", "k0", "scout", "admin"]


def packet(name, payload=b"", length=None):
    return struct.pack("=II", TYPES[name],
                       len(payload) if length is None else length) + payload


def told(name, size, fds=0):
    """What the log says of it."""
    number = TYPES[name] if isinstance(name, str) else name
    return rf"sent what is not in order \(type {number}, {size} bytes, " \
        rf"{fds} descriptors\)"


TOO_MUCH = "sent a packet that is too long, or more descriptors than may be"

# What is said, with how many descriptors, and what the log says of it.
KINDS = {
    "garbage": (b"\xa5" * 64, 0, told(0xA5A5A5A5, 64)),
    "no-header": (b"\0\0\0", 0, told(-1, 3)),
    "no-such-type": (struct.pack("=II", TYPES["TYPE_COUNT"], 0), 0,
                     told("TYPE_COUNT", 8)),
    # What only the master says, what only a trial says.
    "wrong-direction": (packet("COMMIT", bytes(8)), 0, told("COMMIT", 16)),
    "wrong-role": (packet("VERDICT", struct.pack("=QII", 1, 1, 0)), 0,
                   told("VERDICT", 24)),
    "length-that-lies": (packet("READY", length=8), 0, told("READY", 8)),
    "extra-payload": (packet("READY", bytes(8)), 0, told("READY", 16)),
    "extra-descriptor": (packet("READY"), 1, told("READY", 8, 1)),
    "many-descriptors": (packet("READY"), 100, TOO_MUCH),
    "too-long": (packet("READY", bytes(1 << 15)), 0, TOO_MUCH),
}


def say(channel, data, fd_count=0):
    with open(os.devnull, "rb") as file:
        fds = array.array("i", [file.fileno()] * fd_count)
        channel.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
                        if fd_count else [])


class Daemon:
    """A daemon with a process of every role, and clients of each worker."""

    def __init__(self, relay, far, certs):
        self.port, self.secure = sallyport.free_port(), sallyport.free_port()
        self.one = relay(
            configs.service(f"127.0.0.1:{self.port}", f"localhost:{far}",
                            name="plain") +
            configs.tls(self.secure, far, certs, name="secure"))
        self.one.may_lose_children = True
        self.trust = peers.client_context(certs)
        self.roles = processes.wait_roles(self.one.pid, ROLES)
        self.held = [self.connect(turn % 2) for turn in range(12)]
        assert all(map(is_served, self.held))
        self.holders = [self.one.wait_holder(peer.socket.getsockname()[1])
                        for peer in self.held]
        assert set(self.holders) == {self.roles["w0"], self.roles["w1"]}
        self.fds = processes.fd_counts(self.one.pid)["master"]

    def connect(self, secure):
        return peers.connect(self.secure if secure else self.port,
                             tls=self.trust if secure else None)

    def of(self, role):
        """The clients that this worker serves."""
        return [peer for peer, pid in zip(self.held, self.holders)
                if pid == self.roles[role]]

    def assert_serves(self):
        """By each worker, for so many at once."""
        coming = [peers.in_background(self.connect, turn % 2)
                  for turn in range(8)]
        for each in coming:
            with each.result(sallyport.PATIENCE) as peer:
                assert is_served(peer)
        assert processes.status(self.one)["master"]["pid"] == self.one.pid

    def assert_replaced(self, role):
        """It, and no other process; the master has lost no descriptor."""
        self.roles[role] = processes.wait_replaced(self.one.pid, role,
                                                   self.roles[role])
        assert processes.wait_roles(self.one.pid, ROLES) == self.roles
        self.assert_serves()
        sallyport.wait_until(lambda: processes.fd_counts(self.one.pid)[
            "master"] == self.fds, "the master's descriptors as before")

    def close(self):
        for peer in self.held:
            peer.close()


@pytest.fixture
def daemon(relay, server, certs):
    """A running Daemon."""
    far = server(peers.echo, timeout=5 * sallyport.PATIENCE)
    one = Daemon(relay, far.port, certs)
    yield one
    one.close()


@pytest.mark.parametrize("kind", KINDS)
def test_master_kills_a_child_that_sends_nonsense(daemon, kind):
    """The master kills a child whose message is not in order, and replaces it;
    no other process is touched."""
    data, fd_count, said = KINDS[kind]
    for role in ("admin", "scout", "k0", "w0"):
        speaker = daemon.roles[role]
        gone = daemon.of(role) if role == "w0" else []
        with processes.channel(speaker, daemon.one.pid) as channel:
            say(channel, data, fd_count)
        daemon.one.wait_log(rf"error .*\(pid {speaker}\) {said}.*"
                            ", and is killed$")
        daemon.assert_replaced(role)
        assert all(is_served(peer) for peer in daemon.held if peer not in gone)
    assert {peer.receive().end for peer in gone} <= {"reset", "fin"}


def test_child_ends_when_the_master_sends_nonsense(daemon):
    """A child that the master sends nonsense ends, a worker after its
    connections, and is replaced."""
    for role in ("admin", "scout", "w0"):
        hearer = daemon.roles[role]
        for peer in daemon.of(role) if role == "w0" else []:
            peer.half_close()
            assert peer.receive().end == peer.clean_end
        with processes.channel(daemon.one.pid, hearer) as channel:
            say(channel, KINDS["garbage"][0])
        daemon.assert_replaced(role)
        daemon.one.wait_log(rf"error .*\(pid {hearer}\) ended with exit")
    assert all(map(is_served, daemon.of("w1")))


def channels(pid):
    """How many it has to other processes."""
    return processes.kinds(pid)["unix-seqpacket"]


def assert_joined_again(daemon):
    """Each worker has channels to the master, the keeper and the scout once it
    has used them; every request meanwhile was answered."""
    def look():
        daemon.assert_serves()
        return [channels(daemon.roles[role]) for role in ("w0", "w1")] == [3, 3]
    sallyport.wait_until(look, "the workers to be joined to their helpers")
    assert processes.wait_roles(daemon.one.pid, ROLES) == daemon.roles
    assert all(map(is_served, daemon.held))


@pytest.mark.parametrize("kind", ["garbage", "extra-descriptor"])
@pytest.mark.parametrize("helper", ["keeper", "scout"])
def test_helper_drops_a_worker_that_sends_nonsense(daemon, helper, kind):
    """A keeper or scout closes the channel of a worker that sends nonsense;
    the worker gets another one and serves on."""
    data, fd_count, said = KINDS[kind]
    pid = daemon.roles["k0" if helper == "keeper" else helper]
    for role in ("w0", "w1"):
        with processes.channel(daemon.roles[role], pid) as channel:
            say(channel, data, fd_count)
    daemon.one.wait_log(rf"error a worker {said}; the {helper} closes the "
                        "channel to it", count=2)
    assert_joined_again(daemon)


@pytest.mark.parametrize("kind", ["garbage", "extra-descriptor"])
def test_worker_drops_a_helper_that_sends_nonsense(daemon, kind):
    """A worker closes the channel of a keeper or scout that sends nonsense,
    and goes on with another one."""
    data, fd_count, _ = KINDS[kind]
    for helper in ("scout", "k0"):
        for role in ("w0", "w1"):
            hearer = daemon.roles[role]
            before = channels(hearer)
            with processes.channel(daemon.roles[helper], hearer) as channel:
                say(channel, data, fd_count)
            sallyport.wait_until(lambda: channels(hearer) < before,
                                 f"{role} to part from the {helper}")
    assert_joined_again(daemon)


# What is in order, but out of turn or without end.

def assert_offended(daemon, role, data, said):
    """It is sent in that process's place until that is killed for it."""
    speaker = daemon.roles[role]
    processes.stop(speaker)
    with processes.channel(speaker, daemon.one.pid) as channel:
        channel.settimeout(sallyport.PATIENCE)
        with contextlib.suppress(ConnectionError):  # until it is closed
            while True:
                channel.send(data)
    daemon.one.wait_log(rf"error .*\(pid {speaker}\) says {said}, and is "
                        "killed$")
    daemon.assert_replaced(role)


@pytest.mark.parametrize("role,name,payload,how", [
    ("w0", "KEEPER_LOST", b"", "too often"),
    ("w0", "SCOUT_LOST", b"", "too often"),
    ("w0", "HEARTBEAT", b"", "too often"),
    ("w0", "READY", b"", "out of turn"),
    ("w0", "PREPARED", struct.pack("=QII", 1, 1, 0), "out of turn"),
    ("w0", "COMMITTED", struct.pack("=Q", 1), "out of turn"),
    ("w0", "FAULT", b"x", "out of turn"),
    ("k0", "HEARTBEAT", b"", "too often"),
    ("admin", "REQUEST", struct.pack("=IIiI", 1, VERBS["STATUS"], 0, 0),
     "too often"),
])
def test_master_kills_a_child_that_sends_out_of_turn(daemon, role, name,
                                                     payload, how):
    """The master kills a child that sends a proper message out of turn or too
    often; the helpers that the message is about go on."""
    word = name.lower().replace("_", "-")
    assert_offended(daemon, role, packet(name, payload), f'"{word}" {how}')
