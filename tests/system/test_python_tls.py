"""Odd peers, made with Python's ssl: bytes one by one, tiny buffers, sizes and
cuts by chance; every byte compared at the other end."""
import math
import os
import random
import ssl

import pytest

import peers
import sallyport

ROLES = ["listen", "connect"]
VERSIONS = ["1.2", "1.3"]
LARGEST = 50_000_000
SEED = int(os.environ.get("TRANSFER_SEED", "0")) or random.randrange(1, 1 << 30)


@pytest.fixture
def link(relay, server, client, certs, free_port):
    """link(role, version, handler, lines=..., **options): TLS in that role, or
    in "both" or "neither", between an own client and an own server; returns
    the client's connect and the server.  `options` are of both peers."""
    def start(role, version, handler, lines="", server_options=None):
        port = free_port()
        listens, accepts = role in ("listen", "both"), role in (
            "connect", "both")
        far = server(handler, tls=peers.server_context(certs, version=version)
                     if accepts else None, **(server_options or {}))
        through = relay(f"""
[service odd]
listen = {"tls" if listens else "tcp"}://127.0.0.1:{port}
connect = {"tls" if accepts else "tcp"}://localhost:{far.port}
{lines}
""" + (f"listen.cert = {certs}/server-both.pem\n" if listens else "")
            + (f"connect.ca = {certs}/ca.pem\n" if accepts else ""))
        context = peers.client_context(certs, version=version) \
            if listens else None
        return (lambda **options: client(port, tls=context, **options),
                far, through)
    return start


def both(test):
    test = pytest.mark.parametrize("version", VERSIONS)(test)
    return pytest.mark.parametrize("role", ROLES)(test)


def cut(data, chance):
    """`data` in pieces of sizes by chance: bytes, primes, records, lots."""
    start = 0
    while start < len(data):
        size = chance.choice((1, 2, 13, 1009, 16383, 16384, 16385, 65537,
                              chance.randrange(1, 1 << chance.randrange(1, 19))
                              ))
        yield data[start:start + size]
        start += size


# Transfers.

