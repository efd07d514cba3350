"""A reload in which somebody dies, or stands still, at the worst moment: it
fails or is made, whole in either case, and the next one is made."""
import os
import signal

import pytest

import configs
import names
import peers
import processes
import sallyport

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(os.geteuid() != 0,
                       reason="only root sees what waits for a process"),
]

EVERYBODY = ["w0", "w1", "k0", "obser"]
PATIENCE_S = 30         # of a stage, src/process/rollout.c


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


class Daemon:
    """Which is asked to listen at one more port."""

    def __init__(self, relay, far, certs, **options):
        self.port, self.secure, self.more = (
            sallyport.free_port() for _ in range(3))
        self.far = far
        self.trust = peers.client_context(certs)
        self.before = configs.plain(self.port, far, name="plain") + \
            configs.tls(self.secure, far, certs, name="secure")
        self.one = relay(self.before, **options)
        self.one.may_lose_children = True
        self.roles = processes.wait_roles(self.one.pid, EVERYBODY)
        self.held = [self.connect(turn % 2) for turn in range(8)]
        assert all(map(asks, self.held))
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

    def ask(self, server=None):
        """A reload, whose end is to be waited for."""
        self.one.reload_config(self.before + configs.plain(
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
                assert asks(peer)

    def assert_as_before(self):
        """The old state, whole."""
        assert processes.wait_roles(self.one.pid, EVERYBODY) == self.roles
        assert self._listening() == self.listening
        # Those who have prepared give it up when they hear of it.
        sallyport.wait_until(lambda: peers.is_refused(self.more), "a refusal")
        assert self.generation() == 1
        assert all(map(asks, self.held))
        self.assert_served()

    def assert_changed(self):
        """The new one, whole: by every worker, for as many as are held."""
        assert self._listening() == self.listening + 2
        many = [peers.connect(self.more) for _ in range(16)]
        assert all(map(asks, many))
        holders = {self.one.wait_holder(peer.socket.getsockname()[1])
                   for peer in many}
        for peer in many:
            peer.close()
        found = processes.wait_roles(self.one.pid, EVERYBODY)
        assert holders == {found["w0"], found["w1"]}
        self.assert_served()

    def assert_mends(self):
        self.ask()
        done = self.answer()
        assert done.returncode == 0, done.stderr
        self.assert_changed()

    def wait_replaced(self, role):
        before = self.roles[role]
        self.roles[role] = sallyport.wait_until(
            lambda: (lambda pid: pid if pid != before else None)(
                processes.roles(self.one.pid).get(role)), f"another {role}")
        assert processes.wait_roles(self.one.pid, EVERYBODY) == self.roles


@pytest.fixture
def daemon(relay, server, certs):
    """daemon(...): a Daemon; at the end nobody stands still."""
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
def silent(dns):
    with names.Silence(dns.address) as one:
        yield one


def trial_of(one):
    return sallyport.wait_until(
        lambda: processes.roles(one.pid).get("trial"), "the trial")


@pytest.fixture
def asked_of_dns(daemon, within, dns, silent):
    """A daemon whose trial waits for an answer from the DNS."""
    one = daemon(within=within("", dns.address))
    one.ask(f"far.example.test:{one.far}")
    sallyport.wait_until(silent.was_asked, "the DNS to be asked")
    return one


def test_trial_that_dies(asked_of_dns):
    one = asked_of_dns
    os.kill(trial_of(one.one), signal.SIGKILL)
    done = one.answer()
    assert done.returncode == 1
    assert "the process that tried the configuration ended before it was " \
        "done; the log may say why" in done.stderr
    assert one.one.matching(r"error trial \(pid \d+\) died by signal 9 ")
    one.assert_as_before()
    one.assert_mends()


def test_worker_that_dies_during_the_trial(asked_of_dns):
    """It is replaced at once, by one who serves what is in force."""
    one = asked_of_dns
    victim = one.roles["w0"]
    lost = [peer for peer in one.held if one.one.wait_holder(
        peer.socket.getsockname()[1]) == victim]
    os.kill(victim, signal.SIGKILL)
    one.held = [peer for peer in one.held if peer not in lost]
    trial = trial_of(one.one)
    sallyport.wait_until(
        lambda: processes.roles(one.one.pid).get("w0") not in (None, victim),
        "another worker")
    one.assert_served()
    assert not one.asked.done()
    os.kill(trial, signal.SIGKILL)
    assert one.answer().returncode == 1
    one.roles["w0"] = processes.roles(one.one.pid)["w0"]
    one.assert_as_before()
    one.assert_mends()


# Workers, after the trial.

def stop_before_switch(one):
    """Everybody has prepared but w1, who stands still; and when w0 does so
    too, w1 goes on: so all but w0 switch."""
    processes.stop(one.roles["w1"])
    with processes.way(one.roles["w0"], one.one.pid) as first, \
            processes.way(one.roles["w1"], one.one.pid) as last:
        one.ask()
        # What w0 is sent, it is sent before w1 is sent the first of it.
        sallyport.wait_until(lambda: processes.unread(last),
                             "w1 to be told to prepare")
        sallyport.wait_until(
            lambda: not processes.unread(first) and
            processes.state(one.roles["w0"]) == "S", "w0 to have prepared")
    assert one.generation() == 1
    processes.stop(one.roles["w0"])
    os.kill(one.roles["w1"], signal.SIGCONT)
    sallyport.wait_until(lambda: one.generation() == 2, "the switch")
    assert not one.asked.done()


def assert_others_have_switched(one):
    """The one who stands still has its share of the clients waiting."""
    many = [peers.connect(one.more) for _ in range(20)]
    for peer in many:
        peer.send(b"?")
    own = [peer.socket.getsockname()[1] for peer in many]
    sallyport.wait_until(lambda: one.roles["w1"] in map(one.one.holder, own),
                         "w1 to serve at the new port")
    return many


def test_worker_that_stands_still_before_the_switch(daemon):
    one = daemon()
    stop_before_switch(one)
    many = assert_others_have_switched(one)
    os.kill(one.roles["w0"], signal.SIGCONT)
    assert one.answer().returncode == 0
    for peer in many:
        assert peer.recv_exactly(1) == b"?"
        peer.close()
    assert processes.wait_roles(one.one.pid, EVERYBODY) == one.roles
    assert all(map(asks, one.held))
    one.assert_changed()


def test_worker_that_dies_before_the_switch(daemon):
    """The reload is made; who comes in its place begins with what is new."""
    one = daemon()
    stop_before_switch(one)
    many = assert_others_have_switched(one)
    os.kill(one.roles["w0"], signal.SIGKILL)
    assert one.answer().returncode == 0
    for peer in many:
        assert peer.recv_exactly(1) == b"?"
        peer.close()
    one.wait_replaced("w0")
    one.assert_changed()


# Keepers.

def stop_keeper(one):
    processes.stop(one.roles["k0"])
    with processes.way(one.roles["w1"], one.one.pid) as last:
        one.ask()
        with processes.way(one.roles["k0"], one.one.pid) as own:
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
    """Whom it takes no key to serve."""
    with one.connect() as peer:
        return asks(peer) and all(map(asks, one.held))


def test_keeper_that_stands_still(daemon):
    """All wait for it, clients do not."""
    one = daemon()
    stop_keeper(one)
    os.kill(one.roles["k0"], signal.SIGCONT)
    assert one.answer().returncode == 0
    assert processes.wait_roles(one.one.pid, EVERYBODY) == one.roles
    assert all(map(asks, one.held))
    one.assert_changed()


def test_keeper_that_dies_while_it_prepares(daemon):
    one = daemon()
    stop_keeper(one)
    os.kill(one.roles["k0"], signal.SIGKILL)
    done = one.answer()
    assert done.returncode == 1
    assert "ended while it loaded the configuration" in done.stderr
    one.wait_replaced("k0")
    one.assert_as_before()
    one.assert_mends()


# What comes after the wait is what comes after a death, which other tests have.
@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="half a minute in which sanitizers see nothing")
@pytest.mark.slow
def test_who_stands_still_for_good(daemon, within, dns, silent):
    """Each of four, of a daemon of its own: the reload ends after the patience
    of a stage."""
    trying = daemon(within=within("", dns.address))
    trying.ask(f"far.example.test:{trying.far}")
    sallyport.wait_until(silent.was_asked, "the DNS to be asked")
    trial = trial_of(trying.one)
    processes.stop(trial)
    preparing, keeping, switching = daemon(), daemon(), daemon()
    processes.stop(preparing.roles["w0"])
    preparing.ask()
    stop_keeper(keeping)
    stop_before_switch(switching)
    many = assert_others_have_switched(switching)

    def assert_failed(one, said):
        done = one.answer()
        assert done.returncode == 1
        assert f"{said} took longer than {PATIENCE_S} s" in done.stderr

    # Nobody but the trial is ended: who stands still may go on.
    assert_failed(trying, "trying the configuration")
    processes.wait_gone([trial])
    trying.assert_as_before()
    trying.assert_mends()
    for one, role in ((preparing, "w0"), (keeping, "k0")):
        assert_failed(one, "loading it in all processes")
        os.kill(one.roles[role], signal.SIGCONT)
        one.assert_as_before()
        one.assert_mends()
    # What is in force stays so; who does not take it up makes room.
    assert switching.answer().returncode == 0
    for peer in many:
        assert peer.recv_exactly(1) == b"?"
        peer.close()
    switching.one.wait_log(
        rf"error worker 0 \(pid {switching.roles['w0']}\) died by signal 9 ")
    switching.wait_replaced("w0")
    switching.assert_changed()
