"""Every timeout ends its connection, at its time, with its reason; and what
still moves is left alone."""
import contextlib
import select
import socket
import threading
import time

import pytest

import configs
import libssl
import peers
import sallyport
from peers import is_served

# Clocks that wake a timer may be a little early.
EARLY_MS = 20


def only_end(one, reason, least_ms):
    [end] = one.wait_ends(1)
    assert end["reason"] == reason, end
    assert end["duration_ms"] >= least_ms - EARLY_MS, end
    return end


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connect_timeout_ends_the_connection(relay, certs, client, free_port,
                                             tls):
    """A server that does not accept in time ends the connection at
    timeout.connect."""
    port = free_port()
    with peers.FullListener() as full:
        make = configs.tls_out if tls else \
            lambda port, to, certs, *more: configs.plain(port, to, *more)
        one = relay(make(port, full.port, certs, "timeout.connect = 300ms"))
        peer = client(port)
        assert peer.receive().end == "reset"
        end = only_end(one, "connect-timeout", 300)
    assert (end["server"], end["state"]) == \
        (f"127.0.0.1:{full.port}", "connect")


def test_connect_timeout_holds_for_a_full_unix_socket(relay, client, free_port,
                                                      tmp_path):
    """A full unix socket ends the connection at timeout.connect; a client is
    served when the queue gets room in time."""
    port = free_port()
    with peers.FullListener(tmp_path / "full") as full:
        one = relay(configs.service(f"127.0.0.1:{port}",
                                    f"unix:{tmp_path}/full",
                                    "timeout.connect = 300ms"))
        assert client(port).receive().end == "reset"
        only_end(one, "connect-timeout", 300)
        # Its queue gets room: the next client waits for that and is served.
        waiting = client(port)
        waiting.send(b"hello")
        full.socket.settimeout(sallyport.PATIENCE)
        while True:
            sock, _ = full.socket.accept()
            sock.settimeout(0.05)
            with sock, contextlib.suppress(socket.timeout):
                if sock.recv(5) == b"hello":
                    break
        waiting.close()


@pytest.mark.promise(17)
def test_handshake_timeout_ends_a_silent_client(relay, certs, server, client,
                                                free_port):
    """A silent TLS client is ended at timeout.handshake."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs,
                            "timeout.handshake = 300ms"))
    assert client(port).receive().end == "reset"
    end = only_end(one, "handshake-timeout", 300)
    assert (end["state"], end["detail"]) == ("accept-tls", "with the client")


@pytest.mark.promise(17)
def test_handshake_timeout_counts_from_the_start(relay, certs, server, client,
                                                 free_port):
    """A client that sends its handshake byte by byte gets no more time."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs,
                            "timeout.handshake = 500ms"))
    peer = client(port)
    with pytest.raises(ConnectionError):
        # A ClientHello of 16 KiB that would take minutes.
        peer.send(b"\x16\x03\x01\x3f\xff\1\0\x3f\xfb" + bytes(16379), chunk=1,
                  pause=0.02)
    end = only_end(one, "handshake-timeout", 500)
    assert end["duration_ms"] < 1000 * sallyport.PATIENCE


def test_handshake_timeout_ends_a_silent_server(relay, certs, server, client,
                                                free_port):
    """A TLS server that does not answer ends the connection at
    timeout.handshake."""
    port = free_port()
    far = server(lambda peer: peer.receive())      # never answers
    one = relay(configs.tls_out(port, far.port, certs,
                                "timeout.handshake = 300ms"))
    assert client(port).receive().end == "reset"
    end = only_end(one, "handshake-timeout", 300)
    assert (end["state"], end["detail"]) == ("connect-tls", "with the server")
    received = far.result()
    assert received.end == "reset" and received.data[:3] == b"\x16\x03\x01"


@pytest.fixture(params=["plain", "tls"])
def link(request, relay, certs, server, client, free_port):
    """link(handler, option...) is a relay and a client connected through
    it."""
    def start(handler, *options):
        port = free_port()
        far = server(handler)
        if request.param == "plain":
            one = relay(configs.plain(port, far.port, *options))
            return one, far, client(port)
        one = relay(configs.tls(port, far.port, certs, *options))
        return one, far, client(port, tls=peers.client_context(certs))
    return start


def never_end(peer):
    """Reads to the end and stays, until it is reset."""
    peer.receive()
    gone = select.poll()
    gone.register(peer.socket, 0)
    return bool(gone.poll(1000 * sallyport.PATIENCE))


def test_idle_timeout_ends_an_idle_connection(link):
    """A connection is ended at timeout.idle after its last byte, not while it
    is busy."""
    one, far, peer = link(peers.echo, "timeout.idle = 1s")
    until = time.monotonic() + 1.5
    turns = 0
    while time.monotonic() < until:     # busy for longer than the timeout
        assert is_served(peer, b"question")
        turns += 1
    assert peer.receive().end == "reset"
    end = only_end(one, "idle-timeout", 2500)
    assert end["up"] == end["down"] == 8 * turns
    assert far.result() == "reset"


