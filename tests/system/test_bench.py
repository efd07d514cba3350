"""The benchmark's load generator believes no relay: what is corrupted, lost,
doubled or cut short fails the run; what is honest is counted exactly."""
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

import sallyport

BENCH = sallyport.ROOT / "bench"
sys.path.insert(0, str(BENCH))

from harness import report              # noqa: E402

GREETING = 64
SUITE = "TLS_AES_128_GCM_SHA256"


@pytest.fixture(scope="module")
def load(load_program):
    """load(mode, port, backend, ...): the finished process."""
    def run(mode, port, backend, *options, limit=20):
        return subprocess.run(
            [load_program, mode, "--connect", str(port), "--listen", str(backend),
             "--limit", str(limit), *map(str, options)],
            capture_output=True, text=True, timeout=limit + 20, check=False)

    return run


def accepted(done):
    """The report of a run that succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Forger:
    """A plain relay that does to each direction what `forge(data, offset)`
    says; None: end the connection."""

    def __init__(self, down=None, up=None):
        self.port, self.backend = (sallyport.free_port() for _ in range(2))
        self.forge = {"down": down, "up": up}
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.backend))
                self.sockets += [client, server]
                for way, pair in (("up", (client, server)),
                                  ("down", (server, client))):
                    threading.Thread(target=self.carry, args=(way, *pair),
                                     daemon=True).start()

    def carry(self, way, source, sink):
        forge, offset = self.forge[way], 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                wanted = forge(data, offset) if forge else data
                offset += len(data)
                if wanted is None:
                    break
                sink.sendall(wanted)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()
        for one in self.sockets:
            one.close()


@pytest.fixture
def forger():
    made = []

    def make(**forge):
        made.append(Forger(**forge))
        return made[-1]

    yield make
    for one in made:
        one.close()


def at(place, change):
    """change(data, index) once, where byte `place` of the stream is."""
    def forge(data, offset):
        if offset <= place < offset + len(data):
            return change(data, place - offset)
        return data
    return forge


def flip(data, index):
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1:]


def drop(data, index):
    return data[:index] + data[index + 1:]


def double(data, index):
    return data[:index] + data[index:index + 1] + data[index:]


def end(_data, _index):
    return None


BULK = ("--count", 2_000_000, "--connections", 2)


@pytest.mark.parametrize("mode", ["down", "up"])
def test_load_counts_what_an_honest_relay_carries(load, forger, mode):
    """A run through an honest relay reports the bytes that were asked for."""
    relay = forger()
    result = accepted(load(mode, relay.port, relay.backend, *BULK, "--warm",
                           1_000_000))
    assert result["units"] == 2_000_000
    assert result["checked_bytes"] == 1_000_000


@pytest.mark.parametrize("mode", ["down", "up"])
@pytest.mark.parametrize("change,word", [
    (flip, "corrupted"), (drop, "corrupted"), (double, "corrupted"),
    (end, "too early")])
@pytest.mark.parametrize("place", [GREETING, GREETING + 300_001])
def test_load_sees_every_forgery(load, forger, mode, change, word, place):
    """A run fails when one byte was changed, lost, doubled or cut off."""
    relay = forger(**{mode: at(place, change)})
    done = load(mode, relay.port, relay.backend, *BULK, "--warm", 100_000,
                "--check")
    assert done.returncode == 1, done.stdout
    assert word in done.stderr


# The mode, what is forged, --count, --limit, and what is said.
FORGED = {
    "greeting": ("churn", {"up": at(10, flip)}, 10, 20,
                 "greeting was corrupted"),
    "answer": ("churn", {"down": at(63, flip)}, 10, 20,
               "answer was corrupted"),
    "ping": ("ping", {"down": at(GREETING + 64 * 5 + 3, flip)}, 100, 20,
             "answer was corrupted"),
    "too-many": ("down", {"down": at(GREETING + 1_999_999, double)},
                 2_000_000, 20, "more bytes"),
    "too-few": ("down", {"down": at(GREETING + 1_000_000, drop)},
                2_000_000, 2, "took too long"),
}


@pytest.mark.parametrize("name", FORGED)
def test_load_sees_a_forgery_without_checking_all(load, forger, name):
    """A run that compares few of its bytes still fails when one of these is
    changed, or there is one too many or too few."""
    mode, forge, count, limit, said = FORGED[name]
    relay = forger(**forge)
    done = load(mode, relay.port, relay.backend, "--count", count,
                limit=limit)
    assert done.returncode == 1 and said in done.stderr


def test_load_counts_paced_exchanges_from_when_they_were_due(load, forger):
    """A relay that once stands still is late with all that fell due then."""
    still = 300
    def stand_still(data, offset):
        if offset <= GREETING + 64 * 20 < offset + len(data):
            time.sleep(still / 1000)
        return data

    relay = forger(down=stand_still)
    told = accepted(load("pace", relay.port, relay.backend, "--count", 200,
                         "--every", 10_000))
    late = told["latency_us"]
    assert told["units"] >= 200
    assert late["max"] >= still * 1000
    assert late["p99"] >= still * 1000 / 2      # and not one of 200 alone


# Through the daemon: every mode, every combination of legs.

LEGS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.fixture
def route(relay, certs):
    """route(listen_tls, connect_tls): (port, backend, options for load)"""
    def start(listen_tls, connect_tls):
        port, backend = (sallyport.free_port() for _ in range(2))
        relay("\n".join([
            "[service bench]",
            f"listen = {'tls' if listen_tls else 'tcp'}://127.0.0.1:{port}",
            f"listen.cert = {certs}/server.pem" if listen_tls else "",
            f"listen.key = {certs}/server.key" if listen_tls else "",
            f"connect = {'tls' if connect_tls else 'tcp'}://"
            f"127.0.0.1:{backend}",
            f"connect.ca = {certs}/ca.pem" if connect_tls else "", ""]))
        options = ["--cipher", SUITE] if listen_tls or connect_tls else []
        options += ["--client-tls"] if listen_tls else []
        options += ["--server-tls", "--cert", certs / "server.pem",
                    "--key", certs / "server.key"] if connect_tls else []
        return port, backend, options
    return start


@pytest.mark.parametrize("legs", LEGS)
def test_load_modes_work_through_the_daemon(load, route, legs):
    """Each mode runs through the daemon, in each combination of legs."""
    port, backend, options = route(*legs)
    modes = [
        ("down", "--count", 20_000_000, "--connections", 8, "--check"),
        ("up", "--count", 20_000_000, "--connections", 8, "--check"),
        ("ping", "--count", 1000, "--connections", 8),
        ("pace", "--count", 200, "--warm", 20, "--connections", 8,
         "--every", 5000),
        ("churn", "--count", 100, "--connections", 8),
        ("hold", "--connections", 50),
        ("slow", "--connections", 20, "--receive-buffer", 65536,
         "--settle", 500),
    ]
    for mode, *words in modes:
        result = accepted(load(mode, port, backend, *words, *options,
                               limit=60))
        assert result["mode"] == mode
        assert result["dirty_ends"] == 0
        if mode in ("down", "up"):
            assert result["checked_bytes"] >= 20_000_000
        for side in ("client_tls", "server_tls"):
            assert result.get(side, {"cipher": SUITE})["cipher"] == SUITE


def test_load_counts_a_server_that_closes_at_once(load, forger, route):
    """Connections that the server closes at once are counted as clean."""
    port, backend, _ = route(False, False)
    result = accepted(load("shut", port, backend, "--count", 100,
                           "--connections", 8))
    assert result["units"] == 100 and result["dirty_ends"] == 0


def test_load_sees_bytes_of_a_server_that_sent_none(load, server):
    """A run fails when bytes come from a server that sent none."""
    relay = server(lambda peer: peer.send(b"x"))
    done = load("shut", relay.port, sallyport.free_port(), "--count", 10)
    assert done.returncode == 1 and "more bytes" in done.stderr


def test_load_counts_resumed_sessions(load, route):
    """A run reports how many of its handshakes were resumed."""
    port, backend, options = route(True, False)
    words = ("--count", 40, "--warm", 10, *options)
    result = accepted(load("churn", port, backend, *words))
    assert result["client_tls"]["resumed"] == 0
    result = accepted(load("churn", port, backend, *words, "--resume"))
    assert result["client_tls"]["handshakes"] == 40
    assert result["client_tls"]["resumed"] == 40


# The report.

def samples(*figures):
    return [{"figure": one} if one is not None else {"failed": "it"}
            for one in figures]


def test_report_pairs_the_samples_of_a_round():
    """A ratio compares two relays in the same round, and leaves out a failed
    one."""
    ours, theirs = samples(1, 2, 6, 1), samples(2, None, 3, 4)
    assert report.ratios(ours, theirs) == [0.5, 2, 0.25]


def test_report_names_the_best_peer():
    """The best peer of a group is the relay that Sallyport does worst
    against."""
    class Row:
        name = "row"

    record = {
        "relays": {"sallyport": {"group": "ours"},
                   "slow": {"group": "default"},
                   "quick": {"group": "default"},
                   "tuned": {"group": "tuned"}},
        "results": {"row": {"sallyport": samples(2, 2, 2),
                            "slow": samples(9, 9, 1),
                            "quick": samples(4, 4, 4),
                            "tuned": samples(1, 1, 1)}},
    }
    assert report.best_peer(record, Row, "default") == ("quick", [.5] * 3)
    assert report.best_peer(record, Row, "tuned")[0] == "tuned"
    assert report.best_peer(record, Row, "baseline") is None
