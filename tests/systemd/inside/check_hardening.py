"""What the unit promises holds for the processes that run: seen in /proc, and
tried out by a command that systemd confines as it confines the daemon."""
import json
import os
import pathlib
import pwd

import daemon
import steady
from checks import check, promise

NET_BIND_SERVICE = 1 << 10


# How an act may be refused: by a filter, by a mount, by an empty folder.
REFUSALS = ("EPERM", "EACCES", "EROFS", "ENOENT", "EAFNOSUPPORT", "ENOSYS",
            "ENXIO")


def everybody():
    """A daemon with every role; {name: /proc/PID/status}."""
    main = daemon.main_pid()
    found = {name: daemon.status_of(pid)
             for pid, name in daemon.children(main).items()}
    return {"master": daemon.status_of(main), **found}


def begin(stream, **options):
    daemon.configure(
        daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"),
        daemon.service("named", "127.0.0.1:7103", "localhost:9"), **options)
    daemon.start()


def filters(status):
    return int(status["Seccomp_filters"])


def judge(found, outside):
    """What is promised of every process; `outside` is one that is not
    confined."""
    roles = {name.rstrip("0123456789") for name in found}
    assert roles >= {"master", "w", "k", "scout", "admin"}, sorted(found)
    for name, status in found.items():
        uids = set(status["Uid"].split())
        assert status["NoNewPrivs"] == "1", (name, "NoNewPrivs")
        assert int(status["CapBnd"], 16) < int(outside["CapBnd"], 16), name
        # One of the container's own is around everybody.
        assert filters(status) > filters(outside), (name, "no filter")
        assert "0" not in uids, (name, "runs as root")
        assert "0" not in status["Gid"].split(), (name, "root's group")
        if name == "master":
            continue
        # systemd gives the account's group twice, and who is not root cannot
        # give up the second.
        assert {status["Groups"]} <= {"", status["Gid"].split()[0]}, \
            (name, status["Groups"])
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[which], 16) == 0, (name, which, status[which])
        assert filters(status) > filters(found["master"]), \
            (name, "has no filter of its own")
    return (f"{len(found)} processes, master's capabilities "
            f"{found['master']['CapEff'].lstrip('0')}")


@promise(25)
@check
def processes_are_confined_after_each_change():
    """Seen from outside: after start, reload and upgrade."""
    outside = daemon.status_of(os.getpid())
    with steady.Stream() as stream:
        begin(stream)
        said = judge(everybody(), outside)
        daemon.systemctl("reload", daemon.SERVICE)
        judge(everybody(), outside)
        pid = daemon.main_pid()
        daemon.run("sallyport", "upgrade")
        daemon.wait("the old one's end",
                    lambda: not os.path.exists(f"/proc/{pid}"))
        judge(everybody(), outside)
        return said


@promise(25)
@check
def processes_run_as_the_packages_account():
    account = pwd.getpwnam("sallyport")
    with steady.Stream() as stream:
        begin(stream)
        for name, status in everybody().items():
            assert set(status["Uid"].split()) == {str(account.pw_uid)}, name
            assert set(status["Gid"].split()) == {str(account.pw_gid)}, name


@check
def master_has_one_capability():
    with steady.Stream() as stream:
        begin(stream)
        master = everybody()["master"]
        for which in ("CapEff", "CapPrm", "CapBnd"):
            assert int(master[which], 16) == NET_BIND_SERVICE, master[which]


@check
def low_ports_are_open_to_it():
    with steady.Stream() as stream:
        daemon.configure(daemon.service("low", "127.0.0.1:80",
                                        f"127.0.0.1:{stream.port}"))
        daemon.start()
        assert daemon.echoes(80)


@check
def processes_see_another_file_system():
    """Through their own root: the mounts of what runs."""
    with steady.Stream() as stream:
        pathlib.Path("/tmp/visible").write_text("outside")
        begin(stream)
        for pid in (daemon.main_pid(), *daemon.children()):
            root = f"/proc/{pid}/root"
            for path in ("/usr", "/etc", "/etc/sallyport", "/var", "/home",
                         "/run", "/boot", "/sys/fs/cgroup", "/root", "/opt", "/"):
                assert not writable(root + path), (pid, path)
            assert not os.path.exists(f"{root}/tmp/visible"), "no private /tmp"
            assert not os.path.exists(f"{root}/home/user/secret"), "/home"
            assert not os.path.exists(f"{root}/dev/console"), "no private /dev"
            for kind in ("mnt", "uts"):
                assert os.readlink(f"/proc/{pid}/ns/{kind}") != \
                    os.readlink(f"/proc/self/ns/{kind}"), kind
            mounts = pathlib.Path(f"/proc/{pid}/mountinfo").read_text()
            proc = [line for line in mounts.splitlines()
                    if line.split()[4] == "/proc"][-1]
            assert "hidepid=" in proc and "subset=pid" in proc, proc


def writable(folder):
    path = f"{folder}/.probe"
    try:
        with open(path, "w", encoding="ascii"):
            pass
    except OSError:
        return False
    os.unlink(path)
    return True


@promise(25)
@check
def unit_forbids_what_it_promises():
    """By trying, as the daemon's account and as root, which systemd confines in
    the same way: every act is refused, and what is harmless works."""
    with steady.Stream() as stream:
        daemon.drop_in(daemon.SERVICE, """[Service]
ExecStartPost=/usr/bin/python3 /checks/probe.py
ExecStartPost=!/usr/bin/python3 /checks/probe.py
ExecPaths=/usr/bin /checks
""")
        journal = daemon.Journal()
        begin(stream)
        told = [json.loads(line) for line
                in journal.text("-u", daemon.SERVICE).splitlines()
                if line.startswith("{")]
        assert [one["uid"] == 0 for one in told] == [False, True], told
        broken = {name: how for name, how in told[0]["harmless"].items()
                  if how != "done"}
        assert not broken, broken
        for one in told:
            odd = {name: how for name, how in one["acts"].items()
                   if how not in REFUSALS}
            assert not odd, odd
        return f"{len(told[0]['acts'])} acts refused, as either"


@check
def probe_can_do_what_it_tries():
    """Outside of the unit most of it works: the probe can fail."""
    os.makedirs("/run/sallyport", exist_ok=True)
    os.makedirs("/var/log/sallyport", exist_ok=True)
    told = json.loads(daemon.run("unshare", "--mount", "--uts", "python3",
                                 "/checks/probe.py"))
    done = [name for name, how in told["acts"].items() if how == "done"]
    assert len(done) >= 20, told["acts"]
    return f"{len(done)} of {len(told['acts'])} work outside"
