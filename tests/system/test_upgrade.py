"""A new binary takes over from the one that runs: nobody is reset, and one
that is no good changes nothing."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

import pytest

import configs
import peers
import processes
import sallyport
import steady
import takeover
from peers import is_served, serves

pytestmark = pytest.mark.usefixtures("two_workers")

UPGRADES = 5
# Of each transfer, and in how many parts it goes: it is in every other one of
# them during an upgrade.
SIZE = (60 if sallyport.SANITIZED else 1024) << 20
PARTS = 2 * (UPGRADES + 1)
# It waits for the slowest of them, and for an upgrade.
LONG = 20 * sallyport.PATIENCE
# Connections of a stream between two upgrades.
AROUND = 100 if sallyport.SANITIZED else 500


def replace(path, source=None, text=None, mode=0o755):
    """As a package manager does: a new file under the old name."""
    new = path.with_suffix(".new")
    if text is None:
        shutil.copy(source or path, new)
    else:
        new.write_text(text)
    new.chmod(mode)
    os.rename(new, path)


def generation(one):
    return processes.status(one)["master"]["pid"]


def upgrade(one, how="command"):
    """Returns the pid of the master that serves now.  The admin of its
    predecessor has gone by then: a request that it took now would be lost."""
    before = generation(one)
    admin = processes.roles(before)["admin"]
    if how == "command":
        done = processes.command(one, "upgrade", timeout=100)
        assert (done.returncode, done.stderr) == (0, ""), one.tail()
    else:
        os.kill(before, signal.SIGUSR2)

    def look():
        done = processes.command(one, "status", "--json")
        master = json.loads(done.stdout)["master"] if \
            done.returncode == 0 else None
        return master is not None and master["pid"] != before
    sallyport.wait_until(look, "the new master")
    processes.wait_gone([admin])
    return generation(one)


def family(master):
    return [master, *processes.children(master)]


class Upgraded:
    """A daemon, and the masters that it has had."""

    def __init__(self, one):
        self.one, self.masters = one, [one.pid]

    def upgrade(self, how="command"):
        self.masters.append(upgrade(self.one, how))
        return self.masters[-1]

    def stop(self):
        """All masters end, and leave no process behind."""
        pids = [pid for master in self.masters
                     for pid in family(master)]
        for master in self.masters:
            if processes.is_alive(master):
                os.kill(master, signal.SIGTERM)
        processes.wait_gone(pids)
        assert self.one.wait_exit() == 0
        self.one.check()


@pytest.fixture
def upgraded(relay):
    """upgraded(...) starts a daemon as relay() does, and returns an Upgraded;
    none of its processes outlives the test."""
    started = []

    def start(*arguments, **options):
        one = Upgraded(relay(*arguments, **options))
        started.append(one)
        return one
    yield start
    for one in started:
        for master in one.masters:
            for pid in family(master):
                if processes.is_alive(pid):
                    os.kill(pid, signal.SIGKILL)


class Pace:
    """Lets transfers go on by two parts, and knows how far they are."""

    def __init__(self):
        self._changed = threading.Condition()
        self._parts = 2
        self._received = {}

    def blocks(self):
        for number, block in enumerate(peers.blocks(SIZE)):
            with self._changed:
                assert self._changed.wait_for(
                    lambda: number << 20 < self._parts * SIZE // PARTS,
                    LONG)
            yield block

    def receive(self, peer, name):
        received = peers.Received(keep=False)
        while data := peer.recv():
            received.add(data)
            with self._changed:
                self._received[name] = received.size
                self._changed.notify_all()
        received.end = peer.end
        return received

    def wait(self, part, count):
        """Until `count` transfers are so far."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self._received) == count and
                min(self._received.values()) >= part * SIZE // PARTS,
                6 * sallyport.PATIENCE), self._received

    def go_on(self):
        with self._changed:
            self._parts += 2
            self._changed.notify_all()


def upload(port, tls, pace):
    """Returns what the server says that it received."""
    with peers.connect(port, tls=tls, timeout=LONG) as peer:
        peer.send(pace.blocks())
        peer.half_close()
        answer = peer.receive()
        assert answer.end == peer.clean_end
        return answer.data.decode()


