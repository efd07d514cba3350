"""The end of a daemon of many processes, and of a service."""
import os
import re
import signal
import threading

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served

pytestmark = pytest.mark.usefixtures("two_workers")


class Busy:
    """Three workers, a plain, a TLS and a unix listener, with connections."""

    def __init__(self, relay, server, client, certs, folder, *options):
        self.far = server(peers.echo)
        self.trust = peers.client_context(certs)
        self.port, self.secure = sallyport.free_port(), sallyport.free_port()
        self.path = folder / "socket"
        self.one = relay(
            configs.settings("workers = 3", *options) +
            configs.service(f"127.0.0.1:{self.port}",
                            f"localhost:{self.far.port}",
                            f"listen = unix:{self.path}", name="plain") +
            configs.tls(self.secure, self.far.port, certs, name="secure"))
        self.addresses = [self.port, self.secure, self.path]
        self.held = [client(self.port) for _ in range(6)] + \
            [client(self.secure, tls=self.trust) for _ in range(6)] + \
            [client(self.path) for _ in range(3)]
        assert all(is_served(peer) for peer in self.held)
        self.children = processes.wait_roles(
            self.one.pid,
            ["w0", "w1", "w2", "admin", "scout", "k0", "k1"])

    def ends(self):
        """How they end; a unix socket knows no reset."""
        return {peer.receive().end for peer in self.held[:12]}, \
            {peer.receive().end for peer in self.held[12:]}

    def assert_gone(self):
        """No process, no path: those of the control socket too."""
        processes.wait_gone(self.children.values())
        assert not self.path.exists()
        done = processes.command(self.one, "status")
        assert done.returncode == 1
        assert "No such file or directory" in done.stderr


@pytest.fixture
def busy_daemon(relay, server, client, certs, tmp_path):
    """busy_daemon(option...) is a Busy."""
    return lambda *options: Busy(relay, server, client, certs, tmp_path,
                                 *options)


@pytest.mark.promise(34)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_connections_finish(busy_daemon, number):
    """A stop refuses new clients at once; the connections of every worker go
    on until their clients end."""
    daemon = busy_daemon()
    daemon.one.signal(number)
    daemon.one.wait_log("stopping: 15 connections have 30s to finish")
    for address in daemon.addresses:
        sallyport.wait_until(lambda: peers.is_refused(address), "a refusal")
    for turn in range(50):
        assert all(is_served(peer, b"%d" % turn) for peer in daemon.held)
    for peer in daemon.held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    assert daemon.one.wait_exit() == 0
    assert {end["reason"] for end in daemon.one.ends()} == {"client-closed"}
    assert daemon.one.log_lines()[-1].endswith("info stopped")
    daemon.assert_gone()


@pytest.mark.promise(34)
@pytest.mark.parametrize("seconds", [0, 1])
def test_drain_timeout_resets_the_rest(busy_daemon, seconds):
    """A stop resets the connections that are left after drain_timeout, at once
    if that is 0."""
    daemon = busy_daemon(f"drain_timeout = {seconds}s")
    daemon.one.signal(signal.SIGTERM)
    assert daemon.ends() == ({"reset"}, {"fin"})
    assert daemon.one.wait_exit() == 0
    ends = daemon.one.ends()
    assert [end["reason"] for end in ends] == ["shutdown"] * 15
    assert min(end["duration_ms"] for end in ends) >= 990 * seconds
    # Each worker tells of its own.
    told = daemon.one.matching("warn drain_timeout is over: ending")
    assert seconds == 0 or sum(
        int(re.search(r"ending (\d+) connections?", line)[1])
        for line in told) == 15
    daemon.assert_gone()


@pytest.mark.promise(34)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(busy_daemon, number):
    """A second SIGTERM or SIGINT, half a second behind the first, ends all
    connections at once."""
    daemon = busy_daemon("drain_timeout = 1h")
    daemon.one.signal(signal.SIGTERM)
    daemon.one.wait_log("stopping")
    assert all(is_served(peer) for peer in daemon.held)
    daemon.one.insist(number)
    assert daemon.ends() == ({"reset"}, {"fin"})
    assert daemon.one.wait_exit() == 0
    assert [end["reason"] for end in daemon.one.ends()] == ["shutdown"] * 15
    assert daemon.one.matching(
        f"second {number.name}: ending 15 connections now")
    daemon.assert_gone()


@pytest.mark.promise(34)
def test_one_stop_by_two_signals_is_one(busy_daemon):
    """Two signals that come together, as one stop may send them, let connections
    finish."""
    daemon = busy_daemon()
    processes.stop(daemon.one.pid)      # so that both are there when it looks
    daemon.one.signal(signal.SIGTERM)
    daemon.one.signal(signal.SIGINT)
    daemon.one.signal(signal.SIGCONT)
    daemon.one.wait_log("stopping: 15 connections have 30s to finish")
    for turn in range(20):
        assert all(is_served(peer, b"%d" % turn) for peer in daemon.held)
    for peer in daemon.held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    assert daemon.one.wait_exit() == 0
    assert not daemon.one.matching("second SIG")
    daemon.assert_gone()


