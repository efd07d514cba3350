"""What the daemon says to systemd, and takes from it.

manager.py plays systemd's part; a test with a real one is elsewhere."""
import contextlib
import errno
import os
import re
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
from peers import is_served, serves
from sallyport import wait_until

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture
def manager(tmp_path):
    """A running manager.Manager, which plays systemd."""
    one = managers.Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def echo(server):
    """The port of a server that echoes."""
    return server(peers.echo).port


def listening(family=socket.AF_INET, address=("127.0.0.1", 0), backlog=128):
    one = socket.socket(family)
    one.bind(address)
    one.listen(backlog)
    return one


# What is told.

@pytest.mark.promise(36)
@pytest.mark.parametrize("abstract", [False, True])
def test_manager_hears_start_reload_and_stop(relay, free_port, tmp_path, echo,
                                             abstract):
    """systemd is told of readiness after the sockets are stored and clients
    are let in, then of a reload and of the stop."""
    name = f"@sallyport-test-{os.getpid()}" if abstract else tmp_path / "n"
    manager = managers.Manager(name)
    port = free_port()
    one = relay(configs.plain(port, echo), ready=None, **manager.options())
    ready = manager.wait("READY")
    assert serves(port)
    assert ready.pid == one.pid
    assert ready["STATUS"] == "Serving: generation 1, 1 service, 2 workers"
    assert processes.reload(one).returncode == 0
    reloading, again = manager.wait("RELOADING"), manager.wait("READY", 2)
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    assert now - 60e6 < int(reloading["MONOTONIC_USEC"]) < now
    assert "generation 2" in again["STATUS"]
    one.stop()
    stopping = manager.wait("STOPPING")
    assert stopping["STATUS"] == "Stopping"
    assert manager.keys() == ["FDSTORE", "FDSTORE", "READY", "RELOADING",
                              "READY", "STOPPING"]
    manager.close()


@pytest.mark.promise(30)
def test_failed_reload_stands_in_the_status(relay, free_port, manager, echo):
    """A failed reload stands in systemd's status until a reload works."""
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


def test_reload_tells_its_warnings(relay, free_port, manager, echo, certs,
                                   tmp_path):
    """What a reload warns of is printed to the one who asked for it, and stands
    in systemd's status until a reload has nothing to warn of; also where the
    log has no warnings."""
    for part in "pem", "key":
        shutil.copy(certs / f"server.{part}", tmp_path / f"live.{part}")
    one = relay(configs.settings("log_level = error", "watch = no") +
                configs.service(f"tls://127.0.0.1:{free_port()}", echo,
                                f"listen.cert = {tmp_path}/live.pem",
                                f"listen.key = {tmp_path}/live.key"),
                ready=None, **manager.options())
    manager.wait("READY")
    text = one.config.read_text()
    for part in "pem", "key":
        shutil.copy(certs / f"server-expired.{part}", tmp_path / f"live.{part}")
    one.reload_config(text.replace("watch = no", "watch = no\nuser = root"))
    said = processes.reload(one).stdout.splitlines()
    assert said[0] == "reloaded"
    assert any(re.match("warning: .*live.pem.*expired", line) for line in said)
    assert any(re.match("warning: .*user has changed", line) for line in said)
    status = manager.wait("READY", 2)["STATUS"]
    assert "generation 2," in status and "the last reload warned of" in status
    for part in "pem", "key":
        shutil.copy(certs / f"server.{part}", tmp_path / f"live.{part}")
    one.reload_config(one.config.read_text())
    assert processes.reload(one).stdout == "reloaded\n"
    assert "warned" not in manager.wait("READY", 3)["STATUS"]


def test_failed_start_stands_in_the_status(relay, free_port, manager):
    """A start with a faulty configuration says why in systemd's status, and is
    never ready."""
    one = relay("[service x]\nlisten = nowhere\n", ready=None,
                **manager.options())
    assert one.wait_exit() == os.EX_CONFIG
    one.checked = True
    assert "sallyport.ini:2" in manager.wait("STATUS")["STATUS"]
    assert not manager.having("READY")


