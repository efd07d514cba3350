"""A new binary takes over from the one that runs: nobody is reset, and one
that is no good changes nothing."""
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


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


@pytest.fixture
def binary(tmp_path, monkeypatch):
    """A copy to be replaced, which the tests run from then on."""
    path = tmp_path / "bin" / "sallyport"
    path.parent.mkdir()
    shutil.copy(sallyport.BINARY, path)
    monkeypatch.setattr(sallyport, "BINARY", str(path))
    return path


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
    """Returns the pid of the master that serves now.  The observer of the one
    before has gone by then: it may have heard who asks now, and has nobody to
    ask itself."""
    before = generation(one)
    observer = processes.roles(before)["obser"]
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
    processes.wait_gone([observer])
    return generation(one)


def family(master):
    return [master, *processes.children(master)]


class Upgraded:
    """Keeps what started, and ends who serves at the end."""

    def __init__(self, one):
        self.one, self.masters = one, [one.pid]

    def upgrade(self, how="command"):
        self.masters.append(upgrade(self.one, how))
        return self.masters[-1]

    def stop(self):
        """All of them end, and leave nobody behind."""
        everybody = [pid for master in self.masters
                     for pid in family(master)]
        for master in self.masters:
            if processes.is_alive(master):
                os.kill(master, signal.SIGTERM)
        processes.wait_gone(everybody)
        assert self.one.wait_exit() == 0
        self.one.check()


@pytest.fixture
def upgraded(relay):
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

    def receive(self, peer, who):
        received = peers.Received(keep=False)
        while data := peer.recv():
            received.add(data)
            with self._changed:
                self._received[who] = received.size
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


def download(port, tls, pace, who):
    with peers.connect(port, tls=tls, timeout=LONG) as peer:
        received = pace.receive(peer, who)
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


def test_five_under_load(upgraded, server, certs, binary, free_port,
                         tmp_path):
    """Each of them while all transfers are under way."""
    port, door = free_port(), tmp_path / "door"
    ports = [free_port() for _ in range(Transfers.COUNT)]
    pace = Pace()
    bulk = Transfers(server, certs, pace)
    with steady.Stream() as stream:
        one = upgraded(
            configs.settings("drain_timeout = 10m") +
            configs.plain(port, stream.port, f"listen = unix:{door}",
                          name="plain") +
            configs.plain(ports[0], bulk.up.port, name="up") +
            configs.plain(ports[1], bulk.down.port, name="down") +
            configs.tls(ports[2], bulk.up.port, certs, name="secure-up") +
            configs.tls(ports[3], bulk.down.port, certs, name="secure-down"))
        bulk.begin(ports)
        stream.go(port, str(door))
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
    assert door.exists()
    one.stop()
    assert not door.exists()


def test_connections_live_on(upgraded, server, certs, client, binary,
                             free_port):
    port, secure = free_port(), free_port()
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port, name="plain") +
                   configs.tls(secure, far.port, certs, name="secure"))
    trust = peers.client_context(certs)
    held = [client(port), client(secure, tls=trust)]
    session = held[1].session
    assert all(asks(peer) for peer in held)
    session = held[1].session
    for how in ("command", "SIGUSR2"):
        replace(binary)
        one.upgrade(how)
        held.append(client(port))
        assert all(asks(peer) for peer in held)
    # Tickets of before are good after it.
    with peers.connect(secure, tls=trust, session=session) as peer:
        assert asks(peer)
        assert peer.resumed
    assert all(map(processes.is_alive, one.masters[:1] + one.masters[2:]))
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    processes.wait_gone(one.masters[:-1])
    one.stop()


def test_asked_right_after(upgraded, free_port, tmp_path):
    """Who has heard that it is done is answered by the new daemon, however
    soon he asks."""
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


