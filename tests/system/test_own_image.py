"""Promise 47: each process is the program executed anew, from the very file
that the master runs: it has addresses of its own, and nothing of the master's
memory or environment."""
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

import configs
import keys
import peers
import processes
import sallyport
from peers import serves

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.getuid() != 0,
                       reason="only root may look at another's memory"),
]

TITLES = {
    "w0": "sallyport: worker 0", "w1": "sallyport: worker 1",
    "k0": "sallyport: keeper 0", "scout": "sallyport: scout",
    "admin": "sallyport: admin",
}
MARK = "in-the-environment-of-the-master-alone"


def read(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def image(pid):
    """Where the program, its libraries, its heap and its stack begin."""
    places = {}
    for row in read(pid, "maps").decode().splitlines():
        match = re.match(r"(\w+)-\S+ \S+ \S+ \S+ \d+ +(.*\S)", row)
        if match and (match[2].startswith("/") or
                      match[2] in ("[heap]", "[stack]")):
            places.setdefault(os.path.basename(match[2]), match[1])
    return {name: start for name, start in places.items()
            if re.match(r"sallyport|libc\.|libcrypto|\[", name)}


@pytest.fixture
def daemon(relay, server, free_port, certs):
    """daemon() starts a relay with a process of every role, and returns it and
    their pids."""
    def start(**options):
        port, far = free_port(), server(peers.echo)
        one = relay(configs.tls(port, f"localhost:{far.port}", certs),
                    **options)
        one.port = port
        return one, processes.wait_roles(one.pid, TITLES)
    return start


def titles_of_workers(master):
    return sorted(processes.title(pid) for pid in processes.children(master)
                  if processes.role(pid) in ("w0", "w1"))


RETIRING = ["sallyport: worker 0 (retiring)", "sallyport: worker 1 (retiring)"]


@pytest.mark.parametrize("how", ["stop", "upgrade"])
def test_retiring_workers_say_so(relay, server, free_port, how):
    """Workers that only finish what they have are told from others by their command
    line."""
    port = free_port()
    one = relay(configs.plain(port, server(peers.echo).port))
    held, holders = [], set()
    while holders < set(one.workers().values()):    # so that none leaves
        held.append(peers.connect(port))
        assert peers.is_served(held[-1])
        holders.add(one.wait_holder(held[-1].socket.getsockname()[1]))
    assert titles_of_workers(one.pid) == [title.removesuffix(" (retiring)")
                                 for title in RETIRING]
    if how == "stop":
        one.signal(signal.SIGTERM)
    else:
        assert processes.command(one, "upgrade").returncode == 0
    sallyport.wait_until(lambda: titles_of_workers(one.pid) == RETIRING, "their titles")
    for peer in held:
        peer.close()
    if how == "upgrade":
        processes.insist(processes.status(one)["master"]["pid"])
    assert one.wait_exit() == 0
    one.check()


@pytest.mark.promise(47)
def test_each_process_has_its_own_image(daemon, monkeypatch, certs):
    """Each process has addresses of its own, and nothing of the master's
    environment."""
    monkeypatch.setenv("SALLYPORT_TEST_MARK", MARK)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    one, roles = daemon()
    assert serves(one.port, tls=peers.client_context(certs))
    with open("/proc/sys/kernel/randomize_va_space", encoding="ascii") as file:
        randomized = int(file.read()) == 2
    master = image(one.pid)
    assert len(master) > 2
    for role, pid in roles.items():
        assert read(pid, "cmdline").rstrip(b"\0").decode() == TITLES[role]
        assert processes.program(pid) == processes.program(one.pid)
        variables = read(pid, "environ").split(b"\0")
        assert b"TZ=Europe/Berlin" in variables
        assert not [each for each in variables if MARK.encode() in each]
        if randomized and not sallyport.SANITIZED:
            same = {name for name, start in image(pid).items()
                    if master.get(name) == start}
            assert not same, role
            assert keys.found_in(pid, [MARK.encode()]) == 0, role
    assert len({tuple(image(pid).values()) for pid in roles.values()}) == \
        len(roles) or not randomized


@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="the sanitizers need proc(5)")
def test_start_without_proc_fails(free_port, tmp_path):
    """A start fails where /proc/self/exe cannot be opened, and says so."""
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.plain(free_port(), 9))
    done = sallyport.sallyport(
        "run", "-c", config, within=(
            "unshare", "-m", "sh", "-c", 'umount -l /proc; exec "$0" "$@"'))
    assert done.returncode == 1
    assert done.stderr == "sallyport: cannot open this program by " \
        "/proc/self/exe, to start processes from: No such file or directory\n"


# Words that look like a role's.

def run_as(title, packet=None):
    """Starts the program under that name with a socket as descriptor 3, which
    has the packet, as the daemon does."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        if packet is not None:
            near.send(packet)
        # As the shell does: COMMAND 3<&FAR.
        return subprocess.run(
            ["/bin/bash", "-c", f'exec -a "{title}" "$0" 3<&{far.fileno()}',
             sallyport.BINARY], pass_fds=[far.fileno()], timeout=60,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.parametrize("title", [*TITLES.values(), "sallyport: trial",
                                   "sallyport: master", "sallyport: "])
def test_role_is_refused_to_other_parents(title):
    """A program that is started under the name of one of the daemon's
    processes refuses to run, whatever descriptor 3 holds."""
    said = "sallyport: this name is that of processes which the daemon " \
        "starts itself\n"
    done = subprocess.run([title], executable=sallyport.BINARY,
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    for packet in (None, b"", b"\0" * 9000, os.urandom(8400),
                   struct.pack("=IIII", 16, 2, 0, 0)):
        done = run_as(title, packet)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
