"""What the daemon says to systemd, and takes from it.

manager.py plays systemd's part; a test with a real one is elsewhere."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import configs
import manager as managers
import peers
import processes
import sallyport
from sallyport import wait_until

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture
def manager(tmp_path):
    one = managers.Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def echo(server):
    return server(peers.echo).port


def listening(family=socket.AF_INET, address=("127.0.0.1", 0), backlog=128):
    one = socket.socket(family)
    one.bind(address)
    one.listen(backlog)
    return one


def answers(address, tls=None, word=b"there?"):
    with contextlib.closing(peers.connect(address, tls=tls)) as peer:
        peer.send(word)
        return peer.recv_exactly(len(word)) == word


# What is told.

@pytest.mark.parametrize("abstract", [False, True])
def test_a_life(relay, free_port, tmp_path, echo, abstract):
    """READY comes behind all that is stored, and when clients are let in."""
    name = f"@sallyport-test-{os.getpid()}" if abstract else tmp_path / "n"
    manager = managers.Manager(name)
    port = free_port()
    one = relay(configs.plain(port, echo), ready=None, **manager.options())
    ready = manager.wait("READY")
    assert answers(port)
    assert ready.pid == one.pid
    assert ready["STATUS"] == "Serving: generation 1, 1 services, 2 workers"
    assert processes.reload(one).returncode == 0
    reloading, again = manager.wait("RELOADING"), manager.wait("READY", 2)
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    assert now - 60e6 < int(reloading["MONOTONIC_USEC"]) < now
    assert "generation 2" in again["STATUS"]
    one.stop()
    stopping = manager.wait("STOPPING")
    assert stopping["STATUS"] == "Stopping: 0 connections left"
    assert manager.keys() == ["FDSTORE", "FDSTORE", "READY", "RELOADING",
                              "READY", "STOPPING"]
    manager.close()


def test_a_failed_reload(relay, free_port, manager, echo):
    port = free_port()
    one = relay(configs.plain(port, echo), **manager.options())
    good = one.config.read_text()
    one.reload_config(good + "[service x]\nlisten = nowhere\\\x7f\nconnect=a:1\n")
    assert processes.command(one, "reload").returncode == 1
    manager.wait("RELOADING")
    status = manager.wait("READY", 2)["STATUS"]
    assert "generation 1," in status and "the last reload failed" in status
    assert f"{one.config}:" in status and status.isprintable()
    one.reload_config(good)
    assert processes.reload(one).returncode == 0
    assert "failed" not in manager.wait("READY", 3)["STATUS"]


def test_a_failed_start(relay, free_port, manager):
    one = relay("[service x]\nlisten = nowhere\n", ready=None,
                **manager.options())
    assert one.wait_exit() == 1
    one.checked = True
    assert "sallyport.ini:2" in manager.wait("STATUS")["STATUS"]
    assert not manager.having("READY")


def test_a_start_that_cannot_bind(relay, manager, echo):
    with listening() as taken:
        one = relay(configs.plain(taken.getsockname()[1], echo), ready=None,
                    **manager.options())
        assert one.wait_exit() == 1
    one.checked = True
    assert "Cannot start" in manager.wait("STATUS")["STATUS"]
    assert manager.keys() == ["STATUS"]


@pytest.mark.slow
def test_more_time_is_asked_for_while_connections_finish(
        relay, free_port, manager, echo, client):
    """No longer than drain_timeout and a little."""
    port = free_port()
    one = relay(configs.settings("drain_timeout = 3s") +
                configs.plain(port, echo), **manager.options())
    peer = client(port)
    peer.send(b"x")
    assert peer.recv_exactly(1) == b"x"
    one.signal(signal.SIGTERM)
    first = manager.wait("EXTEND_TIMEOUT_USEC")
    assert first["STATUS"] == "Stopping: 1 connections left"
    assert "STOPPING" in first
    assert 10e6 < int(first["EXTEND_TIMEOUT_USEC"]) <= 15e6
    assert one.wait_exit() == 0
    one.checked = True


@pytest.mark.slow
def test_time_is_asked_for_again(relay, free_port, manager, echo, client):
    port = free_port()
    one = relay(configs.plain(port, echo), **manager.options())
    peer = client(port)
    peer.send(b"x")
    assert peer.recv_exactly(1) == b"x"
    one.signal(signal.SIGTERM)
    assert "STOPPING" not in manager.wait("EXTEND_TIMEOUT_USEC", 2)
    peer.close()
    assert one.wait_exit() == 0
    one.checked = True


def test_a_slow_manager_holds_nobody_up(relay, free_port, tmp_path, echo):
    """Its queue is full at the eleventh message, or earlier; it gets all of
    them, in order, when it reads."""
    manager = managers.Manager(tmp_path / "notify", hears=False)
    ports = [free_port() for _ in range(300)]
    one = relay(configs.settings("workers = 2") + configs.service(
        f"127.0.0.1:{ports[0]}", echo,
        *(f"listen = 127.0.0.1:{port}" for port in ports[1:])),
        **manager.options())
    assert answers(ports[-1])
    assert processes.reload(one).returncode == 0
    manager.hear()
    manager.wait("READY", 2)
    assert manager.keys() == ["FDSTORE"] * 600 + ["READY", "RELOADING",
                                                  "READY"]
    assert len(manager.store) == 600
    one.stop()
    manager.close()


def test_a_manager_that_is_gone(relay, free_port, tmp_path, echo):
    """Or never was: the daemon serves all the same."""
    port = free_port()
    one = relay(configs.plain(port, echo),
                env={"NOTIFY_SOCKET": str(tmp_path / "nobody"),
                     "WATCHDOG_USEC": "100000"})
    assert answers(port)
    assert processes.reload(one).returncode == 0
    one.stop()


# An upgrade.

@pytest.fixture
def binary(tmp_path, monkeypatch):
    """A copy of its own, so that the running program's path is its own."""
    path = tmp_path / "bin" / "sallyport"
    path.parent.mkdir()
    shutil.copy(sallyport.BINARY, path)
    monkeypatch.setattr(sallyport, "BINARY", str(path))
    return path