def download(port, tls, pace, name):
    with peers.connect(port, tls=tls, timeout=LONG) as peer:
        received = pace.receive(peer, name)
        assert received.end == peer.clean_end
        peer.half_close()
        return received.sha256


class Transfers:
    """SIZE bytes each: up and down, plain and TLS."""

    COUNT = 4

    def __init__(self, server, certs, pace):
        self.pace = pace
        self.up = server(self._take, timeout=LONG)
        self.down = server(self._give, timeout=LONG)
        self.trust = peers.client_context(certs)

    def _take(self, peer):
        received = self.pace.receive(peer, peer)
        assert received.end == peer.clean_end
        peer.send(received.sha256.encode())
        peer.half_close()

    def _give(self, peer):
        assert peers.source(self.pace.blocks())(peer).end == peer.clean_end

    def begin(self, ports):
        """`ports` of services that lead to up, down, up and down; the last two
        of them are TLS."""
        plain_up, plain_down, secure_up, secure_down = ports
        self.futures = [
            peers.in_background(upload, plain_up, None, self.pace),
            peers.in_background(download, plain_down, None, self.pace, "down"),
            peers.in_background(upload, secure_up, self.trust, self.pace),
            peers.in_background(download, secure_down, self.trust, self.pace,
                                "secure down")]

    def finish(self):
        """All are whole, and have ended as they should."""
        digest = peers.sha256(peers.blocks(SIZE))
        assert [each.result(6 * sallyport.PATIENCE)
                for each in self.futures] == [digest] * self.COUNT


@pytest.mark.promise(32)
def test_upgrades_under_load_fail_no_connection(upgraded, server, certs,
                                                binary, free_port, tmp_path):
    """Five upgrades, each while large transfers and a stream of clients are
    under way, fail none of them."""
    port, path = free_port(), tmp_path / "socket"
    ports = [free_port() for _ in range(Transfers.COUNT)]
    pace = Pace()
    bulk = Transfers(server, certs, pace)
    with steady.Stream() as stream:
        one = upgraded(
            configs.settings("drain_timeout = 10m") +
            configs.plain(port, stream.port, f"listen = unix:{path}",
                          name="plain") +
            configs.plain(ports[0], bulk.up.port, name="up") +
            configs.plain(ports[1], bulk.down.port, name="down") +
            configs.tls(ports[2], bulk.up.port, certs, name="secure-up") +
            configs.tls(ports[3], bulk.down.port, certs, name="secure-down"))
        bulk.begin(ports)
        stream.go(port, str(path))
        for turn in range(UPGRADES):
            pace.wait(2 * turn + 1, bulk.COUNT)
            stream.serve(AROUND)
            replace(binary)
            one.upgrade("command" if turn % 2 else "SIGUSR2")
            pace.go_on()
        bulk.finish()
        stream.serve(AROUND)
        told = stream.stop()
    assert told["failed"] == 0
    steady.assert_held(told)
    # The ones before leave with their last connection.
    processes.wait_gone(one.masters[:-1])
    assert len(set(one.masters)) == 1 + UPGRADES
    assert path.exists()
    one.stop()
    assert not path.exists()


@pytest.mark.promise(32)
def test_upgrade_keeps_connections_and_sessions(upgraded, server, certs,
                                                client, binary, free_port):
    """Connections go on through upgrades, and sessions from before are resumed
    after them."""
    port, secure = free_port(), free_port()
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port, name="plain") +
                   configs.tls(secure, far.port, certs, name="secure"))
    trust = peers.client_context(certs)
    held = [client(port), client(secure, tls=trust)]
    assert all(is_served(peer) for peer in held)
    session = held[1].session
    for how in ("command", "SIGUSR2"):
        replace(binary)
        one.upgrade(how)
        held.append(client(port))
        assert all(is_served(peer) for peer in held)
    # Tickets of before are good after it.
    with peers.connect(secure, tls=trust, session=session) as peer:
        assert is_served(peer)
        assert peer.resumed
    assert all(map(processes.is_alive, one.masters[:1] + one.masters[2:]))
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    processes.wait_gone(one.masters[:-1])
    one.stop()


