"""Whatever is wrong with a new configuration or a file that it names: the
reload command says where and why, and all goes on as it was."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served
from test_bad_configuration import errors_of, FAULTY, write

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.promise(30),
]

NO_ROOM = 10_000_000    # connections: no system allows the descriptors
# How long servers wait for the held connections, which are silent during many
# reloads.
HELD_SECONDS = 10 * sallyport.PATIENCE
# The scout: a certificate is of a name.
ROLES = ["w0", "w1", "admin", "scout", "k0"]


NAMES = ["server.pem", "server.key", "ca.pem", "ca.crl", "client.pem",
         "client.key", "client.pass"]


def make_files(certs, folder):
    """All that the configuration names; the client's key is encrypted."""
    folder.mkdir()
    for name in NAMES[:-2]:
        shutil.copy(certs / name, folder)
    (folder / "client.pass").write_text("open sesame\n")
    subprocess.run(["openssl", "pkey", "-in", certs / "client.key", "-aes256",
                    "-passout", f"file:{folder}/client.pass", "-out",
                    folder / "client.key"], check=True)
    return folder


class Daemon:
    """A daemon with a plain service, one that has TLS with its clients and one
    that has it with its server, and what it is at the start."""

    def __init__(self, certs, folder, options=(), mode=0o600, within=()):
        self.folder, self.certs, self.mode = folder, certs, mode
        self.within = within
        self.far = peers.Server(peers.echo, timeout=HELD_SECONDS)
        self.secure_far = peers.Server(
            peers.echo, tls=peers.server_context(certs, client_ca="ca.pem"),
            timeout=HELD_SECONDS)
        self.port, self.secure, self.out = (
            sallyport.free_port() for _ in range(3))
        self.files = make_files(certs, folder / "files")
        self.restore()
        self.good = sallyport.as_asked_for(
            configs.settings("workers = 2", "watch = no", *options) +
            configs.plain(self.port, self.far.port, name="plain") +
            configs.tls_out(self.out, self.secure_far.port, folder,
                            f"connect.crl = {folder}/ca.crl",
                            f"connect.cert = {folder}/client.pem",
                            f"connect.key = {folder}/client.key",
                            f"connect.passphrase_file = {folder}/client.pass",
                            name="out") +
            configs.tls(self.secure, self.far.port, folder, name="secure"))
        self.one = sallyport.Relay(self.good, folder / "relay",
                                  within=within)
        processes.wait_roles(self.one.pid, ROLES)
        self.trust = peers.client_context(certs)
        self.held = self.clients()
        self.before = self._state()

    def close(self):
        for peer in self.held:
            peer.close()
        self.far.close()
        self.secure_far.close()
        self.one.finish()

    def secure_client(self):
        return peers.connect(self.secure, tls=self.trust)

    def clients(self):
        return [peers.connect(self.port), self.secure_client(),
                peers.connect(self.out)]

    def restore(self):
        for name in NAMES:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)
            shutil.copy(self.files / name, path)
            path.chmod(self.mode)

    def _state(self):
        with self.secure_client() as peer:
            shown = peer.ssl.getpeercert()["serialNumber"]
        found = processes.roles(self.one.pid)
        found.pop("trial", None)
        return {"roles": found, "shown": shown,
                "generation": self._master()["generation"]}

    def _master(self):
        return processes.status(self.one,
                                within=self.within)["master"]

    def is_whole(self):
        """Connections that are held are served, and new ones."""
        news = self.clients()
        for peer in self.held + news:
            assert is_served(peer)
        for peer in news:
            peer.close()
        return True

    def assert_as_before(self):
        assert self.is_whole()
        assert self._state() == self.before

    def assert_refused(self, *said):
        """`sallyport reload` fails, and says all of that."""
        done = processes.command(self.one, "reload",
                                 within=self.within)
        assert (done.returncode, done.stdout) == (1, "")
        for pattern in said:
            assert re.search(pattern, done.stderr), (pattern, done.stderr)
        assert all(re.fullmatch(r"sallyport: [ -~]+", line)
                   for line in done.stderr.splitlines()), done.stderr
        self.assert_as_before()
        last = self._master()["last_reload"]
        assert last["result"] == "failed"
        assert f"sallyport: {last['text']}" in done.stderr
        return done

    def assert_mends(self):
        """And the good configuration is taken all the same."""
        self.restore()
        self.one.reload_config(self.good)
        processes.reload(self.one, within=self.within)
        assert self.is_whole()
        assert self._master()["last_reload"]["result"] == "ok"
        self.before = self._state()


