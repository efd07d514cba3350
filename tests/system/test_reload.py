"""A new configuration is loaded in place: by the same processes, all at once,
and no client that is connected or connects meanwhile notices."""
import concurrent.futures
import itertools
import os
import select
import signal
import socket
import ssl
import threading

import pytest

import configs
import figures
import peers
import processes
import sallyport
import steady
from peers import is_served, serves
from processes import reload

pytestmark = pytest.mark.usefixtures("two_workers")

SANITIZED = sallyport.SANITIZED

# Connections of a stream between two changes: of many, and of few.
BETWEEN = 4 if SANITIZED else 10
AROUND = 100 if SANITIZED else 500

# So long a server may have nothing to do for those that are held.
LONG = 20 * sallyport.PATIENCE
# Clients that are silent meanwhile are no failed handshakes.
SILENT_FOR_LONG = "timeout.handshake = 5m"


def named(answer):
    """A handler that answers every question with its name."""
    def handler(peer):
        while peer.recv():
            peer.send(answer)
    return handler


def name_at(peer):
    """The name of the server that this peer speaks to; see named()."""
    peer.send(b"?")
    return peer.recv_exactly(1)


def settled(one):
    """Its children when the trial of the last reload has gone."""
    sallyport.wait_until(
        lambda: "trial" not in map(processes.role,
                                   processes.children(one.pid)),
        "the end of the trial")
    return processes.roles(one.pid)


class Footprint:
    """What the processes hold, to be compared with later."""

    def __init__(self, one):
        self.one = one
        self.roles = settled(one)
        self.fds = processes.fd_counts(one.pid)
        self.kib = self._kib()

    def _kib(self):
        return {role: processes.private_kib(pid) for role, pid in
                [("master", self.one.pid), *self.roles.items()]}

    def assert_same(self, growth_kib):
        assert settled(self.one) == self.roles
        # Connections end in their time.
        sallyport.wait_until(
            lambda: processes.fd_counts(self.one.pid) == self.fds,
            f"{self.fds}, there are {processes.fd_counts(self.one.pid)}")
        now = self._kib()
        grown = {role: now[role] - self.kib[role] for role in now}
        figures.tell(f"grown by KiB: {grown}")
        # The sanitizers keep what was freed.
        assert SANITIZED or max(grown.values()) <= growth_kib


def both(port, secure, far, certs, *options):
    return configs.plain(port, far, *options, name="plain") + \
        configs.tls(secure, far, certs, *options, name="secure")


@pytest.mark.promise(31)
def test_hundreds_of_reloads_fail_no_connection(relay, certs, free_port):
    """Five hundred reloads, in a minute where the machine has time to spare,
    fail no connection and leave nothing behind, although half of them change
    every service."""
    port, secure = free_port(), free_port()
    rounds = 10 if SANITIZED else 250
    with steady.Stream() as stream:
        def text(turn):
            return both(port, secure, stream.port, certs,
                        f"timeout.connect = {5 + turn // 2 % 5}s")
        one = relay(text(0))
        for turn in range(20):
            one.reload_config(text(turn))
            reload(one)
        before = Footprint(one)
        stream.go(port, port, port, f"tls:{secure}", ca=certs / "ca.pem")
        for turn in range(rounds):
            one.reload_config(text(turn))
            reload(one)
            stream.serve(BETWEEN)
            processes.hang_up(one)
            stream.serve(BETWEEN)
        told = stream.stop()
    assert told["failed"] == 0
    assert told["done"] >= 2 * rounds * BETWEEN
    steady.assert_held(told)
    assert SANITIZED or told["spare"] < steady.SPARE or told["seconds"] <= 60
    assert len(one.matching("reloaded: generation")) == 20 + 2 * rounds
    before.assert_same(1024)
    assert not one.matching("reload failed|died|killed")
    assert processes.status(one)["all"]["active"] == 0


