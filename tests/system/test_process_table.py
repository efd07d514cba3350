"""The processes of a daemon as they are seen from outside: who they are, what
they hold, what they can still do, and what they cost."""
import os
import pathlib
import pwd
import re
import signal
import subprocess

import pytest

import configs
import figures
import peers
import processes
import sallyport

pytestmark = pytest.mark.usefixtures("two_workers")

ROOT = os.geteuid() == 0

# What each holds when it has nothing to do; two workers, one TCP address with
# a socket for each, one unix path, the control socket.  A count, or a range.
STANDARD = {"/dev/null": 1, "LOG": (2, 3)}
LOOP = {"eventpoll": 1, "pipe": (0, 2)}
TABLE = {
    # Ways to 3 children, both ends of 2 inboxes, all that is listened on.
    "master": {**STANDARD, **LOOP, "tcp-listen": 2, "unix-listen": 2,
               "unix-seqpacket": 3, "unix-datagram": 4, "memfd": 1},
    # The way to the master, its own inbox and the other's, its share of the
    # listeners.
    "w0": {**STANDARD, **LOOP, "tcp-listen": 1, "unix-listen": 1,
           "unix-seqpacket": 1, "unix-datagram": 2},
    "w1": {**STANDARD, **LOOP, "tcp-listen": 1, "unix-listen": 1,
           "unix-seqpacket": 1, "unix-datagram": 2},
    "obser": {**STANDARD, **LOOP, "unix-listen": 1, "unix-seqpacket": 1},
}
# With names to resolve: everybody has a way to the scout.
WITH_SCOUT = {
    **TABLE,
    "master": {**TABLE["master"], "unix-seqpacket": 4},
    "w0": {**TABLE["w0"], "unix-seqpacket": 2},
    "w1": {**TABLE["w1"], "unix-seqpacket": 2},
    # The master and two workers.
    "scout": {**STANDARD, **LOOP, "unix-seqpacket": 3},
}
# With a private key: it is in a bundle of its own, whose file is watched; each
# worker has a way to the keeper, who holds nothing but its ways.
WITH_KEEPER = {
    **TABLE,
    "master": {**TABLE["master"], "unix-seqpacket": 4, "memfd": 2,
               "inotify": 1},
    "w0": {**TABLE["w0"], "unix-seqpacket": 2},
    "w1": {**TABLE["w1"], "unix-seqpacket": 2},
    # The master and two workers.
    "k0": {**STANDARD, **LOOP, "unix-seqpacket": 3},
}
# Without a control socket nobody has to serve it.
UNOBSERVED = {
    "master": {**TABLE["master"], "unix-listen": 1, "unix-seqpacket": 2},
    "w0": TABLE["w0"],
    "w1": TABLE["w1"],
}


def fits(count, wanted):
    least, most = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    return least <= count <= most


def compare(one, table, master=None):
    """Prints the tree, and returns what differs from the table.  `master`:
    who followed the one that was started, after an upgrade."""
    log = str(one.log)
    master = master or one.pid
    found = processes.wait_roles(master, set(table) - {"master"})
    wrong = []
    for role, pid in [("master", master), *found.items()]:
        held = {"LOG" if kind == log else kind: count
                for kind, count in processes.kinds(pid).items()}
        print(f"{role:7} pid {pid:6} user {user(pid):10} "
              f"PSS {processes.pss_kib(pid):5} KiB  ",
              ", ".join(f"{count} {kind}" for kind, count in
                        sorted(held.items())))
        for kind in {*held, *table[role]}:
            if not fits(held.get(kind, 0), table[role].get(kind, 0)):
                wrong.append((role, kind, held.get(kind, 0),
                              table[role].get(kind, 0)))
    return wrong