@pytest.mark.usefixtures("binary")
def test_an_upgrade(relay, free_port, manager, echo):
    """The next master is named by the one before, and heard from then on; it
    feeds the watchdog, and keeps the sockets in the store up to date."""
    ports = [free_port(), free_port()]
    both = configs.plain(ports[0], echo, f"listen = 127.0.0.1:{ports[1]}")
    one = relay(both, **manager.options(watchdog_ms=1000))
    manager.main = one.pid
    assert len(wait_until(lambda: len(manager.store) == 4 and manager.store,
                          "the store")) == 4
    one.reload_config(configs.plain(ports[0], echo))
    assert processes.command(one, "upgrade").returncode == 0
    named = manager.wait("MAINPID")
    master = int(named["MAINPID"])
    assert named.pid == one.pid != master
    assert manager.wait("READY", 2).pid == master
    behind = manager.messages.index(named)
    assert {m.pid for m in manager.messages[:behind]} == {one.pid}
    assert one.wait_exit() == 0
    wait_until(lambda: len(manager.store) == 2, "two sockets to be removed")
    assert answers(ports[0])
    before = len(manager.having("WATCHDOG"))
    assert manager.wait("WATCHDOG", before + 2).pid == master
    assert {m.pid for m in manager.messages[behind + 1:]} == {master}
    assert not manager.having("STOPPING")
    os.kill(master, signal.SIGTERM)
    assert manager.wait("STOPPING").pid == master
    processes.wait_gone([master])
    one.checked = True


@pytest.mark.usefixtures("binary")
def test_an_upgrade_that_fails(relay, free_port, manager, echo, binary):
    port = free_port()
    one = relay(configs.plain(port, echo), **manager.options(watchdog_ms=1000))
    manager.wait("READY")
    os.unlink(binary)
    binary.write_text("#!/bin/sh\nexit 3\n")
    binary.chmod(0o755)
    os.kill(one.pid, signal.SIGUSR2)
    one.wait_log("upgrade failed")
    before = len(manager.having("WATCHDOG"))
    assert manager.wait("WATCHDOG", before + 2).pid == one.pid
    assert not manager.having("MAINPID")