def test_start_that_cannot_bind_stands_in_the_status(relay, manager, echo):
    """A start whose port is taken says why in systemd's status, and is never
    ready."""
    with listening() as taken:
        one = relay(configs.plain(taken.getsockname()[1], echo), ready=None,
                    **manager.options())
        assert one.wait_exit() == 1
    one.checked = True
    assert "Cannot start" in manager.wait("STATUS")["STATUS"]
    assert manager.keys() == ["STATUS"]


@pytest.mark.slow
def test_stop_requests_time_for_connections(relay, free_port, manager, echo,
                                            client):
    """A stop requests time for its connections: drain_timeout and a little
    more."""
    port = free_port()
    one = relay(configs.settings("drain_timeout = 3s") +
                configs.plain(port, echo), **manager.options())
    peer = client(port)
    assert is_served(peer)
    one.signal(signal.SIGTERM)
    first = manager.wait("EXTEND_TIMEOUT_USEC")
    assert first["STATUS"] == "Stopping: 1 connection left"
    assert "STOPPING" in first
    assert 10e6 < int(first["EXTEND_TIMEOUT_USEC"]) <= 15e6
    assert one.wait_exit() == 0
    one.checked = True


@pytest.mark.slow
def test_long_stop_requests_time_again(relay, free_port, manager, echo,
                                       client):
    """A stop that goes on requests time again, without repeating STOPPING."""
    port = free_port()
    one = relay(configs.plain(port, echo), **manager.options())
    peer = client(port)
    assert is_served(peer)
    one.signal(signal.SIGTERM)
    assert "STOPPING" not in manager.wait("EXTEND_TIMEOUT_USEC", 2)
    peer.close()
    assert one.wait_exit() == 0
    one.checked = True


def test_slow_manager_delays_no_client(relay, free_port, tmp_path, echo):
    """A manager that does not read delays neither clients nor a reload; it
    gets every message, in order, when it reads."""
    manager = managers.Manager(tmp_path / "notify", hears=False)
    ports = [free_port() for _ in range(300)]
    one = relay(configs.settings("workers = 2") + configs.service(
        f"127.0.0.1:{ports[0]}", echo,
        *(f"listen = 127.0.0.1:{port}" for port in ports[1:])),
        **manager.options())
    assert serves(ports[-1])
    assert processes.reload(one).returncode == 0
    manager.hear()
    manager.wait("READY", 2)
    assert manager.keys() == ["FDSTORE"] * 600 + ["READY", "RELOADING",
                                                  "READY"]
    assert len(manager.store) == 600
    one.stop()
    manager.close()


def test_missing_manager_delays_no_client(relay, free_port, tmp_path, echo):
    """A daemon whose manager is gone, or never was, serves all the same."""
    port = free_port()
    one = relay(configs.plain(port, echo),
                env={"NOTIFY_SOCKET": str(tmp_path / "nobody"),
                     "WATCHDOG_USEC": "100000"})
    assert serves(port)
    assert processes.reload(one).returncode == 0
    one.stop()


# An upgrade.

@pytest.mark.usefixtures("binary")
def test_manager_follows_an_upgrade(relay, free_port, manager, echo):
    """An upgrade names its new master to systemd, which hears only that one
    from then on: the watchdog is fed and the store kept up to date."""
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
    assert serves(ports[0])
    before = len(manager.having("WATCHDOG"))
    assert manager.wait("WATCHDOG", before + 2).pid == master
    assert {m.pid for m in manager.messages[behind + 1:]} == {master}
    assert not manager.having("STOPPING")
    os.kill(master, signal.SIGTERM)
    assert manager.wait("STOPPING").pid == master
    processes.wait_gone([master])
    one.checked = True


def test_stop_during_an_upgrade_stops_both_masters(relay, free_port, manager,
                                                   echo):
    """A SIGTERM that systemd sends to the predecessor during an upgrade stops
    the successor too."""
    port = free_port()
    one = relay(configs.settings("drain_timeout = 100ms") +
                configs.plain(port, echo), **manager.options())
    with peers.connect(port) as held:       # the old master stays for it
        assert is_served(held)
        os.kill(one.pid, signal.SIGUSR2)
        master = int(manager.wait("MAINPID")["MAINPID"])
        one.wait_log("stopping when 1 connection has ended")
        os.kill(one.pid, signal.SIGTERM)
        processes.wait_gone([master])
    assert one.wait_exit() == 0
    one.checked = True