@pytest.fixture(scope="module")
def shared_daemon(certs, tmp_path_factory):
    """A running Daemon."""
    one = Daemon(certs, tmp_path_factory.mktemp("broken"))
    yield one
    one.close()


@pytest.fixture
def daemon(request, shared_daemon):
    """A daemon that all tests share; each leaves it as it was."""
    request.node.relays = [shared_daemon.one]
    yield shared_daemon
    shared_daemon.restore()
    shared_daemon.one.reload_config(shared_daemon.good)


@pytest.mark.promise(52)
def test_reload_refuses_what_a_start_refuses(daemon, certs):
    """A reload refuses every configuration that `check` refuses, with the same
    words, and changes nothing."""
    one = daemon.one
    (one.folder / "empty").touch()
    (one.folder / "wrong").write_text("incorrect horse battery staple\n")
    assert len(FAULTY) >= 50
    # Each starts two programs; a sanitizer has a third of them to look at.
    step = 3 if sallyport.SANITIZED else 1
    for name, (text, faults) in [*FAULTY.items()][::step]:
        write(one.config, text, certs=certs, dir=one.folder)
        check = processes.command(one, "check")
        done = processes.command(one, "reload")
        assert (name, done.returncode, done.stdout) == (name, 1, "")
        assert done.stderr.splitlines() == errors_of(check.stderr)
        for line, said in faults:
            place = f"{one.config}:{line}: " if line else f"{one.config}"
            assert any(re.search(said, each) for each in
                       done.stderr.splitlines() if place in each)
        daemon.assert_as_before()
        assert not (one.folder / "listener").exists()
    daemon.assert_mends()


# What to do to the file; then what is said.  The line is that of the option.
def _copy(name):
    def change(path, certs):
        shutil.copy(certs / name, path)
    return change


def _content(data):
    def change(path, certs):
        path.write_bytes(data)
    return change


def _cut(path, certs):
    path.write_bytes(path.read_bytes()[:200])


def _unlink(path, certs):
    path.unlink()


def _folder(path, certs):
    path.unlink()
    path.mkdir()


def _fifo(path, certs):
    path.unlink()
    os.mkfifo(path)


def _loop(path, certs):
    path.unlink()
    path.symlink_to(path)


def _dangling(path, certs):
    path.unlink()
    path.symlink_to("nowhere")


def _huge(path, certs):
    os.truncate(path, 1 << 34)


