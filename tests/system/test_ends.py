"""An end is passed on as what it was, whoever ends, in every combination of
legs, while the other direction is full: bytes, ends and reasons compared."""
import functools
import itertools
import time

import pytest

import peers
from pairs import KINDS
from sallyport import SANITIZED, wait_until

# Sanitized code moves bytes at a fraction of the speed, so that each pair of
# legs has all of them once only; and fewer would all wait in the kernel if its
# buffers were as large as usual.
FULL = 64 << 20
QUEUED = (8 << 20) if SANITIZED else FULL
BUFFER = 128 << 10
OPTIONS = "".join(f"{leg}.{which}_buffer = {BUFFER}\n"
                  for leg in ("listen", "connect")
                  for which in ("receive", "send"))

HEAD = peers.payload(300_007)

LEGS = [(listen, connect) for listen in KINDS for connect in KINDS
        if listen == "plain" or connect in ("plain", "1.3")]


@functools.cache
def queued(size):
    """What waits the other way, and its digest."""
    data = list(peers.blocks(size, seed=7))
    return data, peers.sha256(data)


def start(pair, near, listen, connect, options="", ends=True, globals_="",
          size=QUEUED):
    """A pair whose near side does not read, so that the far side's sending is
    stuck; behind it, it may end.  Returns the pair, both sides, and the
    sending's future."""
    small = {} if size == FULL else {"receive_buffer": BUFFER,
                                     "send_buffer": BUFFER}
    it = pair(listen, connect, options=(OPTIONS if small else "") + options,
              globals_=globals_, **small)
    here, there = it.sides(near)
    sending = peers.in_background(send_all, there, ends, size)
    wait_until(lambda: it.is_held_up(there), "the sender to be held up")
    assert not sending.done()
    if size == FULL:    # through small buffers nothing proves to be bulk
        assert it.relay.has_spliced() == (listen == connect == "plain" and
                                          "splice = never" not in options)
    return it, here, there, sending


def send_all(peer, ends, size):
    """True if it was all sent."""
    try:
        peer.send(queued(size)[0])
        if ends:
            peer.half_close()
        return True
    except (ConnectionResetError, BrokenPipeError):
        return False


def least(taken, peer):
    """How much data there is at least in what a kernel took of a peer: of TLS
    the last record may be a part, and some bytes are not data."""
    return taken * 15 // 16 - (64 << 10) if peer.tls else taken - 1     # SYN


def counts(near, sent, back):
    """The `end` line's up and down."""
    return (sent, back) if near == "client" else (back, sent)


CELLS = [(near, listen, connect) for (listen, connect), near in
         itertools.product(LEGS, ["client", "server"])]


def cells(ending):
    """The cells in which the near side can end so."""
    for near, listen, connect in CELLS:
        kind = listen if near == "client" else connect
        if ending == "close_notify" and kind == "plain":
            continue
        if ending == "truncate" and kind == "plain":
            continue
        yield pytest.param(near, listen, connect,
                           id=f"{near}-{listen}-{connect}")


def check_clean(pair, near, listen, connect, end, options="", size=QUEUED):
    it, here, there, sending = start(pair, near, listen, connect, options,
                                     size=size)
    arriving = there.receive_later(keep=False)
    here.send(HEAD)
    end(here)
    got = arriving.result()
    assert not sending.done(), "the other direction was not full any more"
    assert (got.sha256, got.end) == (peers.sha256(HEAD), there.clean_end)
    if there.tls:
        assert there.receive_raw_end() == "fin"
    back = here.receive(keep=False)
    assert (back.size, back.sha256, back.end) == (
        size, queued(size)[1], here.clean_end)
    assert sending.result()
    here.close()
    line = it.end()
    assert line["reason"] == f"{near}-closed"
    assert (line["up"], line["down"]) == counts(near, len(HEAD), size)


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", cells("fin"))
def test_clean_end(pair, near, listen, connect):
    check_clean(pair, near, listen, connect, lambda peer: peer.half_close())


@pytest.mark.slow
@pytest.mark.skipif(not SANITIZED, reason="all others are of full size")
@pytest.mark.parametrize("listen,connect", LEGS)
def test_clean_end_of_full_size(pair, listen, connect):
    check_clean(pair, "client", listen, connect,
                lambda peer: peer.half_close(), size=FULL)


@pytest.mark.parametrize("near", ["client", "server"])
def test_clean_end_without_splicing(pair, near):
    check_clean(pair, near, "plain", "plain", lambda peer: peer.half_close(),
                "splice = never\n")


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", cells("close_notify"))
def test_close_notify_without_fin(pair, near, listen, connect):
    check_clean(pair, near, listen, connect, lambda peer: peer.close_notify())