@pytest.mark.promise(31)
def test_reloads_do_not_grow_memory(relay, certs, free_port):
    """Hundreds of reloads leave every process as large as it was."""
    port, secure = free_port(), free_port()

    def text(turn):
        return both(port, secure, 9, certs,
                    f"timeout.connect = {1 + turn % 2}s")
    one = relay(text(0))
    for turn in range(100):
        one.reload_config(text(turn))
        reload(one)
    before = Footprint(one)
    for turn in range(20 if SANITIZED else 500):
        one.reload_config(text(turn))
        reload(one)
    before.assert_same(256)


def test_reload_keeps_the_settings_of_connections(relay, server, client,
                                                  free_port):
    """A live connection keeps its server and timeouts through a reload; a new
    one has the new ones."""
    port = free_port()
    old_far, new_far = server(named(b"o")), server(named(b"n"))
    one = relay(configs.plain(port, old_far.port))
    olds = [client(port) for _ in range(8)]
    assert [name_at(peer) for peer in olds] == [b"o"] * 8
    one.reload_config(configs.plain(port, new_far.port, "timeout.idle = 1s",
                                    "timeout.lifetime = 2s"))
    reload(one)
    news = [client(port) for _ in range(8)]
    assert [name_at(peer) for peer in news] == [b"n"] * 8
    assert {peer.receive().end for peer in news} <= {"reset", "fin"}
    assert {end["reason"] for end in one.wait_ends(8)} == {"idle-timeout"}
    assert [name_at(peer) for peer in olds] == [b"o"] * 8


def test_reload_adds_and_removes_services(relay, server, client, free_port,
                                          tmp_path):
    """A reload opens the listeners of new services and closes those of removed
    ones; connections go on."""
    ports = [free_port() for _ in range(4)]
    addresses = [*ports, tmp_path / "socket"]
    far = server(peers.echo)

    def text(indices):
        return "".join(
            configs.service(f"unix:{addresses[i]}" if i == 4 else
                            f"127.0.0.1:{addresses[i]}", far.port, name=f"s{i}")
            for i in indices)
    one = relay(text([0]))
    held = {0: client(addresses[0])}
    for indices in ([0, 1], [0, 1, 2, 4], [2, 4], [3], [0, 1, 2, 3, 4], [0],
                    [4, 3, 2, 1, 0], [1]):
        one.reload_config(text(indices))
        reload(one)
        for i, address in enumerate(addresses):
            if i in indices:
                peer = client(address)
                assert is_served(peer)
                held.setdefault(i, peer)
            else:
                # The kernel may take a moment for the last reference.
                sallyport.wait_until(lambda: peers.is_refused(address),
                                     "a refusal")
        assert all(is_served(peer) for peer in held.values())
    assert not addresses[4].exists()
    names = [one["name"] for one in processes.status(one)["services"]]
    assert names == [f"s{i}" for i in (0, 1, 2, 4, 3)]


def test_reload_moves_addresses_between_services(relay, server, client,
                                                 free_port):
    """An address that moves to another service leads new clients there;
    connected ones stay."""
    a, b = free_port(), free_port()
    first, second = server(named(b"1")), server(named(b"2"))
    one = relay(configs.plain(a, first.port, f"listen = 127.0.0.1:{b}"))
    held = [client(a), client(b)]
    assert [name_at(peer) for peer in held] == [b"1", b"1"]
    one.reload_config(configs.plain(a, first.port) +
                      configs.plain(b, second.port, name="t"))
    reload(one)
    assert [name_at(client(a)), name_at(client(b))] == [b"1", b"2"]
    one.reload_config(configs.plain(b, first.port) +
                      configs.plain(a, second.port, name="t"))
    reload(one)
    assert [name_at(client(a)), name_at(client(b))] == [b"2", b"1"]
    assert [name_at(peer) for peer in held] == [b"1", b"1"]


