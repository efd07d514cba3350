"""A new binary, and a new package, while clients come and go."""
import os
import pathlib
import re
import shutil
import signal
import time

import daemon
import steady
from checks import check, promise
from daemon import BINARY, echoes, service, systemctl

SECOND = "/checks/second.deb"
COPY = "/root/sallyport"


def serve(stream, watchdog=""):
    """Connections may take as long to end as a busy machine needs."""
    daemon.drop_in(daemon.SERVICE, f"[Service]\n{watchdog}\n")
    daemon.configure(
        service("plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}"),
        daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"),
        drain_timeout="1m")
    daemon.start()
    stream.go(7100, "tls:7101", rate=200, ca=daemon.CERTS / "ca.pem")


def followed(pid):
    """The unit has another main process, and the one before has left."""
    daemon.wait("a new main process",
                lambda: daemon.main_pid() not in (0, pid))
    assert daemon.show("ActiveState") == "active"
    assert int(daemon.show("NRestarts")) == 0
    daemon.wait("the end of the old one",
                lambda: not os.path.exists(f"/proc/{pid}"))
    assert daemon.status_of(daemon.main_pid())["Name"] == "sallyport"


@promise(32)
@check
def upgrade_under_load_fails_nobody():
    with steady.Stream() as stream:
        serve(stream, "WatchdogSec=20s")
        for _ in range(10):
            pid = daemon.main_pid()
            daemon.replace_binary()
            daemon.run("sallyport", "upgrade")
            followed(pid)
        told = stream.stop()
        assert told["failed"] == 0 and told["done"] > 30, told
        systemctl("reload", daemon.SERVICE)
        return f"{told['done']} served, slowest {told['slowest_ms']} ms"


def shown_processes():
    """What `systemctl status` has beside each pid, without its quotes."""
    lines = systemctl("status", "--full", daemon.SERVICE).splitlines()
    found = (re.match(r"\s+[├└]─\s*(\d+) (.*)", line) for line in lines)
    return {int(line[1]): line[2].strip('"') for line in found if line}


@check
def status_tells_processes_apart():
    """`systemctl status` shows what each process is, and which ones only finish
    what they had before an upgrade."""
    names = {"sallyport: worker 0", "sallyport: worker 1",
             "sallyport: keeper 0", "sallyport: scout", "sallyport: admin"}
    with steady.Stream() as stream:
        daemon.configure(
            service("named", "127.0.0.1:7100", f"localhost:{stream.port}"),
            daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"))
        daemon.start()
        master = daemon.main_pid()
        shown = shown_processes()
        command = shown.pop(master)
        assert re.fullmatch(r"\S+/sallyport run -c \S+/sallyport.ini", command)
        assert set(shown.values()) == names and len(shown) == len(names), shown
        with daemon.connected(7100) as held:
            held.sendall(b"before")
            assert held.recv(100) == b"before"
            daemon.run("sallyport", "upgrade")
            daemon.wait("a retiring worker", lambda: re.search(
                r"worker \d \(retiring\)", str(shown_processes())))
            new = shown_processes()
            assert names <= set(new.values()), new
            assert len([title for title in new.values()
                        if title.endswith("(retiring)")]) == 1, new
        followed(master)
        return ", ".join(sorted(new.values()))


@check
def upgraded_daemon_is_watched_still():
    with steady.Stream() as stream:
        serve(stream, "WatchdogSec=6s")
        pid = daemon.main_pid()
        daemon.run("sallyport", "upgrade")
        followed(pid)
        time.sleep(8)
        assert int(daemon.show("NRestarts")) == 0, "it was not fed"
        os.kill(daemon.main_pid(), signal.SIGSTOP)
        daemon.wait("a restart",
                    lambda: int(daemon.show("NRestarts")) == 1 and
                    daemon.show("ActiveState") == "active", patience=60)
        assert echoes(7101, secure=True)
        stream.stop()


@check
def upgraded_daemon_keeps_its_sockets_over_a_kill():
    with steady.Stream() as stream:
        serve(stream)
        pid = daemon.main_pid()
        daemon.run("sallyport", "upgrade")
        followed(pid)
        os.kill(daemon.main_pid(), signal.SIGKILL)
        daemon.wait("a restart",
                    lambda: int(daemon.show("NRestarts")) == 1 and
                    daemon.show("ActiveState") == "active")
        told = stream.stop()
        assert "efused" not in str(told["reasons"]), told
        assert told["failed"] <= 16, told
        systemctl("stop", daemon.SERVICE)
        assert daemon.show("Result") == "success"


@promise(32)
@check
def upgrade_to_a_binary_that_fails_changes_nothing():
    shutil.copy(BINARY, COPY)
    try:
        with steady.Stream() as stream:
            serve(stream)
            pid = daemon.main_pid()
            daemon.replace_binary("/bin/false")
            daemon.fails(COPY, "upgrade")
            assert daemon.main_pid() == pid
            assert daemon.show("ActiveState") == "active"
            told = stream.stop()
            assert told["failed"] == 0, told
    finally:
        daemon.replace_binary(COPY)
        os.unlink(COPY)


@promise(32)
@check
def package_upgrade_fails_nobody():
    """The running daemon hands over to the new one; a file that somebody has
    edited stays as it is, without a question."""
    with steady.Stream() as stream:
        serve(stream)
        other = daemon.CONFIG.with_name("other.ini")
        daemon.configure(service("two", "127.0.0.1:7105",
                                 f"127.0.0.1:{stream.port}"), path=other)
        systemctl("start", "sallyport@other.service")
        text, pid = daemon.CONFIG.read_text(), daemon.main_pid()
        instance = daemon.main_pid("sallyport@other.service")
        said = daemon.run("dpkg", "-i", SECOND, patience=120)
        assert "still runs the version before" not in said, said
        followed(pid)
        assert daemon.main_pid("sallyport@other.service") != instance
        assert echoes(7105)
        told = stream.stop()
        assert told["failed"] == 0 and told["done"] > 30, told
        assert daemon.CONFIG.read_text() == text
        assert daemon.show("UnitFileState") == "enabled"
        other.unlink()
        version = daemon.run("dpkg-query", "-W", "-f", "${Version}",
                             "sallyport")
        return f"{version}: {told['done']} served"


@check
def package_upgrade_starts_nothing_that_was_stopped():
    daemon.run("dpkg", "-i", SECOND, patience=120)
    assert daemon.show("ActiveState") == "inactive"


@check
def package_upgrade_obeys_the_policy():
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        with steady.Stream() as stream:
            serve(stream)
            pid = daemon.main_pid()
            daemon.run("dpkg", "-i", SECOND, patience=120)
            assert daemon.main_pid() == pid
            stream.stop()
    finally:
        policy.unlink()
