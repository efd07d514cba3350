"""Whatever is wrong with a new configuration or a file that it names: whoever
asked hears where and why, and all goes on as it was."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile

import pytest

import configs
import peers
import processes
import sallyport
from test_bad_configuration import FAULTY, write

pytestmark = pytest.mark.usefixtures("two_workers")

NO_ROOM = 10_000_000    # connections: no system allows the descriptors


class Running:
    """A daemon with a plain and a TLS service, and what it is at the start."""

    def __init__(self, certs, folder, options=(), mode=0o600, within=()):
        self.folder, self.certs, self.mode = folder, certs, mode
        self.within = within
        self.far = peers.Server(peers.echo)
        self.port, self.secure = sallyport.free_port(), sallyport.free_port()
        self.names = ["server.pem", "server.key"]
        self.restore()
        self.good = sallyport.as_asked_for(
            configs.settings("workers = 2", "watch = no", *options) +
            configs.plain(self.port, self.far.port, name="plain") +
            configs.tls(self.secure, self.far.port, folder, name="secure"))
        self.one = sallyport.Relay(self.good, folder / "relay",
                                  within=within)
        processes.wait_roles(self.one.pid, ["w0", "w1", "obser", "k0"])
        self.trust = peers.client_context(certs)
        self.held = [self.client(), self.secure_client()]
        self.before = self._state()

    def close(self):
        for peer in self.held:
            peer.close()
        self.far.close()
        self.one.finish()

    def client(self):
        return peers.connect(self.port)

    def secure_client(self):
        return peers.connect(self.secure, tls=self.trust)

    def restore(self):
        for name in self.names:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)
            shutil.copy(self.certs / name, path)
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
        """Who was there is served, and who comes."""
        news = [self.client(), self.secure_client()]
        for peer in self.held + news:
            peer.send(b"served?")
            assert peer.recv_exactly(7) == b"served?"
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
def one_for_all(certs, tmp_path_factory):
    one = Running(certs, tmp_path_factory.mktemp("broken"))
    yield one
    one.close()


@pytest.fixture
def running(request, one_for_all):
    """Each test leaves it as it was."""
    request.node.relays = [one_for_all.one]
    yield one_for_all
    one_for_all.restore()
    one_for_all.one.reload_config(one_for_all.good)


def test_every_fault_of_a_configuration(running, certs):
    """What a start refuses a reload refuses, with the same words."""
    one = running.one
    (one.folder / "empty").touch()
    (one.folder / "wrong").write_text("incorrect horse battery staple\n")
    assert len(FAULTY) >= 50
    for name, (text, faults) in FAULTY.items():
        write(one.config, text, certs=certs, dir=one.folder)
        check = processes.command(one, "check")
        done = processes.command(one, "reload")
        assert (name, done.returncode, done.stdout) == (name, 1, "")
        assert done.stderr == check.stderr
        for line, said in faults:
            place = f"{one.config}:{line}: " if line else f"{one.config}"
            assert any(re.search(said, each) for each in
                       done.stderr.splitlines() if place in each)
        assert running.is_whole()
        assert not (one.folder / "door").exists()
    running.assert_as_before()
    running.assert_mends()


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


FILES = {
    "cert-missing": ("server.pem", _unlink, "No such file"),
    "cert-empty": ("server.pem", _content(b""), "PEM"),
    "cert-garbage": ("server.pem", _content(bytes(range(256))), "PEM"),
    "cert-cut": ("server.pem", _cut, "."),
    "cert-folder": ("server.pem", _folder, "directory"),
    "cert-fifo": ("server.pem", _fifo, "not a regular file"),
    "cert-loop": ("server.pem", _loop, "symbolic links"),
    "cert-dangling": ("server.pem", _dangling, "No such file"),
    "cert-huge": ("server.pem", _huge, "large|than"),
    "cert-of-another": ("server.pem", _copy("server-rsa.pem"),
                        "does not belong"),
    "cert-is-key": ("server.pem", _copy("server.key"), "certificate"),
    "cert-is-crl": ("server.pem", _copy("ca.crl"), "certificate"),
    "key-missing": ("server.key", _unlink, "No such file"),
    "key-empty": ("server.key", _content(b""), "PEM|key"),
    "key-garbage": ("server.key", _content(b"\0" * 4096), "PEM|key"),
    "key-cut": ("server.key", _cut, "key"),
    "key-folder": ("server.key", _folder, "directory"),
    "key-fifo": ("server.key", _fifo, "not a regular file"),
    "key-of-another": ("server.key", _copy("server-rsa.key"),
                       "does not belong"),
    "key-encrypted": ("server.key", _copy("server-encrypted.key"),
                      "passphrase"),
    "key-is-cert": ("server.key", _copy("server.pem"), "key"),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_file(running, certs, name):
    file, change, said = FILES[name]
    change(running.folder / file, certs)
    lines = running.good.splitlines()
    option = "listen.cert" if file.endswith(".pem") else "listen.key"
    line = next(i for i, text in enumerate(lines, 1) if option in text)
    # A pair that does not match is the fault of either.
    near = f"({line}|{line - 1}|{line + 1})"
    running.assert_refused(
        rf"^sallyport: {running.one.config}:{near}: .*{file}.*({said})")
    running.assert_mends()


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
    "path-in-no-folder": ("[service x]\nlisten = unix:{dir}/none/door\n"
                          "connect = 127.0.0.1:9\n",
                          "{second}: .*No such file"),
    "path-served": ("[service x]\nlisten = unix:{dir}/served\n"
                    "connect = 127.0.0.1:9\n", "{second}: .*{dir}/served"),
    "abstract-taken": ("[service x]\nlisten = unix:@{name}\n"
                       "connect = 127.0.0.1:9\n",
                       "{second}: .*Address already in use"),
    "owner-unknown": ("[service x]\nlisten = unix:{dir}/door\n"
                      "listen.owner = no-such-user\n"
                      "connect = 127.0.0.1:9\n", "listen.owner"),
    "second-of-two": ("[service x]\nlisten = unix:{dir}/door\n"
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
    "include-itself": ("include = {config}\n", "."),
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
def surroundings(tmp_path):
    """What stands in the way of a configuration."""
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
def test_broken_configuration(running, surroundings, name, how):
    added, said = ADDED[name]
    values = dict(surroundings, own=running.port, config=running.one.config)
    for file, text in INCLUDED.items():
        (surroundings["dir"] / file).write_text(text.format(**values))
    if added.startswith(GLOBAL):
        text = running.good.replace("watch = no\n", "") if \
            added.startswith("watch") else running.good
        text = text.replace("[global]\n", "[global]\n" + added)
        line = 2
    else:
        text = running.good + added
        line = len(running.good.splitlines()) + 1
    running.one.reload_config(text.format(**values))
    values.update(line=f":{line}", second=f":{line + 1}",
                  third=f":{line + 2}")
    listening = _listening(running.one)
    if how == "reload":
        running.assert_refused(said.format(**values))
    else:
        known = len(running.one.log_lines())
        processes.hang_up(running.one)
        assert any(re.search("error reload failed: .*" +
                             said.format(**values), line)
                   for line in running.one.log_lines()[known:])
        running.assert_as_before()
    assert _listening(running.one) == listening
    assert (surroundings["dir"] / "file").read_text() == "precious\n"
    assert not (surroundings["dir"] / "door").exists()
    with socket.socket(socket.AF_UNIX) as sock:     # it is still there
        sock.connect(f"{surroundings['dir']}/served")
    running.assert_mends()


@pytest.mark.parametrize("what, said", [
    ("missing", "No such file"), ("folder", "directory"),
    ("fifo", "not a regular file"), ("dangling", "No such file")])
def test_configuration_that_is_no_file(running, what, said):
    config = running.one.config
    config.unlink()
    if what == "folder":
        config.mkdir()
    elif what == "fifo":
        os.mkfifo(config)
    elif what == "dangling":
        config.symlink_to("nowhere")
    # The file cannot say where the control socket is, but the default is.
    running.assert_refused(f"{config}.*({said})")
    processes.hang_up(running.one)
    assert re.search(f'error reload failed: .*"{config}".*({said})',
                     running.one.log_lines()[-1])
    running.assert_as_before()
    if what == "folder":
        config.rmdir()
    else:
        config.unlink(missing_ok=True)
    running.assert_mends()


def test_several_faults_are_all_told(running, surroundings):
    running.one.reload_config(
        running.good + configs.plain(surroundings["taken"], 9, name="a") +
        configs.service("unix:/none/none/door", 9, name="b"))
    done = running.assert_refused("service a.*in use", "service b.*/none/none")
    assert len(done.stderr.splitlines()) == 2


def test_listeners_that_were_bound_are_given_up(running, surroundings,
                                                tmp_path):
    """Nine addresses are free, the tenth is not."""
    ports = [sallyport.free_port() for _ in range(9)]
    running.one.reload_config(
        running.good + configs.service(
            f"unix:{tmp_path}/door", 9,
            *(f"listen = 127.0.0.1:{port}" for port in
              ports + [surroundings["taken"]]), name="many"))
    running.assert_refused("in use")
    assert not (tmp_path / "door").exists()
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_expired_is_taken_with_a_warning(running):
    """As at a start: an administrator who asks for it gets it."""
    for name in running.names:
        shutil.copy(running.certs / name.replace("server", "server-expired"),
                    running.folder / name)
    processes.reload(running.one)
    assert running.one.matching("warn.*expired")
    running.assert_mends()


@pytest.mark.skipif(os.geteuid() != 0, reason="root makes the other user")
def test_unreadable(certs):
    """For a daemon that may not read everything."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        one = Running(certs, folder, [f"control = {folder}/control"],
                      within=["setpriv", "--reuid=65534", "--regid=65534",
                              "--clear-groups"], mode=0o644)
        try:
            (folder / "server.key").chmod(0)
            one.assert_refused("server.key: cannot open: Permission denied")
            one.assert_mends()
            one.one.config.chmod(0)     # who asks cannot read it either
            processes.hang_up(one.one)
            assert re.search(f'reload failed: .*"{one.one.config}".*'
                             "Permission denied", one.one.log_lines()[-1])
            one.one.config.chmod(0o644)
            one.assert_as_before()
            one.assert_mends()
        finally:
            one.close()


def _no_trial(one):
    processes.wait_roles(one.pid, ["w0", "w1", "obser", "k0"])


def test_good_and_broken_in_turn(running, surroundings):
    """A hundred times, with nothing left behind."""
    bad = running.good + configs.plain(surroundings["taken"], 9, name="x")
    processes.reload(running.one)
    _no_trial(running.one)
    fds = processes.fd_counts(running.one.pid)
    for _ in range(20 if sallyport.SANITIZED else 100):
        running.one.reload_config(bad)
        assert processes.command(running.one, "reload").returncode == 1
        running.one.reload_config(running.good)
        processes.reload(running.one)
    _no_trial(running.one)
    assert processes.fd_counts(running.one.pid) == fds
    running.one.signal(signal.SIGHUP)
    assert running.is_whole()
