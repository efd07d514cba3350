"""An end is passed on as what it was, whichever side ends, in every
combination of legs, while the other direction is full: bytes, ends and reasons
compared."""
import functools
import time

import pytest

import pairs
import peers
from pairs import NEARS
from sallyport import SANITIZED, wait_until

pytestmark = pytest.mark.promise(3)

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

LEGS = [(listen, connect) for listen, connect in pairs.LEGS
        if listen == "plain" or connect in ("plain", "1.3")]
COPIED = "splice = never\n"


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


def sides(tls=False):
    """Each side of each pair of legs: (near, listen, connect); `tls`: if the
    near side's own leg is TLS."""
    for listen, connect in LEGS:
        for near in NEARS:
            if not tls or (listen if near == "client" else connect) != "plain":
                yield near, listen, connect


def row(*values, name, marks=()):
    return pytest.param(*values, id="-".join(name), marks=marks)


def rows(tls=False):
    return [row(*side, name=side) for side in sides(tls)]


# What the near side does, and what has it taken for a clean end.
CLEAN = {
    "half-close": (lambda peer: peer.half_close(), ""),
    "close-notify": (lambda peer: peer.close_notify(), ""),
    "tolerated-fin": (lambda peer: peer.fin(), "truncation = tolerate\n"),
}


def clean_rows():
    """(how, near, listen, connect, options, size)"""
    for how in CLEAN:
        for side in sides(tls=how != "half-close"):
            yield row(how, *side, "", QUEUED, name=(how, *side),
                      marks=pytest.mark.slow)
    for near in NEARS:
        yield row("half-close", near, "plain", "plain", COPIED, QUEUED,
                  name=("copied", near))
    for legs in LEGS:
        yield row("half-close", "client", *legs, "", FULL,
                  name=("full-size", *legs), marks=[
                      pytest.mark.slow, pytest.mark.skipif(
                          not SANITIZED,
                          reason="all others are of full size")])


@pytest.mark.promise(5)
@pytest.mark.parametrize("how,near,listen,connect,options,size", clean_rows())
def test_clean_end_is_passed_on(pair, how, near, listen, connect, options,
                                size):
    """A side's clean end arrives behind its bytes, and so does all that is
    queued the other way."""
    end, tolerated = CLEAN[how]
    it, here, there, sending = start(pair, near, listen, connect,
                                     options + tolerated, size=size)
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
@pytest.mark.parametrize("near,listen,connect", rows(tls=True))
def test_fin_without_close_notify_becomes_a_reset(pair, near, listen, connect):
    """The far side gets all that was sent and then a reset; so does the near
    side, which gets at least what the relay had taken by then."""
    it, here, there, sending = start(pair, near, listen, connect, ends=False)
    arriving = there.receive_later(keep=False)
    here.send(HEAD[:-1])
    # A kernel whose buffer is full makes room now and then.  What it takes
    # behind the last byte of the near side would make its end a clean one.
    wait_until(lambda: it.is_held_up(there), "the head to be carried")
    taken = there.acknowledged()[1]
    with here.at_once():
        here.send(HEAD[-1:])
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


@pytest.mark.parametrize("near,listen,connect,options", [
    *(row(*side, "", name=side) for side in sides()),
    *(row(near, "plain", "plain", COPIED, name=("copied", near))
      for near in NEARS)])
def test_reset_is_passed_on(pair, near, listen, connect, options):
    """A side's reset arrives as a reset, behind the bytes that were taken."""
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


def fill(peer):
    """Sends until nothing more is taken."""
    peer.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        peer.send(queued(QUEUED)[0])


@pytest.mark.slow
@pytest.mark.parametrize("near,listen,connect", rows())
def test_reset_behind_a_full_direction_is_delivered(pair, near, listen,
                                                    connect):
    """What the relay's kernel holds of a side that resets is delivered
    although both directions are full, and nothing spins meanwhile."""
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


@pytest.mark.promise(5)
@pytest.mark.parametrize("near,listen,connect", [
    ("client", "1.3", "plain"), ("server", "plain", "1.2")])
def test_truncating_side_that_does_not_read_ends_in_time(pair, near, listen,
                                                         connect):
    """A side that truncates has the drain timeout to take what waits for
    it."""
    it, here, there, sending = start(pair, near, listen, connect,
                                     globals_="drain_timeout = 1s\n")
    here.send(HEAD)         # or it would be a close: test_no_close_notify.py
    assert there.recv_exactly(len(HEAD)) == HEAD
    begun = time.monotonic()
    here.fin()
    assert not sending.result()
    assert 0.8 < time.monotonic() - begun < 4
    assert there.receive().end == "reset"
    assert it.end()["reason"] == "truncated"


BROKEN_SIDES = pytest.mark.parametrize("near,listen,connect", [
    ("client", "1.2", "plain"), ("client", "1.3", "1.3"),
    ("server", "plain", "1.2"), ("server", "1.2", "1.3")])


@pytest.mark.promise(6)
@BROKEN_SIDES
def test_alert_is_readable_behind_a_full_direction(pair, near, listen,
                                                   connect):
    """A peer whose TLS breaks reads the alert before it is reset, and gets
    what was on its way."""
    it, here, there, sending = start(pair, near, listen, connect)
    here.socket.sendall(b"this is no record of TLS" * 10)
    back = here.receive()
    assert back.end.startswith("alert: ")
    assert b"".join(queued(QUEUED)[0]).startswith(back.data)
    assert back.size > 0
    assert here.receive_raw_end() == "fin"
    here.close()
    assert there.receive().end == "reset"
    assert not sending.result()
    assert it.end()["reason"] == "tls-failed"


@pytest.mark.promise(6)
@BROKEN_SIDES
def test_broken_tls_ends_with_alert_and_fin(pair, near, listen, connect):
    """A peer whose TLS breaks gets the alert and a FIN at once, and what it
    still sends does not make a reset of them; what it had said before is
    delivered."""
    it = pair(listen, connect)
    here, there = it.sides(near)
    here.send(HEAD)
    here.socket.sendall(b"this is no record of TLS" * 10)
    for _ in range(20):
        here.socket.sendall(b"and there is more of it")
    assert here.receive().end.startswith("alert: ")
    assert here.receive_raw_end() == "fin"
    here.close()
    got = there.receive()
    assert (got.data, got.end) == (HEAD, "reset")
    assert it.end()["reason"] == "tls-failed"