@pytest.mark.usefixtures("binary")
def test_failed_upgrade_keeps_the_main_process(relay, free_port, manager, echo,
                                               binary):
    """A failed upgrade names no other main process, and the watchdog is fed
    on."""
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


def test_passed_sockets_are_served(relay, manager, echo, tmp_path):
    """Clients of passed TCP and unix sockets are served, several of one name
    by one service; those that come after a stop wait for the next start."""
    path = tmp_path / "socket"
    with listening() as first, listening() as second, \
            listening(socket.AF_UNIX, str(path)) as third:
        os.chmod(path, 0o600)
        one = relay(activated("web", echo) + activated("app", echo, name="t"),
                    **manager.options(("web", first), ("app", third),
                                      ("web", second)))
        for address in (first.getsockname(), second.getsockname()):
            assert serves(address[1])
        assert serves(str(path))
        assert one.matching("listening on systemd:web,")
        one.wait_ends(3)
        assert "FDSTORE" not in manager.keys()
        one.stop()
        assert path.stat().st_mode & 0o777 == 0o600
        # Clients that come now wait for the next start.
        waiting = peers.connect(str(path))
        waiting.send(b"hello")
        relay(activated("web", echo) + activated("app", echo, name="t"),
              **manager.options(("web", first), ("app", third),
                                ("web", second)))
        assert waiting.recv_exactly(5) == b"hello"
        waiting.close()


def test_passed_socket_serves_tls(relay, manager, echo, certs):
    """A passed socket serves TLS."""
    with listening() as passed:
        relay(activated("web", echo, f"listen.cert = {certs}/server.pem",
                        f"listen.key = {certs}/server.key", tls="tls+"),
              **manager.options(("web", passed)))
        assert serves(passed.getsockname()[1],
                      tls=peers.client_context(certs))


def test_passed_socket_gets_the_configured_options(relay, manager, echo,
                                                   client):
    """A passed socket gets the configured options, which the accepted ones
    inherit."""
    with listening(backlog=1) as passed:
        one = relay(activated("web", echo, "listen.keepalive = 77s 5s 3",
                              "listen.backlog = 99"),
                    **manager.options(("web", passed)))
        assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert passed.getsockopt(socket.IPPROTO_TCP,
                                 socket.TCP_KEEPIDLE) == 77
        assert passed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE)
        assert not os.get_blocking(passed.fileno())
        one.stop()


def refusal(relay, config, **options):
    one = relay(config, ready=None, **options)
    assert one.wait_exit() == 1
    one.checked = True
    return one.text()


def test_start_fails_without_a_named_socket(relay, manager, echo):
    """A start fails where systemd passed no socket of a configured name, and
    says what to write into the unit."""
    with listening() as passed:
        text = refusal(relay, activated("web", echo) +
                       activated("mail", echo, name="t"),
                       **manager.options(("web", passed)))
    assert "[service t] listen: systemd:mail: systemd passed no socket of " \
        'this name, but "web"; set FileDescriptorName=mail' in text


def test_start_fails_without_any_socket(relay, echo):
    """A start fails where no socket was passed, and says what to write into
    the unit."""
    text = refusal(relay, activated("web", echo))
    assert "[service s] listen: systemd:web: no socket was passed" in text
    assert "FileDescriptorName=web" in text


def test_sockets_for_another_process_are_not_taken(relay, echo):
    """Sockets that the variables pass to another process are not taken."""
    text = refusal(relay, activated("web", echo), env={
        "LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"})
    assert "no socket was passed" in text


def test_start_fails_with_an_unused_socket(relay, manager, echo):
    """A start fails where systemd passed a socket that no service takes, and
    names it once."""
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
def test_start_fails_with_a_wrong_descriptor(relay, manager, echo, make, what):
    """A start fails where a passed descriptor is no listening stream socket,
    and says what it is."""
    with make() as passed:
        text = refusal(relay, activated("web", echo),
                       **manager.options(("web", passed)))
    assert 'what systemd passed as "web" is ' in text and what in text


def test_check_needs_no_socket(tmp_path):
    """`check` accepts a configuration with passed sockets where none is
    passed."""
    (tmp_path / "a.ini").write_text(activated("web", 9))
    done = sallyport.sallyport("check", "-c", tmp_path / "a.ini")
    assert done.returncode == 0, done.stderr


