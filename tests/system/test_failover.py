"""The next server is tried on any failure before a byte of the client's has
gone to one, and the line at the end names each that failed and why."""
import contextlib
import socket
import ssl
import struct

import pytest

import configs
import peers
import sallyport
from peers import is_served, shakes

pytestmark = pytest.mark.promise(49)


def resets(peer):
    """Waits for the ClientHello, and resets."""
    peer.recv(1)
    peer.reset()


def babbles(peer):
    peer.recv(1)
    peer.send(b"220 welcome, this is a mail server\r\n")


def waits(peer):
    return peer.receive()


def towards(port, certs, servers, *lines):
    """A plain service towards these TLS servers, in this order."""
    return configs.service(
        f"127.0.0.1:{port}", [f"tls://127.0.0.1:{one}" for one in servers],
        f"connect.ca = {certs}/ca.pem", *lines)


TLS_FAILURES = {
    "stranger": "not issued by a trusted CA",
    "wrong-name": "name",
    "closes": "closed",
    "resets": "reset",
    "not-tls": "server speaks SMTP or FTP, not TLS",
    "silent": "timeout.handshake",
    "not-there": "refused",
}


@pytest.mark.parametrize("kind", TLS_FAILURES)
def test_next_server_is_tried_when_tls_fails(relay, certs, server, client,
                                             free_port, kind):
    """The client notices nothing of a first server with which TLS does not
    come about, and the log says why."""
    context = peers.server_context
    handler = {"stranger": shakes(context(certs, "server-untrusted")),
               "wrong-name": shakes(context(certs, "server-wrong-name")),
               "closes": lambda peer: peer.recv(), "resets": resets,
               "not-tls": babbles, "silent": waits}.get(kind)
    first = server(handler).port if handler else free_port()
    good, port = server(peers.echo, tls=peers.server_context(certs)), free_port()
    one = relay(towards(port, certs, [first, good.port], "timeout.handshake = 2s"))
    peer = client(port)
    assert is_served(peer)
    peer.half_close()
    [end] = one.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["server"] == f"127.0.0.1:{good.port}"
    assert end["failed"].startswith(f"127.0.0.1:{first} (")
    assert TLS_FAILURES[kind] in end["failed"]


def test_silent_server_is_reset(relay, certs, server, client, free_port):
    """A server that says nothing is reset when the next one is tried."""
    first = server(lambda peer: peer.receive())
    good, port = server(peers.echo, tls=peers.server_context(certs)), free_port()
    relay(towards(port, certs, [first.port, good.port], "timeout.handshake = 300ms"))
    peer = client(port)
    assert is_served(peer)
    assert first.result().end == "reset"


@pytest.mark.promise(6)
def test_failed_server_reads_the_alert(relay, certs, server, client, free_port):
    """A server that is given up still learns why: no reset overtakes the
    alert."""
    first = server(shakes(peers.server_context(certs, "server-untrusted")))
    good, port = server(peers.echo, tls=peers.server_context(certs)), free_port()
    relay(towards(port, certs, [first.port, good.port]))
    for i in range(20):
        peer = client(port)
        assert is_served(peer)
        assert "UNKNOWN_CA" in first.result(i).upper().replace(" ", "_")


def test_log_names_each_server_that_failed(relay, certs, server, free_port):
    """Each failed server has its own reason in the log; the last one's is the
    connection's."""
    stranger = server(shakes(peers.server_context(certs, "server-untrusted")))
    closes, dead, port = server(lambda peer: None), free_port(), free_port()
    one = relay(configs.service(
        f"127.0.0.1:{port}",
        [f"tls://127.0.0.1:{stranger.port}", dead,
         f"tls://127.0.0.1:{closes.port}"], f"connect.ca = {certs}/ca.pem"))
    assert peers.connect(port).receive().end == "reset"
    [end] = one.wait_ends()
    assert end["reason"] == "handshake-failed"
    assert end["server"] == f"127.0.0.1:{closes.port}"
    first, second = end["failed"].split("; ")
    assert first.startswith(f"127.0.0.1:{stranger.port} (certificate")
    assert second == f"127.0.0.1:{dead} (refused)"


def spoils(peer):
    """After the handshake, what is no record."""
    peer.socket.sendall(b"nothing of the kind")
    peer.receive_raw_end()


@pytest.mark.parametrize("late", [False, True], ids=["handshake", "relay"])
def test_tls_failure_is_told_before_a_refusal(relay, certs, server, client,
                                              free_port, late):
    """The line is about the server that was there, as with a name of two
    addresses one of which has no server."""
    first = server(spoils, tls=peers.server_context(certs)) if late else \
        server(shakes(peers.server_context(certs, "server-untrusted")))
    port = free_port()
    one = relay(configs.service(
        f"127.0.0.1:{port}", [f"tls://127.0.0.1:{first.port}",
                              f"tls://127.0.0.1:{free_port()}"],
        f"connect.ca = {certs}/ca.pem"))
    client(port).receive()
    [end] = one.wait_ends()
    assert end["reason"] == ("tls-failed" if late else "handshake-failed")
    assert late or "not issued by a trusted CA" in end["detail"]
    assert (end["server"], end["state"]) == (
        f"127.0.0.1:{first.port}", "relay" if late else "connect-tls")
    assert "refused" in end["failed"]


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_next_server_is_tried_when_a_plain_one_ends_at_once(relay, server,
                                                            client, free_port,
                                                            how):
    """A client that waits for the server to speak first, as those of mail and
    of some databases do, meets the next server."""
    def ends(peer):
        if how == "resets":
            peer.reset()

    def speaks(peer):
        peer.send(b"220 hello\r\n")
        return peers.echo(peer)

    first, good, port = server(ends), server(speaks), free_port()
    one = relay(configs.plain(port, [first.port, good.port]))
    peer = client(port)
    assert peer.recv_exactly(11) == b"220 hello\r\n"
    peer.half_close()
    [end] = one.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["failed"].startswith(f"127.0.0.1:{first.port} (")