def test_reload_turns_tls_on_and_off(relay, certs, server, client, free_port):
    """An address turns from plain to TLS and back at reloads; all connections
    go on."""
    port = free_port()
    far = server(peers.echo)
    trust = peers.client_context(certs)
    texts = [configs.plain(port, far.port),
             configs.tls(port, far.port, certs)]
    one = relay(texts[0])
    held = []
    for turn in range(12):
        held.append(client(port, tls=trust if turn % 2 else None))
        assert all(is_served(peer, b"%d" % turn) for peer in held)
        one.reload_config(texts[(turn + 1) % 2])
        reload(one)
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end


def greet(peer, certs, name=None):
    """A handshake on a connection that has been silent, and one answer."""
    # With TLS 1.3 a client learns later that it was refused.
    context = peers.client_context(certs, name, "1.2")
    with context.wrap_socket(peer.socket, server_hostname="localhost") as tls:
        tls.sendall(b"?")
        return tls.recv(1)


@pytest.mark.promise(31, 42)
@pytest.mark.parametrize("count", [1, 2])
def test_silent_client_outlives_its_worker(relay, certs, server, client,
                                           free_port, count):
    """A client that has said nothing when its worker is replaced meets the new
    server and the new policy, and is not lost (promises 31 and 42)."""
    old, new = server(named(b"1")), server(named(b"2"))
    port, workers = free_port(), configs.settings(f"workers = {count}")
    one = relay(workers + configs.tls(port, old.port, certs, SILENT_FOR_LONG))
    silent = [client(port) for _ in range(5)]
    for peer in silent:
        one.wait_holder(peer.socket.getsockname()[1])
    one.reload_config(workers + configs.tls(
        port, new.port, certs, SILENT_FOR_LONG, "listen.verify = required",
        f"listen.ca = {certs}/ca.pem"))
    reload(one)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(silent[0], certs)
    for peer in silent[1:]:
        assert greet(peer, certs, "client") == b"2"
    assert len(one.wait_ends(5)) == 5
    assert not one.matching("counted|warn")


def test_worker_forgets_a_client_that_it_passed_on(relay, certs, server,
                                                   client, free_port):
    """A worker that passed a client on does not wake up for what the client
    sends to the other worker."""
    old, over = server(peers.echo), threading.Event()
    new = server(lambda peer: over.wait(LONG))
    port, settings = free_port(), configs.settings("workers = 1")
    one = relay(settings + configs.tls(port, old.port, certs))
    context = peers.client_context(certs)
    stays, silent = client(port, tls=context), client(port)
    assert is_served(stays, b"stays")
    one.wait_holder(silent.socket.getsockname()[1])
    one.reload_config(settings + configs.tls(port, new.port, certs))
    reload(one)
    tls = peers.TlsPeer(silent.socket, context, "localhost").handshake()
    tls.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        tls.send(bytes(1 << 20) for _ in range(64))
    sallyport.wait_until(one.is_idle, "all processes to sleep")
    assert is_served(stays, b"still")
    over.set()


@pytest.mark.promise(42)
@pytest.mark.parametrize("name", ["same", "renamed"])
def test_silent_client_meets_the_new_policy(relay, certs, server, client,
                                            free_port, name):
    """A client that says its first byte after a reload is judged by the new
    configuration, under whichever name (promise 42)."""
    far, port = server(named(b"1")), free_port()
    one = relay(configs.tls(port, far.port, certs, SILENT_FOR_LONG,
                            name="same"))
    silent = [client(port) for _ in range(3)]
    for peer in silent:
        one.wait_holder(peer.socket.getsockname()[1])
    one.reload_config(configs.tls(
        port, far.port, certs, SILENT_FOR_LONG, "listen.verify = required",
        f"listen.ca = {certs}/ca.pem", name=name))
    reload(one)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(silent[0], certs)
    end = one.wait_ends()[0]
    assert (end["service"], end["reason"]) == (name, "handshake-failed")
    assert "did not return a certificate" in end["detail"]
    assert greet(silent[1], certs, "client") == b"1"
    one.reload_config(configs.plain(free_port(), far.port, name="other"))
    reload(one)
    assert greet(silent[2], certs, "client") == b"1", "its service is gone"


