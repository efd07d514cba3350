"""Every timeout ends its connection, at its time, with its reason; and what
still moves is left alone."""
import contextlib
import select
import socket
import threading
import time

import pytest

import configs
import peers
import sallyport

# Clocks that wake a timer may be a little early.
EARLY_MS = 20


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def only_end(one, reason, least_ms):
    [end] = one.wait_ends(1)
    assert end["reason"] == reason, end
    assert end["duration_ms"] >= least_ms - EARLY_MS, end
    return end


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connect(relay, certs, client, free_port, tls):
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


def test_connect_to_a_full_unix_socket(relay, client, free_port, tmp_path):
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


def test_handshake_with_the_client(relay, certs, server, client, free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs,
                            "timeout.handshake = 300ms"))
    assert client(port).receive().end == "reset"
    end = only_end(one, "handshake-timeout", 300)
    assert (end["state"], end["detail"]) == ("accept-tls", "with the client")


def test_handshake_drop_by_drop(relay, certs, server, client, free_port):
    """Bytes that come do not make the time longer."""
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


def test_handshake_with_the_server(relay, certs, server, client, free_port):
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


def test_idle(link):
    one, far, peer = link(peers.echo, "timeout.idle = 1s")
    until = time.monotonic() + 1.5
    turns = 0
    while time.monotonic() < until:     # busy for longer than the timeout
        assert asks(peer)
        turns += 1
    assert peer.receive().end == "reset"
    end = only_end(one, "idle-timeout", 2500)
    assert end["up"] == end["down"] == 8 * turns
    assert far.result() == "reset"


def test_idle_in_one_direction_is_not_idle(link):
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


def test_half_close(link):
    one, far, peer = link(never_end, "timeout.half_close = 1s")
    peer.send(b"question")
    peer.half_close()
    assert peer.receive().end == "reset"
    end = only_end(one, "half-close-timeout", 1000)
    assert end["up"] == 8
    assert far.result()


def test_half_close_waits_while_the_answer_flows(link):
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


def test_half_close_is_not_idle(link):
    """A connection that is whole is not ended by timeout.half_close."""
    one, far, peer = link(peers.echo, "timeout.half_close = 1s",
                          "timeout.idle = 3s")
    assert asks(peer)
    assert peer.receive().end == "reset"
    only_end(one, "idle-timeout", 3000)


def test_lifetime_ends_the_busy(link):
    one, far, peer = link(peers.echo, "timeout.lifetime = 1s")
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            assert asks(peer)
    end = only_end(one, "lifetime", 1000)
    assert end["up"] > 8
    assert far.result() == "reset"


def test_lifetime_delivers_what_was_read(link):
    """What the far side sent before the end still arrives."""
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


def test_lifetime_of_a_blocked_connection(link):
    """A reader that has stopped does not keep the server."""
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
