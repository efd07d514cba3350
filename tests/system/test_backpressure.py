"""A reader that stops holds up the side that sends to it, and costs one
bounded buffer; a slow reader gets every byte."""
import pytest

import figures
import peers
from pairs import KINDS
from sallyport import SANITIZED, wait_until

# What the relay holds for a direction that is blocked: one read, as records.
BLOCKED_KIB = 300
# OpenSSL, its records and the allocator, for a connection that has moved.
CONNECTION_KIB = 100

STUCK = 10
BUFFERS = "".join(f"{leg}.{which}_buffer = 64k\n"
                  for leg in ("listen", "connect")
                  for which in ("receive", "send"))
# All that the kernel can hold between two peers whose buffers are that small:
# it doubles what it is asked for (socket(7)), at four sockets.
KERNEL = 8 * 2 * (64 << 10)

LEGS = [("plain", "plain"), ("plain", "1.3"), ("1.2", "plain"),
        ("1.3", "plain"), ("1.3", "1.3")]
SIZE = (8 << 20) if SANITIZED else (32 << 20)


def stuck_pair(pair, listen, connect, near, options=""):
    """The far side sends SIZE bytes to a near side that does not read."""
    it = pair(listen, connect, options=BUFFERS + options,
              receive_buffer=64 << 10, send_buffer=64 << 10)
    here, there = it.sides(near)
    sending = peers.in_background(there.send, peers.blocks(SIZE))
    wait_until(lambda: it.is_held_up(there), "the sender to be held up")
    assert not sending.done()
    return it, here, there, sending


@pytest.mark.promise(18)
@pytest.mark.parametrize("near", ["client", "server"])
@pytest.mark.parametrize("listen,connect", LEGS)
def test_stopped_reader_closes_the_sources_window(pair, listen, connect, near):
    """A sender is held up while its reader has stopped, and its bytes arrive
    when the reader goes on."""
    it, here, there, sending = stuck_pair(pair, listen, connect, near)
    # What is on its way at first is no business of its own making.
    wait_until(lambda: it.relay.is_idle(0.3), "rest: it is busy with nothing")
    # The kernel may still find room for some bytes by itself.
    assert there.acknowledged()[1] < KERNEL + (BLOCKED_KIB << 10)
    assert not sending.done()
    # ... and it all comes when the reader goes on.
    arriving = here.receive_later(keep=False)
    sending.result()
    there.half_close()
    got = arriving.result()
    assert got.size == SIZE
    assert got.sha256 == peers.sha256(peers.blocks(SIZE))
    assert got.end == here.clean_end


@pytest.mark.promise(18)
@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="its allocator keeps what is freed")
@pytest.mark.parametrize("splice", ["auto", "never"])
@pytest.mark.parametrize("kind", KINDS)
def test_stopped_reader_costs_a_bounded_buffer(relay, server, client, certs,
                                               kind, splice, free_port):
    """Each stopped reader costs one bounded buffer, and other connections move
    on."""
    far = server(peers.source(b"".join(peers.blocks(SIZE))))
    port = free_port()
    listen = "127.0.0.1" if kind == "plain" else "tls://127.0.0.1"
    cert = "" if kind == "plain" else f"listen.cert = {certs}/server-both.pem\n"
    it = relay(f"[service pair]\nlisten = {listen}:{port}\n{cert}"
               f"connect = 127.0.0.1:{far.port}\nsplice = {splice}\n{BUFFERS}")
    tls = None if kind == "plain" else peers.client_context(certs,
                                                            version=kind)
    warm = client(port, tls=tls)
    warm.half_close()
    assert warm.receive(keep=False).size == SIZE
    before = it.memory_kib()
    stopped = [client(port, tls=tls, receive_buffer=64 << 10)
               for _ in range(STUCK)]
    wait_until(it.is_idle, "all to be blocked")
    grown = (it.memory_kib() - before) / STUCK
    figures.tell(f"{grown:.0f} KiB for each stopped reader")
    assert grown < BLOCKED_KIB + CONNECTION_KIB
    # Others move on meanwhile.
    other = client(port, tls=tls)
    other.half_close()
    assert other.receive(keep=False).size == SIZE
    for one in stopped:
        one.half_close()
        got = one.receive(keep=False)
        assert got.sha256 == peers.sha256(peers.blocks(SIZE))
        one.close()


@pytest.mark.promise(1)
@pytest.mark.parametrize("listen,connect", LEGS)
def test_slow_reader_gets_every_byte(pair, listen, connect):
    """A reader that takes little at a time gets every byte and the end."""
    size = SIZE // 4
    it = pair(listen, connect, options=BUFFERS, receive_buffer=64 << 10)
    sending = peers.in_background(it.server.send, peers.blocks(size))
    got = it.client.receive_later(keep=False, pace=2 * size, chunk=1009)
    sending.result()
    it.server.half_close()
    result = got.result()
    assert (result.size, result.end) == (size, it.client.clean_end)
    assert result.sha256 == peers.sha256(peers.blocks(size))
