"""A worker that has been taken over does what it can to what it shares with
others: they go on, and what it has broken is mended (promise 46)."""
import contextlib
import errno
import fcntl
import os
import signal
import socket

import pytest

import configs
import peers
import processes
import sallyport
import takeover
from peers import is_served, serves

pytestmark = [
    pytest.mark.promise(46),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may trace these"),
]

SOCKADDR_SIZE = 16      # all zero: AF_UNSPEC


class Daemon:
    """With a TCP port, and a unix socket that its workers share.  Calls that
    are not allowed fail, so that more than one can be tried."""

    def __init__(self, relay, far, path):
        self.port, self.path = sallyport.free_port(), str(path)
        self.one = relay(
            configs.settings("sandbox = on") +
            configs.plain(self.port, far, name="tcp") +
            configs.service(f"unix:{path}", f"127.0.0.1:{far}", name="unix"))
        self.one.may_lose_children = True
        self.workers = self.one.workers()

    def serves_unix(self):
        with contextlib.suppress(OSError, EOFError):
            return serves(self.path)
        return False

    def serves_tcp(self):
        return serves(self.port)

    def listening(self, pid, family):
        """Its descriptors of listening sockets of that kind."""
        return [fd for fd, _, one in processes.each_socket(pid)
                if one.family == family and one.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]

    def inodes(self, pid):
        """Of its listening unix sockets."""
        links = processes.links(pid)
        return [links[fd] for fd in self.listening(pid, socket.AF_UNIX)
                if fd in links]


@pytest.fixture
def daemon(relay, server, tmp_path):
    """A running Daemon."""
    far = server(peers.echo, timeout=5 * sallyport.PATIENCE)
    return Daemon(relay, far.port, tmp_path / "s")


@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="builds with sanitizers confine no process")
def test_worker_may_not_shut_down_shared_sockets(daemon):
    """A worker that has been taken over may not shut down its listening
    sockets or change their flags or queue; clients are served."""
    victim = daemon.workers[0]
    [shared] = daemon.listening(victim, socket.AF_UNIX)
    [own] = daemon.listening(victim, socket.AF_INET)
    done = takeover.inside(
        victim,
        *(call for fd in (shared, own) for call in (
            ("fcntl", fd, fcntl.F_SETFL, os.O_RDWR),
            ("shutdown", fd, socket.SHUT_RD),
            ("shutdown", fd, socket.SHUT_RDWR),
            ("listen", fd, 0))))
    assert done == [-errno.EPERM] * 8
    for _ in range(8):
        assert daemon.serves_unix()
        assert daemon.serves_tcp()


def ended_by(daemon, pid, fd):
    """The socket does not listen any more; the process had it."""
    with processes.borrow(pid, fd) as one:
        one.shutdown(socket.SHUT_RDWR)


def test_unix_socket_that_was_shut_down_is_bound_again(daemon):
    """A unix listener that any process shuts down is bound again under its
    path, also when that process dies; queued clients are served."""
    [shared] = daemon.listening(daemon.workers[0], socket.AF_UNIX)
    before = daemon.inodes(daemon.workers[0])
    held = [peers.connect(daemon.path) for _ in range(8)]
    ended_by(daemon, daemon.workers[0], shared)
    daemon.one.wait_log("error unix: the listening socket of .* was shut down "
                        "by a process that has it; it listens again")
    sallyport.wait_until(daemon.serves_unix, "the unix socket to be served")
    for peer in held:
        assert is_served(peer)
        peer.close()
    # The other worker may have it first, and this one still the dead one.
    sallyport.wait_until(lambda: daemon.inodes(daemon.workers[0]) not in
                         ([], before), "this worker to have the new socket")
    [again] = daemon.listening(daemon.workers[0], socket.AF_UNIX)
    os.kill(daemon.workers[0], signal.SIGSTOP)
    ended_by(daemon, daemon.workers[0], again)
    os.kill(daemon.workers[0], signal.SIGKILL)
    daemon.one.wait_log("was shut down by a process that has it; it listens "
                        "again", count=2)
    new = daemon.one.wait_worker(0, other_than=daemon.workers[0])
    sallyport.wait_until(lambda: daemon.listening(new, socket.AF_UNIX),
                         "the new worker to have the socket")
    for _ in range(8):
        assert daemon.serves_unix()
    assert processes.reload(daemon.one)
    assert daemon.serves_unix()


def test_tcp_sockets_that_were_shut_down_are_bound_again(daemon):
    """TCP listeners that a worker ends by connect(2) are bound again, and
    clients served."""
    for number, pid in daemon.workers.items():
        [own] = daemon.listening(pid, socket.AF_INET)
        [done] = takeover.inside(
            pid, ("connect", own, bytes(SOCKADDR_SIZE), SOCKADDR_SIZE))
        assert done == 0
        daemon.one.wait_log("error tcp: the listening socket of .* was shut "
                            "down by a process that has it; it listens again",
                            count=number + 1)
    for _ in range(16):
        assert daemon.serves_tcp()


def test_workers_sleep_at_a_dead_socket(daemon):
    """Workers sleep while a listening socket is dead and the master cannot
    mend it; the log says so."""
    [shared] = daemon.listening(daemon.workers[0], socket.AF_UNIX)
    daemon.one.signal(signal.SIGSTOP)       # nothing is mended meanwhile
    try:
        ended_by(daemon, daemon.workers[0], shared)
        sallyport.wait_until(lambda: daemon.one.is_idle(0.3),
                             "workers that do not spin")
    finally:
        daemon.one.signal(signal.SIGCONT)
    # The master writes their lines, when it can.
    daemon.one.wait_log("error unix: the listening socket of .* does not "
                        "listen any more", count=len(daemon.workers))
    sallyport.wait_until(daemon.serves_unix, "the unix socket to be served")


def datagrams(pid):
    """{fd: inode} of what leads to other workers."""
    return {fd: what for fd, what, one in processes.each_socket(pid)
            if one.family == socket.AF_UNIX and one.type == socket.SOCK_DGRAM}


def test_worker_that_fills_its_links_stops_no_other(relay, server):
    """A worker that has been taken over fills and ends its links to the
    others, which keep their links to each other and serve on."""
    port = sallyport.free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 3", "sandbox = on") +
                configs.plain(port, far.port))
    workers = one.workers()
    links = {pid: datagrams(pid) for pid in workers.values()}
    assert [len(each) for each in links.values()] == [2, 2, 2]
    assert len({inode for each in links.values()
                for inode in each.values()}) == 6
    for fd in links[workers[0]]:
        takeover.inside(workers[0],
                        *[("write", fd, b"?", 1) for _ in range(300)],
                        ("shutdown", fd, socket.SHUT_WR),
                        ("connect", fd, bytes(SOCKADDR_SIZE), SOCKADDR_SIZE))
    for _ in range(40):
        assert serves(port)
    one.wait_ends(40)
    assert one.workers() == workers
    assert processes.reload(one)


@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="builds with sanitizers confine no process")
def test_worker_is_refused_at_the_control_socket(relay, tmp_path):
    """A worker that runs as the daemon's owner is refused at the control
    socket; none of its requests is done."""
    control, far = str(tmp_path / "control"), str(tmp_path / "far")
    port = sallyport.free_port()
    one = relay(configs.settings(f"control = {control}", "user = root") +
                configs.plain(port, f"unix:{far}", name="served"))
    takeover.expect_refusals(one, control, one.workers()[0])
    assert processes.status(one)["master"]["generation"] == 1
    assert not one.matching("reload|upgrad|draining")
    assert processes.reload(one)