def test_replacement_runs_the_program_of_its_master(upgraded, server, certs,
                                                    binary, free_port):
    """A process that dies is replaced from the file that its master runs,
    whatever stands under the name by then; after an upgrade, from the new one
    (promise 47)."""
    port, far = free_port(), server(peers.echo)
    trust = peers.client_context(certs)
    running = upgraded(configs.settings("workers = 2") + configs.tls(
        port, f"localhost:{far.port}", certs))
    running.one.may_lose_children = True
    master = running.one.pid
    roles = ["w0", "w1", "k0", "scout", "admin"]
    before = processes.wait_roles(master, roles)
    old = processes.program(master)
    replace(binary)
    new = os.stat(binary).st_dev, os.stat(binary).st_ino
    assert old != new
    for role in "w0", "k0", "scout", "admin":
        os.kill(before[role], signal.SIGKILL)
        processes.wait_replaced(master, role, before[role])
    after = processes.wait_roles(master, roles)
    assert {processes.program(pid) for pid in after.values()} == {old}
    assert serves(port, tls=trust)
    processes.reload(running.one)       # its trial, too
    successor = running.upgrade()
    last = processes.wait_roles(successor, roles)
    assert {processes.program(pid) for pid in [successor, *last.values()]} == \
        {new}
    assert serves(port, tls=trust)
    running.stop()


def test_control_socket_answers_from_the_new_master(upgraded, free_port,
                                                    tmp_path):
    """A client that was told that the upgrade is done is answered by the new
    master, however soon it asks."""
    control = tmp_path / "control"
    one = upgraded(configs.settings(f"control = {control}") +
                   configs.plain(free_port(), 9))

    def ask(*questions):
        """What is answered to each, asked at once."""
        askers = [socket.socket(socket.AF_UNIX) for _ in questions]
        for asker, question in zip(askers, questions):
            asker.connect(str(control))
            asker.sendall(f"{question}\n".encode())
        answers = [peers.Peer(asker).receive().data.decode()
                   for asker in askers]
        for asker in askers:
            asker.close()
        return [answer.partition("\n") for answer in answers]
    for turn in range(1, 11):
        [done] = ask("upgrade")
        answers = ask(*["status json"] * 4)
        told = one.one.wait_log(r"upgraded: pid \d+ serves", count=turn)
        one.masters.append(int(re.search(r"pid (\d+)", told)[1]))
        assert done[0] == "ok"
        for result, _, text in answers:
            assert result == "ok", text
            assert json.loads(text)["master"]["pid"] == one.masters[-1]
    one.stop()


# The text of the new binary, or what to do to the file; then what is said.
BAD = {
    "fails": ("#!/bin/sh\nexit 3\n", 0o755, "exit code 3|ended before"),
    "killed": ("#!/bin/sh\nkill -9 $$\n", 0o755, "signal 9|ended before"),
    "succeeds": ("#!/bin/sh\nexit 0\n", 0o755, "ended"),
    "not-executable": ("#!/bin/sh\n", 0o644, "."),
    "not-a-program": ("\x7fELF nonsense\n", 0o755, "."),
    "no-interpreter": ("#!/none/none\n", 0o755, "."),
    "missing": (None, 0, "."),
}


@pytest.mark.skipif(sallyport.SANITIZED or os.geteuid() != 0,
                    reason="only root may trace these, where they are confined")
def test_worker_of_a_predecessor_is_refused_at_the_control_socket(
        upgraded, server, client, free_port, tmp_path):
    """A worker that has been taken over is refused at the control socket of
    the next program, and of the one after that."""
    control, port = str(tmp_path / "control"), free_port()
    server(peers.echo, path=f"{tmp_path}/far")
    one = upgraded(configs.settings(f"control = {control}", "user = root") +
                   configs.plain(port, f"unix:{tmp_path}/far", name="served"))
    held = client(port)
    assert is_served(held)
    [victim] = [each["pid"] for each in processes.status(one.one)["processes"]
                if each["active"]]
    for turn in range(2):
        one.upgrade()
        takeover.expect_refusals(one.one, control, victim, 4 * turn)
    assert processes.status(one.one)["master"]["generation"] == 1
    held.close()
    one.stop()


