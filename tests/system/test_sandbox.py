"""What each process may still do, seen from outside."""
import ctypes
import os
import re
import signal

import pytest

import configs
import processes
import sallyport
from processes import status_fields
from sallyport import AS_NOBODY, NOBODY

pytestmark = pytest.mark.usefixtures("two_workers")

unconfined = pytest.mark.skipif(
    sallyport.SANITIZED, reason="the sanitizers need what is taken away")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can tell")

# CAP_CHOWN, DAC_READ_SEARCH, FOWNER, KILL, SETGID, SETUID, SETPCAP,
# NET_BIND_SERVICE, SYS_RESOURCE: capabilities(7).
MASTER_MAY_HAVE = sum(1 << number for number in (0, 2, 3, 5, 6, 7, 8, 10, 24))


def limits(pid):
    """{"core file size": (soft, hard), ...} of /proc/PID/limits."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        rows = re.findall(r"^Max (.*?) {2,}(\S+) +(\S+)", file.read(), re.M)
    return {name: (soft, hard) for name, soft, hard in rows}


def is_dumpable(pid):
    """What is not belongs to root in proc(5), whosever the process is."""
    return os.stat(f"/proc/{pid}/environ").st_uid != 0


def judge_child(role, pid, user):
    seen = status_fields(pid)
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


ROLES = {"w0", "w1", "scout", "admin"}
ALL_ROLES = ROLES | {"k0"}


def judge(pid, roles=ROLES):
    """Every process of the daemon of this master, which root started."""
    master = status_fields(pid)
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


@pytest.mark.promise(25)
@unconfined
@as_root
def test_processes_are_confined_after_reload_and_upgrade(relay, certs,
                                                         free_port):
    """Every process is confined after the start, after a reload and after an
    upgrade."""
    text = config(free_port(), 9) + \
        configs.tls(free_port(), 9, certs, name="secure")
    one = relay(text)
    judge(one.pid, ALL_ROLES)
    one.reload_config(text + configs.plain(free_port(), 9, name="t"))
    processes.reload(one)
    judge(one.pid, ALL_ROLES)
    done = processes.command(one, "upgrade")
    assert done.returncode == 0, done.stderr
    master = processes.status(one)["master"]["pid"]
    assert master != one.pid
    try:
        judge(master, ALL_ROLES)
        processes.reload(one)
        judge(master, ALL_ROLES)
    finally:
        os.kill(master, signal.SIGTERM)
        processes.wait_gone([master])


@pytest.mark.promise(25)
@unconfined
@as_root
@pytest.mark.parametrize("mode", ["on", "kill"])
def test_replaced_worker_is_confined(relay, free_port, mode):
    """A worker that replaces a dead one is confined as it was."""
    one = relay(config(free_port(), 9, f"sandbox = {mode}"))
    one.may_lose_children = True
    first = one.workers()[0]
    os.kill(first, 9)
    one.wait_worker(0, other_than=first)
    sallyport.wait_until(
        lambda: status_fields(one.workers()[0])["Seccomp"] == ["2"],
        "the filter")
    judge(one.pid)


@pytest.mark.promise(25)
@unconfined
@as_root
def test_daemon_of_an_ordinary_user_is_confined(relay, free_port,
                                                owned_folder):
    """A daemon that an ordinary user starts is confined as root's is, under
    that user."""
    one = relay(configs.settings(f"control = {owned_folder}/control") +
                configs.plain(free_port(), "localhost:9"), within=AS_NOBODY)
    for role, pid in processes.roles(one.pid).items():
        judge_child(role, pid, NOBODY)
    master = status_fields(one.pid)
    assert int(master["CapPrm"][0], 16) == 0
    assert master["NoNewPrivs"] == ["1"]
    assert not is_dumpable(one.pid)


@unconfined
@as_root
def test_kept_groups_are_reported(relay, free_port, owned_folder):
    """The log and `status` say that the other groups of an account stay, which
    only root can give up."""
    groups = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
              "--groups=12345", "--"]
    one = relay(configs.settings(f"control = {owned_folder}/control") +
                configs.plain(free_port(), "localhost:9"), within=groups)
    done = processes.command(one, "status", "-s", owned_folder / "control",
                             within=groups)
    assert "no supplementary groups (needs a start as root)" in done.stdout
    assert one.matching("supplementary group")
    assert status_fields(processes.roles(one.pid)["w0"])["Groups"] == ["12345"]


@as_root
def test_sandbox_off_still_gives_up_root(relay, free_port):
    """`sandbox = off` confines no process, says so in a warning, and still
    gives up user, groups and capabilities."""
    one = relay(config(free_port(), 9, "sandbox = off"))
    assert one.matching("warn sandbox = off: processes are not confined")
    assert status_fields(one.pid)["NoNewPrivs"] == ["0"]
    assert limits(one.pid)["core file size"] == ("0", "0")
    for role, pid in processes.roles(one.pid).items():
        seen = status_fields(pid)
        assert seen["Uid"] == [str(NOBODY)] * 4, role
        assert seen["Groups"] == [], role
        assert int(seen["CapPrm"][0], 16) == 0, role
        assert seen["NoNewPrivs"] == ["1"], role
        assert seen["Seccomp"] == ["0"], role
    told = processes.status(one)["master"]
    assert told["sandbox"] == "off"
    assert told["sandbox_not_enforced"] == ""


@pytest.mark.promise(26)
def test_status_reports_the_sandbox(relay, free_port):
    """`status` says whether the sandbox is on and what this kernel does not
    enforce."""
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


# What each may do, and nothing else: worker, keeper, scout, admin, trial.
# W: it works; a number: refused by a Landlock of that version, and by nothing
# else.
MAY = {
    "compute: memory, time, randomness": "W W W W W",
    "send over a socket that it was given": "W W W W W",
    "have a socket block that it was given": "- - - - -",
    "end reading for all who have a socket": "- - - - -",
    "make a TCP socket": "W - W - W",
    "connect to a port of its servers": "W - 4 - 4",
    "connect to another port": "4 - 4 - 4",
    "connect while sending (TCP fast open)": "- - - - -",
    "bind a TCP socket": "- - - - 4",
    "listen": "- - - - W",
    "make a UDP socket": "- - W - -",
    "make a unix socket": "W - - - W",
    "connect to another's abstract socket": "6 - - - 6",
    "send to another's abstract socket": "- - 6 - -",
    "make a raw socket": "- - - - -",
    "make an MPTCP socket": "- - - - -",
    "make a packet socket": "- - - - -",
    "make a netlink socket": "- - - - -",
    "make a socket of AF_ALG": "- - - - -",
    "attach a filter to a socket": "- - - - -",
    "read /etc/passwd": "- - - - -",
    "read /proc/self/status": "- - - - -",
    "list /": "- - - - -",
    "make a file in /tmp": "- - - - -",
    "make a folder in /tmp": "- - - - -",
    "change its folder": "- - - - -",
    "watch files": "- - - - -",
    "make a file in memory": "- - - - -",
    "mount": "- - - - -",
    "run a program": "- - - - -",
    "make a process": "- - - - -",
    "make a thread": "- - - - -",
    "trace its parent": "- - - - -",
    "read its parent's memory": "- - - - -",
    "send its parent a signal": "- - - - -",
    "send any other process a signal": "- - - - -",
    "have signals sent by a socket": "- - - - -",
    "have a mapping grow": "- - - - -",
    "map memory to be executed": "- - - - -",
    "make memory executable": "- - - - -",
    "set its user": "- - - - -",
    "set its capabilities": "- - - - -",
    "set a limit": "- - - - -",
    "be dumpable": "- - - - -",
    "change its personality": "- - - - -",
    "make a user namespace": "- - - - -",
    "make a mount namespace": "- - - - -",
    "use io_uring": "- - - - -",
    "use bpf": "- - - - -",
    "use perf events": "- - - - -",
    "use userfaultfd": "- - - - -",
    "use the kernel's keys": "- - - - -",
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


@pytest.mark.promise(24, 26)
@pytest.mark.parametrize("within", [(), AS_NOBODY], ids=["own", "nobody"])
def test_selftest_shows_what_each_role_may(within):
    """`selftest sandbox` shows what each role may do: what the table above
    says, no more and no less."""
    if within and os.getuid() != 0:
        pytest.skip("only root can become nobody")
    done = sallyport.sallyport("selftest", "sandbox", within=within)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ALLOWED" not in done.stdout
    if sallyport.SANITIZED:
        return
    head, *lines = done.stdout.partition("\n\n")[0].splitlines()
    assert head.split() == ["worker", "keeper", "scout", "admin", "trial"]
    rows = {line[:40].rstrip(): re.split(" {2,}", line[40:].rstrip())
            for line in lines}
    assert len(rows) == len(lines)
    assert rows == {act: [word_of(cell) for cell in cells.split()]
                    for act, cells in MAY.items()}


@pytest.mark.parametrize("words", [[], ["sandbox", "x"], ["keeper"]])
def test_selftest_of_anything_else_is_refused(words):
    """`selftest` of anything but the sandbox fails with the usage."""
    done = sallyport.sallyport("selftest", *words)
    assert done.returncode == 2
    assert "usage: sallyport selftest sandbox" in done.stderr


@as_root
@pytest.mark.parametrize("mode, works", [("on", False), ("off", True)])
def test_root_writes_only_where_permissions_let_it(relay, free_port,
                                                   owned_folder, mode, works):
    """A daemon of root that is confined cannot open a log in a folder that
    root may not write to by its permissions."""
    text = config(free_port(), 9, f"sandbox = {mode}",
                  f"log = file:{owned_folder}/log")
    if works:
        relay(text, log=owned_folder / "log")
        return
    one = relay(text, ready=None)
    assert one.wait_exit() == 1
    assert "cannot open log file" in one.stderr.read_text()
    one.checked = True