@pytest.mark.parametrize("how", ["command", "SIGUSR2"])
@pytest.mark.parametrize("name", BAD)
def test_binary_that_is_no_good(upgraded, server, client, binary, free_port,
                                tmp_path, monkeypatch, name, how):
    port, door = free_port(), tmp_path / "door"
    far = server(peers.echo)
    good = tmp_path / "good"
    shutil.copy(binary, good)
    one = upgraded(configs.plain(port, far.port, f"listen = unix:{door}"))
    children = processes.wait_roles(one.one.pid, ["w0", "w1", "obser"])
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
    one.one.wait_log(f"error upgrade failed, this program goes on: .*({said})")
    assert processes.wait_roles(one.one.pid, children) == children
    sallyport.wait_until(
        lambda: processes.fd_counts(one.one.pid)["master"] == fds,
        "no descriptor is lost")
    for address in (port, door):
        with peers.connect(address) as peer:
            assert asks(peer)
    assert asks(held)
    processes.reload(one.one)
    replace(binary, source=good)
    one.upgrade(how)
    for address in (port, door):
        with peers.connect(address) as peer:
            assert asks(peer)
    held.close()
    one.stop()


def test_binary_that_hangs(upgraded, server, client, binary, free_port,
                           tmp_path, monkeypatch):
    """It is given time, in which the one that runs does what it is there for;
    then it is killed."""
    port = free_port()
    far = server(peers.echo)
    text = configs.plain(port, far.port)
    good = tmp_path / "good"
    shutil.copy(binary, good)
    one = upgraded(configs.settings("upgrade_timeout = 2s") + text)
    monkeypatch.setattr(sallyport, "BINARY", str(good))
    children = processes.wait_roles(one.one.pid, ["w0", "w1", "obser"])
    fds = processes.fd_counts(one.one.pid)
    held = client(port)
    assert asks(held)
    replace(binary, text="#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n")
    asked = peers.in_background(processes.command, one.one, "upgrade")
    line = one.one.wait_log("upgrading: pid")
    hung = int(re.search(r"pid (\d+)", line).group(1))
    with peers.connect(port) as peer:
        assert asks(held) and asks(peer)
    done = asked.result(sallyport.PATIENCE)
    assert done.returncode == 1
    assert "too long to start; the running daemon goes on" in done.stderr
    one.one.wait_log("error upgrade failed, .* took too long to start")
    processes.wait_gone([hung])
    assert processes.wait_roles(one.one.pid, children) == children
    with peers.connect(port) as peer:
        assert asks(held) and asks(peer)
    held.close()
    sallyport.wait_until(lambda: processes.fd_counts(one.one.pid) == fds,
                         "no descriptor is lost")
    replace(binary, source=good)
    one.one.reload_config(text)         # with the usual patience
    processes.reload(one.one)
    one.upgrade()
    with peers.connect(port) as peer:
        assert asks(peer)
    one.stop()


def test_broken_configuration(upgraded, server, client, binary, free_port):
    """What cannot start does not take over."""
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
            with peers.connect(port) as peer:
                assert asks(peer)
    one.one.reload_config(good)
    one.upgrade()
    with peers.connect(port) as peer:
        assert asks(peer)
    one.stop()


def test_with_another_configuration(upgraded, server, binary, free_port,
                                    tmp_path):
    """Options that only a start looks at, and other listeners."""
    ports = [free_port(), free_port()]
    doors = [tmp_path / "one", tmp_path / "two"]
    far = server(peers.echo)

    def text(i):
        return configs.settings(f"workers = {2 + i}") + configs.plain(
            ports[i], far.port, f"listen = unix:{doors[i]}")
    one = upgraded(text(0))
    one.one.reload_config(text(1))
    master = one.upgrade()
    processes.wait_roles(master, ["w0", "w1", "w2", "obser"])
    for address in (ports[1], doors[1]):
        with peers.connect(address) as peer:
            assert asks(peer)
    processes.wait_gone(one.masters[:1])
    sallyport.wait_until(lambda: peers.is_refused(ports[0]), "a refusal")
    assert not doors[0].exists()
    one.stop()
    assert not doors[1].exists()