# SO_SNDBUF and SO_RCVBUF.  With smaller ones and both directions busy the
# kernel drops what it has no room for, and TCP waits for its timeouts.
BUFFERS = [None, 1_000_000, 30_000, 8192]
# The relay's buffers, and the most that goes through them: through small ones it
# takes a while.
LITTLE = 2_000_000
CASES = [("", LARGEST), ("64k", LARGEST // 5), ("8k", LITTLE)]
EACH = 3 if sallyport.SANITIZED else 7


def sizes(largest, number, dice):
    """How much goes up and down: one byte, and the most, among others."""
    if number < 2:
        return ((1, largest), (largest, 1))[number]
    return tuple(int(math.exp(dice.uniform(0, math.log(largest))))
                 for _ in range(2))


def buffers(size):
    """Options that give all sockets of the relay buffers of this size."""
    return "".join(f"{leg}.{buffer}_buffer = {size}\n"
                   for leg in ("listen", "connect")
                   for buffer in ("receive", "send") if size)


def respond(peer):
    """Says what it got: the seed of this transfer, how much was to come, and
    what came."""
    seed, up_size, down_size = (
        int(word) for word in peer.recv_exactly(30).split())
    got = peer.receive_later(keep=False)
    peer.send(cut(peers.payload(down_size, seed + 1), random.Random(seed)))
    peer.half_close()
    return seed, up_size, got.result()


def transfer(connect, seed, number, largest):
    dice = random.Random(seed)
    up_size, down_size = sizes(largest, number, dice)
    buffers = BUFFERS if max(up_size, down_size) <= LITTLE else BUFFERS[:2]
    near = connect(receive_buffer=dice.choice(buffers),
                   send_buffer=dice.choice(buffers))
    near.send(b"%10d%10d%10d" % (seed, up_size, down_size))
    got = near.receive_later(keep=False)
    near.send(cut(peers.payload(up_size, seed), dice))
    near.half_close()
    down = got.result()
    assert (down.size, down.end) == (down_size, near.clean_end), seed
    assert down.sha256 == peers.sha256(peers.payload(down_size, seed + 1))
    near.close()


@pytest.mark.promise(1)
@pytest.mark.slow
@pytest.mark.parametrize("role,version", [
    *((role, version) for role in (*ROLES, "both") for version in VERSIONS),
    ("neither", None)])
def test_transfers_of_any_size_arrive_whole(link, role, version):
    """Transfers both ways at once, from 1 B to 50 MB, arrive whole with small
    and large socket buffers of relay and peers."""
    print(f"TRANSFER_SEED={SEED}")
    chance = random.Random(f"{SEED} {role} {version}")
    for relay_buffer, largest in CASES:
        connect, far, _ = link(role, version, respond, buffers(relay_buffer))
        for number in range(EACH):
            seed = chance.randrange(1, 1 << 30)
            transfer(connect, seed, number, largest)
            got_seed, up_size, up = far.result(number)
            assert got_seed == seed
            assert up.size == up_size
            assert up.sha256 == peers.sha256(peers.payload(up_size, seed))


@pytest.mark.promise(1)
@both
@pytest.mark.slow
def test_large_transfers_arrive_whole(link, role, version):
    """Transfers of 50 MB each way, one after the other, arrive whole, and the
    log counts every byte."""
    def respond(peer):
        got = peer.receive(keep=False)
        peer.send(peers.blocks(LARGEST, seed=2))
        peer.half_close()
        return got

    connect, far, through = link(role, version, respond)
    near = connect()
    near.send(peers.blocks(LARGEST), chunk=999_983)
    near.half_close()
    down = near.receive(keep=False)
    up = far.result()
    assert (up.size, down.size) == (LARGEST, LARGEST)
    assert up.sha256 == peers.sha256(peers.blocks(LARGEST))
    assert down.sha256 == peers.sha256(peers.blocks(LARGEST, seed=2))
    end, = through.wait_ends()
    assert (end["up"], end["down"]) == (LARGEST, LARGEST)


@pytest.mark.promise(1)
@both
@pytest.mark.parametrize("size,chunk", [
    (3000, 1), (50_021, 7), (300_007, 127), (1_000_003, 16_381)])
def test_writes_of_any_length_arrive_whole(link, role, version, size, chunk):
    """Bytes that a client writes one by one, or in pieces of odd lengths, come
    back whole."""
    connect, far, _ = link(role, version, peers.echo)
    near = connect()
    got = near.receive_later()
    data = peers.payload(size)
    near.send(data, chunk=chunk)
    near.half_close()
    assert got.result().data == data
    assert got.result().end == near.clean_end


@pytest.mark.promise(1)
@both
def test_tiny_buffers_lose_nothing(link, role, version):
    """Transfers arrive whole with the smallest buffers that the kernel
    gives."""
    tiny = {"receive_buffer": 1, "send_buffer": 1}
    size = 200_003
    down = peers.payload(size, seed=2)
    connect, far, _ = link(role, version, peers.answer(down), buffers("4k"),
                           tiny)
    near = connect(**tiny)
    near.send(peers.payload(size))
    near.half_close()
    assert near.receive(keep=False).sha256 == peers.sha256(down)
    assert far.result().data == peers.payload(size)


# Endings.

@pytest.mark.promise(2)
@both
@pytest.mark.parametrize("pause", [False, True])
def test_answer_after_half_close_arrives_whole(link, role, version, pause):
    """An answer of 1 MB that begins after the client's end arrives whole,
    whether the client reads at once or later."""
    data = peers.payload(1 << 20)
    connect, far, through = link(role, version, peers.answer(data))
    near = connect()
    near.send(b"question")
    near.half_close()
    if pause:
        assert far.result().data == b"question"
    got = near.receive()
    assert (got.sha256, got.end) == (peers.sha256(data), near.clean_end)
    assert far.result().data == b"question"
    end, = through.wait_ends()
    assert (end["reason"], end["down"]) == ("client-closed", 1 << 20)


@pytest.mark.promise(4)
@both
@pytest.mark.parametrize("attempt", range(3))
def test_client_that_only_writes_loses_nothing(link, role, version, attempt):
    """A client that never reads, writes 8 MiB and closes loses nothing: unread
    tickets would turn its end into a reset."""
    size = 8 << 20
    connect, far, through = link(role, version, peers.sink)
    near = connect()
    near.send(peers.blocks(size))
    if near.tls:
        near.close_notify()
    near.close()
    got = far.result()
    assert got.size == size
    assert got.sha256 == peers.sha256(peers.blocks(size))
    assert got.end == ("fin" if role == "listen" else "close_notify")
    end, = through.wait_ends()
    assert (end["reason"], end["up"]) == ("client-closed", size)


# Alerts.

def read_alert(near):
    with pytest.raises(ssl.SSLError) as problem:
        near.handshake()
        raise (near.receive().error or AssertionError(near.end))
    return str(problem.value)


@pytest.fixture
def acceptor(relay, server, certs, free_port):
    """A TLS listener with these options; near(context) is a peer that has not
    shaken hands yet."""
    def start(lines):
        port, far = free_port(), server(peers.echo)
        through = relay(f"""
[service strict]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
connect = 127.0.0.1:{far.port}
{lines}
""")
        return through, lambda context: peers.TlsPeer(
            peers.open_socket(port), context, "localhost")
    return start


ALERTS = {
    "certificate": ("listen.verify = required\nlisten.ca = {certs}/ca.pem",
                    {"version": "1.3"}, "alert certificate required"),
    "certificate in 1.2": (
        "listen.verify = required\nlisten.ca = {certs}/ca.pem",
        {"version": "1.2"}, "alert handshake failure"),
    "wrong CA": ("listen.verify = required\nlisten.ca = {certs}/ca.pem",
                 {"name": "client-untrusted"}, "alert unknown ca"),
    "expired": ("listen.verify = required\nlisten.ca = {certs}/ca.pem",
                {"name": "client-expired"},
                "alert certificate expired"),
    "version": ("listen.min_version = 1.3", {"version": "1.2"},
                "alert protocol version"),
    "cipher": ("listen.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256",
               {"version": "1.2", "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"},
               "alert handshake failure"),
    "protocol": ("listen.alpn = h2", {"alpn": ["http/1.1"]},
                 "alert no application protocol"),
}


@pytest.mark.promise(6)
@pytest.mark.parametrize("case", ALERTS)
def test_alert_arrives_before_the_end(acceptor, certs, case):
    """A client whose handshake fails reads the alert that says why, and then a
    FIN."""
    lines, options, words = ALERTS[case]
    through, near = acceptor(lines.format(certs=certs))
    with near(peers.client_context(certs, **options)) as peer:
        assert words in read_alert(peer)
        assert peer.receive_raw_end() == "fin"
    assert through.wait_ends()[0]["reason"] == "handshake-failed"


@pytest.mark.promise(6)
def test_alert_arrives_although_the_client_sends_on(acceptor, certs):
    """A refused TLS 1.3 client that goes on sending reads the alert; no reset
    swallows it."""
    through, near = acceptor(f"listen.verify = required\n"
                             f"listen.ca = {certs}/ca.pem")
    with near(peers.client_context(certs, version="1.3")) as peer:
        peer.handshake()
        peer.send(peers.payload(100_000), chunk=5000, pause=0.005)
        assert "alert certificate required" in read_alert(peer)
        assert peer.receive_raw_end() == "fin"
