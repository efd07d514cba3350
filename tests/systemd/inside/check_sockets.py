"""Sockets that systemd opens, and those that it keeps for us: nobody is
refused while the daemon is away."""
import errno
import os
import signal
import socket
import stat
import subprocess

import daemon
import steady
from checks import check, promise
from daemon import echoes, service, systemctl

LOCAL = "/run/check-local.sock"
LOCAL_KEPT = "/run/sallyport/check.sock"


def socket_unit(name, *listen):
    """Sockets of that name for the service."""
    daemon.own_unit(f"check-{name}.socket",
                    f"[Socket]\nService={daemon.SERVICE}\n"
                    f"FileDescriptorName={name}\n" +
                    "".join(f"ListenStream={one}\n" for one in listen))
    return f"check-{name}.socket"


def activated(stream):
    """Starts sockets only; the service is configured to want them."""
    units = [socket_unit("web", "127.0.0.1:7200"),
             socket_unit("secure", "127.0.0.1:7201"),
             socket_unit("local", LOCAL)]
    to = f"127.0.0.1:{stream.port}"
    daemon.configure(
        service("web", "systemd:web", to),
        service("secure", "tls+systemd:secure", to,
                f"listen.cert = {daemon.CERTS}/server.pem\n"
                f"listen.key = {daemon.CERTS}/server.key\n"),
        service("local", "systemd:local", to))
    daemon.start(*units)
    return units


def become_active():
    """A client may be answered just before systemd reads of READY=1."""
    daemon.wait("active", lambda: daemon.show("ActiveState") == "active")


@check
def sockets_example_activates():
    """With its own name, at an address of ours."""
    listed = daemon.EXAMPLE.read_text()
    daemon.own_unit("sallyport.socket", listed)
    names = [line.partition("=")[2] for line in listed.splitlines()
             if line.startswith("FileDescriptorName=")]
    assert len(names) == 1, listed
    with steady.Stream() as stream:
        daemon.drop_in("sallyport.socket", "[Socket]\nListenStream=\n"
                       "ListenStream=127.0.0.1:7200\n")
        daemon.configure(service("web", f"systemd:{names[0]}",
                                 f"127.0.0.1:{stream.port}"))
        daemon.start("sallyport.socket")
        assert daemon.show("ActiveState") == "inactive"
        assert echoes(7200)
        become_active()
        return names[0]


@check
def sockets_start_the_service_for_the_first_client():
    with steady.Stream() as stream:
        for where, secure in ((7200, False), (7201, True), (LOCAL, False)):
            units = activated(stream)
            assert daemon.show("ActiveState") == "inactive"
            assert echoes(where, secure), where
            become_active()
            systemctl("stop", *units)
            systemctl("stop", daemon.SERVICE)


@check
def sockets_outlive_the_service():
    """A stop leaves the path of a socket that is not ours to remove."""
    with steady.Stream() as stream:
        activated(stream)
        assert echoes(LOCAL)
        inode = os.stat(LOCAL).st_ino
        systemctl("restart", daemon.SERVICE)
        systemctl("reload", daemon.SERVICE)
        assert os.stat(LOCAL).st_ino == inode
        assert stat.S_ISSOCK(os.stat(LOCAL).st_mode)
        assert echoes(LOCAL) and echoes(7200) and echoes(7201, secure=True)


@check
def sockets_that_are_missing_are_named():
    daemon.configure(service("web", "systemd:nothing", "127.0.0.1:1"))
    journal = daemon.Journal()
    daemon.systemctl("daemon-reload")
    daemon.fails("systemctl", "start", daemon.SERVICE)
    assert "nothing" in journal.text("-u", daemon.SERVICE), journal.text()


