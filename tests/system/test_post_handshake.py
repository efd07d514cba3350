"""Servers that ask for a certificate only when they know what the client wants,
as Apache and IIS do on TLS 1.3, get it; renegotiation, which was used for that
before, is refused, and the log says so."""
import pytest

import configs
import libssl
import openssl
import peers

KEEPERS = ["on", "off"]
SIZE = 3 << 20


def asking_later(certs):
    context = peers.server_context(certs, version="1.3", client_ca="ca.pem")
    context.post_handshake_auth = True
    return context


def show(certs, name="client"):
    return [f"connect.cert = {certs}/{name}.pem",
            f"connect.key = {certs}/{name}.key"]


def name_of(peer):
    shown = peer.ssl.getpeercert()
    return dict(pair for part in shown["subject"] for pair in part) \
        if shown else None


def start(relay, port, far, certs, keeper, *lines):
    return relay(configs.settings(f"keeper = {keeper}", "workers = 1") +
                 configs.tls_out(port, far.port, certs, *lines))


@pytest.mark.parametrize("keeper", KEEPERS)
def test_certificate_is_shown_after_the_handshake(relay, server, certs,
                                                  free_port, keeper):
    """A server gets our certificate when it asks after the handshake, twice on
    one connection."""
    def ask(peer):
        names = []
        for _ in range(2):
            assert peer.recv_exactly(5) == b"hello"
            peer.ssl.verify_client_post_handshake()
            peer.send(b"who?!")
            assert peer.recv_exactly(5) == b"me..."
            names.append(name_of(peer))
            peer.send(b"fine.")
        peer.half_close()
        return names

    port, far = free_port(), server(ask, tls=asking_later(certs))
    one = start(relay, port, far, certs, keeper, *show(certs))
    with peers.connect(port) as peer:
        for _ in range(2):
            peer.send(b"hello")
            assert peer.recv_exactly(5) == b"who?!"
            peer.send(b"me...")
            assert peer.recv_exactly(5) == b"fine."
        assert peer.recv() == b""
    names = far.result(0)
    assert [name["commonName"] for name in names] == ["client", "client"]
    assert one.wait_ends(1)[0]["reason"] == "server-closed"


@pytest.mark.parametrize("keeper", KEEPERS)
def test_bytes_flow_around_a_late_request(relay, server, certs, free_port,
                                          keeper):
    """Bytes that a client sends while the server asks for our certificate
    wait, and arrive whole."""
    data = peers.payload(SIZE)

    def ask(peer):
        got = peer.recv_exactly(SIZE // 3)
        peer.ssl.verify_client_post_handshake()
        peer.send(got)
        got += peer.recv_exactly(SIZE - len(got))
        peer.send(got[SIZE // 3:])
        # The certificate comes when it has been signed for, between data.
        while peer.recv_exactly(1) and name_of(peer) is None:
            peer.send(b"?")
        peer.send(b".")
        return got == data and name_of(peer)["commonName"]

    port, far = free_port(), server(ask, tls=asking_later(certs))
    start(relay, port, far, certs, keeper, *show(certs))
    with peers.connect(port) as peer:
        sent = peers.in_background(peer.send, data)
        assert peer.recv_exactly(SIZE) == data
        sent.result(peers.PATIENCE)
        peer.send(b"?")
        while peer.recv_exactly(1) == b"?":
            peer.send(b"?")
    assert far.result(0) == "client"


def test_late_request_is_not_offered_without_a_certificate(relay, server,
                                                           certs, free_port):
    """A server cannot ask after the handshake where no certificate is
    configured."""
    def ask(peer):
        peer.recv_exactly(5)
        try:
            peer.ssl.verify_client_post_handshake()
        except OSError as error:
            return str(error)

    port, far = free_port(), server(ask, tls=asking_later(certs))
    start(relay, port, far, certs, "on")
    with peers.connect(port) as peer:
        peer.send(b"hello")
        peer.recv()
    assert "EXTENSION_NOT_RECEIVED" in far.result(0)


@pytest.mark.promise(15)
@pytest.mark.parametrize("keeper", KEEPERS)
def test_flood_of_late_requests_is_cut(relay, server, certs, free_port,
                                       keeper):
    """A server that asks for our certificate without end, each time for a
    signature, is cut off."""
    def ask(peer):
        try:
            for _ in range(1000):
                peer.ssl.verify_client_post_handshake()
                peer.ssl.do_handshake()
                peer._flush()
                peer._fill(peer._decrypt)
        except OSError:
            return True

    port, far = free_port(), server(ask, tls=asking_later(certs))
    one = start(relay, port, far, certs, keeper, *show(certs))
    with peers.connect(port) as peer:
        peer.recv()
    end = one.wait_ends(1)[0]
    assert end["reason"] == "tls-failed"
    assert "flood of messages without data" in end["detail"]
    far.result(0)


REFUSED = "asked to renegotiate, which is refused"


@pytest.mark.promise(13)
def test_log_says_that_a_server_renegotiates(relay, certs, free_port):
    """The log says that a server asked to renegotiate, which is refused."""
    port = free_port()
    with openssl.Server("-tls1_2", "-cert", certs / "server.pem", "-key",
                        certs / "server.key") as far:
        one = start(relay, port, far, certs, "on")
        with peers.connect(port) as peer:
            peer.send(b"hello\n")
            far.expect("hello")
            far.say("R")
            peer.recv()
        end = one.wait_ends(1)[0]
    assert f"with the server: {REFUSED}" in end["detail"]


@pytest.mark.parametrize("how", ["close_notify", "fin"])
def test_log_says_so_when_the_refused_server_gives_up(relay, server, certs,
                                                      free_port, how):
    """The log says so however a server ends whose renegotiation was
    refused."""
    def ask(peer):
        with libssl.Tls(peer.socket, server=certs / "server",
                        version="1.2") as far:
            far.handshake()
            assert far.recv_exactly(5) == b"hello"
            peer.socket.sendall(far.hello_request())
            peer.socket.recv(peers.CHUNK)       # no_renegotiation
            if how == "close_notify":
                peer.socket.sendall(far.close_notify())

    port, far = free_port(), server(ask)
    one = start(relay, port, far, certs, "on")
    with peers.connect(port) as peer:
        peer.send(b"hello")
        peer.recv()
    end = one.wait_ends(1)[0]
    assert f"with the server: {REFUSED}" in end["detail"]
