"""What each process may still do, seen from outside."""
import ctypes
import os
import re
import signal

import pytest

import configs
import processes
import sallyport

pytestmark = pytest.mark.usefixtures("two_workers")

unconfined = pytest.mark.skipif(
    sallyport.SANITIZED, reason="the sanitizers need what is taken away")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can tell")

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
             "--clear-groups", "--"]

# CAP_CHOWN, DAC_READ_SEARCH, FOWNER, KILL, SETGID, SETUID, SETPCAP,
# NET_BIND_SERVICE, SYS_RESOURCE: capabilities(7).
MASTER_MAY_HAVE = sum(1 << number for number in (0, 2, 3, 5, 6, 7, 8, 10, 24))


def facts(pid):
    """{"Uid": [...], "CapEff": [...], ...} of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {key: value.split() for key, _, value in
                (line.partition(":") for line in file)}


def limits(pid):
    """{"core file size": (soft, hard), ...} of /proc/PID/limits."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        rows = re.findall(r"^Max (.*?) {2,}(\S+) +(\S+)", file.read(), re.M)
    return {name: (soft, hard) for name, soft, hard in rows}


def is_dumpable(pid):
    """What is not belongs to root in proc(5), whosever the process is."""
    return os.stat(f"/proc/{pid}/environ").st_uid != 0


def judge_child(role, pid, user):
    seen = facts(pid)
    assert seen["Uid"] == seen["Gid"] == [str(user)] * 4, role
    assert seen["Groups"] == [], role
    for kind in ("Inh", "Prm", "Eff", "Amb"):
        assert int(seen[f"Cap{kind}"][0], 16) == 0, (role, kind)
    assert seen["NoNewPrivs"] == ["1"], role
    assert seen["Seccomp"] == ["2"], role
    assert not is_dumpable(pid), role
    assert limits(pid)["core file size"] == ("0", "0"), role
    assert limits(pid)["processes"] == ("0", "0"), role
    return seen


ROLES = {"w0", "w1", "scout", "obser"}
EVERYBODY = ROLES | {"k0"}


