"""TLS peers that close without close_notify, as Python, wget and redis-cli do:
a close where nothing can have been cut off, an abort where something can."""
import http.client
import shutil
import socket
import socketserver
import subprocess
import threading

import pytest

import configs
import peers
from sallyport import PATIENCE

pytestmark = pytest.mark.promise(3)

VERSIONS = ["1.2", "1.3"]
WITHOUT = "without close_notify"


@pytest.fixture(params=VERSIONS)
def context(request, certs):
    """The context of a TLS client, of each version."""
    return peers.client_context(certs, version=request.param)


class Web(socketserver.ThreadingTCPServer):
    """HTTP/1.1 with one answer; `ends` remembers how its connections did."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, size, closes):
        self.answer = (f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n" +
                       ("Connection: close\r\n" if closes else "") +
                       "\r\n").encode() + b"x" * size
        self.closes, self.ends = closes, []
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        request.settimeout(PATIENCE)
        end = self._serve(request)
        with self._changed:
            self.ends.append(end)
            self._changed.notify_all()

    def _serve(self, sock):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = sock.recv(65536)
                    if not more:
                        return "fin" if not data else "cut short"
                    data += more
                data = b""
                sock.sendall(self.answer)
                if self.closes:
                    sock.shutdown(socket.SHUT_WR)
                    return "fin" if not sock.recv(1) else "data"
        except ConnectionResetError:
            return "reset"

    def wait_ends(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ends) >= count,
                                          PATIENCE)
            return self.ends

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


COUNT = 20


def check(one, web, reasons):
    """All of COUNT connections have ended well, on the server's side too, and
    none counts as a failure."""
    ends = one.wait_ends(COUNT)
    assert {end["reason"] for end in ends} <= reasons, ends
    assert {end["detail"] for end in ends} == {WITHOUT}
    assert web.wait_ends(COUNT) == ["fin"] * COUNT


@pytest.mark.parametrize("size", [100, 5000, 300_000])
def test_http_client_that_keeps_alive_is_closed_properly(relay, certs,
                                                         free_port, context,
                                                         size):
    """Python's HTTP client, which closes a kept connection without
    close_notify, is no failure to the server or the log."""
    port = free_port()
    with Web(size, closes=False) as web:
        one = relay(configs.tls(port, web.server_address[1], certs))
        for _ in range(COUNT):
            link = http.client.HTTPSConnection("localhost", port,
                                               context=context)
            for _ in range(3):
                link.request("GET", "/")
                assert len(link.getresponse().read()) == size
            link.close()
        check(one, web, {"client-closed"})


@pytest.mark.parametrize("size", [100, 5000, 300_000])
def test_http_client_after_connection_close_is_no_failure(relay, certs,
                                                          free_port, context,
                                                          size):
    """A client that closes with our close_notify unread resets, often before a
    short answer is acknowledged; that is no failure."""
    port = free_port()
    with Web(size, closes=True) as web:
        one = relay(configs.tls(port, web.server_address[1], certs))
        for _ in range(COUNT):
            link = http.client.HTTPSConnection("localhost", port,
                                               context=context)
            link.request("GET", "/")
            assert len(link.getresponse().read()) == size
            link.close()
        check(one, web, {"server-closed", "client-closed"})


@pytest.mark.parametrize("closes", [False, True])
def test_wget_is_no_failure(relay, certs, free_port, closes):
    """wget, which closes without close_notify, is no failure to the server or
    the log."""
    if not shutil.which("wget"):
        pytest.skip("no wget")
    port = free_port()
    with Web(5000, closes) as web:
        one = relay(configs.tls(port, web.server_address[1], certs))
        for _ in range(COUNT):
            subprocess.run(["wget", "-q", "-O", "/dev/null",
                            f"--ca-certificate={certs}/ca.pem",
                            f"https://localhost:{port}/"], check=True,
                           timeout=PATIENCE)
        ends = one.wait_ends(COUNT)
        assert {end["reason"] for end in ends} <= {"server-closed",
                                                   "client-closed"}, ends
        assert web.wait_ends(COUNT) == ["fin"] * COUNT


def test_cut_request_is_aborted(relay, certs, free_port, context):
    """A FIN that an attacker injects behind half a request aborts the
    connection on both sides."""
    port = free_port()
    with Web(100, closes=False) as web:
        one = relay(configs.tls(port, web.server_address[1], certs))
        with peers.connect(port, tls=context) as peer:
            peer.send(b"GET / HTTP/1.1\r\n\r\n")
            peer.recv_exactly(len(web.answer))
            peer.send(b"POST /pay HTTP/1.1\r\nAmount: 1")
            peer.fin()
            assert peer.receive().end == "reset"
        end, = one.wait_ends()
        assert end["reason"] == "truncated"
        assert "truncation = tolerate" in end["detail"]
        assert web.wait_ends(1) == ["reset"]


@pytest.mark.parametrize("most", [1, 5, 10])
def test_cut_record_is_aborted(relay, certs, free_port, context, most):
    """A FIN behind the first bytes of a record, of which no payload has been
    read, aborts the connection."""
    port = free_port()
    with Web(100, closes=False) as web:
        one = relay(configs.tls(port, web.server_address[1], certs))
        with peers.connect(port, tls=context) as peer:
            peer.send(b"GET / HTTP/1.1\r\n\r\n")
            peer.recv_exactly(len(web.answer))
            peer.ssl.write(b"POST /pay HTTP/1.1\r\nAmount: 1")
            peer.socket.sendall(peer._out.read()[:most])
            peer.fin()
            assert peer.receive().end == "reset"
        end, = one.wait_ends()
        assert end["reason"] == "truncated"
        assert web.wait_ends(1) == ["reset"]


def passes(here, there, data):
    """Whether what `here` sends arrives."""
    here.send(data)
    return there.recv_exactly(len(data)) == data


@pytest.mark.parametrize("near", ["client", "server"])
@pytest.mark.parametrize("version", VERSIONS)
def test_fin_after_the_other_side_spoke_last_is_a_close(pair, near, version):
    """A FIN without close_notify is a close where the other side spoke last;
    the opposite direction goes on."""
    it = pair(version, version)
    here, there = it.sides(near)
    assert passes(here, there, b"question")
    assert passes(there, here, b"answer")
    here.fin()
    assert (there.receive().size, there.end) == (0, "close_notify")
    there.send(b"more")
    there.half_close()
    assert (here.receive().data, here.end) == (b"more", "close_notify")
    end = it.end()
    assert (end["reason"], end["detail"]) == (f"{near}-closed", WITHOUT)


@pytest.mark.parametrize("near", ["client", "server"])
@pytest.mark.parametrize("version", VERSIONS)
def test_fin_after_this_side_spoke_last_is_an_abort(pair, near, version):
    """A FIN without close_notify is an abort where this side spoke last:
    something may have been cut off."""
    it = pair(version, version)
    here, there = it.sides(near)
    assert passes(there, here, b"greeting")
    assert passes(here, there, b"half a")
    here.fin()
    assert there.receive().end == "reset"
    end = it.end()
    assert end["reason"] == "truncated"
    assert "truncation = tolerate" in end["detail"]


@pytest.mark.parametrize("near", ["client", "server"])
def test_reset_of_a_download_is_no_close(pair, near):
    """A reset counts as an abort while much of what the other side sent has
    not arrived."""
    it = pair("1.3", "1.3")
    here, there = it.sides(near)
    assert passes(here, there, b"question")
    sending = peers.in_background(there.send, peers.blocks(16 << 20))
    here.recv_exactly(1000)
    here.reset()
    assert there.receive().end == "reset"
    with pytest.raises(ConnectionError):
        sending.result()
        there.send(b"more")
    assert it.end()["reason"] == f"reset-by-{near}"