# Sockets of .socket units.

def activated(passed, connect, *options, tls="", **more):
    return configs.service(f"{tls}systemd:{passed}", connect, *options, **more)


def test_tcp_and_unix_sockets_are_taken(relay, manager, echo, tmp_path):
    """Several of one name are one service's."""
    path = tmp_path / "socket"
    with listening() as first, listening() as second, \
            listening(socket.AF_UNIX, str(path)) as third:
        os.chmod(path, 0o600)
        one = relay(activated("web", echo) + activated("app", echo, name="t"),
                    **manager.options(("web", first), ("app", third),
                                      ("web", second)))
        for address in (first.getsockname(), second.getsockname()):
            assert answers(address[1])
        assert answers(str(path))
        assert one.matching("listening on systemd:web$")
        one.wait_ends(3)
        assert "FDSTORE" not in manager.keys()
        one.stop()
        assert path.stat().st_mode & 0o777 == 0o600
        # Those who come now wait for the next start.
        waiting = peers.connect(str(path))
        waiting.send(b"hello")
        relay(activated("web", echo) + activated("app", echo, name="t"),
              **manager.options(("web", first), ("app", third),
                                ("web", second)))
        assert waiting.recv_exactly(5) == b"hello"
        waiting.close()


def test_tls_on_a_passed_socket(relay, manager, echo, certs):
    with listening() as passed:
        relay(activated("web", echo, f"listen.cert = {certs}/server.pem",
                        f"listen.key = {certs}/server.key", tls="tls+"),
              **manager.options(("web", passed)))
        assert answers(passed.getsockname()[1],
                       tls=peers.client_context(certs))


def test_options_of_accepted_sockets(relay, manager, echo, client):
    """They are inherited from the listening socket, which we did not make."""
    with listening(backlog=1) as passed:
        one = relay(activated("web", echo, "listen.keepalive = 77s 5s 3",
                              "listen.backlog = 99"),
                    **manager.options(("web", passed)))
        assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert passed.getsockopt(socket.IPPROTO_TCP,
                                 socket.TCP_KEEPIDLE) == 77
        assert passed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not os.get_blocking(passed.fileno())
        one.stop()


def refusal(relay, config, **options):
    one = relay(config, ready=None, **options)
    assert one.wait_exit() == 1
    one.checked = True
    return one.text()


def test_a_missing_socket(relay, manager, echo):
    with listening() as passed:
        text = refusal(relay, activated("web", echo) +
                       activated("mail", echo, name="t"),
                       **manager.options(("web", passed)))
    assert "[service t] listen: systemd:mail: systemd passed no socket of " \
        'this name, but "web"; set FileDescriptorName=mail' in text


def test_no_socket_at_all(relay, echo):
    text = refusal(relay, activated("web", echo))
    assert "[service s] listen: systemd:web: no socket was passed" in text
    assert "FileDescriptorName=web" in text


def test_sockets_for_somebody_else(relay, echo):
    """The variables are inherited from a process that they were meant for."""
    text = refusal(relay, activated("web", echo), env={
        "LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"})
    assert "no socket was passed" in text


def test_a_socket_too_many(relay, manager, echo):
    with listening() as passed, listening() as other:
        text = refusal(relay, activated("web", echo), **manager.options(
            ("web", passed), ("wbe", other), ("wbe", other)))
    assert text.count('systemd passed a socket named "wbe"') == 1


@pytest.mark.parametrize("make, what", [
    (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
     "not a stream socket; it takes ListenStream="),
    (lambda: socket.socketpair()[0], "Accept=no"),
    (lambda: open("/dev/null", "rb"), "not a socket"),
    (lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), "family"),
])
def test_what_is_no_listening_socket(relay, manager, echo, make, what):
    with make() as passed:
        text = refusal(relay, activated("web", echo),
                       **manager.options(("web", passed)))
    assert 'what systemd passed as "web" is ' in text and what in text