def lines(pid):
    """/proc/PID/status as a dictionary."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines())


def user(pid):
    uid = int(lines(pid)["Uid"].split()[0])
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def service(tmp_path, port, far, **more):
    return configs.plain(port, far, f"listen = unix:{tmp_path}/door", **more)


def two(text):
    return configs.settings("workers = 2") + text


def test_tree_and_descriptors(relay, server, free_port, tmp_path):
    port = free_port()
    far = server(peers.echo)
    one = relay(two(service(tmp_path, port, far.port)))
    assert compare(one, TABLE) == []
    # The same after it has worked, and been changed.
    for _ in range(20):
        with peers.connect(port) as peer:
            peer.send(b"?")
            assert peer.recv_exactly(1) == b"?"
    one.wait_ends(20)
    processes.reload(one)
    assert compare(one, TABLE) == []


def test_tree_with_a_scout(relay, server, free_port, tmp_path):
    port = free_port()
    far = server(peers.echo)
    one = relay(two(service(tmp_path, port, f"localhost:{far.port}")))
    with peers.connect(port) as peer:
        peer.send(b"?")
        assert peer.recv_exactly(1) == b"?"
    one.wait_ends(1)
    assert compare(one, WITH_SCOUT) == []
    # No name, no scout; and nobody keeps a way to it.
    one.reload_config(two(service(tmp_path, port, far.port)))
    processes.reload(one)
    processes.wait_roles(one.pid, ["w0", "w1", "obser"])
    for role in ("master", "obser"):
        pid = one.pid if role == "master" else processes.roles(one.pid)[role]
        assert processes.kinds(pid)["unix-seqpacket"] == \
            TABLE[role]["unix-seqpacket"]


def test_tree_with_a_keeper(relay, server, certs, free_port, tmp_path):
    """The same after handshakes, a reload that renews every key, the death of
    the keeper and an upgrade."""
    port = free_port()
    far = server(peers.echo)
    trust = peers.client_context(certs)

    def text(*options):
        return two(configs.tls(port, far.port, certs,
                               f"listen = tls+unix:{tmp_path}/door",
                               *options))

    def work():
        for _ in range(10):
            with peers.connect(port, tls=trust) as peer:
                peer.send(b"?")
                assert peer.recv_exactly(1) == b"?"
    one = relay(text())
    one.may_lose_children = True
    assert compare(one, WITH_KEEPER) == []
    work()
    one.wait_ends(10)
    one.reload_config(text("timeout.idle = 1m"))
    processes.reload(one)
    assert compare(one, WITH_KEEPER) == []
    work()
    keeper = processes.roles(one.pid)["k0"]
    os.kill(keeper, 9)
    sallyport.wait_until(
        lambda: processes.roles(one.pid).get("k0") not in (None, keeper),
        "another keeper")
    work()
    one.wait_ends(30)
    sallyport.wait_until(lambda: not compare(one, WITH_KEEPER), "the table")
    done = processes.command(one, "upgrade")
    assert done.returncode == 0, done.stderr
    told = one.wait_log(r"upgraded: pid \d+ serves")
    master = int(re.search(r"pid (\d+)", told)[1])
    try:
        assert one.wait_exit() == 0
        assert compare(one, WITH_KEEPER, master) == []
        work()
        one.wait_ends(40)
        processes.reload(one)
        assert compare(one, WITH_KEEPER, master) == []
    finally:
        os.kill(master, signal.SIGTERM)
        processes.wait_gone([master])


def test_tree_without_a_control_socket(relay, server, free_port, tmp_path):
    """Workers and nobody else; so too after a reload."""
    port = free_port()
    far = server(peers.echo)
    text = configs.settings("workers = 2", "control = none") + \
        service(tmp_path, port, far.port)
    one = relay(text)
    assert compare(one, UNOBSERVED) == []
    processes.hang_up(one)
    assert compare(one, UNOBSERVED) == []
    with peers.connect(port) as peer:
        peer.send(b"?")
        assert peer.recv_exactly(1) == b"?"


def test_after_a_worker_has_been_replaced(relay, server, free_port, tmp_path):
    """What it held, and others held for it, is neither lost nor doubled."""
    far = server(peers.echo)
    one = relay(two(service(tmp_path, free_port(), far.port)))
    one.may_lose_children = True
    for role in ("w0", "w1", "obser"):
        before = processes.wait_roles(one.pid, ["w0", "w1", "obser"])[role]
        os.kill(before, 9)
        sallyport.wait_until(
            lambda: processes.roles(one.pid).get(role) not in (None, before),
            f"another {role}")
    # What they are told comes a moment later.
    sallyport.wait_until(lambda: not compare(one, TABLE), "the table")


@pytest.mark.skipif(not ROOT, reason="only root gives up its rights")
def test_rights(relay, server, free_port, tmp_path):
    far = server(peers.echo)
    one = relay(two(service(tmp_path, free_port(), f"localhost:{far.port}")))
    found = processes.wait_roles(one.pid, ["w0", "w1", "obser", "scout"])
    try:
        account = pwd.getpwnam("sallyport")
    except KeyError:
        account = pwd.getpwnam("nobody")
    for role, pid in found.items():
        told = lines(pid)
        assert told["Uid"].split() == [str(account.pw_uid)] * 4, role
        assert told["Gid"].split() == [str(account.pw_gid)] * 4, role
        assert told["Groups"].split() in ([], [str(account.pw_gid)]), role
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(told[kind], 16) == 0, (role, kind)
        assert told["NoNewPrivs"] == "1", role
    assert lines(one.pid)["Uid"].split()[0] == "0"
    processes.reload(one)
    assert processes.roles(one.pid).items() >= found.items()


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_what_children_can_open(relay, server, certs, free_port, tmp_path):
    """Neither the configuration nor a key; nor each other's memory."""
    far = server(peers.echo)
    one = relay(two(configs.tls(free_port(), far.port, certs)))
    found = processes.wait_roles(one.pid, ["w0", "w1", "obser", "k0"])
    one.config.chmod(0o600)
    targets = [one.config, certs / "server.key", f"/proc/{one.pid}/mem",
               f"/proc/{one.pid}/environ", "/etc/shadow",
               f"/proc/{found['w1']}/mem"]
    for role, pid in found.items():
        told = lines(pid)
        for target in targets:
            if role == "w1" and target == targets[-1]:
                continue
            # Somebody with exactly its rights tries.
            done = subprocess.run(
                ["setpriv", f"--reuid={told['Uid'].split()[0]}",
                 f"--regid={told['Gid'].split()[0]}", "--clear-groups",
                 "--no-new-privs", "head", "-c", "1", str(target)],
                capture_output=True, text=True)
            assert done.returncode != 0, (role, target)
            assert re.search("Permission denied|cannot open|No such file",
                             done.stderr), (role, target, done.stderr)


