"""A reload in which a process dies, stands still or disobeys at the worst
moment.  What the trial has passed is made all the same, with another process
in that place (promise 46)."""
import os
import signal
import socket
import struct

import pytest

import configs
import messages
import names
import peers
import processes
import sallyport
from peers import is_served

pytestmark = [
    pytest.mark.promise(46),
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.geteuid() != 0,
                       reason="only root sees what waits for a process"),
]

ROLES = ["w0", "w1", "k0", "admin"]
PATIENCE_S = 30         # src/master/rollout.c, src/master/liveness.h


class Daemon:
    """A daemon that a reload has listen at one more port."""

    def __init__(self, relay, far, certs, **options):
        self.port, self.secure, self.more = (
            sallyport.free_port() for _ in range(3))
        self.far = far
        self.trust = peers.client_context(certs)
        self.before = configs.plain(self.port, far, name="plain") + \
            configs.tls(self.secure, far, certs, name="secure")
        self.one = relay(self.before, **options)
        self.one.may_lose_children = True
        self.roles = processes.wait_roles(self.one.pid, ROLES)
        self.held = [self.connect(turn % 2) for turn in range(8)]
        assert all(map(is_served, self.held))
        self.listening = self._listening()

    def close(self):
        for pid in self.roles.values():
            if processes.is_alive(pid):
                os.kill(pid, signal.SIGCONT)
        for peer in self.held:
            peer.close()

    def connect(self, secure=False):
        return peers.connect(self.secure if secure else self.port,
                             tls=self.trust if secure else None)

    def ask(self, server=None, text=None):
        """A reload, whose end is to be waited for: of `text`, or of one service
        more."""
        self.one.reload_config(text or self.before + configs.plain(
            self.more, server or self.far, name="more"))
        self.asked = peers.in_background(
            processes.command, self.one, "reload",
            timeout=PATIENCE_S + sallyport.PATIENCE)

    def answer(self):
        return self.asked.result(PATIENCE_S + sallyport.PATIENCE)

    def generation(self):
        return processes.status(self.one)["master"]["generation"]

    def _listening(self):
        return processes.kinds(self.one.pid)["tcp-listen"]

    def assert_served(self):
        for secure in (False, True):
            with self.connect(secure) as peer:
                assert is_served(peer)

    def assert_as_before(self):
        """The old state, whole."""
        assert processes.wait_roles(self.one.pid, ROLES) == self.roles
        assert self._listening() == self.listening
        # Workers that have prepared give it up when they hear of it.
        sallyport.wait_until(lambda: peers.is_refused(self.more), "a refusal")
        assert self.generation() == 1
        assert all(map(is_served, self.held))
        self.assert_served()

    def held_by(self, pid):
        """Those of the held connections that this process holds."""
        return [peer for peer in self.held if self.one.wait_holder(
            peer.socket.getsockname()[1]) == pid]

    def assert_changed(self):
        """The new one, whole: by every worker, though on a busy machine one
        may hand all of some clients to the other."""
        sallyport.wait_until(
            lambda: self._listening() == self.listening + 2, "the sockets")
        found = processes.wait_roles(self.one.pid, ROLES)
        workers = {found["w0"], found["w1"]}
        sallyport.wait_until(lambda: self._holders() == workers,
                             "each worker to serve at the new port")
        self.assert_served()

    def _holders(self):
        """Those that hold some of as many new clients as both take some of."""
        many = [peers.connect(self.more) for _ in range(16)]
        assert all(map(is_served, many))
        found = {self.one.wait_holder(peer.socket.getsockname()[1])
                 for peer in many}
        for peer in many:
            peer.close()
        return found

    def assert_made(self, replaced=None):
        """The reload is made, and no process but `replaced` is another."""
        if replaced:
            self.wait_replaced(replaced)
        else:
            assert processes.wait_roles(self.one.pid, ROLES) == self.roles
            assert all(map(is_served, self.held))
        self.assert_changed()

    def assert_mends(self):
        self.ask()
        done = self.answer()
        assert done.returncode == 0, done.stderr
        self.assert_changed()

    def wait_replaced(self, role):
        self.roles[role] = processes.wait_replaced(self.one.pid, role,
                                                   self.roles[role])
        assert processes.wait_roles(self.one.pid, ROLES) == self.roles