@pytest.mark.parametrize("where", ["global", "service"])
def test_reload_changes_max_connections(relay, server, client, free_port,
                                        where):
    """A raised limit lets waiting clients in; a lowered one keeps the
    connections that there are."""
    port = free_port()
    far = server(peers.echo)

    def text(limit):
        line = f"max_connections = {limit}"
        return configs.settings(line) + configs.plain(port, far.port) \
            if where == "global" else configs.plain(port, far.port, line)
    one = relay(text(2))
    served = [client(port), client(port)]
    assert all(is_served(peer) for peer in served)
    waiting = [client(port) for _ in range(2)]
    for peer in waiting:
        peer.send(b"?")
    one.reload_config(text(4))          # waiting clients are let in
    reload(one)
    assert [peer.recv_exactly(1) for peer in waiting] == [b"?", b"?"]
    one.reload_config(text(1))          # connections stay
    reload(one)
    late = client(port)
    late.send(b"?")
    served += waiting
    for _ in range(3):
        assert all(is_served(peer) for peer in served)
        peer = served.pop()
        peer.half_close()
        assert peer.receive().end == "fin"
    assert len(far.results) == 4
    assert is_served(served[0])
    served[0].half_close()
    assert late.recv_exactly(1) == b"?"


def test_reload_changes_the_log(relay, server, client, free_port, tmp_path):
    """A reload changes the log's file, format and level for every process."""
    port = free_port()
    far = server(peers.echo)
    first, second = tmp_path / "first.log", tmp_path / "second.log"

    def text(*options):
        return configs.settings(*options) + configs.plain(port, far.port)

    def end_one():
        """Several, so that it is the log of every worker."""
        many = [client(port) for _ in range(6)]
        for peer in many:
            assert is_served(peer)
            peer.half_close()
            assert peer.receive().end == "fin"

    one = relay(text(f"log = file:{first}"), log=first)
    end_one()
    one.wait_log("info end", count=6)
    one.reload_config(text(f"log = file:{second}"))
    reload(one)
    end_one()
    one.log = second
    one.wait_log("info end", count=6)
    assert len(first.read_text().splitlines()) == \
        len([line for line in first.read_text().splitlines()
             if "generation 2" not in line]), "what follows is the second's"
    # The master writes the lines of its children, which have neither.
    for pid in [one.pid, *settled(one).values()]:
        held = list(processes.links(pid).values())
        assert (held.count(str(first)), held.count(str(second))) == \
            (0, 1 if pid == one.pid else 0)
    one.reload_config(text(f"log = file:{second}", "log_format = json"))
    reload(one)
    end_one()
    one.wait_log('"event": ?"end"|"message": ?"end', count=6)
    one.reload_config(text("log = stderr", "log_level = warn"))
    reload(one)
    end_one()
    one.log = one.stderr
    one.reload_config(text("log = stderr", "log_level = debug"))
    reload(one)
    end_one()
    one.wait_log("info end", count=6)
    assert len(one.matching("info end")) == 6
    assert one.matching(" debug ")


@pytest.mark.promise(33)
def test_reload_changes_the_number_of_workers(relay, certs, server, client,
                                              free_port):
    """A reload adds and retires workers while clients come; none fails, and
    held connections go on."""
    port, secure, held_at = free_port(), free_port(), free_port()
    far = server(peers.echo, timeout=LONG)
    with steady.Stream() as stream:
        def text(workers):
            return configs.settings(f"workers = {workers}") + both(
                port, secure, stream.port, certs) + \
                configs.plain(held_at, far.port, name="held")
        one = relay(text(1))
        stream.go(port, port, port, f"tls:{secure}", ca=certs / "ca.pem")
        stream.serve(AROUND)
        held = []
        for turn, count in enumerate([4, 2, 1, 3, 1, 4, 2]):
            held += [client(held_at) for _ in range(count)]
            assert all(is_served(peer) for peer in held)
            one.reload_config(text(count))
            reload(one)
            assert processes.status(one)["master"]["workers_wanted"] == count
            assert {f"w{i}" for i in range(count)} <= \
                set(processes.roles(one.pid))
            stream.serve(AROUND)
        assert all(is_served(peer) for peer in held)
        for peer in held:
            peer.half_close()
            assert peer.receive().end == "fin"
        processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
        told = stream.stop()
    assert told["failed"] == 0
    steady.assert_held(told)
    assert not one.matching("reset|died|killed|error")