def check_truncated(it, near, here, there, sending):
    """The far side gets all that was sent and then a reset; so does the near
    side, which gets at least what the relay had taken by then."""
    arriving = there.receive_later(keep=False)
    here.send(HEAD)
    taken = there.acknowledged()[1]
    here.fin()
    back = here.receive(keep=True)
    assert back.end == "reset"
    assert least(taken, there) <= back.size <= QUEUED
    assert b"".join(queued(QUEUED)[0][:back.size // (1 << 20) + 1]).startswith(
        back.data)
    got = arriving.result()
    assert (got.sha256, got.end) == (peers.sha256(HEAD), "reset")
    sending.result()
    line = it.end()
    assert line["reason"] == "truncated"
    assert line["up" if near == "client" else "down"] == len(HEAD)


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", cells("truncate"))
def test_fin_without_close_notify(pair, near, listen, connect):
    it, *rest = start(pair, near, listen, connect, ends=False)
    check_truncated(it, near, *rest)


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", cells("truncate"))
def test_tolerated_truncation(pair, near, listen, connect):
    check_clean(pair, near, listen, connect, lambda peer: peer.fin(),
                "truncation = tolerate\n")


def check_reset(pair, near, listen, connect, options=""):
    it, here, there, sending = start(pair, near, listen, connect, options)
    here.send(HEAD)
    # A reset makes the kernel forget what was not acknowledged.
    wait_until(lambda: here.unsent() == 0, "the head to be taken")
    here.reset()
    got = there.receive(keep=False)
    assert (got.sha256, got.end) == (peers.sha256(HEAD), "reset")
    assert not sending.result()
    line = it.end()
    assert line["reason"] == f"reset-by-{near}"
    assert line["up" if near == "client" else "down"] == len(HEAD)


@pytest.mark.parametrize("near,listen,connect", cells("reset"))
def test_reset(pair, near, listen, connect):
    check_reset(pair, near, listen, connect)


@pytest.mark.parametrize("near", ["client", "server"])
def test_reset_without_splicing(pair, near):
    check_reset(pair, near, "plain", "plain", "splice = never\n")


def fill(peer):
    """Sends until nothing more is taken."""
    peer.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        peer.send(queued(QUEUED)[0])


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", cells("reset"))
def test_reset_behind_a_full_direction(pair, near, listen, connect):
    """Both directions are full: what the relay's kernel holds of the side that
    resets is delivered all the same, and nothing spins meanwhile."""
    it, here, there, sending = start(pair, near, listen, connect,
                                     globals_="log_level = debug\n")
    fill(here)
    taken = here.acknowledged()[1]
    here.reset()
    it.relay.wait_log("relay -> abort")
    spent = it.relay.cpu_seconds()
    time.sleep(0.4)         # in which it looks a few times, and no more
    assert it.relay.cpu_seconds() - spent < 0.2
    got = there.receive()
    assert got.end == "reset"
    assert b"".join(queued(QUEUED)[0]).startswith(got.data)
    assert got.size >= least(taken, here)
    assert not sending.result()
    assert it.end()["reason"] == f"reset-by-{near}"


@pytest.mark.parametrize("near,listen,connect", [
    ("client", "1.3", "plain"), ("server", "plain", "1.2")])
def test_a_side_that_truncates_and_does_not_read(pair, near, listen, connect):
    """What waits for it, it has the drain timeout to take."""
    it, here, there, sending = start(pair, near, listen, connect,
                                     globals_="drain_timeout = 1s\n")
    begun = time.monotonic()
    here.fin()
    assert not sending.result()
    assert 0.8 < time.monotonic() - begun < 4
    assert there.receive().end == "reset"
    assert it.end()["reason"] == "truncated"


@pytest.mark.parametrize("near,listen,connect", [
    ("client", "1.2", "plain"), ("client", "1.3", "1.3"),
    ("server", "plain", "1.2"), ("server", "1.2", "1.3")])
def test_an_alert_is_readable_behind_a_full_direction(pair, near, listen,
                                                      connect):
    """Of TLS that breaks, the peer hears why before it is reset, and it gets
    what was on its way."""
    it, here, there, sending = start(pair, near, listen, connect)
    here.socket.sendall(b"this is no record of TLS" * 10)
    back = here.receive()
    assert back.end.startswith("alert: ")
    assert b"".join(queued(QUEUED)[0]).startswith(back.data)
    assert back.size > 0
    assert there.receive().end == "reset"
    assert not sending.result()
    assert it.end()["reason"] == "tls-failed"
