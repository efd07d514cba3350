"""Few long connections are spread evenly over the workers, and no other
process can join the sockets that they accept from."""
import collections
import os
import re
import shutil
import socket

import pytest

import configs
import figures
import peers
import processes
import sallyport
from peers import is_served, serves


def loads(one):
    """Connections of each worker."""
    return [each["active"] for each in processes.status(one)["processes"]
            if each["role"] == "worker"]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("workers, count, least", [
    (2, 16, 5), (4, 16, 2), (4, 64, 9), (3, 30, 6)])
def test_long_connections_are_spread(relay, server, certs, free_port, workers,
                                     count, least, secure):
    """Each of two workers has nearly a third at the least, whatever the
    kernel's hash says, also when all come at once, of which the workers learn
    at different times.  A worker that the machine keeps from running may take
    half of that once, but not time and again."""
    port = free_port()
    far = server(peers.echo)
    service = configs.tls(port, far.port, certs) if secure else \
        configs.plain(port, far.port)
    one = relay(configs.settings(f"workers = {workers}") + service)
    trust = peers.client_context(certs) if secure else None
    turns = 3 if sallyport.SANITIZED or secure else 8
    total = collections.Counter()
    for turn in range(turns):
        if turn % 2:    # in turn, each of them served before the next
            held = []
            for _ in range(count):
                held.append(peers.connect(port, tls=trust))
                assert is_served(held[-1])
        else:
            coming = [peers.in_background(peers.connect, port, tls=trust)
                      for _ in range(count)]
            held = [each.result(sallyport.PATIENCE) for each in coming]
            for peer in held:
                peer.send(b"?")
            for peer in held:
                assert peer.recv_exactly(1) == b"?"
        # One that is handed over counts with both for a moment.
        sallyport.wait_until(lambda: sum(loads(one)) == count,
                             "each to be counted once")
        shares = loads(one)
        assert len(shares) == workers
        assert min(shares) >= least // 2, shares
        total.update(dict(enumerate(shares)))
        for peer in held:
            peer.half_close()
            peer.receive()
            peer.close()
        sallyport.wait_until(lambda: sum(loads(one)) == 0, "all to end")
    assert min(total.values()) >= least * turns, total


def test_bytes_of_bulk_are_spread(relay, server, certs, free_port):
    """Each of two workers carries at least a quarter of the bytes of 16
    transfers of one size. In one of three rounds a connection must have been
    handed over: the kernel's hash is not that even."""
    port = free_port()
    size = (2 if sallyport.SANITIZED else 8) << 20
    data = peers.payload(1 << 20)

    def take(peer):
        """Says when it has all, and stays until the client goes."""
        missing = size
        while missing:
            missing -= len(peer.recv_exactly(min(missing, peers.CHUNK)))
        peer.send(b"!")
        peer.receive()
        peer.half_close()
    far = server(take)
    one = relay(configs.settings("workers = 2") +
                configs.tls(port, far.port, certs))
    trust = peers.client_context(certs)

    def send():
        peer = peers.connect(port, tls=trust)
        peer.send(data for _ in range(size >> 20))
        assert peer.recv_exactly(1) == b"!"
        return peer
    for turn in range(3):
        sent = [peers.in_background(send) for _ in range(16)]
        held = [each.result(3 * sallyport.PATIENCE) for each in sent]
        carried = collections.Counter()
        for peer in held:
            carried[one.wait_holder(peer.socket.getsockname()[1])] += size
        figures.tell(f"bytes that each worker has carried: {dict(carried)}")
        assert set(carried) == set(processes.workers(one.pid))
        assert min(carried.values()) >= 16 * size / 4
        for peer in held:
            peer.half_close()
            assert peer.receive().end == "close_notify"
            peer.close()
        sallyport.wait_until(lambda: sum(loads(one)) == 0, "all to end")
    told = processes.status(one)["all"]
    assert told["handed_over"] > 0
    assert told["up_bytes"] == 3 * 16 * size


def test_clients_after_a_change_of_workers_are_spread(relay, server, client,
                                                      free_port):
    """Clients that come after the change go where there are fewest."""
    port = free_port()
    far = server(peers.echo)

    def text(workers):
        return configs.settings(f"workers = {workers}") + \
            configs.plain(port, far.port)
    one = relay(text(1))

    def hold(count):
        for _ in range(count):
            peer = client(port)
            assert is_served(peer)
    hold(8)
    one.reload_config(text(2))
    processes.reload(one)
    hold(8)
    assert min(loads(one)) >= 5
    one.reload_config(text(4))
    processes.reload(one)
    hold(16)
    assert min(loads(one)) >= 4


def test_second_daemon_is_refused(relay, server, free_port, tmp_path):
    """A second daemon of the same user cannot listen at the same address,
    although SO_REUSEPORT would let it."""
    port = free_port()
    far = server(peers.echo)
    text = configs.plain(port, far.port)
    one = relay(text)
    for turn in range(3):
        other = tmp_path / f"other{turn}.ini"
        other.write_text(text)
        done = sallyport.sallyport("run", "-c", other)
        assert done.returncode == 1
        assert re.search(r"other\d.ini:2: .*Address already in use",
                         done.stderr), done.stderr
        processes.reload(one)
    # The same file: its control socket is taken as well.
    done = sallyport.sallyport("run", "-c", one.config)
    assert done.returncode == 1
    assert serves(port)
    assert processes.command(one, "status").returncode == 0


def test_another_user_cannot_join_a_port(relay, server, free_port):
    """A process of another user cannot join the port, even with
    SO_REUSEPORT."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be two users")
    port = free_port()
    relay(configs.plain(port, 9))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        os.seteuid(65534)
        try:
            with socket.socket() as joining:
                joining.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                with pytest.raises(OSError, match="in use"):
                    joining.bind(("127.0.0.1", port))
        finally:
            os.seteuid(0)