def test_counters_outlive_services_and_workers(relay, server, client,
                                               free_port):
    """The counters of `status` go on through changes of the service and of the
    number of workers."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 1") +
                configs.plain(port, far.port))
    wanted = {"accepted": 0, "ended_well": 0, "up_bytes": 0, "down_bytes": 0}

    def counters():
        told = processes.status(one)
        [service] = told["services"]
        return [{name: each[name] for name in wanted}
                for each in (told["all"], service)]

    def talk(count, size):
        """The workers have a share of these each."""
        many = [client(port) for _ in range(count)]
        for peer in many:
            assert is_served(peer, bytes(size))
        for peer in many:
            peer.half_close()
            assert peer.receive().end == "fin"
        for name, more in (("accepted", count), ("ended_well", count),
                           ("up_bytes", count * size),
                           ("down_bytes", count * size)):
            wanted[name] += more
        sallyport.wait_until(lambda: counters() == [wanted, wanted],
                             f"{wanted}, there is {counters()}")

    for turn, workers in enumerate([1, 4, 2, 1, 4]):
        options = [f"timeout.connect = {turn + 1}s", "splice = never"]
        one.reload_config(configs.settings(f"workers = {workers}") +
                          configs.plain(port, far.port, *options[:turn]))
        reload(one)
        processes.wait_roles(one.pid, {"admin"} | {
            f"w{number}" for number in range(workers)})
        assert counters() == [wanted, wanted]
        talk(4 * workers, 1000 + turn)


def waiting_at(port):
    """How many wait to be accepted at the sockets of that address."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[4].partition(":")[2], 16) for row in rows
               if row[3] == "0A" and row[1] == f"0100007F:{port:04X}")


def answered(held):
    """Those that have something to read."""
    return select.select([peer.socket for peer in held], [], [], 0)[0]


@pytest.mark.promise(33)
def test_queued_clients_outlive_their_worker(relay, server, client, free_port):
    """A client in the queue of a worker that retires is served by the others;
    one that was handed to it is served by it before it ends."""
    port = free_port()
    far = server(peers.echo)

    def text(workers):
        return configs.settings(f"workers = {workers}") + \
            configs.plain(port, far.port)
    one = relay(text(4))
    before = processes.wait_roles(one.pid, ["w0", "w1", "w2", "w3", "admin"])
    gone = [before["w2"], before["w3"]]
    for pid in gone:
        processes.stop(pid)
    held = [client(port) for _ in range(40)]
    for peer in held:
        peer.send(b"served?")
    assert waiting_at(port) > 0
    one.reload_config(text(2))
    # It ends when those two have let in what they had.
    reloaded = peers.in_background(reload, one)
    sallyport.wait_until(lambda: waiting_at(port) == 0, "all to be accepted")
    # None of four workers with the same load gets more than its share.
    sallyport.wait_until(lambda: len(answered(held)) >= 20,
                         "those to be served that have not been handed over")
    print("measured: handed over to workers that retire:",
          40 - len(answered(held)))
    for pid in gone:
        assert processes.is_alive(pid)
        os.kill(pid, signal.SIGCONT)
    reloaded.result(sallyport.PATIENCE)
    for peer in held:
        assert peer.recv_exactly(7) == b"served?"
    assert all(is_served(peer) for peer in held)
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_gone(gone)
    assert {end["reason"] for end in one.wait_ends(40)} <= \
        {"client-closed", "server-closed"}
    assert not one.matching("died|killed|error")


def let_go(one):
    """How many services its workers have freed: they say so at debug."""
    return len(one.matching(r" debug .*nothing has these settings any more"))