def test_idle_timeout_counts_both_directions(link):
    """A connection on which one side sends is not idle."""
    stopped = threading.Event()

    def talk(peer):
        while not stopped.wait(0.1):
            peer.send(b"x")
        peer.half_close()

    one, far, peer = link(talk, "timeout.idle = 1s")
    peer.recv_exactly(20)               # two seconds
    assert not one.ends()
    stopped.set()
    while peer.recv():
        pass
    peer.half_close()
    assert one.wait_ends()[0]["reason"] == "server-closed"


def drip(end, step):
    """Does `step` ten times a second until it fails: the connection has
    ended."""
    deadline = time.monotonic() + sallyport.PATIENCE
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < deadline:
            step()
            time.sleep(0.1)
    assert end()["duration_ms"] < 1000 * sallyport.PATIENCE


@pytest.mark.promise(51)
def test_idle_timeout_ignores_half_a_record(relay, certs, server, client,
                                            free_port):
    """A client that sends one TLS record byte by byte moves no payload, and is
    ended at timeout.idle (promise 51)."""
    port, far = free_port(), server(peers.echo)
    one = relay(configs.tls(port, far.port, certs, "timeout.idle = 1s"))
    peer = client(port, tls=peers.client_context(certs))
    assert is_served(peer)
    peer.socket.sendall(b"\x17\x03\x03\x40\0")
    drip(lambda: only_end(one, "idle-timeout", 1000),
         lambda: peer.socket.sendall(b"x"))


@pytest.mark.promise(51)
@pytest.mark.parametrize("answer", [False, True])
def test_idle_timeout_ignores_key_updates(relay, certs, server, free_port,
                                          answer):
    """A client that sends KeyUpdates only is ended at timeout.idle, whether or
    not they are answered (promise 51)."""
    port, far = free_port(), server(peers.echo)
    one = relay(configs.tls(port, far.port, certs, "timeout.idle = 1s"))
    with libssl.Tls(peers.open_socket(port), version="1.3") as tls:
        tls.handshake()
        assert is_served(tls)
        drip(lambda: only_end(one, "idle-timeout", 1000),
             lambda: tls.socket.sendall(tls.key_update(answer)))


def test_half_close_timeout_ends_a_silent_server(link):
    """A half-closed connection whose server sends nothing is ended at
    timeout.half_close."""
    one, far, peer = link(never_end, "timeout.half_close = 1s")
    peer.send(b"question")
    peer.half_close()
    assert peer.receive().end == "reset"
    end = only_end(one, "half-close-timeout", 1000)
    assert end["up"] == 8
    assert far.result()


def test_half_close_timeout_waits_while_the_answer_flows(link):
    """A half-closed connection goes on while the answer flows."""
    def answer_slowly(peer):
        peer.receive()
        for _ in range(20):             # two seconds
            time.sleep(0.1)
            peer.send(b"x")
        peer.half_close()

    one, far, peer = link(answer_slowly, "timeout.half_close = 1s")
    peer.half_close()
    received = peer.receive()
    assert (received.size, received.end) == (20, peer.clean_end)
    only_end(one, "client-closed", 2000)


def test_half_close_timeout_spares_open_connections(link):
    """A connection that is not half-closed is not ended by
    timeout.half_close."""
    one, far, peer = link(peers.echo, "timeout.half_close = 1s",
                          "timeout.idle = 3s")
    assert is_served(peer)
    assert peer.receive().end == "reset"
    only_end(one, "idle-timeout", 3000)


def test_lifetime_ends_a_busy_connection(link):
    """A busy connection is ended at timeout.lifetime."""
    one, far, peer = link(peers.echo, "timeout.lifetime = 1s")
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            assert is_served(peer)
    end = only_end(one, "lifetime", 1000)
    assert end["up"] > 8
    assert far.result() == "reset"


def test_lifetime_delivers_what_was_read(link):
    """Bytes that the server sent before timeout.lifetime still arrive."""
    size = 200_000

    def send(peer):
        peer.send(peers.payload(size))
        return peer.receive().end

    one, far, peer = link(send, "timeout.lifetime = 1s")
    received = peer.receive()
    assert received.sha256 == peers.sha256(peers.payload(size))
    assert received.end == "reset"
    only_end(one, "lifetime", 1000)
    assert far.result() == "reset"


def test_lifetime_frees_the_server_of_a_blocked_client(link):
    """A client that has stopped reading does not keep the server past
    timeout.lifetime."""
    def pour(peer):
        with contextlib.suppress(ConnectionError):
            while True:
                peer.send(bytes(1 << 20))

    one, far, peer = link(pour, "timeout.lifetime = 1s")
    far.result()
    # Bounded by drain_timeout the client may still take what was read.
    assert not one.ends()
    assert peer.receive(keep=False).size > 0
    only_end(one, "lifetime", 1000)
