"""What each process may still do, seen from outside."""
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


def judge(pid):
    """Every process of the daemon whose master it is, which root started."""
    master = facts(pid)
    assert int(master["CapEff"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert int(master["CapPrm"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert int(master["CapBnd"][0], 16) & ~MASTER_MAY_HAVE == 0
    assert master["NoNewPrivs"] == ["1"]
    assert master["Seccomp"] == ["0"]
    assert limits(pid)["core file size"] == ("0", "0")
    children = processes.wait_roles(pid, ROLES)
    for role, child in children.items():
        seen = judge_child(role, child, NOBODY)
        assert int(seen["CapBnd"][0], 16) == 0, role


ROLES = {"w0", "w1", "scout", "obser"}


def config(port, far, *options):
    """Of a daemon with every kind of process."""
    return configs.settings("user = nobody", f"group = {NOBODY}", *options) + \
        configs.plain(port, f"localhost:{far}")


@unconfined
@as_root
def test_after_start_reload_and_upgrade(relay, free_port):
    port = free_port()
    one = relay(config(port, 9))
    judge(one.pid)
    one.reload_config(config(port, 9) +
                      configs.plain(free_port(), 9, name="t"))
    processes.reload(one)
    judge(one.pid)
    done = processes.command(one, "upgrade")
    assert done.returncode == 0, done.stderr
    master = processes.status(one)["master"]["pid"]
    assert master != one.pid
    try:
        judge(master)
        processes.reload(one)
        judge(master)
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


@pytest.mark.parametrize("within", [(), AS_NOBODY], ids=["own", "nobody"])
def test_selftest(within):
    if within and os.getuid() != 0:
        pytest.skip("only root can become nobody")
    done = sallyport.sallyport("selftest", "sandbox", within=within)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines()
            if "refused" in line or "works" in line]
    assert "ALLOWED" not in done.stdout
    if not sallyport.SANITIZED:
        assert len(rows) > 40
        assert re.search(r"^read /etc/passwd +refused +refused +works +refused",
                         done.stdout, re.M)


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