@pytest.mark.promise(31)
def test_long_connections_outlive_a_thousand_reloads(relay, certs, free_port,
                                                     server, client):
    """A hundred connections, each with settings of its own, outlive a thousand
    reloads; their settings go when they do."""
    port, secure = free_port(), free_port()
    far = server(peers.echo, timeout=LONG)
    rounds = 20 if SANITIZED else 1000
    trust = peers.client_context(certs)
    turns = itertools.count(1000)   # seconds: none ends on a slow machine

    def change():
        one.reload_config(
            configs.settings("log_level = debug") +
            both(port, secure, far.port, certs,
                 f"timeout.idle = {next(turns)}s"))
        reload(one)
    one = relay(configs.plain(port, far.port))
    held = []
    for _ in range(50):
        change()
        held += [client(port), client(secure, tls=trust)]
        assert is_served(held[-2]) and is_served(held[-1])
    for _ in range(50):         # the first of everything
        change()
    sallyport.wait_until(one.is_idle, "the lines of these to be written")
    full, before = Footprint(one), let_go(one)
    for _ in range(rounds):
        change()
    assert all(is_served(peer) for peer in held)
    # A reload that loses 1 KiB would show, and a service is much more.
    full.assert_same(rounds)
    # Two services that each of two workers had made before.
    sallyport.wait_until(lambda: let_go(one) - before >= 4 * rounds,
                         "the services in between to go")
    assert let_go(one) - before == 4 * rounds
    for count, peer in enumerate(held, 1):
        peer.half_close()
        assert peer.receive().end == peer.clean_end
        if count % 10 == 0:
            one.wait_ends(count)
            sallyport.wait_until(
                lambda: let_go(one) - before >= 4 * rounds + count,
                "the settings of those that have ended to go")
            assert let_go(one) - before == 4 * rounds + count
    assert settled(one) == full.roles


def test_reload_requests_at_once_are_all_answered(relay, server, free_port):
    """Reload requests that come at once are all answered, after the last one's
    configuration is active."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            extra = free_port()
            # No answer may be about a file that was read before.
            one.reload_config(configs.plain(port, far.port) +
                              configs.plain(extra, far.port, name="extra"))
            asked = [pool.submit(processes.command, one, "reload")
                     for _ in range(8)]
            for _ in range(5):
                one.signal(signal.SIGHUP)
            for each in asked:
                assert each.result().returncode == 0
                assert serves(extra)
    assert not one.matching("reload failed")


def test_client_that_leaves_before_its_answer_costs_nothing(relay, free_port,
                                                            tmp_path):
    """A client of the control socket that leaves before its answer costs no
    descriptor, and delays no other request."""
    control = str(tmp_path / "control")
    one = relay(configs.settings(f"control = {control}") +
                configs.plain(free_port(), 9))
    reload(one)
    settled(one)
    before = processes.fd_counts(one.pid)
    for _ in range(50):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(control)
            asker.sendall(b"reload\n")
    reload(one)
    settled(one)
    sallyport.wait_until(lambda: processes.fd_counts(one.pid) == before,
                         f"descriptors as before: {before}")


def test_hang_up_during_a_start_reloads_later(relay, server, free_port):
    """A SIGHUP that comes during the start is followed by a reload."""
    far = server(peers.echo)
    for turn in range(4 if SANITIZED else 20):
        port = free_port()
        one = relay(configs.plain(port, far.port), ready=None)
        sallyport.wait_until(
            lambda: handles(one.pid, signal.SIGHUP), "the handler")
        for _ in range(1 + turn % 3):
            one.signal(signal.SIGHUP)
        one.wait_log("ready")
        one.wait_log("reloaded: generation")
        assert serves(port)
        reload(one)
        one.stop()


def handles(pid, number):
    """Whether the process has a handler for that signal."""
    [mask] = processes.status_fields(pid)["SigCgt"]
    return int(mask, 16) >> number - 1 & 1