@pytest.fixture
def daemon(relay, server, certs):
    """daemon(...): a Daemon; at the end none of its processes is stopped."""
    started = []
    far = server(peers.echo, timeout=2 * PATIENCE_S + sallyport.PATIENCE)

    def start(**options):
        started.append(Daemon(relay, far.port, certs, **options))
        return started[-1]
    yield start
    for one in started:
        one.close()


# The trial.

@pytest.fixture
def silent_dns(dns):
    """A names.Silence at the address of `dns`."""
    with names.Silence(dns.address) as one:
        yield one


def trial_of(one):
    return sallyport.wait_until(
        lambda: processes.roles(one.pid).get("trial"), "the trial")


@pytest.fixture
def daemon_in_trial(daemon, within, dns, silent_dns):
    """A daemon whose trial waits for an answer from the DNS.  What takes long
    on a slow machine is looked up before, for the trial waits seconds only."""
    one = daemon(within=within("", dns.address))
    one.of_w0 = one.held_by(one.roles["w0"])
    one.ask(f"far.example.test:{one.far}")
    sallyport.wait_until(silent_dns.was_asked, "the DNS to be asked")
    return one


def test_reload_fails_when_its_trial_dies(daemon_in_trial):
    """A reload whose trial dies fails, says so, and changes nothing; the next
    one works."""
    one = daemon_in_trial
    os.kill(trial_of(one.one), signal.SIGKILL)
    done = one.answer()
    assert done.returncode == 1
    assert "the process that tried the configuration ended before it was " \
        "done; the log may say why" in done.stderr
    assert one.one.matching(r"error trial \(pid \d+\) died by signal 9 ")
    one.assert_as_before()
    one.assert_mends()


@pytest.mark.promise(47)
def test_trial_holds_no_socket_of_others(daemon_in_trial):
    """The trial has no listening socket, no channel to a process but the
    master and the scout, and no log (promise 47)."""
    one = daemon_in_trial
    trial = trial_of(one.one)
    held = processes.kinds(trial)
    for kind in "eventpoll", "pipe", "eventfd":
        held.pop(kind, None)
    assert held.pop("memfd") in (1, 2)      # with keys, and without
    assert held == {"/dev/null": 2, "unix-seqpacket": 2}
    os.kill(trial, signal.SIGKILL)
    assert one.answer().returncode == 1


def says_as_trial(one, kind, text, service, fds=(), device=0, inode=0):
    """The trial has been taken over, and requests a socket."""
    channel = processes.channel(trial_of(one.one), one.one.pid)
    socket.send_fds(channel, [struct.pack(
        "=IIQQQIIII", messages.TYPES[kind], 40 + len(text), 1, device, inode,
        0, service, 0, 1) + text], fds)
    channel.close()
    assert one.answer().returncode == 1


def test_trial_that_names_an_unknown_service_is_killed(daemon_in_trial):
    """A trial that has been taken over and names a service that does not exist
    is killed; nothing changes (promise 47)."""
    one = daemon_in_trial
    says_as_trial(one, "WANTED", f"127.0.0.1:{one.port}\0\0".encode(), 1 << 31)
    assert one.one.matching(r"error trial \(pid \d+\) names a service that "
                            r"there is not, and is killed")
    one.assert_as_before()
    one.assert_mends()


def test_trial_that_names_a_foreign_file_is_killed(daemon_in_trial, tmp_path):
    """A trial that has been taken over gets no file removed or its mode
    changed but sockets of the configuration (promise 47)."""
    one = daemon_in_trial
    victim = tmp_path / "precious"
    victim.write_text("all of it")
    victim.chmod(0o600)
    file = victim.stat()
    with socket.socket(socket.AF_UNIX) as bound:
        says_as_trial(one, "BOUND", f"unix:{victim}\0{victim}\0".encode(), 0,
                      [bound.fileno()], file.st_dev, file.st_ino)
    assert one.one.matching(r"error trial \(pid \d+\) names a path that is "
                            r"not the service's, and is killed")
    assert victim.read_text() == "all of it"
    assert victim.stat().st_mode & 0o777 == 0o600
    one.assert_as_before()
    one.assert_mends()