def test_reload_drops_a_passed_socket_and_takes_it_again(relay, manager, echo,
                                                         free_port):
    """A reload may drop a passed socket and another one take it again; a
    client that comes in between waits."""
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
        assert serves(passed.getsockname()[1])


def test_reload_after_drain_serves_queued_clients(relay, manager, echo):
    """A client of a passed socket whose service was drained waits, and is
    served after a reload."""
    with listening() as passed:
        one = relay(activated("web", echo), **manager.options(("web", passed)))
        assert processes.command(one, "drain", "s").returncode == 0
        waiting = peers.connect(passed.getsockname()[1])
        waiting.send(b"hello")
        assert processes.reload(one).returncode == 0
        assert waiting.recv_exactly(5) == b"hello"
        waiting.close()


@pytest.mark.usefixtures("binary")
def test_upgrade_keeps_passed_sockets(relay, manager, echo):
    """Passed sockets are served after an upgrade, and after a reload of the
    new program."""
    with listening() as passed:
        one = relay(activated("web", echo), **manager.options(("web", passed)))
        assert processes.command(one, "upgrade").returncode == 0
        assert serves(passed.getsockname()[1])
        assert processes.reload(one).returncode == 0
        assert serves(passed.getsockname()[1])
        assert one.wait_exit() == 0
        master = processes.status(one)["master"]["pid"]
        os.kill(master, signal.SIGTERM)
        processes.wait_gone([master])
        one.checked = True


def test_socket_of_systemd_socket_activate_is_served(relay, echo, free_port):
    """A socket of the real systemd-socket-activate is served."""
    if not shutil.which("systemd-socket-activate"):
        pytest.skip("no systemd-socket-activate")
    port = free_port()
    one = relay(activated("web", echo), ready="Listening on", within=[
        "systemd-socket-activate", "-l", f"127.0.0.1:{port}",
        "--fdname=web"])
    assert serves(port)
    one.wait_log("listening on systemd:web,")


# The store.

def steady_clients(port, until, refused, served):
    """Connects again and again; a client is answered or, if the daemon is
    killed meanwhile, cut off; none may be refused."""
    while not until.is_set():
        try:
            peer = peers.connect(port)
        except ConnectionRefusedError:
            refused.append(time.monotonic())
            continue
        except ConnectionResetError:
            continue        # let in, and cut off before connect() returned
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