@pytest.mark.promise(32)
@pytest.mark.parametrize("how", ["command", "SIGUSR2"])
@pytest.mark.parametrize("name", BAD)
def test_bad_binary_keeps_the_running_daemon(upgraded, server, client, binary,
                                             free_port, tmp_path, monkeypatch,
                                             name, how):
    """An upgrade to a file that is no good program fails and says so; the
    running daemon goes on, and a good file upgrades it."""
    port, path = free_port(), tmp_path / "socket"
    far = server(peers.echo)
    good = tmp_path / "good"
    shutil.copy(binary, good)
    one = upgraded(configs.plain(port, far.port, f"listen = unix:{path}"))
    children = processes.wait_roles(one.one.pid, ["w0", "w1", "admin"])
    monkeypatch.setattr(sallyport, "BINARY", str(good))
    held = client(port)
    fds = processes.fd_counts(one.one.pid)["master"]
    text, mode, said = BAD[name]
    if text is None:
        binary.unlink()
    else:
        replace(binary, text=text, mode=mode)
    if how == "command":
        done = processes.command(one.one, "upgrade")
        assert done.returncode == 1
        assert "the running daemon goes on" in done.stderr
    else:
        os.kill(one.one.pid, signal.SIGUSR2)
    one.one.wait_log(f"error upgrade failed, this process goes on serving: .*({said})")
    assert processes.wait_roles(one.one.pid, children) == children
    sallyport.wait_until(
        lambda: processes.fd_counts(one.one.pid)["master"] == fds,
        "no descriptor is lost")
    for address in (port, path):
        assert serves(address)
    assert is_served(held)
    processes.reload(one.one)
    replace(binary, source=good)
    one.upgrade(how)
    for address in (port, path):
        assert serves(address)
    held.close()
    one.stop()


@pytest.mark.promise(32)
def test_hanging_binary_is_killed(upgraded, server, client, binary, free_port,
                                  tmp_path, monkeypatch):
    """A new program that does not start within upgrade_timeout is killed, and
    the running daemon goes on."""
    port = free_port()
    far = server(peers.echo)
    text = configs.plain(port, far.port)
    good = tmp_path / "good"
    shutil.copy(binary, good)
    one = upgraded(configs.settings("upgrade_timeout = 2s") + text)
    monkeypatch.setattr(sallyport, "BINARY", str(good))
    children = processes.wait_roles(one.one.pid, ["w0", "w1", "admin"])
    fds = processes.fd_counts(one.one.pid)
    held = client(port)
    assert is_served(held)
    replace(binary, text="#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n")
    asked = peers.in_background(processes.command, one.one, "upgrade")
    line = one.one.wait_log("upgrading: pid")
    hung = int(re.search(r"pid (\d+)", line).group(1))
    with peers.connect(port) as peer:
        assert is_served(held) and is_served(peer)
    done = asked.result(sallyport.PATIENCE)
    assert done.returncode == 1
    assert "too long to start; the running daemon goes on" in done.stderr
    one.one.wait_log("error upgrade failed, .* took too long to start")
    processes.wait_gone([hung])
    assert processes.wait_roles(one.one.pid, children) == children
    with peers.connect(port) as peer:
        assert is_served(held) and is_served(peer)
    held.close()
    sallyport.wait_until(lambda: processes.fd_counts(one.one.pid) == fds,
                         "no descriptor is lost")
    replace(binary, source=good)
    one.one.reload_config(text)         # with the usual patience
    processes.reload(one.one)
    one.upgrade()
    assert serves(port)
    one.stop()


@pytest.mark.promise(32)
def test_upgrade_with_a_broken_configuration_fails(upgraded, server, client,
                                                   binary, free_port):
    """An upgrade whose configuration cannot start fails, and the running
    daemon goes on."""
    port = free_port()
    far = server(peers.echo)
    good = configs.plain(port, far.port)
    one = upgraded(good)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for bad in ("nonsense\n", good + configs.plain(
                taken.getsockname()[1], 9, name="x"),
                good + "listen.cert = none.pem\n"):
            one.one.reload_config(bad)
            done = processes.command(one.one, "upgrade")
            assert done.returncode == 1
            assert "the running daemon goes on" in done.stderr
            assert generation(one.one) == one.one.pid
            assert serves(port)
    one.one.reload_config(good)
    one.upgrade()
    assert serves(port)
    one.stop()


