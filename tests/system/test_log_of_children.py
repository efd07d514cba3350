"""A process that has been taken over can neither silence the log nor change
what stands there, wherever the log goes."""
import contextlib
import os
import signal
import socket

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served

pytestmark = [
    pytest.mark.promise(46),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.getuid() != 0,
                       reason="only root may borrow descriptors"),
]

CHILDREN = ["w0", "w1", "scout", "admin", "k0"]


class Stream:
    """A log that is a stream, as the journal's is."""

    def __init__(self):
        self.near, self.far = socket.socketpair()
        self.far.settimeout(sallyport.PATIENCE)
        self.text = b""

    def start(self, relay, text):
        fd = self.near.fileno()
        one = relay(text, ready=None, passed=[fd], within=[
            "bash", "-c", f'exec "$@" 2>&{fd} {fd}>&-', "sh"])
        self.near.close()
        return one

    def wait(self, words):
        while words not in self.text:
            more = self.far.recv(1 << 16)
            assert more, "the log has ended"
            self.text += more


def config(free_port, server, certs, log):
    port, far = free_port(), server(peers.echo)
    return port, (configs.settings(*log) + configs.service(
        f"127.0.0.1:{port}", f"localhost:{far.port}") +
        configs.tls(free_port(), far.port, certs, name="t"))


def shut_all(pid):
    """Shuts all sockets that it has, in every process that shares them."""
    for _, _, held in processes.each_socket(pid):
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


def same_file(pid, path):
    return [fd for fd in processes.links(pid)
            if os.path.exists(f"/proc/{pid}/fd/{fd}") and
            os.path.samefile(f"/proc/{pid}/fd/{fd}", path)]


def test_log_file_is_open_in_the_master_only(relay, server, free_port, certs,
                                             tmp_path):
    """The master alone has the log file open."""
    path = tmp_path / "log"
    _, text = config(free_port, server, certs, [f"log = file:{path}"])
    one = relay(text, ready=None)
    roles = processes.wait_roles(one.pid, CHILDREN)
    assert same_file(one.pid, path)
    for role, pid in roles.items():
        assert not same_file(pid, path), role


def test_children_share_no_stream(relay, server, free_port, certs):
    """No two children share standard input, output or error."""
    _, text = config(free_port, server, certs, [])
    one = relay(text)
    roles = processes.wait_roles(one.pid, CHILDREN)
    logs = [os.readlink(f"/proc/{pid}/fd/2") for pid in roles.values()]
    assert len(set(logs)) == len(logs) and \
        all(log.startswith("pipe:") for log in logs)
    for role, pid in roles.items():
        for fd in 0, 1:
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null", role


@pytest.mark.parametrize("role", ["w0", "scout", "k0"])
def test_shutdown_by_a_child_silences_no_other(relay, server, free_port, certs,
                                               role):
    """The log goes on when a child shuts down every socket that it has, where
    standard error is a stream."""
    log = Stream()
    _, text = config(free_port, server, certs, [])
    one = log.start(relay, text)
    log.wait(b"info ready")
    pid = processes.wait_roles(one.pid, CHILDREN)[role]
    one.may_lose_children = True
    # Without a way to the master some end by themselves.
    with contextlib.suppress(ProcessLookupError):
        shut_all(pid)
        os.kill(pid, signal.SIGKILL)
    log.wait(b"(pid %d)" % pid)
    processes.wait_roles(one.pid, CHILDREN)
    one.signal(signal.SIGTERM)
    log.wait(b"info stopped")


@pytest.mark.promise(29)
def test_last_words_are_logged(relay, server, free_port, certs):
    """What a child writes to standard error is a line of the log that names
    the child, and nothing in it is taken for one of the log's own."""
    _, text = config(free_port, server, certs, [])
    one = relay(text)
    roles = processes.wait_roles(one.pid, CHILDREN)
    with open(f"/proc/{roles['w0']}/fd/2", "wb", 0) as stderr:
        stderr.write(b"\x1b[1mwhat\nfree(): invalid pointer\n")
    one.wait_log(rf"error worker 0 \(pid {roles['w0']}\): \?\[1mwhat")
    one.wait_log(r"error worker 0 .*: free\(\): invalid pointer")


@pytest.mark.promise(23)
def test_flood_by_a_child_holds_nothing_up(relay, server, client, free_port,
                                           certs):
    """Clients are served, and their ends logged, while a child floods the
    log."""
    port, text = config(free_port, server, certs, [])
    one = relay(text)
    roles = processes.wait_roles(one.pid, CHILDREN)
    fd = os.open(f"/proc/{roles['scout']}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    for _ in range(2000):
        try:
            os.write(fd, b"x" * 4000 + b"\n")
        except BlockingIOError:
            pass
    os.close(fd)
    with client(port) as peer:
        assert is_served(peer)
    assert one.wait_ends(1)[0]["reason"] == "client-closed"
    assert processes.status(one)["services"]