def test_next_server_is_tried_when_our_certificate_is_refused(
        relay, certs, server, client, free_port):
    """A server that refuses our certificate is given up, although its alert
    comes behind the handshake in TLS 1.3."""
    picky = shakes(peers.server_context(certs, client_ca="ca.pem"))
    first, port = server(picky), free_port()
    good = server(peers.source(b"hello"), tls=peers.server_context(certs))
    one = relay(towards(port, certs, [first.port, good.port]))
    peer = client(port)
    assert peer.recv_exactly(5) == b"hello"
    peer.half_close()
    [end] = one.wait_ends()
    assert "wants a client certificate: name one with connect.cert" in end["failed"]


def turns_away(context, notifies):
    """A handler that says a line right behind the handshake and ends, all of it in
    one packet with the last message and the FIN."""
    def handler(peer):
        came, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(came, out, server_side=True)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            peer.send(out.read())
            came.write(peer.recv())
        tls.write(b"421 too busy\r\n")
        if notifies:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
        with peer.at_once():
            peer.send(out.read())
            peer.fin()
        peer.receive()
    return handler


@pytest.mark.parametrize("notifies", [True, False])
def test_server_that_speaks_behind_the_handshake_is_kept(relay, certs, server,
                                                         client, free_port,
                                                         notifies):
    """A server of TLS 1.2 has the last word of the handshake, with which its
    first data and its end may come: no other server is tried then."""
    busy = turns_away(peers.server_context(certs, version="1.2"), notifies)
    first, second, port = server(busy), server(peers.echo), free_port()
    one = relay(configs.service(
        f"127.0.0.1:{port}", [f"tls://127.0.0.1:{first.port}", second.port],
        f"connect.ca = {certs}/ca.pem"))
    peer = client(port)
    assert peer.recv_exactly(14) == b"421 too busy\r\n"
    peer.close()        # without close_notify the client is reset anyway
    [end] = one.wait_ends()
    assert "failed" not in end
    assert not second.results


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_server_whose_end_was_passed_on_is_kept(relay, certs, server, client,
                                                free_port, version):
    """A server that ends with close_notify has said that there is nothing:
    what the client sends after that goes to no other one."""
    context = peers.server_context(certs, version=version)
    first = server(lambda peer: peer.half_close(), tls=context)
    second, port = server(peers.echo), free_port()
    one = relay(configs.service(
        f"127.0.0.1:{port}", [f"tls://127.0.0.1:{first.port}", second.port],
        f"connect.ca = {certs}/ca.pem"))
    peer = client(port)
    assert peer.receive().end == "fin"
    first.result()
    peer.send(b"ping")
    peer.close()
    one.wait_ends()
    assert not second.results
    assert "failed" not in one.ends()[0]


def test_server_that_had_a_byte_is_kept(relay, server, client, free_port):
    """Once a byte of the client's has gone to a server, no other may get
    it."""
    def takes_one(peer):
        peer.recv_exactly(1)
        peer.reset()

    first, second, port = server(takes_one), server(peers.echo), free_port()
    one = relay(configs.plain(port, [first.port, second.port]))
    peer = client(port)
    peer.send(b"x")
    assert peer.receive().end == "reset"
    [end] = one.wait_ends()
    assert end["reason"] == "reset-by-server"
    assert "failed" not in end
    assert not second.results


def test_last_server_may_end_at_once(relay, server, client, free_port):
    """The clean end of the last server is the client's."""
    first, second = server(lambda peer: None), server(lambda peer: None)
    port = free_port()
    one = relay(configs.plain(port, [first.port, second.port]))
    peer = client(port)
    assert peer.receive().end == "fin"
    peer.close()
    [end] = one.wait_ends()
    assert end["reason"] == "server-closed"
    assert end["server"] == f"127.0.0.1:{second.port}"


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("speaks", [b"", b"GET / HTTP/1.0\r\n\r\n"])
@pytest.mark.parametrize("state", ["connect", "connect-tls"])
def test_client_that_resets_meanwhile_is_let_go(relay, certs, server,
                                                free_port, state, speaks):
    """A client whose bytes lie unread in the kernel gives everything back as
    soon as it resets, not when a timeout ends."""
    silent = server(waits)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(peers.FullListener())
        to = full.port if state == "connect" else f"tls://127.0.0.1:{silent.port}"
        port = free_port()
        one = relay(configs.service(
            f"127.0.0.1:{port}", to, f"connect.ca = {certs}/ca.pem"
            if state != "connect" else "", "timeout.connect = 5m",
            "timeout.handshake = 5m"))
        fds = one.fds()
        peer = peers.connect(port)
        peer.send(speaks)
        if state == "connect-tls":
            silent._changed.acquire()
            silent._changed.wait_for(lambda: silent.results)
            silent._changed.release()
        _reset(peer.socket)
        [end] = one.wait_ends()
        assert (end["reason"], end["state"]) == ("reset-by-client", state)
        sallyport.wait_until(lambda: one.fds() == fds, "the descriptors back")
