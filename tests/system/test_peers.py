"""The measuring instrument is true: peers that speak to each other directly
tell the ways of ending apart, and carry bytes and sizes exactly."""
import ssl

import pytest

import peers

KINDS = ["plain", "1.2", "1.3"]


def contexts(certs, kind):
    if kind == "plain":
        return None, None
    return (peers.server_context(certs, version=kind),
            peers.client_context(certs, version=kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending,plain_end,tls_end", [
    ("half_close", "fin", "close_notify"),
    ("close_notify", None, "close_notify"),
    ("fin", "fin", "fin"),
    ("reset", "reset", "reset"),
])
def test_peer_tells_endings_apart(certs, server, client, kind, ending,
                                  plain_end, tls_end):
    """A test's peer reports each way of ending as what it was."""
    want = plain_end if kind == "plain" else tls_end
    if want is None:
        pytest.skip("plain has no close_notify")
    accept, connect = contexts(certs, kind)

    def greet(peer):
        peer.send(b"hello")
        return peer.receive()

    far = server(greet, tls=accept)
    near = client(far.port, tls=connect)
    near.recv_exactly(5)
    near.send(b"hello")
    getattr(near, ending)()
    assert far.result().end == want


@pytest.mark.parametrize("kind", KINDS)
def test_peer_receives_after_half_close(certs, server, client, kind):
    """An answer that is sent after the client's end arrives whole."""
    accept, connect = contexts(certs, kind)
    data = peers.payload(3 << 20)
    far = server(peers.answer(data), tls=accept)
    near = client(far.port, tls=connect)
    near.send(b"question")
    near.half_close()
    got = near.receive()
    assert (got.sha256, got.end) == (peers.sha256(data), near.clean_end)
    assert far.result().data == b"question"


@pytest.mark.parametrize("kind", KINDS)
def test_half_close_keeps_arrived_bytes(certs, server, client, kind):
    """A peer's own half-close loses no byte that had arrived."""
    accept, connect = contexts(certs, kind)
    data = peers.payload(100_000)
    far = server(peers.source(data), tls=accept)
    near = client(far.port, tls=connect)
    first = near.recv_exactly(10)
    near.half_close()
    assert first + near.receive().data == data
    assert far.result().size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_peer_sends_and_receives_at_once(certs, server, client, kind):
    """A peer sends in one thread and receives in another, without losing a
    byte."""
    accept, connect = contexts(certs, kind)
    far = server(peers.echo, tls=accept)
    near = client(far.port, tls=connect)
    got = near.receive_later(keep=False)
    size = 20 << 20
    near.send(peers.blocks(size), chunk=10007)
    near.half_close()
    assert got.result().sha256 == peers.sha256(peers.blocks(size))
    assert got.result().size == size


def test_peer_refuses_an_untrusted_server(certs, server):
    """A test's client refuses a server that its authority has not signed."""
    far = server(peers.echo, tls=peers.server_context(certs, "server-untrusted"))
    with pytest.raises(ssl.SSLCertVerificationError):
        peers.connect(far.port, tls=peers.client_context(certs))
    with pytest.raises(ssl.SSLError):
        far.result()