def test_worker_that_dies_during_the_trial_is_replaced(daemon_in_trial):
    """A worker that dies during the trial is replaced at once, by one with the
    active configuration."""
    one = daemon_in_trial
    victim = one.roles["w0"]
    os.kill(victim, signal.SIGKILL)
    one.held = [peer for peer in one.held if peer not in one.of_w0]
    trial = trial_of(one.one)
    new = processes.wait_replaced(one.one.pid, "w0", victim)
    one.assert_served()
    assert not one.asked.done()
    os.kill(trial, signal.SIGKILL)
    assert one.answer().returncode == 1
    one.roles["w0"] = new
    one.assert_as_before()
    one.assert_mends()


# Workers, after the trial.

def stop_before_commit(one, text=None):
    """All but w1 have prepared, which stands still; when w0 is stopped too, w1
    goes on: so all but w0 commit."""
    processes.stop(one.roles["w1"])
    with processes.channel(one.roles["w0"], one.one.pid) as first, \
            processes.channel(one.roles["w1"], one.one.pid) as last:
        one.ask(text=text)
        # What w0 is sent, it is sent before w1 is sent the first of it.
        sallyport.wait_until(lambda: processes.unread(last),
                             "w1 to be told to prepare")
        sallyport.wait_until(
            lambda: not processes.unread(first) and
            processes.state(one.roles["w0"]) == "S", "w0 to have prepared")
    assert one.generation() == 1
    processes.stop(one.roles["w0"])
    os.kill(one.roles["w1"], signal.SIGCONT)
    sallyport.wait_until(lambda: one.generation() == 2, "the commit")
    assert not one.asked.done()


def assert_others_have_committed(one):
    """The worker that stands still has its share of the clients waiting."""
    many = [peers.connect(one.more) for _ in range(20)]
    for peer in many:
        peer.send(b"?")
    own = [peer.socket.getsockname()[1] for peer in many]
    sallyport.wait_until(lambda: one.roles["w1"] in map(one.one.holder, own),
                         "w1 to serve at the new port")
    return many


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_reload_waits_for_a_stopped_worker(daemon, number):
    """A reload that one worker has not committed waits for it; it is made when
    that worker goes on, or by its replacement when it dies."""
    one = daemon()
    stop_before_commit(one)
    many = assert_others_have_committed(one)
    os.kill(one.roles["w0"], number)
    assert one.answer().returncode == 0
    for peer in many:
        assert peer.recv_exactly(1) == b"?"
        peer.close()
    one.assert_made(None if number == signal.SIGCONT else "w0")


def shut_down(pid, port):
    """The listening sockets for that port that the process has."""
    found = 0
    for _, _, own in processes.each_socket(pid):
        if own.family == socket.AF_INET and own.getsockname()[1] == port \
                and own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            own.shutdown(socket.SHUT_RDWR)
            found += 1
    return found


def test_socket_that_is_shut_down_during_the_commit_is_bound_again(
        daemon, certs):
    """A listening socket that a process shuts down during the commit is bound
    again for its own service, whose number has changed."""
    one = daemon()
    stop_before_commit(one, configs.tls(one.secure, one.far, certs,
                                        name="secure"))
    assert shut_down(one.one.pid, one.secure) == 2
    os.kill(one.roles["w0"], signal.SIGKILL)
    assert one.answer().returncode == 0
    one.one.wait_log("error secure: the listening socket of .* was shut down "
                     "by a process that has it; it listens again", count=2)
    one.wait_replaced("w0")
    for _ in range(8):
        with one.connect(True) as peer:
            assert is_served(peer)


# Keepers.

def stop_keeper(one):
    processes.stop(one.roles["k0"])
    with processes.channel(one.roles["w1"], one.one.pid) as last:
        one.ask()
        with processes.channel(one.roles["k0"], one.one.pid) as own:
            sallyport.wait_until(lambda: processes.unread(own),
                                 "the keeper to be told to prepare")
        sallyport.wait_until(
            lambda: not processes.unread(last) and
            processes.state(one.roles["w1"]) == "S",
            "the workers to have prepared")
    assert not one.asked.done()
    assert one.generation() == 1
    assert is_served_without_keys(one)