def test_idle_daemon_stops_at_once(relay, server, free_port):
    """A daemon without connections stops at once."""
    for _ in range(10):
        one = relay(configs.settings("drain_timeout = 1h") +
                    configs.plain(free_port(), 9))
        children = processes.roles(one.pid)
        one.signal(signal.SIGTERM)
        assert one.wait_exit() == 0
        assert [line.split(" ", 1)[1] for line in one.log_lines()[-2:]] == [
            "info stopping", "info stopped"]
        processes.wait_gone(children.values())


def test_stop_during_a_reload_ends_both(relay, server, free_port):
    """A stop in any stage of a reload ends the daemon; the reload command ends
    too."""
    for turn in range(3 if sallyport.SANITIZED else 15):
        port = free_port()
        one = relay(configs.plain(port, 9))
        asked = peers.in_background(processes.command, one, "reload")
        threading.Event().wait(0.0005 * turn)
        one.signal(signal.SIGTERM)
        children = processes.children(one.pid)
        assert one.wait_exit() == 0
        processes.wait_gone(children)
        assert asked.result(sallyport.PATIENCE).returncode in (0, 1)
        assert peers.is_refused(port)
        one.check()


def test_stop_during_start_leaves_no_process(relay, free_port):
    """A stop in any stage of the start leaves no process behind."""
    for turn in range(3 if sallyport.SANITIZED else 15):
        one = relay(configs.plain(free_port(), 9), ready=None)
        threading.Event().wait(0.001 * turn)
        children = processes.children(one.pid)
        one.signal(signal.SIGTERM)
        # Killed where it had no handler yet.
        assert one.wait_exit() in (0, 1, -signal.SIGTERM)
        processes.wait_gone(children)
        one.check()


def test_signals_to_children_change_nothing(busy_daemon):
    """Signals that reach the children too, as a terminal's Ctrl-C does, end no
    connection and no process."""
    daemon = busy_daemon()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
                   signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        for pid in daemon.children.values():
            os.kill(pid, number)
        assert all(is_served(peer) for peer in daemon.held)
    assert processes.roles(daemon.one.pid) == daemon.children
    assert not daemon.one.matching("stopping|reload|upgrade")
    processes.reload(daemon.one)


def test_drain_refuses_new_clients_of_one_service(busy_daemon):
    """`drain` refuses the new clients of a service; its connections and other
    services go on, and a reload opens it again."""
    daemon = busy_daemon()
    for _ in range(3):
        done = processes.command(daemon.one, "drain", "plain")
        assert done.returncode == 0
        assert "no client is accepted any more; 9 connections go on" in \
            done.stdout
        for address in (daemon.port, daemon.path):
            sallyport.wait_until(lambda: peers.is_refused(address),
                                 "a refusal")
        assert all(is_served(peer) for peer in daemon.held)
        with peers.connect(daemon.secure, tls=daemon.trust) as peer:
            assert is_served(peer)
            peer.half_close()
            assert peer.receive().end == "close_notify"
        again = processes.command(daemon.one, "drain", "plain")
        assert again.returncode == 0
        processes.reload(daemon.one)
        for address in (daemon.port, daemon.path):
            with peers.connect(address) as peer:
                assert is_served(peer)
                peer.half_close()
                assert peer.receive().end == "fin"
        # Before the next turn counts, all but the held have ended.
        sallyport.wait_until(
            lambda: processes.status(daemon.one)["all"]["active"] == 15,
            "15 connections")
    assert processes.roles(daemon.one.pid).items() >= daemon.children.items()


def test_drain_of_an_unknown_service_fails(busy_daemon):
    """`drain` of an unknown service fails, and changes nothing."""
    daemon = busy_daemon()
    done = processes.command(daemon.one, "drain", "plian")
    assert (done.returncode, done.stderr) == \
        (1, 'sallyport: there is no service "plian"\n')
    assert not peers.is_refused(daemon.port)


@pytest.mark.promise(34)
def test_stop_ends_although_workers_die(busy_daemon):
    """A stop ends, and starts no worker anew, when the workers die while they
    drain."""
    daemon = busy_daemon("drain_timeout = 1h")
    daemon.one.may_lose_children = True
    daemon.one.signal(signal.SIGTERM)
    daemon.one.wait_log("stopping")
    for role in ("w0", "w1", "w2"):
        os.kill(daemon.children[role], signal.SIGKILL)
    assert daemon.one.wait_exit() == 0
    daemon.assert_gone()
