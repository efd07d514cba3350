"""A process that says to another what it must not say: the one that hears it
ends it, or the way between them, and nobody else notices."""
import array
import os
import re
import socket
import struct

import pytest

import configs
import peers
import processes
import sallyport

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.geteuid() != 0,
                       reason="only root may speak for another process"),
]

ROLES = ["w0", "w1", "k0", "scout", "obser"]


def types():
    """{"BUNDLE": 0, ...} as src/process/message.h counts them."""
    text = (sallyport.ROOT / "src/process/message.h").read_text()
    names = re.findall(r"^    MESSAGE_(\w+),", text, re.M)
    return {name: number for number, name in enumerate(names)}


TYPES = types()


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
    "wrong-direction": (packet("SWITCH", bytes(8)), 0, told("SWITCH", 16)),
    "wrong-role": (packet("VERDICT", struct.pack("=QII", 1, 1, 0)), 0,
                   told("VERDICT", 24)),
    "length-that-lies": (packet("READY", length=8), 0, told("READY", 8)),
    "extra-payload": (packet("READY", bytes(8)), 0, told("READY", 16)),
    "extra-descriptor": (packet("READY"), 1, told("READY", 8, 1)),
    "many-descriptors": (packet("READY"), 100, TOO_MUCH),
    "too-long": (packet("READY", bytes(1 << 15)), 0, TOO_MUCH),
}


def say(way, data, fd_count=0):
    with open(os.devnull, "rb") as file:
        fds = array.array("i", [file.fileno()] * fd_count)
        way.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
                    if fd_count else [])


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def replaced(one, role, before):
    """The pid of who is there instead."""
    return sallyport.wait_until(
        lambda: (lambda pid: pid if pid != before else None)(
            processes.roles(one.pid).get(role)), f"another {role}")


class Daemon:
    """With a process of every role, and clients whom each worker serves."""

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
        assert all(map(asks, self.held))
        self.holders = [self.one.wait_holder(peer.socket.getsockname()[1])
                        for peer in self.held]
        assert set(self.holders) == {self.roles["w0"], self.roles["w1"]}
        self.fds = processes.fd_counts(self.one.pid)["master"]

    def connect(self, secure):
        return peers.connect(self.secure if secure else self.port,
                             tls=self.trust if secure else None)

    def of(self, role):
        """The clients whom that worker serves."""
        return [peer for peer, pid in zip(self.held, self.holders)
                if pid == self.roles[role]]

    def assert_serves(self):
        """By each worker, for so many at once."""
        coming = [peers.in_background(self.connect, turn % 2)
                  for turn in range(8)]
        for each in coming:
            with each.result(sallyport.PATIENCE) as peer:
                assert asks(peer)
        assert processes.status(self.one)["master"]["pid"] == self.one.pid

    def assert_replaced(self, role):
        """That one, and nobody else; the master has lost no descriptor."""
        self.roles[role] = replaced(self.one, role, self.roles[role])
        assert processes.wait_roles(self.one.pid, ROLES) == self.roles
        self.assert_serves()
        sallyport.wait_until(lambda: processes.fd_counts(self.one.pid)[
            "master"] == self.fds, "the master's descriptors as before")

    def close(self):
        for peer in self.held:
            peer.close()


@pytest.fixture
def daemon(relay, server, certs):
    far = server(peers.echo, timeout=5 * sallyport.PATIENCE)
    one = Daemon(relay, far.port, certs)
    yield one
    one.close()


@pytest.mark.parametrize("kind", KINDS)
def test_to_the_master(daemon, kind):
    data, fd_count, said = KINDS[kind]
    for role in ("obser", "scout", "k0", "w0"):
        speaker = daemon.roles[role]
        gone = daemon.of(role) if role == "w0" else []
        with processes.way(speaker, daemon.one.pid) as way:
            say(way, data, fd_count)
        daemon.one.wait_log(rf"error .*\(pid {speaker}\) {said}.*"
                            ", and is killed$")
        daemon.assert_replaced(role)
        assert all(asks(peer) for peer in daemon.held if peer not in gone)
    assert all(peer.receive().end in ("reset", "fin") for peer in gone)


def test_from_the_master(daemon):
    """A child that hears nonsense ends, a worker after its connections."""
    for role in ("obser", "scout", "w0"):
        hearer = daemon.roles[role]
        for peer in daemon.of(role) if role == "w0" else []:
            peer.half_close()
            assert peer.receive().end == peer.clean_end
        with processes.way(daemon.one.pid, hearer) as way:
            say(way, KINDS["garbage"][0])
        daemon.assert_replaced(role)
        daemon.one.wait_log(rf"error .*\(pid {hearer}\) ended with exit")
    assert all(map(asks, daemon.of("w1")))


def ways(pid):
    """How many it has to other processes."""
    return processes.kinds(pid)["unix-seqpacket"]


def assert_joined_again(daemon):
    """Each worker has ways to the master, the keeper and the scout once it has
    had something to ask; and whoever asked meanwhile was answered."""
    def look():
        daemon.assert_serves()
        return [ways(daemon.roles[role]) for role in ("w0", "w1")] == [3, 3]
    sallyport.wait_until(look, "the workers to be joined to their helpers")
    assert processes.wait_roles(daemon.one.pid, ROLES) == daemon.roles
    assert all(map(asks, daemon.held))


@pytest.mark.parametrize("kind", ["garbage", "extra-descriptor"])
@pytest.mark.parametrize("helper", ["keeper", "scout"])
def test_to_a_helper(daemon, helper, kind):
    """It listens to these workers no more, until they come another way."""
    data, fd_count, said = KINDS[kind]
    pid = daemon.roles["k0" if helper == "keeper" else helper]
    for role in ("w0", "w1"):
        with processes.way(daemon.roles[role], pid) as way:
            say(way, data, fd_count)
    daemon.one.wait_log(rf"error a worker {said}; the {helper} listens to it "
                        "no more", count=2)
    assert_joined_again(daemon)


@pytest.mark.parametrize("kind", ["garbage", "extra-descriptor"])
def test_to_a_worker(daemon, kind):
    """From both of its helpers: it goes on with others."""
    data, fd_count, _ = KINDS[kind]
    for helper in ("scout", "k0"):
        for role in ("w0", "w1"):
            hearer = daemon.roles[role]
            before = ways(hearer)
            with processes.way(daemon.roles[helper], hearer) as way:
                say(way, data, fd_count)
            sallyport.wait_until(lambda: ways(hearer) < before,
                                 f"{role} to part from the {helper}")
    assert_joined_again(daemon)