@pytest.fixture
def held_back(binary, tmp_path, monkeypatch):
    """held_back() has the next program wait before it starts; what it returns
    lets it go on."""
    def hold():
        good, gate = tmp_path / "good", tmp_path / "gate"
        shutil.copy(binary, good)
        monkeypatch.setattr(sallyport, "BINARY", str(good))
        os.mkfifo(gate)
        replace(binary, text="#!/bin/sh\n"
                f"read -r line < {gate}\nexec {good} \"$@\"\n")
        return lambda: gate.write_text("on\n")
    return hold


def successor_of(one):
    return int(re.search(r"pid (\d+)",
                         one.wait_log("upgrading: pid")).group(1))


def ask_raw(control, request):
    """A client of the control socket that has asked, and does not wait."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(2 * sallyport.PATIENCE)
    sock.connect(str(control))
    sock.sendall(request)
    return sock


@pytest.mark.parametrize("how", ["command", "SIGHUP", "both"])
def test_reload_during_an_upgrade_is_made_by_the_successor(upgraded, server,
                                                           held_back,
                                                           free_port, tmp_path,
                                                           how):
    """A reload, by command or signal, that comes during an upgrade is made by
    the new program."""
    port, other, control = free_port(), free_port(), tmp_path / "control"
    far = server(peers.echo)
    text = configs.settings(f"control = {control}") + \
        configs.plain(port, far.port)
    one = upgraded(text)
    go_on = held_back()
    os.kill(one.one.pid, signal.SIGUSR2)
    master = successor_of(one.one)
    one.masters.append(master)
    if how != "SIGHUP":
        asked = ask_raw(control, b"reload\n")
    # Answered behind it, so the reload has been asked for.
    assert generation(one.one) == one.one.pid
    if how == "both":
        asked.close()
    if how != "command":
        os.kill(one.one.pid, signal.SIGHUP)
        assert generation(one.one) == one.one.pid
    go_on()
    if how != "command":
        sallyport.wait_until(
            lambda: one.one.matching("reloaded: generation 2"), "the reload")
    else:
        assert asked.makefile("rb").read() == b"again\n"
        asked.close()
        one.one.reload_config(text +
                              configs.plain(other, far.port, name="t"))
        processes.reload(one.one)
        assert serves(other)
    assert generation(one.one) == master
    one.stop()


def test_upgrade_during_a_reload_follows_it(upgraded, server, binary,
                                            free_port):
    """An upgrade that is requested during a reload follows it."""
    port = free_port()
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port))
    # Both are there when the master looks.
    processes.stop(one.one.pid)
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGCONT):
        os.kill(one.one.pid, number)
    one.one.wait_log("reloaded: generation 2")
    one.masters.append(successor_of(one.one))
    sallyport.wait_until(lambda: one.one.matching("upgraded: pid"),
                         "the upgrade")
    assert serves(port)
    assert not one.one.matching("upgrade failed")
    one.stop()


def caught(master):
    """Its trial, stopped before it was done; None: it is not there."""
    trial = processes.roles(master).get("trial")
    if trial is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(trial, signal.SIGSTOP)
    sallyport.wait_until(lambda: processes.state(trial) in ("", "T", "Z", "X"),
                         "the trial to stop or to end")
    return trial if processes.state(trial) == "T" else None


def catch_next_trial(one):
    """Upgrades; returns the new master's trial, caught, or None if the upgrade
    was faster."""
    os.kill(one.masters[-1], signal.SIGUSR2)
    lines = sallyport.wait_until(
        lambda: one.one.matching("upgrading: pid")[len(one.masters) - 1:],
        "an upgrade to begin")
    one.masters.append(int(re.search(r"pid (\d+)", lines[0]).group(1)))
    while not taken_over(one):
        trial = caught(one.masters[-1])
        if trial is not None:
            return trial
    return None


def taken_over(one):
    return len(one.one.matching("taken over from pid")) == \
        len(one.masters) - 1


def test_successor_serves_although_its_predecessor_dies(upgraded, server,
                                                        binary, free_port,
                                                        tmp_path):
    """A new program that has the sockets serves on when its predecessor dies
    during the upgrade."""
    port, path = free_port(), tmp_path / "socket"
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port, f"listen = unix:{path}"))

    def goes_on_alone():
        return one.one.matching("this one goes on with its sockets")
    # A trial may be caught when it has said all; then the upgrade is done.
    for _ in range(100):
        trial = catch_next_trial(one)
        if trial is None:
            continue
        os.kill(one.masters[-2], signal.SIGKILL)
        sallyport.wait_until(lambda: goes_on_alone() or taken_over(one),
                             "the end of the old master to be noticed")
        os.kill(trial, signal.SIGCONT)
        if goes_on_alone():
            break
    assert goes_on_alone()
    sallyport.wait_until(
        lambda: len(one.one.matching("info ready")) == len(one.masters),
        "the new master")
    master = one.masters[-1]
    assert generation(one.one) == master
    for address in (port, path):
        assert serves(address)
    os.kill(master, signal.SIGTERM)
    processes.wait_gone([master])
    assert not path.exists()
    one.one.checked = True


def test_upgrade_takes_another_configuration(upgraded, server, binary,
                                             free_port, tmp_path):
    """An upgrade takes options that only a start looks at, and other
    listeners."""
    ports = [free_port(), free_port()]
    paths = [tmp_path / "one", tmp_path / "two"]
    far = server(peers.echo)

    def text(i):
        return configs.settings(f"workers = {2 + i}") + configs.plain(
            ports[i], far.port, f"listen = unix:{paths[i]}")
    one = upgraded(text(0))
    one.one.reload_config(text(1))
    master = one.upgrade()
    processes.wait_roles(master, ["w0", "w1", "w2", "admin"])
    for address in (ports[1], paths[1]):
        assert serves(address)
    processes.wait_gone(one.masters[:1])
    sallyport.wait_until(lambda: peers.is_refused(ports[0]), "a refusal")
    assert not paths[0].exists()
    one.stop()
    assert not paths[1].exists()


def test_reload_works_after_an_upgrade(upgraded, server, binary, free_port):
    """A daemon reloads after an upgrade as before it."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port))
    for turn in range(3):
        one.upgrade()
        one.one.reload_config(configs.plain(port, far.port) +
                              configs.plain(other, far.port, name="t"))
        processes.reload(one.one)
        assert serves(other)
        one.one.reload_config(configs.plain(port, far.port))
        processes.reload(one.one)
        sallyport.wait_until(lambda: peers.is_refused(other), "a refusal")
    one.stop()