@check
def sockets_nobody_asked_for_are_named():
    with steady.Stream() as stream:
        unit = socket_unit("extra", "127.0.0.1:7205")
        daemon.configure(service("web", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        journal = daemon.Journal()
        daemon.start(unit)
        systemctl("start", daemon.SERVICE, code=None)
        assert "extra" in journal.text("-u", daemon.SERVICE), journal.text()


def nobody_refused(told, why):
    assert told["done"] > 30, told
    assert told["failed"] == 0, f"{why}: {told}"
    return f"{told['done']} served, slowest {told['slowest_ms']} ms"


@promise(35)
@check
def restart_with_the_socket_unit_refuses_nobody():
    with steady.Stream() as stream:
        activated(stream)
        assert echoes(7200)
        stream.go(7200, LOCAL, "tls:7201", rate=200,
                  ca=daemon.CERTS / "ca.pem")
        for _ in range(8):
            pid = daemon.main_pid()
            systemctl("restart", daemon.SERVICE)
            assert daemon.main_pid() != pid
        return nobody_refused(stream.stop(), "restart")


def kept(stream):
    """A daemon with listeners of its own, which systemd keeps for it."""
    daemon.configure(
        service("plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}"),
        daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"),
        service("local", f"unix:{LOCAL_KEPT}",
                f"127.0.0.1:{stream.port}"))
    daemon.start()
    assert int(daemon.show("NFileDescriptorStore")) > 0, "nothing is stored"


@check
def restart_with_the_store_refuses_nobody():
    with steady.Stream() as stream:
        kept(stream)
        stream.go(7100, "tls:7101", rate=200, ca=daemon.CERTS / "ca.pem")
        for _ in range(8):
            systemctl("restart", daemon.SERVICE)
        return nobody_refused(stream.stop(), "restart")


@check
def killed_master_refuses_nobody():
    """What its workers had begun ends with them; whoever comes meanwhile waits
    in the queue of a socket that systemd has kept."""
    with steady.Stream() as stream:
        kept(stream)
        stream.go(7100, "tls:7101", rate=200, ca=daemon.CERTS / "ca.pem")
        for _ in range(3):
            before = int(daemon.show("NRestarts"))
            os.kill(daemon.main_pid(), signal.SIGKILL)
            daemon.wait("a restart", lambda count=before: int(
                daemon.show("NRestarts")) > count and
                daemon.show("ActiveState") == "active")
        assert echoes(LOCAL_KEPT)
        told = stream.stop()
        assert "efused" not in str(told["reasons"]), told
        # 16 clients at once; each kill ends those that are being served.
        assert told["done"] > 30 and told["failed"] <= 3 * 16, told
        return (f"{told['done']} served, {told['failed']} cut short, "
                f"slowest {told['slowest_ms']} ms")


@check
def stop_lets_go_of_what_was_kept():
    with steady.Stream() as stream:
        kept(stream)
        systemctl("stop", daemon.SERVICE)
        # systemd 257 closes what it has kept a moment after it says that the
        # service has stopped.
        daemon.wait("the socket to be closed",
                    lambda: not daemon.accepts(7100))
        # It cannot know whether it is to come back: the path stays, for nobody.
        with socket.socket(socket.AF_UNIX) as sock:
            assert sock.connect_ex(LOCAL_KEPT) == errno.ECONNREFUSED
        # Nor does an address that a configuration has given up stay open.
        kept(stream)
        before = int(daemon.show("NFileDescriptorStore"))
        daemon.configure(service("plain", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        systemctl("reload", daemon.SERVICE)
        assert echoes(7100) and not daemon.accepts(7101)
        after = int(daemon.show("NFileDescriptorStore"))
        assert after < before, (before, after)
        return f"{before} kept, after the reload {after}"


def dialled(user, group):
    """Whether that user, with that group besides its own, is let in."""
    done = subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}",
         "python3", "-c", "import socket, sys\n"
         "with socket.socket(socket.AF_UNIX) as sock:\n"
         "    sock.connect(sys.argv[1])", LOCAL_KEPT],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


@check
def group_of_clients_is_not_that_of_keys():
    """As docs/configuration.md has it: the account joins the clients' group, and
    the daemon, which is not root, gives it the socket."""
    daemon.run("groupadd", "--system", "clients")
    daemon.run("usermod", "-aG", "clients", "sallyport")
    try:
        with steady.Stream() as stream:
            daemon.configure(service(
                "local", f"unix:{LOCAL_KEPT}", f"127.0.0.1:{stream.port}",
                "listen.group = clients\n"))
            daemon.start()
            assert dialled("games", "clients")
            assert not dialled("games", "sallyport")
            assert not dialled("games", "games")
            daemon.systemctl("restart", daemon.SERVICE)
            daemon.systemctl("reload", daemon.SERVICE)
            assert dialled("games", "clients")
            assert not dialled("games", "sallyport")
    finally:
        daemon.run("gpasswd", "--delete", "sallyport", "clients")
        daemon.run("groupdel", "clients")


@check
def group_of_strangers_is_refused_with_a_remedy():
    with steady.Stream() as stream:
        daemon.configure(service(
            "local", f"unix:{LOCAL_KEPT}", f"127.0.0.1:{stream.port}",
            "listen.group = games\n"))
        daemon.fails("systemctl", "start", daemon.SERVICE)
        said = daemon.show("StatusText")
        assert "listen.group" in said and "usermod -aG" in said, said
        return said
