"""A new configuration is taken over in place: by the same processes, all at
once, and nobody who is connected or connects meanwhile notices."""
import concurrent.futures
import itertools
import os
import select
import signal
import socket

import pytest

import configs
import figures
import peers
import processes
import sallyport
import steady
from processes import reload

pytestmark = pytest.mark.usefixtures("two_workers")

SANITIZED = sallyport.SANITIZED

# Connections of a stream between two changes: of many, and of few.
BETWEEN = 4 if SANITIZED else 10
AROUND = 100 if SANITIZED else 500

# So long a server may have nothing to do for those that are held.
LONG = 20 * sallyport.PATIENCE


def asks(peer, question=b"are you there?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def named(answer):
    """A handler that says its name to every question."""
    def handler(peer):
        while peer.recv():
            peer.send(answer)
    return handler


def who(peer):
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


def test_hundreds_under_load(relay, certs, free_port):
    """500 of them in a minute, with connections between any two.  Half of them
    change something in every service, so that none is kept."""
    port, secure = free_port(), free_port()
    rounds = 20 if SANITIZED else 250
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
    # Half as much again where they had to wait for their turn.
    most = 60 if told["spare"] >= steady.SPARE else 90
    assert SANITIZED or told["seconds"] <= most
    assert len(one.matching("reloaded: generation")) == 20 + 2 * rounds
    before.assert_same(1024)
    assert not one.matching("reload failed|died|killed")
    assert processes.status(one)["all"]["active"] == 0


def test_memory_is_flat(relay, certs, free_port):
    """With nothing but reloads, what grows is what a reload loses."""
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


def test_live_connections_keep_their_settings(relay, server, client,
                                              free_port):
    port = free_port()
    old_far, new_far = server(named(b"o")), server(named(b"n"))
    one = relay(configs.plain(port, old_far.port))
    olds = [client(port) for _ in range(8)]
    assert [who(peer) for peer in olds] == [b"o"] * 8
    one.reload_config(configs.plain(port, new_far.port, "timeout.idle = 1s",
                                    "timeout.lifetime = 2s"))
    reload(one)
    news = [client(port) for _ in range(8)]
    assert [who(peer) for peer in news] == [b"n"] * 8
    assert {peer.receive().end for peer in news} <= {"reset", "fin"}
    assert {end["reason"] for end in one.wait_ends(8)} == {"idle-timeout"}
    assert [who(peer) for peer in olds] == [b"o"] * 8


def test_services_come_and_go(relay, server, client, free_port, tmp_path):
    ports = [free_port() for _ in range(4)]
    doors = [*ports, tmp_path / "door"]
    far = server(peers.echo)

    def text(indices):
        return "".join(
            configs.service(f"unix:{doors[i]}" if i == 4 else
                            f"127.0.0.1:{doors[i]}", far.port, name=f"s{i}")
            for i in indices)
    one = relay(text([0]))
    held = {0: client(doors[0])}
    for indices in ([0, 1], [0, 1, 2, 4], [2, 4], [3], [0, 1, 2, 3, 4], [0],
                    [4, 3, 2, 1, 0], [1]):
        one.reload_config(text(indices))
        reload(one)
        for i, door in enumerate(doors):
            if i in indices:
                peer = client(door)
                assert asks(peer)
                held.setdefault(i, peer)
            else:
                # The kernel may take a moment for the last reference.
                sallyport.wait_until(lambda: peers.is_refused(door),
                                     "a refusal")
        assert all(asks(peer) for peer in held.values())
    assert not doors[4].exists()
    names = [one["name"] for one in processes.status(one)["services"]]
    assert names == [f"s{i}" for i in (0, 1, 2, 4, 3)]


def test_listeners_of_one_service(relay, server, client, free_port):
    """Addresses move between services while clients are connected to them."""
    a, b = free_port(), free_port()
    first, second = server(named(b"1")), server(named(b"2"))
    one = relay(configs.plain(a, first.port, f"listen = 127.0.0.1:{b}"))
    held = [client(a), client(b)]
    assert [who(peer) for peer in held] == [b"1", b"1"]
    one.reload_config(configs.plain(a, first.port) +
                      configs.plain(b, second.port, name="t"))
    reload(one)
    assert [who(client(a)), who(client(b))] == [b"1", b"2"]
    one.reload_config(configs.plain(b, first.port) +
                      configs.plain(a, second.port, name="t"))
    reload(one)
    assert [who(client(a)), who(client(b))] == [b"2", b"1"]
    assert [who(peer) for peer in held] == [b"1", b"1"]


def test_tls_and_plain_on_one_address(relay, certs, server, client,
                                      free_port):
    port = free_port()
    far = server(peers.echo)
    trust = peers.client_context(certs)
    texts = [configs.plain(port, far.port),
             configs.tls(port, far.port, certs)]
    one = relay(texts[0])
    held = []
    for turn in range(12):
        held.append(client(port, tls=trust if turn % 2 else None))
        assert all(asks(peer, b"%d" % turn) for peer in held)
        one.reload_config(texts[(turn + 1) % 2])
        reload(one)
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end


@pytest.mark.parametrize("where", ["global", "service"])
def test_max_connections_changes(relay, server, client, free_port, where):
    port = free_port()
    far = server(peers.echo)

    def text(limit):
        line = f"max_connections = {limit}"
        return configs.settings(line) + configs.plain(port, far.port) \
            if where == "global" else configs.plain(port, far.port, line)
    one = relay(text(2))
    served = [client(port), client(port)]
    assert all(asks(peer) for peer in served)
    waiting = [client(port) for _ in range(2)]
    for peer in waiting:
        peer.send(b"?")
    one.reload_config(text(4))          # those who wait are let in
    reload(one)
    assert [peer.recv_exactly(1) for peer in waiting] == [b"?", b"?"]
    one.reload_config(text(1))          # those who are there stay
    reload(one)
    late = client(port)
    late.send(b"?")
    served += waiting
    for _ in range(3):
        assert all(asks(peer) for peer in served)
        peer = served.pop()
        peer.half_close()
        assert peer.receive().end == "fin"
    assert len(far.results) == 4
    assert asks(served[0])
    served[0].half_close()
    assert late.recv_exactly(1) == b"?"


def test_log_changes(relay, server, client, free_port, tmp_path):
    port = free_port()
    far = server(peers.echo)
    first, second = tmp_path / "first.log", tmp_path / "second.log"

    def text(*options):
        return configs.settings(*options) + configs.plain(port, far.port)

    def end_one():
        """Several, so that it is the log of every worker."""
        many = [client(port) for _ in range(6)]
        for peer in many:
            assert asks(peer)
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
    for pid in [one.pid, *settled(one).values()]:
        sallyport.wait_until(
            lambda: str(second) in processes.links(pid).values(),
            f"{processes.name(pid)} to have the new log")
        held = list(processes.links(pid).values())
        assert (held.count(str(first)), held.count(str(second))) == (0, 1)
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


def test_number_of_workers_under_load(relay, certs, server, client,
                                      free_port):
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
            assert all(asks(peer) for peer in held)
            one.reload_config(text(count))
            reload(one)
            assert processes.status(one)["master"]["workers_wanted"] == count
            assert {f"w{i}" for i in range(count)} <= \
                set(processes.roles(one.pid))
            stream.serve(AROUND)
        assert all(asks(peer) for peer in held)
        for peer in held:
            peer.half_close()
            assert peer.receive().end == "fin"
        processes.wait_roles(one.pid, ["w0", "w1", "obser", "k0"])
        told = stream.stop()
    assert told["failed"] == 0
    steady.assert_held(told)
    assert not one.matching("reset|died|killed|error")


def test_counters_go_on(relay, server, client, free_port):
    """Through changes of the service and of the number of workers, those that
    have left included; bytes are counted as connections end."""
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
            assert asks(peer, bytes(size))
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
        processes.wait_roles(one.pid, {"obser"} | {
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


def handed_to(one, pids):
    """How many are counted as theirs."""
    return sum(each["active"] for each in processes.status(one)["processes"]
               if each["pid"] in pids)


def test_queues_of_workers_that_go(relay, server, client, free_port):
    """Who waits for a worker that is one too many is served by those that
    stay; who has been handed to it, by itself before it ends."""
    port = free_port()
    far = server(peers.echo)

    def text(workers):
        return configs.settings(f"workers = {workers}") + \
            configs.plain(port, far.port)
    one = relay(text(4))
    before = processes.wait_roles(one.pid, ["w0", "w1", "w2", "w3", "obser"])
    gone = [before["w2"], before["w3"]]
    for pid in gone:
        processes.stop(pid)
    held = [client(port) for _ in range(40)]
    for peer in held:
        peer.send(b"served?")
    assert waiting_at(port) > 0
    one.reload_config(text(2))
    reload(one)
    sallyport.wait_until(lambda: waiting_at(port) == 0, "all to be accepted")
    sallyport.wait_until(
        lambda: len(answered(held)) + handed_to(one, gone) == 40,
        "all to be served that have not been handed over")
    print("measured: in the inboxes of those that go:", handed_to(one, gone))
    for pid in gone:
        assert processes.is_alive(pid)
        os.kill(pid, signal.SIGCONT)
    for peer in held:
        assert peer.recv_exactly(7) == b"served?"
    assert all(asks(peer) for peer in held)
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


def test_long_connections_through_a_thousand(relay, certs, free_port, server,
                                             client):
    """100 of them, each with settings of its own, which go when it does."""
    port, secure = free_port(), free_port()
    far = server(peers.echo, timeout=LONG)
    rounds = 50 if SANITIZED else 1000
    trust = peers.client_context(certs)
    turns = itertools.count(100)

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
        assert asks(held[-2]) and asks(held[-1])
    for _ in range(50):         # the first of everything
        change()
    full, before = Footprint(one), let_go(one)
    for _ in range(rounds):
        change()
    assert all(asks(peer) for peer in held)
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


def test_requests_while_one_is_under_way(relay, server, free_port):
    """All are answered, and the last one's configuration is what counts."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            extra = free_port()
            # Nobody's answer may be of a file that was read before.
            one.reload_config(configs.plain(port, far.port) +
                              configs.plain(extra, far.port, name="extra"))
            asked = [pool.submit(processes.command, one, "reload")
                     for _ in range(8)]
            for _ in range(5):
                one.signal(signal.SIGHUP)
            for each in asked:
                assert each.result().returncode == 0
                with peers.connect(extra) as peer:
                    assert asks(peer)
    assert not one.matching("reload failed")


def test_asker_that_goes_away(relay, free_port, tmp_path):
    """Nobody waits for the answer; the next one is answered all the same."""
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


def test_hang_up_during_start(relay, server, free_port):
    far = server(peers.echo)
    for turn in range(4 if SANITIZED else 20):
        port = free_port()
        one = relay(configs.plain(port, far.port), ready=None)
        sallyport.wait_until(
            lambda: _handles(one.pid, signal.SIGHUP), "the handler")
        for _ in range(1 + turn % 3):
            one.signal(signal.SIGHUP)
        one.wait_log("ready")
        one.wait_log("reloaded: generation")
        with peers.connect(port) as peer:
            assert asks(peer)
        reload(one)
        one.stop()


def _handles(pid, number):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) >> number - 1 & 1
    return False
