"""Workers are confined to the servers of the configuration they began with:
when there are others to connect to, new workers take their posts."""
import os
import signal

import pytest

import configs
import peers
import processes
import sallyport
import steady

pytestmark = pytest.mark.usefixtures("two_workers")


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


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


def test_new_servers_are_reached(daemon, client):
    """By new workers; the old finish what they have."""
    held = [client(daemon.port) for _ in range(6)]
    assert all(asks(peer) for peer in held)
    before = processes.workers(daemon.one.pid)
    daemon.reload((daemon.more, daemon.other.port))
    for port in (daemon.port, daemon.more):
        for _ in range(6):
            with peers.connect(port) as peer:
                assert asks(peer)
    assert all(asks(peer) for peer in held)
    now = processes.children(daemon.one.pid)
    assert len([pid for pid in now if processes.role(pid) in ("w0", "w1")]) \
        == 2 + len([pid for pid in before if pid in now])
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "obser"])
    assert not set(before) & set(processes.workers(daemon.one.pid))
    assert not daemon.one.matching("error|warn")


def test_nobody_is_replaced_for_what_can_be_reached(daemon, free_port):
    before = processes.workers(daemon.one.pid)
    daemon.reload((daemon.more, daemon.far.port))
    assert processes.workers(daemon.one.pid) == before
    with peers.connect(daemon.more) as peer:
        assert asks(peer)


def test_a_reload_that_fails_leaves_who_was_there(daemon, client):
    held = client(daemon.port)
    assert asks(held)
    before = processes.workers(daemon.one.pid)
    for _ in range(3):
        daemon.one.reload_config(
            daemon.text((daemon.more, daemon.other.port),
                        (daemon.more, daemon.other.port)))
        assert processes.command(daemon.one, "reload").returncode != 0
    assert processes.workers(daemon.one.pid) == before
    assert asks(held)
    with peers.connect(daemon.port) as peer:
        assert asks(peer)


def test_many_in_turn(daemon, server, client):
    """No worker is left behind, no descriptor, no connection cut."""
    servers = [server(peers.echo) for _ in range(5)]
    held = []
    for far in servers:
        daemon.reload((daemon.more, far.port))
        held.append(client(daemon.more))
        assert all(asks(peer) for peer in held)
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    found = processes.wait_roles(daemon.one.pid, ["w0", "w1", "obser"])
    counts = processes.fd_counts(daemon.one.pid)
    daemon.reload((daemon.more, daemon.other.port))
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "obser"])
    sallyport.wait_until(
        lambda: sum(processes.fd_counts(daemon.one.pid).values()) ==
        sum(counts.values()), "as many descriptors")
    assert found


def test_they_do_not_pile_up(daemon, server, client):
    """Not while configurations change without end and connections stay."""
    held = []
    for _ in range(12):
        held.append(client(daemon.port))
        held.append(client(daemon.port))
        assert all(asks(peer) for peer in held)
        daemon.reload((daemon.more, server(peers.echo).port))
        with peers.connect(daemon.more) as peer:
            assert asks(peer)
    assert all(asks(peer) for peer in held)
    found = [processes.role(pid)
             for pid in processes.children(daemon.one.pid)]
    assert found.count("w0") == found.count("w1") == 3
    assert daemon.one.matching("warn worker 0 may connect anywhere")
    status = processes.status(daemon.one)["master"]
    assert "where to some workers connect" in status["sandbox_not_enforced"]
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "obser"])


def test_nobody_is_refused_meanwhile(daemon, server, free_port):
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


def test_a_reload_waits_for_those_who_leave(daemon):
    """Until they let nobody in any more: who comes after it is served by what
    it brought."""
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
        with peers.connect(daemon.more) as peer:
            assert asks(peer)
    assert not reload.done()
    for pid in before:
        os.kill(pid, signal.SIGCONT)
    reload.result(sallyport.PATIENCE)


def test_one_that_retires_and_dies(daemon, client):
    """It takes its own connections with it, and nothing else."""
    held = client(daemon.port)
    assert asks(held)
    before = processes.workers(daemon.one.pid)
    daemon.one.may_lose_children = True
    daemon.reload((daemon.more, daemon.other.port))
    left = [pid for pid in before if processes.is_alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert held.receive().end in ("fin", "reset")
    processes.wait_roles(daemon.one.pid, ["w0", "w1", "obser"])
    for port in (daemon.port, daemon.more):
        with peers.connect(port) as peer:
            assert asks(peer)