def test_upgrades_leave_no_descriptor(upgraded, server, binary, free_port):
    """The processes have the same descriptors after five upgrades as at the
    start."""
    far = server(peers.echo)
    one = upgraded(configs.plain(free_port(), far.port))
    roles = processes.wait_roles(one.one.pid, ["w0", "w1", "admin"])
    before = {role: processes.kinds(pid) for role, pid in
              [("master", one.one.pid), *roles.items()]}
    for _ in range(5):
        master = one.upgrade()
    processes.wait_gone(one.masters[:-1])
    roles = processes.wait_roles(master, ["w0", "w1", "admin"])
    for role, pid in [("master", master), *roles.items()]:
        assert processes.kinds(pid) == before[role], role
    one.stop()


@pytest.fixture
def outlived(upgraded, server, client, binary, free_port):
    """An upgraded daemon that has a connection in each of two masters that are
    there no more for anything else."""
    def start(global_, **options):
        port, far = free_port(), server(peers.echo)
        one = upgraded(configs.settings(global_) +
                       configs.plain(port, far.port), **options)
        held = []
        for _ in range(2):
            held.append(client(port))
            assert is_served(held[-1])
            one.upgrade()
        held.append(client(port))
        assert is_served(held[-1])
        return one, held
    return start


@pytest.mark.promise(32)
def test_upgrade_ends_no_connection(outlived):
    """Connections of predecessors go on past drain_timeout, which is for
    stops; each predecessor leaves after the one before it."""
    one, held = outlived("drain_timeout = 100ms")
    later = time.monotonic() + 0.5
    while time.monotonic() < later:
        assert all(is_served(peer) for peer in held)
    # One in the middle that is done waits for the one before it.
    held[1].half_close()
    assert held[1].receive().end == held[1].clean_end
    assert is_served(held[0])
    assert processes.is_alive(one.masters[1])
    held[0].half_close()
    assert held[0].receive().end == held[0].clean_end
    processes.wait_gone(one.masters[:2])
    assert is_served(held[2])
    one.stop()


