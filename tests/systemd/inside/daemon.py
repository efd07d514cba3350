"""The daemon as systemd runs it: units, configuration, processes, journal."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

BINARY = pathlib.Path("/usr/sbin/sallyport")
CONFIG = pathlib.Path("/etc/sallyport/sallyport.ini")
UNITS = pathlib.Path("/usr/lib/systemd/system")
EXAMPLE = pathlib.Path("/usr/share/doc/sallyport/examples/sallyport.socket")
CERTS = pathlib.Path("/checks/certs")
SERVICE = "sallyport.service"
PATIENCE = 60


def run(*words, code=0, patience=60):
    """What it printed; `code` None: any exit code will do."""
    done = subprocess.run([str(word) for word in words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=patience,
                          check=False)
    assert code is None or done.returncode == code, \
        f"{' '.join(map(str, words))}: exit {done.returncode}: {done.stdout}"
    return done.stdout


def systemctl(*words, **options):
    return run("systemctl", *words, **options)


def fails(*words):
    """What a command printed that has to fail."""
    done = subprocess.run([str(word) for word in words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    assert done.returncode != 0, f"{' '.join(map(str, words))}: did not fail"
    return done.stdout


def show(what, unit=SERVICE):
    return systemctl("show", "--property", what, "--value", unit).strip()


def wait(what, condition, patience=PATIENCE):
    """Until condition() is true, which is then returned."""
    end = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


def main_pid(unit=SERVICE):
    return int(show("MainPID", unit))


def status_of(pid):
    """/proc/PID/status as a dict."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in lines)}


def children(pid=None):
    """{pid: name} of the master's children: {71: "w0", 72: "keepe"...}, but for
    those that are about to end: one that tries a configuration, or has no name
    yet."""
    pid = pid or main_pid()
    pids = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    names = {}
    for child in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            title = status_of(child)["Name"]    # or it has ended
            names[int(child)] = title.partition(":")[2]
    return {child: name for child, name in names.items()
            if name not in ("", "trial")}


def the(role, pid=None):
    """The pid of the first child whose name starts so."""
    found = [child for child, name in children(pid).items()
             if name.startswith(role)]
    assert found, f"no {role} among {children(pid)}"
    return found[0]


class Journal:
    """What has been logged since."""

    def __init__(self):
        run("journalctl", "--sync")
        shown = run("journalctl", "-n", "0", "--show-cursor", "-q")
        self.cursor = shown.partition("-- cursor: ")[2].strip()

    def entries(self, *matches):
        run("journalctl", "--sync")
        lines = run("journalctl", "-q", "-o", "json", "--all",
                    f"--after-cursor={self.cursor}", *matches)
        return [json.loads(line) for line in lines.splitlines()]

    def text(self, *matches):
        return "\n".join(str(entry.get("MESSAGE"))
                         for entry in self.entries(*matches))


def configure(*services, globals_="", drain_timeout="2s", path=CONFIG):
    path.write_text(f"[global]\ndrain_timeout = {drain_timeout}\nworkers = 2\n"
                    + globals_ + "[defaults]\ntimeout.handshake = 1m\n"
                    + "".join("\n" + one for one in services))


def service(name, listen, connect, more=""):
    return f"[service {name}]\nlisten = {listen}\nconnect = {connect}\n{more}"


def tls(name, port, connect, cert="server", more=""):
    return service(name, f"tls://127.0.0.1:{port}", connect,
                   f"listen.cert = {CERTS}/{cert}.pem\n"
                   f"listen.key = {CERTS}/{cert}.key\n{more}")


def drop_in(unit, text):
    folder = pathlib.Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "check.conf").write_text(text)


def own_unit(name, text):
    pathlib.Path(f"/etc/systemd/system/{name}").write_text(text)


def tidy():
    """Nothing of ours runs, nothing is said about the units."""
    systemctl("stop", "sallyport*.socket", "check*.socket", code=None)
    systemctl("stop", SERVICE, "sallyport@*.service", code=None)
    folder = pathlib.Path("/etc/systemd/system")
    for left in folder.glob("sallyport*.d"):
        shutil.rmtree(left)
    for left in (*folder.glob("check*.socket"),
                 *folder.glob("sallyport.socket")):
        left.unlink()
    systemctl("daemon-reload")
    systemctl("reset-failed")


def start(*words):
    """Starts the service, as if it were for the first time today."""
    systemctl("daemon-reload")
    systemctl("reset-failed")
    systemctl("start", *(words or (SERVICE,)))


def accepts(port):
    """Whether a connection is accepted now."""
    with socket.socket() as sock:
        sock.settimeout(PATIENCE)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def context():
    return ssl.create_default_context(cafile=CERTS / "ca.pem")


@contextlib.contextmanager
def connected(where, secure=False):
    """A connection to a port or the path of a unix socket."""
    family = socket.AF_INET if isinstance(where, int) else socket.AF_UNIX
    address = ("127.0.0.1", where) if isinstance(where, int) else where
    with socket.socket(family) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(address)
        if not secure:
            yield sock
            return
        with context().wrap_socket(sock, server_hostname="localhost") as leg:
            yield leg


def echoes(where, secure=False, question=b"are you there?"):
    """Whether an echo server is behind it."""
    with connected(where, secure) as sock:
        sock.sendall(question)
        answer = b""
        while len(answer) < len(question):
            part = sock.recv(100)
            if not part:
                break
            answer += part
    return answer == question


def replace_binary(source=BINARY):
    """As a package manager does: a new file under the old name."""
    new = BINARY.with_suffix(".new")
    shutil.copy(source, new)
    os.rename(new, BINARY)
