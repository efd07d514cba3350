"""Workers are confined to the servers of the configuration they began with:
when there are others to connect to, replacements take their place."""
import os
import signal

import pytest

import configs
import peers
import processes
import sallyport
import steady
from peers import is_served, serves

pytestmark = pytest.mark.usefixtures("two_workers")


def enforced(one):
    """Whether this kernel and build can tell ports apart."""
    master = processes.status(one)["master"]
    return master["sandbox"] != "off" and \
        "TCP" not in master["sandbox_not_enforced"]


@pytest.fixture
def daemon(relay, server, free_port):
    """daemon.one relays `port` to one server; to(other) is its configuration
    for another server beside."""
    class Daemon:
        def __init__(self):
            self.port, self.more = free_port(), free_port()
            self.far, self.other = server(peers.echo), server(peers.echo)
            self.one = relay(self.text())
            if sallyport.SANITIZED or not enforced(self.one):
                pytest.skip("this system cannot confine to ports")

        def text(self, *others):
            return configs.plain(self.port, self.far.port) + "".join(
                configs.plain(listen, connect, name=f"more{listen}")
                for listen, connect in others)

        def reload(self, *others):
            self.one.reload_config(self.text(*others))
            processes.reload(self.one)
    return Daemon()


def test_reload_replaces_workers_to_reach_new_servers(daemon, client):
    """A reload that adds a server replaces the workers; the old ones finish
    their connections."""
    held = [client(daemon.port) for _ in range(6)]
    assert all(is_served(peer) for peer in held)
    before = processes.workers(daemon.one.pid)
    daemon.reload((daemon.more, daemon.other.port))
    for port in (daemon.port, daemon.more):
        for _ in range(6):
            assert serves(port)
    assert all(is_served(peer) for peer in held)
    now = processes.children(daemon.one.pid)
    assert len([pid for pid in now if processes.role(pid) in ("w0", "w1")]) \
        == 2 + len([pid for pid in before if pid in now])
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "admin"])
    assert not set(before) & set(processes.workers(daemon.one.pid))
    assert not daemon.one.matching("error|warn")


def test_reload_to_known_servers_keeps_the_workers(daemon, free_port):
    """A reload whose servers the workers may connect to replaces no worker."""
    before = processes.workers(daemon.one.pid)
    daemon.reload((daemon.more, daemon.far.port))
    assert processes.workers(daemon.one.pid) == before
    assert serves(daemon.more)


def test_failed_reload_keeps_the_workers(daemon, client):
    """A reload that adds a server and fails replaces no worker."""
    held = client(daemon.port)
    assert is_served(held)
    before = processes.workers(daemon.one.pid)
    for _ in range(3):
        daemon.one.reload_config(
            daemon.text((daemon.more, daemon.other.port),
                        (daemon.more, daemon.other.port)))
        assert processes.command(daemon.one, "reload").returncode != 0
    assert processes.workers(daemon.one.pid) == before
    assert is_served(held)
    assert serves(daemon.port)


@pytest.mark.promise(31)
def test_replacements_leave_nothing_behind(daemon, server, client):
    """Five replacements leave no worker and no descriptor behind, and cut no
    connection."""
    servers = [server(peers.echo) for _ in range(5)]
    held = []
    for far in servers:
        daemon.reload((daemon.more, far.port))
        held.append(client(daemon.more))
        assert all(is_served(peer) for peer in held)
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    found = processes.wait_roles(daemon.one.pid, ["w0", "w1", "admin"])
    counts = processes.fd_counts(daemon.one.pid)
    daemon.reload((daemon.more, daemon.other.port))
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "admin"])
    sallyport.wait_until(
        lambda: sum(processes.fd_counts(daemon.one.pid).values()) ==
        sum(counts.values()), "as many descriptors")
    assert found


def test_retiring_workers_do_not_pile_up(daemon, server, client):
    """Retiring workers do not pile up while configurations change without end
    and connections stay; the log and `status` say that confinement ended."""
    held = []
    for _ in range(12):
        held.append(client(daemon.port))
        held.append(client(daemon.port))
        assert all(is_served(peer) for peer in held)
        daemon.reload((daemon.more, server(peers.echo).port))
        assert serves(daemon.more)
    assert all(is_served(peer) for peer in held)
    found = [processes.role(pid)
             for pid in processes.children(daemon.one.pid)]
    assert found.count("w0") == found.count("w1") == 3
    assert daemon.one.matching("warn worker 0 may connect anywhere")
    status = processes.status(daemon.one)["master"]
    assert "that some workers connect to configured servers only" in status["sandbox_not_enforced"]
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "admin"])


@pytest.mark.promise(31)
def test_replacement_refuses_no_client(daemon, server, free_port):
    """No client of a steady stream fails while workers are replaced."""
    port = free_port()
    with steady.Stream() as stream:
        def also(far):
            return configs.plain(daemon.port, daemon.far.port) + \
                configs.plain(port, stream.port, name="steady") + \
                configs.plain(daemon.more, far.port, name="more")
        daemon.one.reload_config(also(daemon.far))
        processes.reload(daemon.one)
        stream.go(port)
        for _ in range(6):
            daemon.one.reload_config(also(server(peers.echo)))
            processes.reload(daemon.one)
        told = stream.stop()
    assert told["failed"] == 0
    assert told["done"] > 0


def test_reload_waits_until_old_workers_accept_no_more(daemon):
    """A reload ends when the workers it replaces accept no more, so that a
    later client is served by the new configuration."""
    before = processes.workers(daemon.one.pid)
    for pid in before:
        processes.stop(pid)
    daemon.one.reload_config(
        daemon.text((daemon.more, daemon.other.port)))
    reload = peers.in_background(processes.reload, daemon.one)
    sallyport.wait_until(
        lambda: not set(processes.workers(daemon.one.pid)) & set(before),
        "the new workers")
    # These serve already.
    for _ in range(20):
        assert serves(daemon.more)
    assert not reload.done()
    for pid in before:
        os.kill(pid, signal.SIGCONT)
    reload.result(sallyport.PATIENCE)


@pytest.mark.promise(28)
def test_retiring_worker_that_dies_ends_its_own_connections_only(
        daemon, client):
    """A retiring worker that dies ends its own connections and nothing
    else."""
    held = client(daemon.port)
    assert is_served(held)
    before = processes.workers(daemon.one.pid)
    daemon.one.may_lose_children = True
    daemon.reload((daemon.more, daemon.other.port))
    left = [pid for pid in before if processes.is_alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert held.receive().end in ("fin", "reset")
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "admin"])
    for port in (daemon.port, daemon.more):
        assert serves(port)