def test_check_needs_no_socket(tmp_path):
    (tmp_path / "a.ini").write_text(activated("web", 9))
    done = sallyport.sallyport("check", "-c", tmp_path / "a.ini")
    assert done.returncode == 0, done.stderr


def test_a_reload_may_do_without_and_take_it_up_again(relay, manager, echo,
                                                      free_port):
    """A client that comes in between waits."""
    port = free_port()
    with listening() as passed:
        one = relay(activated("web", echo) + configs.plain(
            port, echo, name="t"), **manager.options(("web", passed)))
        both = one.config.read_text()
        one.reload_config(configs.plain(port, echo, name="t"))
        assert processes.reload(one).returncode == 0
        one.wait_log("no service listens on systemd:web any more")
        waiting = peers.connect(passed.getsockname()[1])
        waiting.send(b"hello")
        os.kill(one.workers()[0], signal.SIGKILL)   # the next has it not
        one.may_lose_children = True
        one.wait_worker(0)
        assert processes.reload(one).returncode == 0
        one.reload_config(both)
        assert processes.reload(one).returncode == 0
        assert waiting.recv_exactly(5) == b"hello"
        waiting.close()
        one.reload_config(both + activated("other", echo, name="u"))
        assert processes.command(one, "reload").returncode == 1
        assert answers(passed.getsockname()[1])


def test_a_service_is_drained(relay, manager, echo):
    with listening() as passed:
        one = relay(activated("web", echo), **manager.options(("web", passed)))
        assert processes.command(one, "drain", "s").returncode == 0
        waiting = peers.connect(passed.getsockname()[1])
        waiting.send(b"hello")
        assert processes.reload(one).returncode == 0
        assert waiting.recv_exactly(5) == b"hello"
        waiting.close()


@pytest.mark.usefixtures("binary")
def test_an_upgrade_keeps_passed_sockets(relay, manager, echo):
    with listening() as passed:
        one = relay(activated("web", echo), **manager.options(("web", passed)))
        assert processes.command(one, "upgrade").returncode == 0
        assert answers(passed.getsockname()[1])
        assert processes.reload(one).returncode == 0
        assert answers(passed.getsockname()[1])
        assert one.wait_exit() == 0
        master = processes.status(one)["master"]["pid"]
        os.kill(master, signal.SIGTERM)
        processes.wait_gone([master])
        one.checked = True


def test_systemd_socket_activate(relay, echo, free_port):
    """The real one, which follows the documented protocol."""
    if not shutil.which("systemd-socket-activate"):
        pytest.skip("no systemd-socket-activate")
    port = free_port()
    one = relay(activated("web", echo), ready="Listening on", within=[
        "systemd-socket-activate", "-l", f"127.0.0.1:{port}",
        "--fdname=web"])
    assert answers(port)
    one.wait_log("listening on systemd:web$")


# The store.

def steady_clients(port, until, refused, served):
    """Asks again and again; whoever is let in is to be answered or, if the
    daemon is killed meanwhile, cut off; nobody may be refused."""
    while not until.is_set():
        try:
            peer = peers.connect(port)
        except ConnectionRefusedError:
            refused.append(time.monotonic())
            continue
        with contextlib.closing(peer), contextlib.suppress(OSError, EOFError):
            peer.send(b"?")
            if peer.recv_exactly(1) == b"?":
                served.append(time.monotonic())


def kill_all(one):
    """As a service manager does with what a dead master leaves behind."""
    children = one.children()
    one.process.kill()
    one.wait_exit()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    processes.wait_gone(children)
    one.checked = True


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_nobody_is_refused(relay, free_port, manager, echo, tmp_path, how):
    """While clients come all the time: five times."""
    port, path = free_port(), tmp_path / "socket"
    config = configs.plain(port, echo, f"listen = unix:{path}",
                           "listen.mode = 0666")
    until, refused, served = threading.Event(), [], []
    one = relay(config, **manager.options())
    manager.wait("READY")
    threads = [threading.Thread(target=steady_clients, args=(
        address, until, refused, served))
        for address in (port, port, str(path))]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            count = len(served)
            wait_until(lambda: len(served) > count + 50, "clients")
            if how == "killed":
                kill_all(one)
            else:
                one.stop()
            assert path.exists()
            time.sleep(0.05)            # some come meanwhile
            one = relay(config, **manager.options(stored=True))
    finally:
        until.set()
        for thread in threads:
            thread.join()
    assert not refused
    assert one.matching("3 listening sockets were kept")
    assert len(manager.store) == 3


