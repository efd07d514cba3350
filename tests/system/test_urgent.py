"""TCP's urgent data (MSG_OOB) is data like any other: a peer gets every byte in
order, and no worker is kept busy by it.  Promise 44."""
import socket

import pytest

import configs
import peers
from sallyport import wait_until

pytestmark = pytest.mark.promise(44)

BULK = 8 << 20
TAIL = b"b" * 1000

KINDS = ["plain", "1.2", "1.3"]


def send_urgent(peer, data):
    """Sends `data`; the last byte that leaves is urgent."""
    if not peer.tls:
        peer.socket.sendall(data[:-1])
        peer.socket.send(data[-1:], socket.MSG_OOB)
        return
    peer.ssl.write(data)
    records = peer._out.read()
    peer.socket.sendall(records[:-1])
    peer.socket.send(records[-1:], socket.MSG_OOB)


def check(relay, here, there, size, ends):
    """`size` bytes, the last of them urgent, some more, and perhaps an end."""
    data = b"a" * (size - 1) + b"X"
    got = peers.in_background(there.recv_exactly, size + len(TAIL))
    send_urgent(here, data)
    here.send(TAIL)
    if ends:
        here.half_close()
    assert got.result() == data + TAIL
    if ends:
        assert (there.receive().size, there.end) == (0, there.clean_end)
    wait_until(relay.is_idle, "the worker to have nothing to do")


@pytest.mark.parametrize("ends", [False, True], ids=["open", "fin"])
@pytest.mark.parametrize("splice", ["auto", "never"])
@pytest.mark.parametrize("near", ["client", "server"])
def test_urgent_byte_behind_bulk_arrives_in_order(pair, near, splice, ends):
    """An urgent byte behind megabytes of data arrives in its place, copied or
    spliced."""
    it = pair("plain", "plain", options=f"splice = {splice}\n")
    here, there = it.sides(near)
    check(it.relay, here, there, BULK, False)
    assert it.relay.has_spliced() == (splice == "auto")
    check(it.relay, here, there, BULK, ends)


@pytest.mark.parametrize("near", ["client", "server"])
@pytest.mark.parametrize("kind", KINDS)
def test_urgent_byte_alone_arrives(pair, kind, near):
    """An urgent byte that comes alone arrives, and keeps no worker busy."""
    it = pair(kind, "1.3" if near == "server" else "plain")
    here, there = it.sides(near)
    check(it.relay, here, there, 1, False)
    check(it.relay, here, there, 1, True)


def test_urgent_byte_of_a_unix_socket_arrives(relay, server, client, tmp_path):
    """An urgent byte of a unix socket, which has them since Linux 5.15,
    arrives."""
    left, right = socket.socketpair()
    with left, right:
        try:
            left.send(b"x", socket.MSG_OOB)
        except OSError:
            pytest.skip("this kernel's unix sockets know no urgent data")
    server(peers.echo, path=tmp_path / "far")
    one = relay(configs.service(f"unix:{tmp_path}/here",
                                f"unix:{tmp_path}/far"))
    peer = client(tmp_path / "here")
    check(one, peer, peer, 1, False)
    check(one, peer, peer, BULK // 8, True)
