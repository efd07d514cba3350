"""What may arrive at a TLS port: each ends with the right reason, costs
little, and leaves every other connection alone."""
import random
import re
import ssl
import struct
import threading

import pytest

import configs
import figures
import peers
import sallyport
from peers import is_served

SILENT = 2000
SILENT_KIB = 2
FUZZED = 100 if sallyport.SANITIZED else 400


class Bystander:
    """A connection that carries bytes all the time; what happens to others
    must not touch it."""

    def __init__(self, peer):
        self.peer = peer
        self._stopped = threading.Event()
        self._turned = threading.Event()
        self._done = peers.in_background(self._run)
        assert self._turned.wait(sallyport.PATIENCE)

    def _run(self):
        while not self._stopped.is_set():
            block = random.randbytes(random.randrange(1, 60_000))
            self.peer.send(block)
            assert self.peer.recv_exactly(len(block)) == block
            self._turned.set()
        self.peer.half_close()
        assert self.peer.recv() == b""
        assert self.peer.end == "close_notify"

    def finish(self):
        self._turned.clear()
        assert self._turned.wait(sallyport.PATIENCE), "it still goes on"
        self._stopped.set()
        self._done.result(sallyport.PATIENCE)


class Gate:
    """A TLS port that is attacked while a bystander uses it."""

    def __init__(self, relay, port, client, context):
        self.relay, self.port = relay, port
        self.idle_fds = relay.fds()
        self._bystander = Bystander(client(port, tls=context))

    def open(self):
        return peers.Peer(peers.open_socket(self.port))

    def end(self, index=0):
        return self.relay.wait_ends(index + 1)[index]

    def finish(self):
        self._bystander.finish()
        self.relay.wait_log("reason=client-closed .* up=[1-9]")
        sallyport.wait_until(lambda: self.relay.fds() == self.idle_fds,
                             "all descriptors to be closed")


@pytest.fixture
def gate(request, relay, certs, server, client, free_port):
    """A Gate; a parameter is one more line of its service."""
    port = free_port()
    far = server(peers.echo)
    attacked = Gate(relay(configs.tls(port, far.port, certs,
                                      getattr(request, "param", ""))),
                    port, client, peers.client_context(certs))
    yield attacked
    attacked.finish()


def client_hello(certs, **options):
    """The first record of a client."""
    out = ssl.MemoryBIO()
    peer = peers.client_context(certs, **options).wrap_bio(
        ssl.MemoryBIO(), out, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        peer.do_handshake()
    return out.read()


def record(kind, data, version=0x0303):
    return struct.pack(">BHH", kind, version, len(data)) + data


ALERT = rb"\x15\x03.\0\x02\x02."       # a fatal one
NOTHING = rb""

# What is sent, what may be answered, and what the log says of it.
GARBAGE = {
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
             rb"HTTP/1\.1 400 .*https://\n", "client speaks plain HTTP"),
    "http-connect": (b"CONNECT example.test:443 HTTP/1.1\r\n\r\n",
                     rb"HTTP/1\.1 400 .*https://\n",
                     "client speaks plain HTTP"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", NOTHING,
            "client speaks SSH"),
    "smtp": (b"EHLO example.test\r\n", NOTHING, "client speaks SMTP"),
    "postgres": (struct.pack(">II", 8, 80877103), None, None),
    "zeros": (bytes(4096), NOTHING, "does not speak TLS"),
    "random": (peers.payload(4096, 7), NOTHING, "does not speak TLS"),
    "ssl2-hello": (b"\x80\x2e\1\3\1\0\x15\0\0\0\x10" + bytes(37),
                   ALERT, None),
    "giant-record": (b"\x16\x03\x01\xff\xff" + peers.payload(0xffff, 8),
                     ALERT, "too long|length"),
    "random-handshake": (record(22, peers.payload(16384, 9)), ALERT, None),
    "random-records": (b"".join(record(22, peers.payload(100, seed))
                                for seed in range(100)), ALERT, None),
    "giant-message": (record(22, b"\x01\xff\xff\xff" + bytes(1000)),
                      ALERT, "excessive|length"),
    "empty-hello": (record(22, b"\x01\0\0\0"), ALERT, None),
    "empty-records": (record(22, b"") * 1000, ALERT, "record"),
    "finished-first": (record(22, b"\x14\0\0\x0c" + bytes(12)), ALERT,
                       "unexpected"),
    "data-first": (record(23, bytes(100)), ALERT, None),
    "heartbeat-first": (record(24, b"\1\0\x40" + bytes(16)), ALERT, None),
    "ccs-only": (record(20, b"\1") * 1000, ALERT, None),
    "warnings-only": (record(21, b"\1\x5a") * 1000, ALERT, None),
    "fatal-alert": (record(21, b"\2\x28"), NOTHING, None),
    "close-notify": (record(21, b"\1\0"), None, None),
}