def test_a_client_waits_for_the_next(relay, free_port, manager, echo):
    port = free_port()
    one = relay(configs.settings("workers = 4") + configs.plain(port, echo),
                **manager.options())
    manager.wait("READY")
    one.stop()
    waiting = [peers.connect(port) for _ in range(20)]
    for peer in waiting:
        peer.send(b"hello")
    # Fewer workers: they serve all the sockets that there were.
    one = relay(configs.settings("workers = 1") + configs.plain(port, echo),
                **manager.options(stored=True))
    for peer in waiting:
        assert peer.recv_exactly(5) == b"hello"
        peer.close()
    assert len(manager.store) == 4


def test_what_is_not_wanted_any_more_is_removed(relay, free_port, manager,
                                                echo, tmp_path):
    ports = [free_port(), free_port()]
    path = tmp_path / "socket"
    one = relay(configs.plain(ports[0], echo, f"listen = unix:{path}"),
                **manager.options())
    manager.wait("READY")
    assert len(manager.store) == 3
    one.stop()
    assert path.exists()
    one = relay(configs.plain(ports[1], echo), **manager.options(stored=True))
    manager.wait("READY", 2)
    assert not path.exists()
    assert all(f"%3A{ports[1]}" in name for name in manager.store)
    with pytest.raises(ConnectionRefusedError):
        peers.open_socket(ports[0])
    assert answers(ports[1])
    # The same at a reload, and when a service is drained.
    one.reload_config(configs.plain(ports[0], echo))
    assert processes.reload(one).returncode == 0
    manager.wait("READY", 3)
    assert all(f"%3A{ports[0]}" in name for name in manager.store)
    assert len(manager.store) == 2
    assert processes.command(one, "drain", "s").returncode == 0
    wait_until(lambda: not manager.store, "the store to be empty")


def test_a_path_that_is_somebody_elses_by_now(relay, manager, echo, tmp_path):
    path = tmp_path / "socket"
    config = configs.service(f"unix:{path}", echo)
    one = relay(config, **manager.options())
    manager.wait("READY")
    one.stop()
    path.unlink()
    listening(socket.AF_UNIX, str(path)).close()
    one = relay(config, **manager.options(stored=True))
    manager.wait("READY", 2)
    one.wait_log("a stored socket is of no use any more")
    assert answers(str(path))
    assert len(manager.store) == 1


@pytest.mark.parametrize("name", [
    "sallyport,0,0,0,127.0.0.1%3A1", "sallyport,", "sallyport,x,0,0,a",
    "sallyport,999,0,0,PORT", "sallyport,0,1,2,PORT", "sallyport,00,0,0,PORT",
    "sallyport,0,0,0,PORT%41"])
def test_a_stored_name_that_lies(relay, manager, echo, free_port, name):
    """What is not what its name says is removed, and start goes on."""
    with listening() as other:
        port = other.getsockname()[1]
        name = name.replace("PORT", f"127.0.0.1%3A{port}")
        one = relay(configs.plain(free_port(), echo),
                    **manager.options((name, other)))
        ready = manager.wait("READY")
        removed = manager.having("FDSTOREREMOVE")
        assert [m["FDNAME"] for m in removed] == [name]
        assert manager.messages.index(removed[0]) < \
            manager.messages.index(ready)
        assert one.matching("of no use any more")


# The watchdog.