def test_stop_reaches_the_predecessors(outlived):
    """A stop ends the predecessors too, each after its drain_timeout."""
    one, held = outlived("drain_timeout = 500ms")
    os.kill(one.masters[-1], signal.SIGTERM)
    assert [peer.receive().end for peer in held] == ["reset"] * 3
    processes.wait_gone(one.masters)
    reasons = [end["reason"] for end in one.one.ends()]
    assert reasons == ["shutdown"] * 3
    stops = one.one.matching("info stopping: . connections? ha(s|ve) 500ms")
    assert len(stops) == 3
    # The first to come is the last to leave.
    left = [line for line in one.one.log_lines() if "info stopped" in line]
    assert len(left) == 3
    one.stop()


def test_second_signal_reaches_the_predecessors(outlived):
    """A second signal ends the connections of the predecessors at once."""
    one, held = outlived("drain_timeout = 1h")
    os.kill(one.masters[-1], signal.SIGTERM)
    one.one.wait_log("stopping: . connections? ha", count=3)
    assert all(is_served(peer) for peer in held)
    processes.insist(one.masters[-1])
    assert [peer.receive().end for peer in held] == ["reset"] * 3
    processes.wait_gone(one.masters)
    one.stop()


def test_stop_of_a_predecessor_spares_the_successor(outlived):
    """A SIGTERM to a predecessor ends it and those before it; the newest
    master serves on."""
    one, held = outlived("drain_timeout = 300ms")
    os.kill(one.masters[1], signal.SIGTERM)
    assert [peer.receive().end for peer in held[:2]] == ["reset"] * 2
    processes.wait_gone(one.masters[:2])
    assert is_served(held[2])
    one.stop()


def open_files(pid):
    return [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]


def test_log_is_reopened_by_the_predecessors(outlived, tmp_path):
    """SIGUSR1 has the predecessors write to the new log file too."""
    log = tmp_path / "log"
    one, held = outlived(f"log = file:{log}", log=log)
    log.rename(tmp_path / "log.1")
    os.kill(one.masters[-1], signal.SIGUSR1)
    # They write the lines of their children.
    sallyport.wait_until(
        lambda: all(str(log) in open_files(pid) for pid in one.masters),
        "all masters to have the new file")
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    sallyport.wait_until(
        lambda: log.exists() and
        log.read_text().count("reason=client-closed") == 3,
        "all three ends")
    one.stop()


def test_predecessor_that_hangs_is_left_behind(outlived):
    """A second signal ends the newest master although predecessors hang, and
    says so; they stop when they go on."""
    one, held = outlived("drain_timeout = 1h")
    for stuck in one.masters[:2]:
        processes.stop(stuck)
    os.kill(one.masters[2], signal.SIGTERM)
    one.one.wait_log("stopping: . connections? ha")
    processes.insist(one.masters[2])
    assert held[2].receive().end == "reset"
    one.one.wait_log("error the processes from before the upgrade do not end")
    processes.wait_gone(one.masters[2:])
    assert all(map(processes.is_alive, one.masters[:2]))
    # They hear of it when they can.
    for stuck in one.masters[:2]:
        os.kill(stuck, signal.SIGCONT)
    assert [peer.receive().end for peer in held[:2]] == ["reset"] * 2
    processes.wait_gone(one.masters)
    one.stop()
