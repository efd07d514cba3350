"""Promise 47: the secret that session tickets are sealed with is in no process
that does not seal any."""
import os
import signal
import stat
import sys

import pytest

import configs
import keys
import peers
import processes
import sallyport
from peers import serves

pytestmark = [
    pytest.mark.promise(47),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.getuid() != 0,
                       reason="only root may read another's memory"),
]

# The next version of the program, to which the secret is handed on.
SUCCESSOR = """#!{python}
import os, socket
way = socket.socket(fileno=int(os.environ["SALLYPORT_UPGRADE"]))
while True:
    _, fds, _, _ = socket.recv_fds(way, 1 << 15, 8)
    for fd in fds:
        if "sallyport-secret" in os.readlink(f"/proc/self/fd/{{fd}}"):
            with open({to!r} + ".new", "wb") as file:
                file.write(os.pread(fd, 100, 0))
            os.rename({to!r} + ".new", {to!r})
            raise SystemExit(1)
"""


@pytest.fixture
def secret_of(tmp_path, binary):
    """secret_of(relay) is the secret of a daemon that runs from a copy."""
    to = tmp_path / "secret"

    def ask(one):
        binary.unlink()
        binary.write_text(SUCCESSOR.format(python=sys.executable,
                                           to=str(to)))
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        one.signal(signal.SIGUSR2)
        sallyport.wait_until(to.exists, "the secret")
        secret = to.read_bytes()
        assert len(secret) == 32
        return secret
    return ask


def test_ticket_secret_is_in_workers_only(relay, server, free_port, certs,
                                          secret_of):
    """The ticket secret is in the memory of workers and of no other child
    (promise 47)."""
    far = server(peers.echo)
    port = free_port()
    one = relay(configs.tls(port, f"localhost:{far.port}", certs))
    roles = processes.wait_roles(one.pid, ["w0", "w1", "scout", "admin", "k0"])
    context = peers.client_context(certs)
    assert serves(port, tls=context)
    processes.reload(one)
    secret = secret_of(one)
    found = {role: keys.found_in(pid, [secret, secret[::-1]])
             for role, pid in roles.items()}
    assert found == {"w0": 1, "w1": 1, "scout": 0, "admin": 0, "k0": 0}