def test_the_watchdog_is_fed(relay, free_port, manager, echo):
    relay(configs.plain(free_port(), echo), **manager.options(watchdog_ms=400))
    began = time.monotonic()
    manager.wait("WATCHDOG", 8)
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize("who", ["w1", "obser"])
def test_a_stuck_child_stops_it(relay, free_port, manager, echo, who):
    one = relay(configs.plain(free_port(), echo),
                **manager.options(watchdog_ms=800))
    manager.wait("WATCHDOG", 3)
    pid = next(pid for pid, name in one.children().items() if name == who)
    os.kill(pid, signal.SIGSTOP)
    try:
        line = one.wait_log("has not answered for .* the watchdog is not fed")
        assert f"(pid {pid})" in line
        count = len(manager.having("WATCHDOG"))
        time.sleep(1)
        assert len(manager.having("WATCHDOG")) == count
    finally:
        os.kill(pid, signal.SIGCONT)
    manager.wait("WATCHDOG", count + 2)
    assert len(one.matching("has not answered")) == 1


def test_a_stuck_child_that_goes_does_not(relay, free_port, manager, echo,
                                          client):
    """A worker that is retired may keep its connections for days."""
    port = free_port()
    text = configs.plain(port, echo)
    one = relay(configs.settings("workers = 2") + text,
                **manager.options(watchdog_ms=800))
    held = [client(port) for _ in range(16)]
    for peer in held:
        peer.send(b"x")
        assert peer.recv_exactly(1) == b"x"
    retired = one.workers()[1]
    one.reload_config(configs.settings("workers = 1") + text)
    assert processes.reload(one).returncode == 0
    os.kill(retired, signal.SIGSTOP)
    try:
        count = len(manager.having("WATCHDOG"))
        manager.wait("WATCHDOG", count + 6)
        assert not one.matching("has not answered")
    finally:
        os.kill(retired, signal.SIGCONT)


def test_a_stuck_master_stops_it(relay, free_port, manager, echo):
    one = relay(configs.plain(free_port(), echo),
                **manager.options(watchdog_ms=400))
    manager.wait("WATCHDOG", 2)
    one.signal(signal.SIGSTOP)
    try:
        time.sleep(0.1)                 # what is on its way
        count = len(manager.having("WATCHDOG"))
        time.sleep(0.6)
        assert len(manager.having("WATCHDOG")) == count
    finally:
        one.signal(signal.SIGCONT)


def test_the_watchdog_of_somebody_else(relay, free_port, manager, echo):
    """WATCHDOG_PID names another process; and nobody is woken for nothing."""
    one = relay(configs.plain(free_port(), echo),
                **manager.options(watchdog_ms=200, WATCHDOG_PID="1"))

    def switches():
        return [line for pid in one.pids()
                for line in processes._read(pid, "status").splitlines()
                if line.startswith("voluntary")]
    manager.wait("READY")
    before = switches()
    time.sleep(1)
    assert switches() == before
    assert not manager.having("WATCHDOG")


# The units.

UNITS = ["sallyport.service", "sallyport@.service"]


@pytest.fixture
def units(tmp_path):
    """The folder of the units as they are installed, for a binary that is
    there."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    source = sallyport.ROOT / "systemd"
    for name in UNITS:
        text = (source / f"{name}.in").read_text()
        text = text.replace("@CMAKE_INSTALL_FULL_SBINDIR@/sallyport",
                            sallyport.BINARY)
        text = text.replace("@CMAKE_INSTALL_FULL_SYSCONFDIR@", "/etc")
        (tmp_path / name).write_text(text)
    shutil.copy(source / "sallyport.socket", tmp_path)
    return tmp_path


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True,
                          text=True, timeout=sallyport.PATIENCE)


@pytest.mark.parametrize("name", ["sallyport.service", "sallyport.socket",
                                  "sallyport@web.service"])
def test_units_are_in_order(units, name):
    done = analyze("verify", "--man=no", str(units / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", UNITS)
def test_units_are_hardened(units, name):
    done = analyze("security", "--offline=true", str(units / name))
    words = done.stdout.splitlines()[-1].split()
    assert float(words[words.index("level") + 3]) <= 1.6, done.stdout
