"""A client, two relays with mutual TLS between them, and a server: what goes
in at one end comes out at the other, the ending included."""
import threading

import pytest

import peers
from sallyport import PATIENCE
from tunnel import Tunnel

SIZE = 20 << 20
VERSIONS = ["1.2", "1.3"]


@pytest.fixture
def tunnel(relay, certs):
    def start(far, version="1.3"):
        return Tunnel(relay, certs, f"127.0.0.1:{far.port}",
                      near_lines=f"connect.max_version = {version}")
    return start


@pytest.mark.promise(1)
@pytest.mark.parametrize("version", VERSIONS)
def test_tunnel_carries_both_ways_at_once(tunnel, server, client, version):
    """20 MB come back whole through two relays while more is sent."""
    far = server(peers.echo)
    way = tunnel(far, version)
    near = client(way.port)
    got = near.receive_later(keep=False)
    near.send(peers.blocks(SIZE))
    near.half_close()
    assert got.result().sha256 == peers.sha256(peers.blocks(SIZE))
    assert got.result().end == "fin"
    for ends in way.wait_ends():
        assert len(ends) == 1
        assert ends[0]["reason"] == "client-closed"
        assert ends[0]["up"] == ends[0]["down"] == SIZE
    near_end, = way.near.ends()
    far_end, = way.far.ends()
    assert near_end["connect_tls"] == far_end["listen_tls"] == f"TLSv{version}"
    assert near_end["connect_cipher"] == far_end["listen_cipher"]


@pytest.mark.promise(3)
@pytest.mark.parametrize("version", VERSIONS)
def test_tunnel_carries_a_reset_of_the_client(tunnel, server, client, version):
    """A client's reset reaches the server as a reset, behind all that was
    sent."""
    arrived = threading.Event()

    def take(peer):
        peer.recv_exactly(100_000)
        arrived.set()
        return peer.receive()

    far = server(take)
    way = tunnel(far, version)
    near = client(way.port)
    near.send(peers.payload(100_000))
    assert arrived.wait(PATIENCE)
    near.reset()
    assert far.result().end == "reset"
    for ends in way.wait_ends():
        assert ends[0]["reason"] == "reset-by-client"
        assert ends[0]["up"] == 100_000


@pytest.mark.promise(3)
@pytest.mark.parametrize("version", VERSIONS)
def test_tunnel_carries_a_reset_of_the_server(tunnel, server, client, version):
    """A server's reset reaches the client as a reset."""
    def cut(peer):
        peer.recv_exactly(5)
        peer.reset()

    far = server(cut)
    way = tunnel(far, version)
    near = client(way.port)
    near.send(b"hello")
    assert near.receive().end == "reset"
    far.result()
    for ends in way.wait_ends():
        assert ends[0]["reason"] == "reset-by-server"


@pytest.mark.promise(2)
def test_tunnel_carries_an_answer_behind_a_half_close(tunnel, server, client):
    """An answer of 1 MB arrives whole after the client has ended its side."""
    data = peers.payload(1 << 20)
    far = server(peers.answer(data))
    way = tunnel(far)
    near = client(way.port)
    near.send(b"question")
    near.half_close()
    got = near.receive()
    assert (got.sha256, got.end) == (peers.sha256(data), "fin")
    assert far.result().data == b"question"


@pytest.mark.promise(1)
def test_tunnel_carries_many_connections_at_once(tunnel, server, client):
    """Each of 40 clients gets its own bytes back, however they are mixed."""
    far = server(peers.echo)
    way = tunnel(far)
    count, size = 40, 500_000
    nears = [client(way.port) for _ in range(count)]
    gots = [near.receive_later(keep=False) for near in nears]
    for index, near in enumerate(nears):
        peers.in_background(send_and_end, near, index, size)
    for index, got in enumerate(gots):
        assert got.result().sha256 == \
            peers.sha256(peers.payload(size, seed=index))
    near_ends, far_ends = way.wait_ends(count)
    assert {end["reason"] for end in near_ends + far_ends} == {"client-closed"}


def send_and_end(near, index, size):
    near.send(peers.payload(size, seed=index), chunk=1009)
    near.half_close()
