"""The processes of a daemon as they are seen from outside: which there are,
what they hold, what they can open, and what they cost."""
import os
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
from peers import serves

pytestmark = pytest.mark.usefixtures("two_workers")

# What each holds when it has nothing to do; two workers, one TCP address with
# a socket for each, one unix path, the control socket.  A count, or a range.
MASTER = {"/dev/null": 1, "LOG": (2, 3), "eventpoll": 1, "PROGRAM": 1}
# Its standard error is a pipe to the master, and only that one has the log.
STANDARD = {"/dev/null": 2}
LOOP = {"eventpoll": 1, "timerfd": (1, 2), "pipe": (1, 3)}


def pipes(children):
    """What the master reads from them."""
    return {"pipe": (children, children + 2)}


TABLE = {
    # Channels to 3 children, both ends of the pair between 2 workers, all
    # listeners, the bundle and the scoreboard, to read and to write.
    "master": {**MASTER, **pipes(3), "tcp-listen": 2, "unix-listen": 2,
               "unix-seqpacket": 3, "unix-datagram": 2, "memfd": 3},
    # The channel to the master, that to the other worker, its share of the
    # listeners.
    "w0": {**STANDARD, **LOOP, "tcp-listen": 1, "unix-listen": 1,
           "unix-seqpacket": 1, "unix-datagram": 1},
    "w1": {**STANDARD, **LOOP, "tcp-listen": 1, "unix-listen": 1,
           "unix-seqpacket": 1, "unix-datagram": 1},
    "admin": {**STANDARD, **LOOP, "unix-listen": 1, "unix-seqpacket": 1},
}
# With names to resolve: each process has a channel to the scout.
WITH_SCOUT = {
    **TABLE,
    "master": {**TABLE["master"], **pipes(4), "unix-seqpacket": 4,
               "memfd": 4},
    "w0": {**TABLE["w0"], "unix-seqpacket": 2},
    "w1": {**TABLE["w1"], "unix-seqpacket": 2},
    # The master and two workers.
    "scout": {**STANDARD, **LOOP, "unix-seqpacket": 3},
}
# With a private key: it is in a bundle of its own, and each worker has a
# channel to the keeper, which holds nothing but its channels.
WITH_KEEPER = {
    **TABLE,
    "master": {**TABLE["master"], **pipes(4), "unix-seqpacket": 4,
               "memfd": 4},
    "w0": {**TABLE["w0"], "unix-seqpacket": 2},
    "w1": {**TABLE["w1"], "unix-seqpacket": 2},
    # The master and two workers.
    "k0": {**STANDARD, **LOOP, "unix-seqpacket": 3},
}
# Without a control socket no admin serves it.
UNOBSERVED = {
    "master": {**TABLE["master"], **pipes(2), "unix-listen": 1,
               "unix-seqpacket": 2},
    "w0": TABLE["w0"],
    "w1": TABLE["w1"],
}


def fits(count, wanted):
    least, most = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    return least <= count <= most