def echo_until_cut(peer):
    """The connections of a worker that is killed end with a reset, which may
    come right before our own end is shut down."""
    try:
        peers.echo(peer)
    except OSError as error:
        assert error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_restart_refuses_no_client(relay, free_port, manager, server, tmp_path,
                                   how):
    """Five restarts, by a stop or a kill, refuse none of the clients that come
    all the time."""
    port, path = free_port(), tmp_path / "socket"
    far = server(echo_until_cut)
    config = configs.plain(port, far.port, f"listen = unix:{path}",
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
    assert one.matching("listening on 3 sockets that the service manager")
    assert len(manager.store) == 3


def test_client_between_stop_and_start_waits(relay, free_port, manager, echo):
    """Clients that connect between a stop and the next start are served, by
    fewer workers too."""
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


def test_store_loses_sockets_of_removed_services(relay, free_port, manager,
                                                 echo, tmp_path):
    """Stored sockets that the configuration does not name any more are closed
    and leave the store: at a start, at a reload and at a drain."""
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
    assert serves(ports[1])
    # The same at a reload, and when a service is drained.
    one.reload_config(configs.plain(ports[0], echo))
    assert processes.reload(one).returncode == 0
    manager.wait("READY", 3)
    assert all(f"%3A{ports[0]}" in name for name in manager.store)
    assert len(manager.store) == 2
    assert processes.command(one, "drain", "s").returncode == 0
    wait_until(lambda: not manager.store, "the store to be empty")


def test_stored_socket_of_a_replaced_path_is_not_used(relay, manager, echo,
                                                      tmp_path):
    """A stored unix socket whose path another program has replaced is dropped,
    and the path bound anew."""
    path = tmp_path / "socket"
    config = configs.service(f"unix:{path}", echo)
    one = relay(config, **manager.options())
    manager.wait("READY")
    one.stop()
    path.unlink()
    listening(socket.AF_UNIX, str(path)).close()
    one = relay(config, **manager.options(stored=True))
    manager.wait("READY", 2)
    one.wait_log("closing a socket that the service manager has kept")
    assert serves(str(path))
    assert len(manager.store) == 1


@pytest.mark.parametrize("name", [
    "sallyport,0,0,0,127.0.0.1%3A1", "sallyport,", "sallyport,x,0,0,a",
    "sallyport,999,0,0,PORT", "sallyport,0,1,2,PORT", "sallyport,00,0,0,PORT",
    "sallyport,0,0,0,PORT%41"])
def test_stored_socket_with_a_false_name_is_removed(relay, manager, echo,
                                                    free_port, name):
    """A stored socket that is not what its name says is removed before the
    daemon is ready."""
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
        assert one.matching("closing a socket that the service manager has kept")


# The watchdog.

@pytest.mark.promise(36)
def test_watchdog_is_fed(relay, free_port, manager, echo):
    """The watchdog is fed in time, and not without a pause."""
    relay(configs.plain(free_port(), echo), **manager.options(watchdog_ms=400))
    began = time.monotonic()
    manager.wait("WATCHDOG", 8)
    assert time.monotonic() - began > 0.5


@pytest.mark.promise(46)
@pytest.mark.parametrize("role", ["w1", "admin"])
def test_stuck_child_does_not_starve_the_watchdog(relay, free_port, manager,
                                                  echo, role):
    """The watchdog is fed although a child is stuck, which the master kills
    and replaces."""
    one = relay(configs.plain(free_port(), echo),
                **manager.options(watchdog_ms=800))
    one.may_lose_children = True
    pid = next(pid for pid, name in one.children().items() if name == role)
    os.kill(pid, signal.SIGSTOP)
    count = len(manager.having("WATCHDOG"))
    manager.wait("WATCHDOG", count + 8)
    assert pid in one.children()
    one.wait_log(rf"\(pid {pid}\) has sent no heartbeat for too long, and is "
                 "killed")
    sallyport.wait_until(lambda: pid not in one.children() and
                         role in one.children().values(), f"another {role}")
    count = len(manager.having("WATCHDOG"))
    manager.wait("WATCHDOG", count + 4)


@pytest.mark.promise(36)
def test_stuck_master_does_not_feed_the_watchdog(relay, free_port, manager,
                                                 echo):
    """A stuck master does not feed the watchdog."""
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


def test_watchdog_of_another_process_is_not_fed(relay, free_port, manager,
                                                echo):
    """A watchdog that WATCHDOG_PID gives to another process is not fed."""
    relay(configs.plain(free_port(), echo),
          **manager.options(watchdog_ms=200, WATCHDOG_PID="1"))
    manager.wait("READY")
    time.sleep(1)
    assert not manager.having("WATCHDOG")


def test_idle_daemon_wakes_once_a_second(relay, free_port, echo):
    """Each process of an idle daemon wakes once a second for its heartbeat,
    and the master for theirs."""
    one = relay(configs.plain(free_port(), echo))

    def switches():
        return sum(int(line.split()[1]) for pid in one.pids()
                   for line in processes._read(pid, "status").splitlines()
                   if line.startswith("voluntary"))
    before, processes_now = switches(), len(one.pids())
    began = time.monotonic()
    time.sleep(2)
    seconds = time.monotonic() - began
    assert switches() - before <= 4 * processes_now * (seconds + 1)


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


@pytest.mark.promise(27)
@pytest.mark.parametrize("name", ["sallyport.service", "sallyport.socket",
                                  "sallyport@web.service"])
def test_units_are_in_order(units, name):
    """systemd-analyze verify finds no fault in the units."""
    done = analyze("verify", "--man=no", str(units / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.promise(27)
@pytest.mark.parametrize("name", UNITS)
def test_units_are_hardened(units, name):
    """systemd-analyze security rates the services at 1.6 or better."""
    done = analyze("security", "--offline=true", str(units / name))
    words = done.stdout.splitlines()[-1].split()
    assert float(words[words.index("level") + 3]) <= 1.6, done.stdout