def test_reload_after_upgrade(upgraded, server, binary, free_port):
    """The new one is a daemon like any other: it can be told everything."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    one = upgraded(configs.plain(port, far.port))
    for turn in range(3):
        one.upgrade()
        one.one.reload_config(configs.plain(port, far.port) +
                              configs.plain(other, far.port, name="t"))
        processes.reload(one.one)
        with peers.connect(other) as peer:
            assert asks(peer)
        one.one.reload_config(configs.plain(port, far.port))
        processes.reload(one.one)
        sallyport.wait_until(lambda: peers.is_refused(other), "a refusal")
    one.stop()


def test_new_master_inherits_no_more_than_it_should(upgraded, server, binary,
                                                    free_port):
    """Five upgrades later the processes look as at the start."""
    far = server(peers.echo)
    one = upgraded(configs.plain(free_port(), far.port))
    roles = processes.wait_roles(one.one.pid, ["w0", "w1", "obser"])
    before = {role: processes.kinds(pid) for role, pid in
              [("master", one.one.pid), *roles.items()]}
    for _ in range(5):
        master = one.upgrade()
    processes.wait_gone(one.masters[:-1])
    roles = processes.wait_roles(master, ["w0", "w1", "obser"])
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
            assert asks(held[-1])
            one.upgrade()
        held.append(client(port))
        assert asks(held[-1])
        return one, held
    return start


def test_nobody_is_ended_by_an_upgrade(outlived):
    """Not even after drain_timeout, which is for stops."""
    one, held = outlived("drain_timeout = 100ms")
    later = time.monotonic() + 0.5
    while time.monotonic() < later:
        assert all(asks(peer) for peer in held)
    # One in the middle that is done waits for the one before it.
    held[1].half_close()
    assert held[1].receive().end == held[1].clean_end
    assert asks(held[0])
    assert processes.is_alive(one.masters[1])
    held[0].half_close()
    assert held[0].receive().end == held[0].clean_end
    processes.wait_gone(one.masters[:2])
    assert asks(held[2])
    one.stop()


def test_a_stop_goes_back_to_those_before(outlived):
    one, held = outlived("drain_timeout = 500ms")
    os.kill(one.masters[-1], signal.SIGTERM)
    assert [peer.receive().end for peer in held] == ["reset"] * 3
    processes.wait_gone(one.masters)
    reasons = [end["reason"] for end in one.one.ends()]
    assert reasons == ["shutdown"] * 3
    stops = one.one.matching("info stopping: . connections have 500 ms")
    assert len(stops) == 3
    # The first to come is the last to leave.
    left = [line for line in one.one.log_lines() if "info stopped" in line]
    assert len(left) == 3
    one.stop()


def test_a_second_signal_goes_back_to_those_before(outlived):
    one, held = outlived("drain_timeout = 1h")
    os.kill(one.masters[-1], signal.SIGTERM)
    one.one.wait_log("stopping: . connections have", count=3)
    assert all(asks(peer) for peer in held)
    os.kill(one.masters[-1], signal.SIGTERM)
    assert [peer.receive().end for peer in held] == ["reset"] * 3
    processes.wait_gone(one.masters)
    one.stop()


def test_an_old_one_is_stopped_alone(outlived):
    one, held = outlived("drain_timeout = 300ms")
    os.kill(one.masters[1], signal.SIGTERM)
    assert [peer.receive().end for peer in held[:2]] == ["reset"] * 2
    processes.wait_gone(one.masters[:2])
    assert asks(held[2])
    one.stop()


def open_files(pid):
    return [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]


def test_the_log_of_all_is_opened_anew(outlived, tmp_path):
    log = tmp_path / "log"
    one, held = outlived(f"log = file:{log}", log=log)
    log.rename(tmp_path / "log.1")
    os.kill(one.masters[-1], signal.SIGUSR1)
    writers = [pid for master in one.masters
               for pid in processes.workers(master)]
    assert len(writers) >= 3
    sallyport.wait_until(
        lambda: all(str(log) in open_files(pid) for pid in writers),
        "all to have the new file")
    for peer in held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    sallyport.wait_until(
        lambda: log.exists() and
        log.read_text().count("reason=client-closed") == 3,
        "all three ends")
    one.stop()


def test_one_that_does_not_end_is_left_behind(outlived):
    one, held = outlived("drain_timeout = 1h")
    for stuck in one.masters[:2]:
        processes.stop(stuck)
    os.kill(one.masters[2], signal.SIGTERM)
    one.one.wait_log("stopping: . connections have")
    os.kill(one.masters[2], signal.SIGTERM)
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