def is_served_without_keys(one):
    """Plain clients, new and held, are."""
    with one.connect() as peer:
        return is_served(peer) and all(map(is_served, one.held))


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_reload_waits_for_a_stopped_keeper(daemon, number):
    """A reload waits for a keeper that does not prepare, clients do not; it is
    made when the keeper goes on, or by its replacement when it dies."""
    one = daemon()
    stop_keeper(one)
    os.kill(one.roles["k0"], number)
    assert one.answer().returncode == 0
    one.assert_made(None if number == signal.SIGCONT else "k0")


# A process that says no to what the trial has passed.

def packet(name, payload):
    return struct.pack("=II", messages.TYPES[name], len(payload)) + payload


@pytest.mark.parametrize("role", ["w0", "k0"])
def test_child_that_refuses_a_reload_is_replaced(daemon, role):
    """A worker or keeper that refuses what the trial has passed is killed and
    replaced, and the reload is made."""
    one = daemon()
    victim = one.roles[role]
    processes.stop(victim)
    with processes.channel(victim, one.one.pid) as own:
        one.ask()
        sallyport.wait_until(lambda: processes.unread(own),
                             f"{role} to be told to prepare")
        own.send(packet("FAULT", b"I do not like it"))
        own.send(packet("PREPARED", struct.pack("=QII", 2, 0, 0)))
    done = one.answer()
    assert done.returncode == 0, done.stderr
    one.one.wait_log(rf"error .*\(pid {victim}\) could not load the "
                     "configuration that was tried, and is killed and "
                     "replaced: I do not like it")
    one.wait_replaced(role)
    one.assert_changed()
    assert processes.reload(one.one)


def test_reload_is_made_when_a_worker_dies_preparing(daemon):
    """A reload is made although a worker dies while it prepares; its
    replacement has the new configuration."""
    one = daemon()
    victim = one.roles["w0"]
    processes.stop(victim)
    with processes.channel(victim, one.one.pid) as own:
        one.ask()
        sallyport.wait_until(lambda: processes.unread(own),
                             "w0 to be told to prepare")
    os.kill(victim, signal.SIGKILL)
    assert one.answer().returncode == 0
    one.wait_replaced("w0")
    one.assert_changed()


# What comes after the wait is what comes after a death, which other tests have.
@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="half a minute in which sanitizers see nothing")
@pytest.mark.slow
def test_reload_ends_although_a_process_hangs(daemon, within, dns, silent_dns):
    """A reload whose trial hangs fails in time; a worker or keeper that hangs
    is killed and replaced, and the reload is made."""
    trying = daemon(within=within("", dns.address))
    trying.ask(f"far.example.test:{trying.far}")
    sallyport.wait_until(silent_dns.was_asked, "the DNS to be asked")
    trial = trial_of(trying.one)
    processes.stop(trial)
    preparing, keeping, committing = daemon(), daemon(), daemon()
    processes.stop(preparing.roles["w0"])
    preparing.ask()
    stop_keeper(keeping)
    stop_before_commit(committing)
    many = assert_others_have_committed(committing)

    done = trying.answer()
    assert done.returncode == 1
    assert f"trying the configuration took longer than {PATIENCE_S} s" in \
        done.stderr
    processes.wait_gone([trial])
    trying.assert_as_before()
    trying.assert_mends()
    for one, role in ((preparing, "w0"), (keeping, "k0")):
        assert one.answer().returncode == 0
        one.one.wait_log(rf"\(pid {one.roles[role]}\) has sent no heartbeat "
                         "for too long, and is killed")
        one.wait_replaced(role)
        one.assert_changed()
    assert committing.answer().returncode == 0
    for peer in many:
        assert peer.recv_exactly(1) == b"?"
        peer.close()
    committing.one.wait_log(
        rf"error worker 0 \(pid {committing.roles['w0']}\) died by signal 9 ")
    committing.wait_replaced("w0")
    committing.assert_changed()
