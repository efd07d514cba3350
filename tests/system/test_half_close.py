"""One direction ends, the other goes on: for as long as it has something to
say, and no longer than half_close allows."""
import time

import pytest

import peers
from pairs import KINDS, LEGS, NEARS
from sallyport import free_port, wait_until

ANSWER = peers.payload(1 << 20)


@pytest.mark.promise(2)
@pytest.mark.parametrize("listen,connect", LEGS)
@pytest.mark.parametrize("near", NEARS)
def test_answer_arrives_after_the_end_of_the_question(pair, near, listen,
                                                      connect):
    """An answer of 1 MB arrives whole, and its end, after the question's
    end."""
    it = pair(listen, connect)
    here, there = it.sides(near)
    here.send(b"question")
    here.half_close()
    assert there.receive().data == b"question"
    there.send(ANSWER)
    there.half_close()
    got = here.receive()
    assert (got.data, got.end) == (ANSWER, here.clean_end)
    assert it.end()["reason"] == f"{near}-closed"


@pytest.mark.promise(1, 5)
@pytest.mark.parametrize("listen,connect", LEGS)
def test_both_directions_may_end_at_once(pair, listen, connect):
    """What is on its way when both have ended arrives."""
    it = pair(listen, connect)
    for peer in it.client, it.server:
        peer.sending = peers.in_background(send_and_end, peer)
    for peer in it.client, it.server:
        got = peer.receive()
        assert (got.data, got.end) == (ANSWER, peer.clean_end)
        peer.sending.result()
    end = it.end()
    assert end["reason"] in ("client-closed", "server-closed")
    assert (end["up"], end["down"]) == (len(ANSWER), len(ANSWER))


def send_and_end(peer):
    peer.send(ANSWER)
    peer.half_close()


@pytest.mark.promise(4)
@pytest.mark.parametrize("listen,connect", LEGS)
@pytest.mark.parametrize("near", NEARS)
def test_side_that_only_writes_and_closes_loses_nothing(pair, near, listen,
                                                        connect):
    """A side that never reads loses nothing at its close: what were sent to
    it, a ticket say, would make its kernel reset the connection and forget the
    tail."""
    it = pair(listen, connect)
    here, there = it.sides(near)
    arriving = there.receive_later(keep=False)
    here.send([ANSWER] * 4)
    here.half_close()
    here.socket.close()
    got = arriving.result()
    assert (got.size, got.end) == (4 * len(ANSWER), there.clean_end)
    there.half_close()
    assert it.end()["reason"] == f"{near}-closed"


@pytest.mark.parametrize("near,listen,connect", [
    ("client", "plain", "plain"), ("server", "1.3", "1.2")])
def test_silence_after_one_end_is_bounded(pair, near, listen, connect):
    """A side that is silent after the other has ended is reset, and one that
    speaks now and then is not."""
    it = pair(listen, connect, options="timeout.half_close = 1s\n")
    here, there = it.sides(near)
    time.sleep(1.3)     # before any end it means nothing
    assert not it.relay.ends()
    here.half_close()
    for _ in range(4):  # as long as something comes, it goes on
        time.sleep(0.4)
        there.send(b"still here")
    begun = time.monotonic()
    assert here.receive().end == "reset"
    assert 0.8 < time.monotonic() - begun < 3
    wait_until(lambda: there.acknowledged()[0] == peers.TCP_CLOSE,
               "the other side to be reset")
    assert it.end()["reason"] == "half-close-timeout"


@pytest.mark.promise(3)
@pytest.mark.parametrize("near,listen,connect", [
    ("client", "1.2", "plain"), ("server", "plain", "1.3")])
def test_side_that_ends_and_then_resets_is_noticed(pair, near, listen,
                                                   connect):
    """A side that resets behind its own end has its reset passed on."""
    it = pair(listen, connect)
    here, there = it.sides(near)
    here.send(b"question")
    here.half_close()
    assert there.receive().data == b"question"
    here.reset()
    assert it.end()["reason"] == f"reset-by-{near}"
    wait_until(lambda: there.acknowledged()[0] == peers.TCP_CLOSE,
               "the reset to be passed on")


def unix_relay(relay, server, tmp_path, handler):
    far = server(handler)
    path = tmp_path / "socket"
    return path, far, relay(f"[service unix]\nlisten = unix:{path}\n"
                            f"connect = 127.0.0.1:{far.port}\n")


@pytest.mark.promise(2)
def test_half_close_works_over_a_unix_socket(relay, server, client, tmp_path):
    """An answer of 1 MB arrives after a client of a unix socket has ended its
    side."""
    path, far, _ = unix_relay(relay, server, tmp_path, peers.answer(ANSWER))
    near = client(path)
    near.send(b"question")
    near.half_close()
    got = near.receive()
    assert (got.data, got.end) == (ANSWER, "fin")
    assert far.result().data == b"question"


@pytest.mark.promise(3)
def test_unix_client_that_sends_and_closes_ends_cleanly(relay, server, client,
                                                        tmp_path):
    """The close of a client of a unix socket is all the end that it will ever
    show, and is a clean one."""
    def slow(peer):
        got = peer.receive()
        time.sleep(2.5)     # long enough to be told more, if there were more
        assert peer.acknowledged()[0] != peers.TCP_CLOSE
        return got
    path, far, it = unix_relay(relay, server, tmp_path, slow)
    near = client(path)
    near.send(ANSWER)
    near.close()
    got = far.result()
    assert (got.data, got.end) == (ANSWER, "fin")
    end, = it.wait_ends()
    assert end["reason"] == "client-closed"


@pytest.mark.promise(2)
@pytest.mark.parametrize("kind", KINDS)
def test_question_and_end_wait_for_the_server(relay, server, certs, client,
                                              kind):
    """A client's question and its end wait for the connection to the
    server."""
    port = free_port()
    listen = "127.0.0.1" if kind == "plain" else "tls://127.0.0.1"
    far_port = free_port()
    tls = "" if kind == "plain" else (
        f"listen.cert = {certs}/server-both.pem\n"
        f"listen.min_version = {kind}\nlisten.max_version = {kind}\n")
    it = relay(f"[service late]\nlisten = {listen}:{port}\n{tls}"
               f"connect = 127.0.0.1:{far_port}\ntimeout.connect = 10s\n")
    # The server's queue is full, so that connecting takes a while.
    full = peers.socket.socket()
    full.bind(("127.0.0.1", far_port))
    full.listen(0)
    stuffing = [stuff(far_port) for _ in range(3)]
    near = client(port, tls=None if kind == "plain" else
                  peers.client_context(certs, version=kind))
    near.send(b"question")
    near.half_close()
    for one in stuffing:
        one.close()
    far = None
    while far is None:
        peer = peers.Peer(full.accept()[0])
        got = peer.receive()
        if got.data == b"question":
            far = peer
        else:
            peer.close()
    assert got.end == "fin"
    far.send(ANSWER)
    far.close()
    back = near.receive()
    assert (back.data, back.end) == (ANSWER, near.clean_end)
    assert it.wait_ends()[0]["reason"] == "client-closed"
    full.close()


def stuff(port):
    sock = peers.socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", port))
    return sock