@pytest.mark.skipif(not ROOT, reason="only root gives up its rights")
def test_other_user(relay, server, free_port, tmp_path):
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2", "user = daemon") +
                service(tmp_path, free_port(), far.port))
    found = processes.wait_roles(one.pid, ["w0", "w1", "obser"])
    assert {user(pid) for pid in found.values()} == {"daemon"}
    done = processes.command(one, "status")
    assert done.returncode == 0


def test_memory_of_an_idle_daemon(relay, server, certs, free_port, tmp_path):
    """Two workers, an observer, a keeper and the master."""
    far = server(peers.echo)
    port, secure = free_port(), free_port()
    one = relay(two(service(tmp_path, port, far.port, name="plain") +
                    configs.tls(secure, far.port, certs, name="secure")))
    found = processes.wait_roles(one.pid, ["w0", "w1", "obser", "k0"])
    pids = [one.pid, *found.values()]
    idle = sum(map(processes.pss_kib, pids))
    trust = peers.client_context(certs)
    for _ in range(10):
        with peers.connect(secure, tls=trust) as peer:
            peer.send(b"?")
            assert peer.recv_exactly(1) == b"?"
    one.wait_ends(10)
    used = sum(map(processes.pss_kib, pids))
    figures.tell(f"PSS {idle} KiB idle, {used} KiB after ten handshakes")
    if not sallyport.SANITIZED:
        assert idle <= 12 << 10
        assert used <= 16 << 10