def judge(pid, roles=ROLES):
    """Every process of the daemon whose master it is, which root started."""
    master = facts(pid)
    assert int(master["CapEff"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert int(master["CapPrm"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert int(master["CapBnd"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert master["NoNewPrivs"] == ["1"]
    assert master["Seccomp"] == ["0"]
    assert limits(pid)["core file size"] == ("0", "0")
    children = processes.wait_roles(pid, roles)
    for role, child in children.items():
        seen = judge_child(role, child, NOBODY)
        assert int(seen["CapBnd"][0], 16) == 0, role


def config(port, far, *options):
    """Of a daemon with every kind of process but a keeper."""
    return configs.settings("user = nobody", f"group = {NOBODY}", *options) + \
        configs.plain(port, f"localhost:{far}")


@unconfined
@as_root
def test_after_start_reload_and_upgrade(relay, certs, free_port):
    text = config(free_port(), 9) + \
        configs.tls(free_port(), 9, certs, name="secure")
    one = relay(text)
    judge(one.pid, EVERYBODY)
    one.reload_config(text + configs.plain(free_port(), 9, name="t"))
    processes.reload(one)
    judge(one.pid, EVERYBODY)
    done = processes.command(one, "upgrade")
    assert done.returncode == 0, done.stderr
    master = processes.status(one)["master"]["pid"]
    assert master != one.pid
    try:
        judge(master, EVERYBODY)
        processes.reload(one)
        judge(master, EVERYBODY)
    finally:
        os.kill(master, signal.SIGTERM)
        processes.wait_gone([master])


@unconfined
@as_root
@pytest.mark.parametrize("mode", ["on", "kill"])
def test_a_worker_that_is_replaced(relay, free_port, mode):
    one = relay(config(free_port(), 9, f"sandbox = {mode}"))
    one.may_lose_children = True
    first = one.workers()[0]
    os.kill(first, 9)
    one.wait_worker(0, other_than=first)
    sallyport.wait_until(
        lambda: facts(one.workers()[0])["Seccomp"] == ["2"], "the filter")
    judge(one.pid)


@unconfined
@as_root
def test_started_by_somebody_without_privilege(relay, free_port, tmp_path):
    """The same but for the user, which is already given up."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    one = relay(configs.settings(f"control = {folder}/control") +
                configs.plain(free_port(), "localhost:9"), within=AS_NOBODY)
    for role, pid in processes.roles(one.pid).items():
        judge_child(role, pid, NOBODY)
    master = facts(one.pid)
    assert int(master["CapPrm"][0], 16) == 0
    assert master["NoNewPrivs"] == ["1"]
    assert not is_dumpable(one.pid)


@as_root
def test_off(relay, free_port):
    """Who it is, is given up all the same."""
    one = relay(config(free_port(), 9, "sandbox = off"))
    assert one.matching("warn sandbox = off: processes are not confined")
    assert facts(one.pid)["NoNewPrivs"] == ["0"]
    assert limits(one.pid)["core file size"] == ("0", "0")
    for role, pid in processes.roles(one.pid).items():
        seen = facts(pid)
        assert seen["Uid"] == [str(NOBODY)] * 4, role
        assert seen["Groups"] == [], role
        assert int(seen["CapPrm"][0], 16) == 0, role
        assert seen["NoNewPrivs"] == ["1"], role
        assert seen["Seccomp"] == ["0"], role
    told = processes.status(one)["master"]
    assert told["sandbox"] == "off"
    assert told["sandbox_not_enforced"] == ""


def test_status_tells(relay, free_port):
    one = relay(config(free_port(), 9, "sandbox = on")
                if os.getuid() == 0 else
                configs.settings("sandbox = on") +
                configs.plain(free_port(), 9))
    told = processes.status(one)["master"]
    assert told["sandbox"] == "on"
    assert "UDP" in told["sandbox_not_enforced"] or sallyport.SANITIZED
    text = processes.command(one, "status").stdout
    assert re.search(r"^sandbox +on$", text, re.M)
    assert f"not enforced   {told['sandbox_not_enforced']}" in text


# What each may do, and nothing else: worker, keeper, scout, observer.  W: it
# works; a number: refused by a Landlock of that version, and by nothing else.
MAY = {
    "compute: memory, time, randomness": "W W W W",
    "send over a socket that it was given": "W W W W",
    "make a TCP socket": "W - W -",
    "connect to a port of its servers": "W - 4 -",
    "connect to another port": "4 - 4 -",
    "connect while sending (TCP fast open)": "- - - -",
    "bind a TCP socket": "- - - -",
    "listen": "- - - -",
    "make a UDP socket": "- - W -",
    "make a unix socket": "W - - -",
    "connect to another's abstract socket": "6 - - -",
    "send to another's abstract socket": "- - 6 -",
    "make a raw socket": "- - - -",
    "make an MPTCP socket": "- - - -",
    "make a packet socket": "- - - -",
    "make a netlink socket": "- - - -",
    "make a socket of AF_ALG": "- - - -",
    "attach a filter to a socket": "- - - -",
    "read /etc/passwd": "- - W -",
    "read /proc/self/status": "- - 1 -",
    "list /": "- - 1 -",
    "make a file in /tmp": "- - - -",
    "make a folder in /tmp": "- - - -",
    "change its folder": "- - - -",
    "watch files": "- - - -",
    "make a file in memory": "- - - -",
    "mount": "- - - -",
    "run a program": "- - - -",
    "make a process": "- - - -",
    "make a thread": "- - - -",
    "trace its parent": "- - - -",
    "read its parent's memory": "- - - -",
    "send its parent a signal": "- - - -",
    "send any other process a signal": "- - - -",
    "have signals sent by a socket": "- - - -",
    "map memory to be executed": "- - - -",
    "make memory executable": "- - - -",
    "set its user": "- - - -",
    "set its capabilities": "- - - -",
    "set a limit": "- - - -",
    "be dumpable": "- - - -",
    "change its personality": "- - - -",
    "make a user namespace": "- - - -",
    "make a mount namespace": "- - - -",
    "use io_uring": "- - - -",
    "use bpf": "- - - -",
    "use perf events": "- - - -",
    "use userfaultfd": "- - - -",
    "use the kernel's keys": "- - - -",
}

LANDLOCK_CREATE_RULESET = 444   # the same on every architecture


def landlock_version():
    """0: the kernel has none."""
    ask_version = 1
    return max(0, ctypes.CDLL(None).syscall(
        LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ask_version))


def word_of(cell):
    """What `selftest` says for a cell of MAY on this kernel."""
    if cell == "W":
        return "works"
    if cell == "-" or int(cell) <= landlock_version():
        return "refused"
    return "not enforced"


@pytest.mark.parametrize("within", [(), AS_NOBODY], ids=["own", "nobody"])
def test_selftest(within):
    """Row by row: what the table above says, no more and no less."""
    if within and os.getuid() != 0:
        pytest.skip("only root can become nobody")
    done = sallyport.sallyport("selftest", "sandbox", within=within)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ALLOWED" not in done.stdout
    if sallyport.SANITIZED:
        return
    head, *lines = done.stdout.partition("\n\n")[0].splitlines()
    assert head.split() == ["worker", "keeper", "scout", "observer"]
    rows = {line[:40].rstrip(): re.split(" {2,}", line[40:].rstrip())
            for line in lines}
    assert len(rows) == len(lines)
    assert rows == {act: [word_of(cell) for cell in cells.split()]
                    for act, cells in MAY.items()}


@pytest.mark.parametrize("words", [[], ["sandbox", "x"], ["keeper"]])
def test_selftest_of_nothing(words):
    done = sallyport.sallyport("selftest", *words)
    assert done.returncode == 2
    assert "usage: sallyport selftest sandbox" in done.stderr


@as_root
@pytest.mark.parametrize("mode, works", [("on", False), ("off", True)])
def test_root_writes_where_the_permissions_let_it(
        relay, free_port, tmp_path, mode, works):
    """Without CAP_DAC_OVERRIDE, at the start as at a reload."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    text = config(free_port(), 9, f"sandbox = {mode}",
                  f"log = file:{folder}/log")
    if works:
        relay(text, log=folder / "log")
        return
    one = relay(text, ready=None)
    assert one.wait_exit() == 1
    assert "cannot open log file" in one.stderr.read_text()
    one.checked = True