# The file, what becomes of it, and what is said at which option.
FILES = {
    "cert-missing": ("server.pem", _unlink, "listen.cert", "No such file"),
    "cert-empty": ("server.pem", _content(b""), "listen.cert",
                   "is empty"),
    "cert-garbage": ("server.pem", _content(bytes(range(256))), "listen.cert",
                     "has no PEM block"),
    "cert-cut": ("server.pem", _cut, "listen.cert", "no -----END"),
    "cert-folder": ("server.pem", _folder, "listen.cert",
                    "no file in this directory ends with .pem"),
    "cert-fifo": ("server.pem", _fifo, "listen.cert", "not a regular file"),
    "cert-loop": ("server.pem", _loop, "listen.cert", "symbolic links"),
    "cert-dangling": ("server.pem", _dangling, "listen.cert", "No such file"),
    "cert-huge": ("server.pem", _huge, "listen.cert", "large|than"),
    "cert-of-another": ("server.pem", _copy("server-rsa.pem"), "listen.cert",
                        "does not belong"),
    "cert-is-key": ("server.pem", _copy("server.key"), "listen.cert",
                    "are listen.cert and listen.key exchanged"),
    "cert-is-crl": ("server.pem", _copy("ca.crl"), "listen.cert",
                    "holds a revocation list"),
    "key-missing": ("server.key", _unlink, "listen.key", "No such file"),
    "key-empty": ("server.key", _content(b""), "listen.key", "is empty"),
    "key-garbage": ("server.key", _content(b"\0" * 4096), "listen.key",
                    "has no private key"),
    "key-cut": ("server.key", _cut, "listen.key", "no -----END"),
    "key-folder": ("server.key", _folder, "listen.key", "is a directory"),
    "key-fifo": ("server.key", _fifo, "listen.key", "not a regular file"),
    "key-of-another": ("server.key", _copy("server-rsa.key"), "listen.cert",
                       "does not belong"),
    "key-encrypted": ("server.key", _copy("server-encrypted.key"),
                      "listen.key", "passphrase"),
    "key-is-cert": ("server.key", _copy("server.pem"), "listen.key",
                    "are listen.cert and listen.key exchanged"),

    # Of the other leg.
    "ca-missing": ("ca.pem", _unlink, "connect.ca", "No such file"),
    "ca-empty": ("ca.pem", _content(b""), "connect.ca", "is empty"),
    "ca-garbage": ("ca.pem", _content(bytes(range(256))), "connect.ca",
                   "has no PEM block"),
    "ca-cut": ("ca.pem", _cut, "connect.ca", "no -----END"),
    "ca-folder": ("ca.pem", _folder, "connect.ca",
                  "no file in this directory has a PEM certificate"),
    "ca-fifo": ("ca.pem", _fifo, "connect.ca", "not a regular file"),
    "ca-is-key": ("ca.pem", _copy("ca.key"), "connect.ca",
                  "holds a private key and no certificate"),
    "ca-is-crl": ("ca.pem", _copy("ca.crl"), "connect.ca",
                  "holds a revocation list"),
    "crl-missing": ("ca.crl", _unlink, "connect.crl", "No such file"),
    "crl-empty": ("ca.crl", _content(b""), "connect.crl", "has no CRL"),
    "crl-garbage": ("ca.crl", _content(bytes(range(256))), "connect.crl",
                    "has no CRL"),
    "crl-cut": ("ca.crl", _cut, "connect.crl",
                "list 1 in it cannot be read"),
    "crl-folder": ("ca.crl", _folder, "connect.crl", "is a directory"),
    "crl-dangling": ("ca.crl", _dangling, "connect.crl", "No such file"),
    "crl-is-cert": ("ca.crl", _copy("ca.pem"), "connect.crl", "has no CRL"),
    "client-missing": ("client.pem", _unlink, "connect.cert", "No such file"),
    "client-empty": ("client.pem", _content(b""), "connect.cert", "is empty"),
    "client-cut": ("client.pem", _cut, "connect.cert", "no -----END"),
    "client-loop": ("client.pem", _loop, "connect.cert", "symbolic links"),
    "client-of-another": ("client.pem", _copy("server.pem"), "connect.cert",
                          "client.key does not belong"),
    "client-key-missing": ("client.key", _unlink, "connect.key",
                           "No such file"),
    "client-key-cut": ("client.key", _cut, "connect.key", "no -----END"),
    "client-key-of-another": ("client.key", _copy("server.key"),
                              "connect.cert", "does not belong"),
    "passphrase-missing": ("client.pass", _unlink, "connect.passphrase_file",
                           "No such file"),
    "passphrase-empty": ("client.pass", _content(b""),
                         "connect.passphrase_file", "there is no passphrase in it"),
    # One key in a hundred is decrypted to nonsense with a good padding.
    "passphrase-wrong": ("client.pass", _content(b"open barley\n"),
                         "connect.key", "cannot decrypt the private key with "
                         "the passphrase in .*client.pass: "
                         "(bad decrypt|unsupported)"),
    "passphrase-nul": ("client.pass", _content(b"open\0sesame\n"),
                       "connect.passphrase_file", "has a NUL byte"),
    "passphrase-long": ("client.pass", _content(b"x" * 5000),
                        "connect.passphrase_file", "more than 1023 bytes"),
    "passphrase-folder": ("client.pass", _folder, "connect.passphrase_file",
                          "is a directory"),
    "passphrase-fifo": ("client.pass", _fifo, "connect.passphrase_file",
                        "not a regular file"),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_file_fails_the_reload(daemon, certs, name):
    """A file that is missing or broken fails the reload at the line of its
    option, and changes nothing; the mended file is taken."""
    file, change, option, said = FILES[name]
    change(daemon.folder / file, certs)
    line = next(number for number, text in
                enumerate(daemon.good.splitlines(), 1)
                if text.startswith(f"{option} ="))
    done = daemon.assert_refused(
        rf"^sallyport: {daemon.one.config}:{line}: .*{option}: .*({said})")
    assert f"{daemon.folder}/{file}" in done.stderr
    daemon.assert_mends()


# What is written behind the good text, and what is said; `{line}` is that of
# the first line that is added, {taken} a port of another program.
ADDED = {
    "port-taken": ("[service x]\nlisten = 127.0.0.1:{taken}\n"
                   "connect = 127.0.0.1:9\n",
                   "{second}: .*cannot bind: Address already in use"),
    "port-taken-on-any": ("[service x]\nlisten = *:{taken}\n"
                          "connect = 127.0.0.1:9\n",
                          "{second}: .*Address already in use"),
    "port-twice": ("[service x]\nlisten = 127.0.0.1:{own}\n"
                   "connect = 127.0.0.1:9\n", "{own}"),
    "new-port-twice": ("[service x]\nlisten = 127.0.0.1:{free}\n"
                       "listen = 127.0.0.1:{free}\n"
                       "connect = 127.0.0.1:9\n", "{free}"),
    "not-our-address": ("[service x]\nlisten = 192.0.2.1:{free}\n"
                        "connect = 127.0.0.1:9\n",
                        "{second}: .*no interface of this machine"),
    "unknown-host": ("[service x]\nlisten = no-such-host.invalid:{free}\n"
                     "connect = 127.0.0.1:9\n",
                     "{second}: .*cannot resolve \"no-such-host.invalid\""),
    "path-is-file": ("[service x]\nlisten = unix:{dir}/file\n"
                     "connect = 127.0.0.1:9\n", "{second}: .*{dir}/file"),
    "path-is-folder": ("[service x]\nlisten = unix:{dir}\n"
                       "connect = 127.0.0.1:9\n", "{second}: .*{dir}"),
    "path-in-no-folder": ("[service x]\nlisten = unix:{dir}/none/listener\n"
                          "connect = 127.0.0.1:9\n",
                          "{second}: .*No such file"),
    "path-served": ("[service x]\nlisten = unix:{dir}/served\n"
                    "connect = 127.0.0.1:9\n", "{second}: .*{dir}/served"),
    "abstract-taken": ("[service x]\nlisten = unix:@{name}\n"
                       "connect = 127.0.0.1:9\n",
                       "{second}: .*Address already in use"),
    "owner-unknown": ("[service x]\nlisten = unix:{dir}/listener\n"
                      "listen.owner = no-such-user\n"
                      "connect = 127.0.0.1:9\n", "listen.owner"),
    "second-of-two": ("[service x]\nlisten = unix:{dir}/listener\n"
                      "listen = 127.0.0.1:{taken}\n"
                      "connect = 127.0.0.1:9\n",
                      "{third}: .*Address already in use"),
    "ciphers": ("listen.ciphers = ROT13\n", "{line}: .*ROT13"),
    "groups": ("listen.groups = P-12\n", "{line}: .*P-12"),
    "ca-missing": ("listen.verify = required\nlisten.ca = {dir}/none.pem\n",
                   "{second}: .*none.pem.*No such file"),
    "log-folder-missing": ("log = file:{dir}/none/log\n",
                           "cannot open log file {dir}/none/log"),
    "log-is-folder": ("log = file:{dir}\n", "cannot open log file"),
    "log-nonsense": ("log = paper\n", "file:"),
    "too-many-connections": (f"max_connections = {NO_ROOM}\n",
                             f"max_connections = {NO_ROOM} needs .*LimitNO"),
    "workers-none": ("workers = 0\n", ":[0-9]+: .*workers"),
    "workers-many": ("workers = 65\n", ":[0-9]+: .*workers"),
    "user-numeric-typo": ("watch = perhaps\n", "watch.*perhaps"),
    "include-missing": ("include = none.ini\n", "none.ini.*No such file"),
    "include-is-folder": ("include = {dir}\n", "{dir}"),
    "include-with-global": ("include = {dir}/global.ini\n",
                            "global.ini:1: "),
    "include-broken": ("include = {dir}/broken.ini\n", "broken.ini:2: "),
    "include-same-service": ("include = {dir}/same.ini\n", "same.ini:1: "),
    "include-itself": ("include = {config}\n",
                       r":1: \[global\] belongs in the main file"),
    "include-port-taken": ("include = {dir}/taken.ini\n",
                           "taken.ini:2: .*Address already in use"),
}

INCLUDED = {
    "global.ini": "[global]\nworkers = 1\n",
    "broken.ini": "[service y]\nlisten = nowhere\nconnect = 127.0.0.1:9\n",
    "same.ini": "[service plain]\nlisten = 127.0.0.1:{free}\n"
                "connect = 127.0.0.1:9\n",
    "taken.ini": "[service y]\nlisten = 127.0.0.1:{taken}\n"
                 "connect = 127.0.0.1:9\n",
}
GLOBAL = ("log", "max_", "workers", "watch", "include")


def _listening(one):
    found = processes.kinds(one.pid)
    return found["tcp-listen"], found["unix-listen"]


@pytest.fixture
def obstacles(tmp_path):
    """What a configuration can collide with: a file, and addresses that other
    sockets have."""
    folder = tmp_path / "around"
    folder.mkdir()
    (folder / "file").write_text("precious\n")
    name = f"sallyport-broken-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (f"{folder}/served", f"\0{name}"):
            served = stack.enter_context(socket.socket(socket.AF_UNIX))
            served.bind(address)
            served.listen()
        yield {"taken": taken.getsockname()[1], "dir": folder, "name": name,
               "free": sallyport.free_port()}


@pytest.mark.parametrize("how", ["reload", "SIGHUP"])
@pytest.mark.parametrize("name", ADDED)
def test_broken_configuration_fails_the_reload(daemon, obstacles, name, how):
    """A configuration that cannot work fails the reload at its line, and
    changes nothing."""
    added, said = ADDED[name]
    values = dict(obstacles, own=daemon.port, config=daemon.one.config)
    for file, text in INCLUDED.items():
        (obstacles["dir"] / file).write_text(text.format(**values))
    if added.startswith(GLOBAL):
        text = daemon.good.replace("watch = no\n", "") if \
            added.startswith("watch") else daemon.good
        text = text.replace("[global]\n", "[global]\n" + added)
        line = 2
    else:
        text = daemon.good + added
        line = len(daemon.good.splitlines()) + 1
    daemon.one.reload_config(text.format(**values))
    values.update(line=f":{line}", second=f":{line + 1}",
                  third=f":{line + 2}")
    listening = _listening(daemon.one)
    if how == "reload":
        daemon.assert_refused(said.format(**values))
    else:
        known = len(daemon.one.log_lines())
        processes.hang_up(daemon.one)
        assert any(re.search("error reload failed: .*" +
                             said.format(**values), line)
                   for line in daemon.one.log_lines()[known:])
        daemon.assert_as_before()
    assert _listening(daemon.one) == listening
    assert (obstacles["dir"] / "file").read_text() == "precious\n"
    assert not (obstacles["dir"] / "listener").exists()
    with socket.socket(socket.AF_UNIX) as sock:     # it is still there
        sock.connect(f"{obstacles['dir']}/served")
    daemon.assert_mends()


@pytest.mark.parametrize("what, said", [
    ("missing", "No such file"), ("folder", "directory"),
    ("fifo", "not a regular file"), ("dangling", "No such file")])
def test_missing_configuration_fails_the_reload(daemon, what, said):
    """A configuration that is missing or no file fails the reload, and changes
    nothing."""
    config = daemon.one.config
    config.unlink()
    if what == "folder":
        config.mkdir()
    elif what == "fifo":
        os.mkfifo(config)
    elif what == "dangling":
        config.symlink_to("nowhere")
    # The file cannot say where the control socket is, but the default is.
    daemon.assert_refused(f"{config}.*({said})")
    start = daemon.one.log_size()
    processes.hang_up(daemon.one)
    assert daemon.one.matching(
        f'error reload failed: .*"{config}".*({said})', start)
    daemon.assert_as_before()
    if what == "folder":
        config.rmdir()
    else:
        config.unlink(missing_ok=True)
    daemon.assert_mends()


def test_reload_reports_several_faults(daemon, obstacles):
    """A reload reports every fault of the configuration, not the first one
    only."""
    daemon.one.reload_config(
        daemon.good + configs.plain(obstacles["taken"], 9, name="a") +
        configs.service("unix:/none/none/listener", 9, name="b"))
    done = daemon.assert_refused("service a.*in use", "service b.*/none/none")
    assert len(done.stderr.splitlines()) == 2


def test_failed_reload_closes_what_it_bound(daemon, obstacles, tmp_path):
    """A reload that fails at its tenth address leaves the nine before it
    free."""
    ports = [sallyport.free_port() for _ in range(9)]
    daemon.one.reload_config(
        daemon.good + configs.service(
            f"unix:{tmp_path}/listener", 9,
            *(f"listen = 127.0.0.1:{port}" for port in
              ports + [obstacles["taken"]]), name="many"))
    daemon.assert_refused("in use")
    assert not (tmp_path / "listener").exists()
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_reload_takes_an_expired_certificate_with_a_warning(daemon):
    """A reload takes an expired certificate, with a warning, as a start
    does."""
    for name in NAMES[:2]:
        shutil.copy(daemon.certs / name.replace("server", "server-expired"),
                    daemon.folder / name)
    processes.reload(daemon.one)
    assert daemon.one.matching("warn.*expired")
    daemon.assert_mends()


@pytest.mark.skipif(os.geteuid() != 0, reason="root makes the other user")
def test_unreadable_file_fails_the_reload(certs):
    """A key or a configuration that the daemon may not read fails the reload,
    and changes nothing."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        one = Daemon(certs, folder, [f"control = {folder}/control"],
                     within=["setpriv", "--reuid=65534", "--regid=65534",
                             "--clear-groups"], mode=0o644)
        try:
            (folder / "server.key").chmod(0)
            one.assert_refused("server.key: cannot open: Permission denied")
            one.assert_mends()
            one.one.config.chmod(0)     # the command cannot read it either
            processes.hang_up(one.one)
            assert one.one.matching(f'reload failed: .*"{one.one.config}".*'
                                    "Permission denied")
            one.one.config.chmod(0o644)
            one.assert_as_before()
            one.assert_mends()
        finally:
            one.close()


def _wait_at_rest(daemon):
    """No trial, and no connection but those that are held."""
    processes.wait_roles(daemon.one.pid, ROLES)
    sallyport.wait_until(
        lambda: processes.status(daemon.one)["all"]["active"] ==
        len(daemon.held), "the other connections to end")


def test_failed_reloads_leave_no_descriptor(daemon, obstacles):
    """A hundred good and a hundred failed reloads in turn leave no descriptor
    behind."""
    bad = daemon.good + configs.plain(obstacles["taken"], 9, name="x")
    processes.reload(daemon.one)
    _wait_at_rest(daemon)
    fds = processes.fd_counts(daemon.one.pid)
    for _ in range(20 if sallyport.SANITIZED else 100):
        daemon.one.reload_config(bad)
        assert processes.command(daemon.one, "reload").returncode == 1
        daemon.one.reload_config(daemon.good)
        processes.reload(daemon.one)
    _wait_at_rest(daemon)
    assert processes.fd_counts(daemon.one.pid) == fds
    daemon.one.signal(signal.SIGHUP)
    assert daemon.is_whole()