@pytest.mark.promise(6)
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_fails_the_handshake(gate, name):
    """Bytes that are no ClientHello get an alert that can be read, plain HTTP
    a plain answer, or nothing."""
    data, answer, detail = GARBAGE[name]
    peer = gate.open()
    peer.send(data)
    if answer is None:      # a beginning that more could follow
        peer.fin()
    received = peer.receive()
    assert received.end == "fin", "a reset could overtake the alert"
    assert re.fullmatch(answer or rb"(\x15.*)?", received.data,
                        re.DOTALL), received.data
    peer.close()
    end = gate.end()
    assert (end["reason"], end["state"]) == ("handshake-failed", "accept-tls")
    assert end["detail"].startswith("with the client: ")
    assert re.search(detail or "", end["detail"]), end


@pytest.mark.promise(6)
def test_refused_client_that_talks_on_reads_the_alert(gate):
    """A client that goes on sending for a while before it looks reads the
    alert and sees no reset."""
    peer = gate.open()
    peer.send(b"\x16\x03\x01\xff\xff")
    peer.send(bytes(1000) for _ in range(200))
    received = peer.receive()
    assert re.fullmatch(ALERT, received.data, re.DOTALL)
    assert received.end == "fin"


def test_endless_garbage_is_cut(gate):
    """A client that sends garbage without end is reset."""
    peer = gate.open()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        peer.send(bytes(1 << 16) for _ in range(10_000))
    assert gate.end()["reason"] == "handshake-failed"


@pytest.mark.promise(17)
@pytest.mark.parametrize("gate", ["timeout.handshake = 2s"], indirect=True,
                         ids=["2s"])