def compare(one, table, master=None):
    """Prints the tree, and returns what differs from the table.  `master`: the
    successor of the one that was started, after an upgrade."""
    log = str(one.log)
    master = master or one.pid
    found = processes.wait_roles(master, set(table) - {"master"})
    wrong = []
    for role, pid in [("master", master), *found.items()]:
        called = {log: "LOG", os.path.realpath(sallyport.BINARY): "PROGRAM"}
        held = {called.get(kind, kind): count
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


def user(pid):
    uid = int(processes.status_fields(pid)["Uid"][0])
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def service(tmp_path, port, far, **more):
    return configs.plain(port, far, f"listen = unix:{tmp_path}/socket", **more)


def two(text):
    return configs.settings("workers = 2") + text


# The options of [global], the host of the server, and the table.
DAEMONS = {
    "smallest": ((), "127.0.0.1", TABLE),
    "with a scout": ((), "localhost", WITH_SCOUT),
    "no control socket": (("control = none",), "127.0.0.1", UNOBSERVED),
}


@pytest.mark.parametrize("kind", DAEMONS)
def test_processes_hold_what_they_need(relay, server, free_port, tmp_path,
                                       kind):
    """Each process has the descriptors of its role and no other, after
    connections and a reload too."""
    options, host, table = DAEMONS[kind]
    port, far = free_port(), server(peers.echo)
    one = relay(configs.settings("workers = 2", *options) +
                service(tmp_path, port, f"{host}:{far.port}"))
    assert compare(one, table) == []
    assert all(serves(port) for _ in range(20))
    one.wait_ends(20)
    (processes.reload if "admin" in table else processes.hang_up)(one)
    assert compare(one, table) == []


def test_scout_leaves_with_the_last_name(relay, server, free_port, tmp_path):
    """A reload that leaves no name to resolve ends the scout, and the other
    processes close their sockets to it."""
    port, far = free_port(), server(peers.echo)
    one = relay(two(service(tmp_path, port, f"localhost:{far.port}")))
    assert serves(port)
    one.wait_ends(1)
    assert compare(one, WITH_SCOUT) == []
    one.reload_config(two(service(tmp_path, port, far.port)))
    processes.reload(one)
    found = processes.wait_roles(one.pid, ["w0", "w1", "admin"])
    for role, pid in ("master", one.pid), ("admin", found["admin"]):
        assert processes.kinds(pid)["unix-seqpacket"] == \
            TABLE[role]["unix-seqpacket"]


def test_processes_with_a_keeper_hold_what_they_need(relay, server, certs,
                                                     free_port, tmp_path):
    """Each process has the descriptors of its role after handshakes, a reload
    that loads every key anew, the death of the keeper, and an upgrade."""
    port = free_port()
    far = server(peers.echo)
    trust = peers.client_context(certs)

    def text(*options):
        return two(configs.tls(port, far.port, certs,
                               f"listen = tls+unix:{tmp_path}/socket",
                               *options))

    def work():
        for _ in range(10):
            assert serves(port, tls=trust)
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
    processes.wait_replaced(one.pid, "k0", keeper)
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


def test_replacement_loses_and_doubles_no_descriptor(relay, server, free_port,
                                                     tmp_path):
    """The descriptors of a dead process, and those that others had for it, are
    there once again after its replacement."""
    far = server(peers.echo)
    one = relay(two(service(tmp_path, free_port(), far.port)))
    one.may_lose_children = True
    for role in ("w0", "w1", "admin"):
        before = processes.wait_roles(one.pid, ["w0", "w1", "admin"])[role]
        os.kill(before, 9)
        processes.wait_replaced(one.pid, role, before)
    # What they are told comes a moment later.
    sallyport.wait_until(lambda: not compare(one, TABLE), "the table")


@pytest.mark.promise(47)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_rights_of_children_open_no_secret(relay, server, certs, free_port,
                                           tmp_path):
    """The rights of a child open neither the configuration nor a key, nor
    another process's memory."""
    far = server(peers.echo)
    one = relay(two(configs.tls(free_port(), far.port, certs)))
    found = processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
    one.config.chmod(0o600)
    targets = [one.config, certs / "server.key", f"/proc/{one.pid}/mem",
               f"/proc/{one.pid}/environ", "/etc/shadow",
               f"/proc/{found['w1']}/mem"]
    for role, pid in found.items():
        told = processes.status_fields(pid)
        for target in targets:
            if role == "w1" and target == targets[-1]:
                continue
            # Another program with exactly its rights tries.
            done = subprocess.run(
                ["setpriv", f"--reuid={told['Uid'][0]}",
                 f"--regid={told['Gid'][0]}", "--clear-groups",
                 "--no-new-privs", "head", "-c", "1", str(target)],
                capture_output=True, text=True)
            assert done.returncode != 0, (role, target)
            assert re.search("Permission denied|cannot open|No such file",
                             done.stderr), (role, target, done.stderr)


def test_idle_daemon_takes_little_memory(relay, server, certs, free_port,
                                         tmp_path):
    """Two workers, an admin, a keeper and the master take at most 12 MiB
    idle, and 16 MiB after ten handshakes."""
    far = server(peers.echo)
    port, secure = free_port(), free_port()
    one = relay(two(service(tmp_path, port, far.port, name="plain") +
                    configs.tls(secure, far.port, certs, name="secure")))
    found = processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
    pids = [one.pid, *found.values()]
    idle = sum(map(processes.pss_kib, pids))
    trust = peers.client_context(certs)
    for _ in range(10):
        assert serves(secure, tls=trust)
    one.wait_ends(10)
    used = sum(map(processes.pss_kib, pids))
    figures.tell(f"PSS {idle} KiB idle, {used} KiB after ten handshakes")
    if not sallyport.SANITIZED:
        assert idle <= 12 << 10
        assert used <= 16 << 10
