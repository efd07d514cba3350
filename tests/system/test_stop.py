"""The end of a daemon of many processes, and of a service."""
import os
import signal
import threading

import pytest

import configs
import peers
import processes
import sallyport

pytestmark = pytest.mark.usefixtures("two_workers")


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


class Busy:
    """Three workers, a plain, a TLS and a unix listener, with connections."""

    def __init__(self, relay, server, client, certs, folder, *options):
        self.far = server(peers.echo)
        self.trust = peers.client_context(certs)
        self.port, self.secure = sallyport.free_port(), sallyport.free_port()
        self.door = folder / "door"
        self.one = relay(
            configs.settings("workers = 3", *options) +
            configs.service(f"127.0.0.1:{self.port}",
                            f"localhost:{self.far.port}",
                            f"listen = unix:{self.door}", name="plain") +
            configs.tls(self.secure, self.far.port, certs, name="secure"))
        self.addresses = [self.port, self.secure, self.door]
        self.held = [client(self.port) for _ in range(6)] + \
            [client(self.secure, tls=self.trust) for _ in range(6)] + \
            [client(self.door) for _ in range(3)]
        assert all(asks(peer) for peer in self.held)
        self.children = processes.wait_roles(
            self.one.pid,
            ["w0", "w1", "w2", "obser", "scout", "k0", "k1"])

    def ends(self):
        """How they end; a unix socket knows no reset."""
        return {peer.receive().end for peer in self.held[:12]}, \
            {peer.receive().end for peer in self.held[12:]}

    def assert_gone(self):
        """No process, no path: those of the control socket too."""
        processes.wait_gone(self.children.values())
        assert not self.door.exists()
        done = processes.command(self.one, "status")
        assert done.returncode == 1
        assert "No such file or directory" in done.stderr


@pytest.fixture
def busy(relay, server, client, certs, tmp_path):
    return lambda *options: Busy(relay, server, client, certs, tmp_path,
                                 *options)


def test_connections_finish(busy):
    """New clients are refused at once, those who are there finish, in every
    worker."""
    all_ = busy()
    all_.one.signal(signal.SIGTERM)
    all_.one.wait_log("stopping: 15 connections have 30000 ms to finish")
    for address in all_.addresses:
        sallyport.wait_until(lambda: peers.is_refused(address), "a refusal")
    for _ in range(20):
        assert all(asks(peer) for peer in all_.held)
    for peer in all_.held:
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    assert all_.one.wait_exit() == 0
    assert {end["reason"] for end in all_.one.ends()} == {"client-closed"}
    assert all_.one.log_lines()[-1].endswith("info stopped")
    all_.assert_gone()


def test_drain_timeout(busy):
    all_ = busy("drain_timeout = 1s")
    all_.one.signal(signal.SIGTERM)
    assert all_.ends() == ({"reset"}, {"fin"})
    assert all_.one.wait_exit() == 0
    ends = all_.one.ends()
    assert [end["reason"] for end in ends] == ["shutdown"] * 15
    assert min(end["duration_ms"] for end in ends) >= 990
    all_.assert_gone()


def test_no_drain_timeout(busy):
    all_ = busy("drain_timeout = 0s")
    all_.one.signal(signal.SIGTERM)
    assert all_.ends() == ({"reset"}, {"fin"})
    assert all_.one.wait_exit() == 0
    assert {end["reason"] for end in all_.one.ends()} == {"shutdown"}
    all_.assert_gone()


def test_second_signal(busy):
    all_ = busy("drain_timeout = 1h")
    all_.one.signal(signal.SIGTERM)
    all_.one.wait_log("stopping")
    assert all(asks(peer) for peer in all_.held)
    all_.one.signal(signal.SIGINT)
    assert all_.ends() == ({"reset"}, {"fin"})
    assert all_.one.wait_exit() == 0
    assert all_.one.matching("second Interrupt: ending 15 connections now")
    all_.assert_gone()


def test_idle_stops_at_once(relay, server, free_port):
    for _ in range(10):
        one = relay(configs.settings("drain_timeout = 1h") +
                    configs.plain(free_port(), 9))
        children = processes.roles(one.pid)
        one.signal(signal.SIGTERM)
        assert one.wait_exit() == 0
        processes.wait_gone(children.values())


def test_stop_during_a_reload(relay, server, free_port):
    """In every stage of it; whoever asked hears that it was in vain, or that
    it was done."""
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


def test_stop_during_start(relay, free_port):
    for turn in range(3 if sallyport.SANITIZED else 15):
        one = relay(configs.plain(free_port(), 9), ready=None)
        threading.Event().wait(0.001 * turn)
        children = processes.children(one.pid)
        one.signal(signal.SIGTERM)
        # Killed where it had no handler yet.
        assert one.wait_exit() in (0, 1, -signal.SIGTERM)
        processes.wait_gone(children)
        one.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_children_leave_signals_to_the_master(busy, number):
    """A terminal's Ctrl-C reaches all of them."""
    all_ = busy()
    for pid in all_.children.values():
        os.kill(pid, number)
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGUSR2)
    assert all(asks(peer) for peer in all_.held)
    assert processes.roles(all_.one.pid) == all_.children
    processes.reload(all_.one)


def test_drain_a_service(busy):
    """Its clients are refused, those that are there go on; others notice
    nothing, and a reload opens it again."""
    all_ = busy()
    for _ in range(3):
        done = processes.command(all_.one, "drain", "plain")
        assert done.returncode == 0
        assert "no client is let in any more; 9 connections go on" in \
            done.stdout
        for address in (all_.port, all_.door):
            sallyport.wait_until(lambda: peers.is_refused(address),
                                 "a refusal")
        assert all(asks(peer) for peer in all_.held)
        with peers.connect(all_.secure, tls=all_.trust) as peer:
            assert asks(peer)
            peer.half_close()
            assert peer.receive().end == "close_notify"
        again = processes.command(all_.one, "drain", "plain")
        assert again.returncode == 0
        processes.reload(all_.one)
        for address in (all_.port, all_.door):
            with peers.connect(address) as peer:
                assert asks(peer)
                peer.half_close()
                assert peer.receive().end == "fin"
        # Before the next turn counts, all but the held have ended.
        sallyport.wait_until(
            lambda: processes.status(all_.one)["all"]["active"] == 15,
            "15 connections")
    assert processes.roles(all_.one.pid).items() >= all_.children.items()


def test_drain_of_nothing(busy):
    all_ = busy()
    done = processes.command(all_.one, "drain", "plian")
    assert (done.returncode, done.stderr) == \
        (1, 'sallyport: there is no service "plian"\n')
    assert not peers.is_refused(all_.port)


def test_worker_that_dies_while_it_drains(busy):
    """Nobody waits for it, or puts another in its place."""
    all_ = busy("drain_timeout = 1h")
    all_.one.may_lose_children = True
    all_.one.signal(signal.SIGTERM)
    all_.one.wait_log("stopping")
    for role in ("w0", "w1", "w2"):
        os.kill(all_.children[role], signal.SIGKILL)
    assert all_.one.wait_exit() == 0
    all_.assert_gone()
