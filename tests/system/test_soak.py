"""However many connections come and go, memory and descriptors stay where they
were.  Here it is a few; `scripts/soak` has a million."""
import collections
import itertools
import json
import os
import statistics
import subprocess

import pytest

import figures
import processes
import sallyport

FEW = 1_000 if sallyport.SANITIZED else 6_000
ROUNDS = 10
WARM_ROUNDS = 2         # which bring caches and heaps to their size

# What a connection may leave behind, and each worker's heap besides, in which
# what is freed is not always what is taken next.  The least that malloc gives is
# 32 bytes.
EACH_BYTES = 2
HEAP_BYTES = 512 << 10

Way = collections.namedtuple("Way", "name legs share version resume")

# All ways of connecting, and how many of a hundred go each.  A service is named
# for its legs: towards the client, towards the server.
WAYS = [
    Way("plain", "tcp-tcp", 40, None, False),
    Way("full handshakes", "tls-tcp", 10, "1.3", False),
    Way("full handshakes, 1.2", "tls-tcp", 5, "1.2", False),
    Way("resumed", "tls-tcp", 10, "1.3", True),
    Way("resumed, 1.2", "tls-tcp", 5, "1.2", True),
    Way("full handshakes with the server", "tcp-tls", 10, "1.3", False),
    Way("resumed with the server", "tcp-tls", 10, "1.3", True),
    Way("full handshakes with both", "tls-tls", 5, "1.3", False),
    Way("resumed with both", "tls-tls", 5, "1.3", True),
]


class Soaked:
    """A daemon with a service for each pair of legs."""

    def __init__(self, relay, certs, folder, load):
        self.load, self.certs, self.total = load, certs, 0
        self.ports = {way.legs: (sallyport.free_port(), sallyport.free_port())
                      for way in WAYS}
        self.log = folder / "log"
        self.relay = relay(
            f"[global]\nlog = file:{self.log}\n" +
            "".join(map(self._service, self.ports)), log=self.log)
        self.fds = self.relay.fds()

    def _service(self, legs):
        listen, connect = legs.split("-")
        port, backend = self.ports[legs]
        return "\n".join([
            f"[service {legs}]",
            f"listen = {listen}://127.0.0.1:{port}",
            f"listen.cert = {self.certs}/server-both.pem"
            if listen == "tls" else "",
            f"connect = {connect}://127.0.0.1:{backend}",
            f"connect.ca = {self.certs}/ca.pem" if connect == "tls" else "",
            ""])

    def run(self, way, count):
        """So many connections, and before them some to get sessions from."""
        warm = 64 if way.resume else 1
        port, backend = self.ports[way.legs]
        words = [self.load, "churn", "--connect", port, "--listen", backend,
                 "--connections", 32, "--count", count, "--warm", warm,
                 "--limit", 3600]
        words += ["--tls", way.version] if way.version else []
        words += ["--client-tls"] if way.legs.startswith("tls") else []
        words += ["--server-tls", "--cert", self.certs / "server.pem",
                  "--key", self.certs / "server.key"] \
            if way.legs.endswith("tls") else []
        words += ["--resume"] if way.resume else []
        done = subprocess.run(list(map(str, words)), capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, f"{way.name}: {done.stderr}"
        said = json.loads(done.stdout)
        for side in ("client_tls", "server_tls"):
            if side in said:
                share = said[side]["resumed"] / said[side]["handshakes"]
                assert share > 0.5 if way.resume else share == 0, way.name
        self.total += count + warm
        return count + warm

    def check_ends(self, count):
        """All is given back; then what the log says of them goes away."""
        sallyport.wait_until(lambda: self.relay.fds() == self.fds,
                             f"descriptors to be {self.fds} again")
        ends = collections.Counter(
            end["reason"] for end in self.relay.wait_ends(count))
        assert ends == {"client-closed": count}
        os.truncate(self.log, 0)

    def own_bytes(self):
        """Without what comes from files, which others have as well."""
        sallyport.wait_until(self.relay.is_idle, "rest")
        return 1024 * sum(map(processes.own_kib, self.relay.pids()))


def slope(samples):
    """Of the line through most of the points (x, y), as Theil and Sen draw
    it."""
    return statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in
                             itertools.combinations(samples, 2))


@pytest.mark.promise(22)
@pytest.mark.slow
def test_connections_of_every_kind_leave_nothing_behind(request, relay, certs,
                                                        tmp_path,
                                                        load_program):
    """Connections of every kind, in rounds, leave descriptors and memory where
    they were."""
    count = request.config.getoption("--soak") or FEW
    one = Soaked(relay, certs, tmp_path, load_program)
    samples = []
    for _ in range(ROUNDS):
        one.check_ends(sum(one.run(way, count * way.share // 100 // ROUNDS)
                           for way in WAYS))
        samples.append((one.total, one.own_bytes()))
        figures.tell(f"after {one.total} connections: "
                     f"PSS {one.relay.memory_kib()} KiB, "
                     f"{samples[-1][1] >> 10} of them not from files; "
                     f"{one.relay.fds()} descriptors, "
                     f"{one.relay.cpu_seconds():.1f} s of CPU time")
    samples = samples[WARM_ROUNDS:]
    each = slope(samples)
    heaps = len(processes.workers(one.relay.pid)) * HEAP_BYTES
    most = EACH_BYTES + heaps / (samples[-1][0] - samples[0][0])
    figures.tell(f"{each:.2f} bytes for each connection (bound: {most:.2f})")
    # The sanitizer keeps what was freed.
    assert sallyport.SANITIZED or each <= most
