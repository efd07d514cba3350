"""A new binary takes over from the one that runs: nobody is reset, and one
that is no good changes nothing."""
import json
import os
import re
import shutil
import signal
import socket
import threading

import pytest

import configs
import peers
import processes
import sallyport
import steady

pytestmark = pytest.mark.usefixtures("two_workers")

SIZE = (256 if sallyport.SANITIZED else 1024) << 20


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def is_refused(port):
    try:
        peers.open_socket(port).close()
        return False
    except ConnectionRefusedError:
        return True


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
    """Returns the pid of the master that serves now."""
    before = generation(one)
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


def stream_bytes(port, size, gate, tls=None):
    """Sends and receives `size` bytes at once, and compares.  The last part
    waits for `gate`."""
    peer = peers.connect(port, tls=tls)
    with peer:
        received = peer.receive_later(keep=False)
        digest = peers.sha256(peers.blocks(size, seed=7))
        for number, block in enumerate(peers.blocks(size, seed=7)):
            if number << 20 >= size - (1 << 20):
                assert gate.wait(6 * sallyport.PATIENCE)
            peer.send(block)
        peer.half_close()
        got = received.result(6 * sallyport.PATIENCE)
    assert (got.size, got.sha256, got.end) == (size, digest, peer.clean_end)
    return True


def test_five_under_load(upgraded, server, certs, binary, free_port,
                         tmp_path):
    port, bulk, door = free_port(), free_port(), tmp_path / "door"
    far = server(peers.echo)
    gate = threading.Event()
    with steady.Stream() as stream:
        one = upgraded(
            configs.plain(port, stream.port, f"listen = unix:{door}",
                          name="plain") +
            configs.plain(bulk, far.port, name="bulk"))
        sent = peers.in_background(stream_bytes, bulk, SIZE, gate)
        stream.go(port, str(door))
        for turn in range(5):
            replace(binary)
            one.upgrade("command" if turn % 2 else "SIGUSR2")
        gate.set()
        assert sent.result(6 * sallyport.PATIENCE)
        told = stream.stop()
    assert told["failed"] == 0
    # The ones before leave with their last connection.
    processes.wait_gone(one.masters[:-1])
    assert len(set(one.masters)) == 6
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
    sallyport.wait_until(lambda: is_refused(ports[0]), "a refusal")
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
        sallyport.wait_until(lambda: is_refused(other), "a refusal")
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


