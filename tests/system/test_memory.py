"""What connections cost: many that are silent, and many that come and go."""
import ssl
import subprocess
import sys

import pytest

import figures
import sallyport
import servers
from sallyport import wait_until

COUNT = 1000 if sallyport.SANITIZED else 5000
SHORT = 5_000 if sallyport.SANITIZED else 50_000
# Of what OpenSSL 3.5 has for a connection 9 KiB are the state of its records.
TLS_BOUND = (16 if ssl.OPENSSL_VERSION_INFO < (3, 2) else 24) << 10
# Sanitized handshakes take their time.
SHORT_TLS = 1_000 if sallyport.SANITIZED else 5_000


class Crowd:
    """See crowd.py."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, sallyport.ROOT / "tests/system/crowd.py",
             *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._expect("held")

    def _expect(self, word):
        line = self.process.stdout.readline()
        assert line == word + "\n", "the crowd has failed"

    def talk(self):
        self.process.stdin.write("talk\n")
        self.process.stdin.flush()
        self._expect("talked")

    def leave(self):
        self.process.stdin.close()
        self.process.wait(sallyport.PATIENCE)
        self.process.stdout.close()


@pytest.fixture
def acceptor(relay, certs, free_port):
    """acceptor("tcp", target) is a relay to the port `target` that listens with
    tcp:// or tls://."""
    def start(listen, target, lines=""):
        port = free_port()
        one = relay(f"""
[service acceptor]
listen = {listen}://127.0.0.1:{port}
connect = 127.0.0.1:{target}
{lines}
""" + (f"listen.cert = {certs}/server-both.pem\n" if listen == "tls" else ""))
        one.port = port
        return one
    return start


def report(what, before, during, count):
    each = 1024 * (during - before) / count
    figures.tell(f"{count} {what}: {before} KiB before, {during} KiB during, "
                 f"{each:.0f} bytes each")
    return each


@pytest.mark.promise(19, 22)
@pytest.mark.slow
@pytest.mark.parametrize("listen,bound", [("tcp", 2 << 10),
                                          ("tls", TLS_BOUND)])
def test_idle_connections_cost_little(acceptor, certs, free_port, listen,
                                      bound):
    """Thousands of idle connections all live, cost little, and leave nothing
    behind."""
    backend = free_port()
    one = acceptor(listen, backend)
    fds, before = one.fds(), one.memory_kib()
    crowd = Crowd(one.port, COUNT, backend,
                  *([certs / "ca.pem"] if listen == "tls" else []))
    silent = report(f"connections with nothing said, {listen}",
                    before, one.memory_kib(), COUNT)
    assert one.fds() == fds + 2 * COUNT
    crowd.talk()
    idle = report(f"idle connections, {listen}", before, one.memory_kib(),
                  COUNT)
    crowd.talk()
    crowd.leave()
    one.wait_ends(COUNT)
    wait_until(lambda: one.fds() == fds, "descriptors to be given back")
    # A sanitizer adds to each piece of memory, and keeps what was freed.
    if not sallyport.SANITIZED:
        assert max(silent, idle) <= bound
        # What is freed is given back when the rush has been over for a while,
        # but for the pages of which libevent holds a little: it never forgets
        # a descriptor.
        wait_until(lambda: one.memory_kib() < before + 8 * COUNT,
                   "memory to be given back")
    figures.tell(f"{one.memory_kib()} KiB afterwards; "
                 f"{one.cpu_seconds():.2f} s of CPU time")
    # The crowd just exits: on TLS without a close_notify.
    assert {end["reason"] for end in one.ends()} <= \
        {"client-closed", "server-closed"} | \
        ({"truncated"} if listen == "tls" else set())


@pytest.mark.promise(17)
@pytest.mark.slow
def test_silent_tls_clients_cost_no_tls(acceptor, certs, free_port):
    """A client that has not sent a byte to a TLS listener costs no TLS state,
    and leaves at the handshake timeout."""
    one = acceptor("tls", free_port(), "timeout.handshake = 5s")
    fds, before = one.fds(), one.memory_kib()
    crowd = Crowd(one.port, COUNT, 0)
    wait_until(lambda: one.fds() == fds + COUNT, "all to be accepted")
    each = report("silent clients of TLS", before, one.memory_kib(), COUNT)
    one.wait_ends(COUNT)
    assert {end["reason"] for end in one.ends()} == {"handshake-timeout"}
    assert one.fds() == fds
    crowd.leave()
    assert sallyport.SANITIZED or each <= 2 << 10


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A running servers.Redis."""
    with servers.Redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


def come_and_go(one, count, certs, listen):
    """`count` connections for one command each, 50 at a time."""
    tls = ["--tls", "--cacert", certs / "ca.pem"] if listen == "tls" else []
    servers.run("redis-benchmark", "-h", "localhost", "-p", one.port, "-q",
                "-k", 0, "-c", 50, "-n", count, "-t", "ping_mbulk", *tls,
                timeout=300)


@pytest.mark.promise(22)
@pytest.mark.slow
@pytest.mark.parametrize("listen,count", [("tcp", SHORT), ("tls", SHORT_TLS)])
def test_short_connections_leave_nothing_behind(acceptor, redis, certs, listen,
                                                count):
    """Descriptors and memory are where they were after the first few
    connections."""
    one = acceptor(listen, redis.port)
    fds = one.fds()
    come_and_go(one, 2000, certs, listen)
    wait_until(lambda: one.fds() == fds, "descriptors to be given back")
    before = one.memory_kib()
    come_and_go(one, count, certs, listen)
    wait_until(lambda: one.fds() == fds, "descriptors to be given back")
    after = one.memory_kib()
    figures.tell(f"{count} short connections, {listen}: {before} KiB before, "
                 f"{after} KiB after, {one.fds()} descriptors, "
                 f"{one.cpu_seconds():.1f} s of CPU time")
    assert len(one.wait_ends(count)) >= count
    # A worker's heap keeps up to 2 MiB for the next burst (worker_memory.c).
    # The sanitizer keeps freed memory, to notice its use.
    most = 1024 + 2048 * len(one.workers())
    assert sallyport.SANITIZED or after - before <= most