def test_half_a_hello_and_silence_times_out(gate, certs):
    """A client that stops within its ClientHello is gone at
    timeout.handshake."""
    hello = client_hello(certs)
    peer = gate.open()
    peer.send(hello[:len(hello) // 2])
    assert peer.receive().size == 0
    end = gate.end()
    assert end["reason"] == "handshake-timeout"
    assert end["duration_ms"] >= 1990


@pytest.mark.parametrize("size", [1, 4, 5, 6, 100])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_client_that_leaves_within_its_hello_fails(gate, certs, size, how):
    """A client that leaves within its ClientHello has a failed handshake."""
    peer = gate.open()
    peer.send(client_hello(certs)[:size])
    getattr(peer, how)()
    assert gate.end()["reason"] == "handshake-failed"


@pytest.mark.parametrize("how,reasons", [
    ("fin", {"client-closed"}),
    ("reset", {"reset-by-client", "handshake-failed"})])
def test_client_that_says_nothing_may_leave(gate, how, reasons):
    """A client that leaves before its first byte has the reason of its end."""
    for count in range(50):
        getattr(gate.open(), how)()
        assert gate.end(count)["reason"] in reasons


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_client_may_leave_at_each_step(gate, certs, version, how):
    """A client leaves after its first flight, then after it has read each
    flight of the server, and the log has a fitting reason."""
    context = peers.client_context(certs, version=version)
    for flights in range(4):
        sock = peers.open_socket(gate.port)
        peer = peers.TlsPeer(sock, context, "localhost")
        peer._shake()
        peer._flush()
        for _ in range(flights):
            if not peer._shaken:
                peer._fill(peer._shake)
                peer._flush()
        getattr(peer, how)()
        end = gate.end(flights)
        want = {"handshake-failed", "reset-by-client", "reset-by-server"}
        if flights > 0:     # for the server it is done then
            want |= {"truncated"}
            if how == "fin":    # ... and neither side has sent a byte
                want |= {"client-closed"}
        assert end["reason"] in want, (flights, end)
        peer.close()


def in_single_bytes(sock, hello):
    for at in range(len(hello)):
        sock.send(hello[at:at + 1])


def in_tiny_records(sock, hello):
    sock.sendall(b"".join(record(22, hello[at:at + 1], 0x0301)
                          for at in range(5, len(hello))))


@pytest.mark.parametrize("send_hello", [in_single_bytes, in_tiny_records])
def test_big_hello_is_accepted(gate, certs, send_hello):
    """A ClientHello as big as one record can be is accepted, in whatever
    pieces. OpenSSL 3.5 adds a key share of ML-KEM."""
    count = 62 if ssl.OPENSSL_VERSION_INFO < (3, 5) else 57
    context = peers.client_context(certs, alpn=["x" * 255] * count)
    with peers.TlsPeer(peers.open_socket(gate.port), context,
                       "localhost") as peer:
        peer._shake()
        hello = peer._out.read()
        assert 16_000 < len(hello) < 16_384
        send_hello(peer.socket, hello)
        peer.handshake()
        assert is_served(peer)


def test_garbage_in_the_second_flight_fails_the_handshake(gate, certs):
    """Garbage behind a good ClientHello gets an alert and a FIN."""
    for count, version in enumerate(["1.2", "1.3"]):
        sock = peers.open_socket(gate.port)
        sock.sendall(client_hello(certs, version=version))
        peer = peers.Peer(sock)
        assert peer.recv()[:3] == b"\x16\x03\x03"
        peer.send(record(22, peers.payload(500)))
        received = peer.receive()
        assert received.end == "fin"
        sealed = rb"\x17\x03\x03\0\x13.{19}"
        assert re.search(rb"(%s|%s)\Z" % (ALERT, sealed), received.data,
                         re.DOTALL)
        peer.close()
        assert gate.end(count)["reason"] == "handshake-failed"


def test_garbage_after_the_handshake_ends_the_connection(gate, certs, client):
    """A forged record behind the handshake ends its connection with the
    reason."""
    for count, version in enumerate(["1.2", "1.3"]):
        peer = client(gate.port, tls=peers.client_context(
            certs, version=version))
        assert is_served(peer)
        peer.socket.sendall(record(23, peers.payload(500)))
        assert peer.receive().end in ("alert: SSLV3_ALERT_BAD_RECORD_MAC",
                                      "reset")
        end = gate.end(count)
        assert end["reason"] == "tls-failed"
        assert "bad record" in end["detail"] or "cipher" in end["detail"]


def fuzzed(hello, seed):
    """`hello` with bytes changed, cut, doubled."""
    dice = random.Random(seed)
    data = bytearray(hello)
    for _ in range(dice.choice([1, 1, 2, 5, 50])):
        at = dice.randrange(5, len(data))
        data[at] = dice.choice([0, 1, 0x7f, 0xff, dice.randrange(256)])
    if dice.random() < 0.3:
        at, size = dice.randrange(5, len(data)), dice.randrange(1, 100)
        data[at:at] = data[at:at + size]
    if dice.random() < 0.3:
        del data[dice.randrange(5, len(data)):]
    if dice.random() < 0.7:     # so that the record is whole
        data[3:5] = struct.pack(">H", len(data) - 5)
    return bytes(data)


def test_fuzzed_hellos_fail_the_handshake(gate, certs):
    """A ClientHello with bytes changed, cut or doubled fails, and nothing
    else."""
    hellos = [client_hello(certs, version=version)
              for version in (None, "1.2", "1.3")]
    for seed in range(FUZZED):
        peer = gate.open()
        try:
            peer.send(fuzzed(hellos[seed % 3], seed))
            peer.fin()
            peer.receive(keep=False)
        except OSError as gone:
            assert isinstance(gone, ConnectionError)
        peer.close()
    ends = gate.relay.wait_ends(FUZZED)
    assert {end["reason"] for end in ends} == {"handshake-failed"}


@pytest.mark.promise(17)
@pytest.mark.slow
def test_silent_clients_cost_little(relay, certs, server, free_port):
    """A silent client costs less than 2 KiB and times out: no TLS state is
    made before the first byte."""
    port = free_port()
    far = server(peers.echo)
    gate = relay(configs.tls(port, far.port, certs,
                             "timeout.handshake = 15s"))
    fds = gate.fds()
    for _ in range(20):     # what is made once
        peers.open_socket(port).close()
    gate.wait_ends(20)
    before = gate.memory_kib()
    clients = [peers.open_socket(port) for _ in range(SILENT)]
    sallyport.wait_until(lambda: gate.fds() == fds + SILENT,
                         "all to be accepted")
    each = (gate.memory_kib() - before) / SILENT
    figures.tell(f"a silent client costs {each:.2f} KiB")
    if not sallyport.SANITIZED:     # whose allocator costs more by itself
        assert each < SILENT_KIB
    ends = gate.wait_ends(20 + SILENT)[20:]
    assert {end["reason"] for end in ends} == {"handshake-timeout"}
    assert min(end["duration_ms"] for end in ends) >= 14990
    for sock in clients:
        sock.close()
    sallyport.wait_until(lambda: gate.fds() == fds, "the descriptors back")
