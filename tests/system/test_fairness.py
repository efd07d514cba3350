"""One connection cannot hold the others: while it floods, another's questions
are answered, one after the other."""
import contextlib
import fcntl
import itertools
import signal
import struct
import termios
import threading

import pytest

import configs
import libssl
import peers
import sallyport

ANSWERS = 50 if sallyport.SANITIZED else 300

TLS12 = dict(version="1.2", ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256")


class Flood:
    """Sends what `blocks` yields until it is stopped, or the other side ends
    it."""

    def __init__(self, sock, blocks):
        self.socket = sock
        self.sent = 0
        self.cut = False
        self._stopped = threading.Event()
        self._done = peers.in_background(self._run, blocks)

    def _run(self, blocks):
        try:
            for block in blocks:
                if self._stopped.is_set():
                    return
                self.socket.sendall(block)
                self.sent += len(block)
        except ConnectionError:
            self.cut = True

    def stop(self):
        self._stopped.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(2)     # wakes a sender that is blocked
        self._done.result(sallyport.PATIENCE)

    def wait_cut(self):
        self._done.result(sallyport.PATIENCE)
        assert self.cut


@pytest.fixture
def questions(client, certs):
    """questions(port) asks until it has ANSWERS answers."""
    def ask(port, tls=True):
        peer = client(port, tls=peers.client_context(certs) if tls else None)
        for number in range(ANSWERS):
            question = struct.pack(">Q", number)
            peer.send(question)
            assert peer.recv_exactly(8) == question
        peer.close()
    return ask


@pytest.fixture
def door(relay, certs, server, free_port):
    """A TLS service, whose servers echo."""
    far = server(peers.echo)
    port = free_port()
    one = relay(configs.tls(port, far.port, certs))
    one.port = port
    return one


def joined(records, count=200):
    """Blocks of `count` records each."""
    records = iter(records)
    return iter(lambda: b"".join(itertools.islice(records, count)), b"")


def hello_again(peer):
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\4\xc0\x2b\0\xff" + b"\1\0"
    hello = b"\1" + struct.pack(">I", len(body))[1:] + body
    return peer.sealed(libssl.HANDSHAKE, itertools.repeat(hello))


def forever(make, *arguments):
    return (make(*arguments) for _ in itertools.count())


# Floods of what is no data, and their version of TLS.
EMPTY = {
    "key-updates": ({"version": "1.3"},
                    lambda peer: forever(peer.key_update)),
    "key-updates-to-answer": ({"version": "1.3"},
                              lambda peer: forever(peer.key_update, True)),
    "renegotiation": (TLS12, hello_again),
}


@pytest.mark.parametrize("name", EMPTY)
def test_flood_without_data_is_cut(door, questions, name):
    options, records = EMPTY[name]
    with libssl.Tls(peers.open_socket(door.port), **options) as peer:
        peer.handshake()
        flood = Flood(peer.socket, joined(records(peer)))
        questions(door.port)
        flood.wait_cut()
    [end] = [end for end in door.wait_ends(2) if end["up"] == 0]
    assert end["reason"] == "tls-failed"
    assert (end["detail"] ==
            "with the client: flood of messages without data")


def test_100000_key_updates_cost_little(relay, certs, server, free_port):
    """Many are there when the daemon looks: it goes through as many at once as
    fit into one read, and then sees what they are."""
    far = server(peers.echo)
    port = free_port()
    door = relay(configs.tls(port, far.port, certs,
                             "listen.receive_buffer = 8m"))
    with libssl.Tls(peers.open_socket(port, send_buffer=4 << 20),
                    version="1.3") as peer:
        peer.handshake()
        updates = b"".join(peer.key_update() for _ in range(100_000))
        door.signal(signal.SIGSTOP)
        try:
            before = door.cpu_seconds()
            peer.socket.sendall(updates)
            sallyport.wait_until(
                lambda: unread(peer.socket) < len(updates) - 500_000,
                "its kernel to have many")
        finally:
            door.signal(signal.SIGCONT)
        assert door.wait_ends()[0]["reason"] == "tls-failed"
        spent = door.cpu_seconds() - before
    if not sallyport.SANITIZED:
        # One costs some 7 us.
        assert spent < 0.1


def unread(sock):
    """Bytes that its peer's kernel has not taken: SIOCOUTQ of tcp(7)."""
    queued = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    return struct.unpack("i", queued)[0]


def test_key_updates_among_data_are_fine(door):
    with libssl.Tls(peers.open_socket(door.port), version="1.3") as peer:
        peer.handshake()
        for turn in range(300):
            for _ in range(9):
                peer.socket.sendall(peer.key_update(True))
                peer.send(b"x")
            peer.send(b"y")
            assert peer.recv_exactly(10) == b"xxxxxxxxxy", turn


def test_server_floods_with_hello_requests(relay, certs, server, free_port,
                                           questions):
    """The connect leg is not held either."""
    port, calm_port = free_port(), free_port()
    calm = server(peers.echo)
    cut = threading.Event()

    def nag(peer):
        with libssl.Tls(peer.socket, server=certs / "server",
                        version="1.2") as far:
            far.handshake()
            flood = Flood(far.socket, joined(forever(far.hello_request)))
            flood.wait_cut()
            cut.set()

    rude = server(nag)
    one = relay(configs.tls_out(port, rude.port, certs) +
                configs.plain(calm_port, calm.port, name="calm"))
    with peers.connect(port) as peer:
        questions(calm_port, tls=False)
        assert peer.recv() == b"" and peer.end == "reset"
    assert cut.wait(sallyport.PATIENCE)
    [end] = [end for end in one.wait_ends(2) if end["service"] == "s"]
    assert end["reason"] == "tls-failed"
    assert (end["detail"] ==
            "with the server: flood of messages without data")


def test_records_of_one_byte(relay, certs, server, free_port, questions):
    port = free_port()

    def echo_or_sink(peer):
        first = peer.recv(8)
        if first[:1] == b"x":
            return peer.receive(keep=False)
        peer.send(first)
        return peers.echo(peer)

    far = server(echo_or_sink)
    relay(configs.tls(port, far.port, certs))
    with libssl.Tls(peers.open_socket(port), version="1.3") as peer:
        peer.handshake()
        flood = Flood(peer.socket, joined(forever(peer.data, b"x")))
        questions(port)
        assert not flood.cut
        flood.stop()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("count", [1, 8])
def test_bulk(relay, certs, server, client, free_port, questions, tls,
              direction, count):
    bulk_port, port = free_port(), free_port()
    calm = server(peers.echo)
    stopped = threading.Event()

    def pour(peer):
        with contextlib.suppress(ConnectionError):
            while not stopped.is_set():
                peer.send(bytes(1 << 20))

    def drink(peer):
        while peer.recv():
            pass

    far = server(pour if direction == "down" else drink)
    make = configs.tls if tls else \
        lambda port, to, certs, **more: configs.plain(port, to, **more)
    one = relay(make(bulk_port, far.port, certs, name="bulk") +
                configs.tls(port, calm.port, certs, name="calm"))
    context = peers.client_context(certs) if tls else None
    floods = []
    for _ in range(count):
        peer = client(bulk_port, tls=context)
        floods.append(peers.in_background(
            drink if direction == "down" else pour, peer))
    questions(port)
    assert not [flood for flood in floods if flood.done()]
    stopped.set()
    one.stop(at_once=True)
    assert all(end["up"] + end["down"] > 1 << 20 for end in one.ends()
               if end["service"] == "bulk")
    for flood in floods:
        flood.result(sallyport.PATIENCE)
