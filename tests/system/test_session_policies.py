"""Never let in by resumption: four services with different policies at one
address, told apart by the client's address alone, and sessions of each that are
shown to every other one."""
import contextlib
import socket
import ssl
import typing

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served
from test_allow import Pki

pytestmark = pytest.mark.usefixtures("two_workers")

SECRET = "one-secret-of-all-machines-0123456789abcdef"

# As long as a client may think about what it says.
LATE = 10 * sallyport.PATIENCE

POLICIES = ["open", "mutual", "other-ca", "named"]
SOURCES = {name: f"127.0.0.{9 + i}" for i, name in enumerate(POLICIES)}

# The certificate with which clients of a policy come, and the policies that it
# satisfies.
SHOWN = {"open": None, "mutual": "batch", "other-ca": "stranger",
         "named": "app"}
SATISFIED = {
    None: {"open"},
    "batch": {"open", "mutual"},
    "stranger": {"open", "other-ca"},
    "app": {"open", "mutual", "named"},
}

KINDS = {
    "1.2-id": (ssl.TLSVersion.TLSv1_2, False),
    "1.2-ticket": (ssl.TLSVersion.TLSv1_2, True),
    "1.3-ticket": (ssl.TLSVersion.TLSv1_3, True),
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Certificates of an authority, and one of another."""
    pki = Pki(tmp_path_factory.mktemp("fleet"))
    pki.make("app", "/CN=app", "DNS:app.fleet.test")
    pki.make("batch", "/CN=batch", "DNS:batch.fleet.test")
    pki.other = Pki(tmp_path_factory.mktemp("others"))
    pki.other.make("stranger", "/CN=app", "DNS:app.fleet.test")
    return pki


@pytest.fixture
def node(relay, server, fleet, tmp_path):
    """node() is a daemon with the four services at `port`; all such daemons have
    one secret for tickets."""
    far = server(peers.echo)
    secret = tmp_path / "tickets"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    trusts = "listen.verify = required", f"listen.ca = {fleet.folder}/ca.pem"
    policies = {
        "open": (),
        "mutual": trusts,
        "other-ca": (trusts[0], f"listen.ca = {fleet.other.folder}/ca.pem"),
        "named": (*trusts, "listen.allow = cn:app"),
    }

    def start():
        port = sallyport.free_port()
        one = relay(configs.settings(f"ticket_secret = {secret}") + "".join(
            configs.service(f"tls://127.0.0.1:{port}", far.port,
                            f"listen.match = from:{SOURCES[name]}/32",
                            f"listen.cert = {fleet.folder}/server.pem",
                            f"listen.key = {fleet.folder}/server.key",
                            f"timeout.handshake = {LATE}s",
                            *lines, name=name)
            for name, lines in policies.items()))
        one.port = port
        return one
    return start


class Visit(typing.NamedTuple):
    """What came of it."""

    served: bool
    resumed: bool
    session: typing.Any


def dial(one, policy, worker=None):
    """A connection from the address of the policy's clients, to that worker if
    one is named: others are held meanwhile, so that it is one's turn."""
    with contextlib.ExitStack() as others:
        while True:
            sock = socket.create_connection(
                ("127.0.0.1", one.port), sallyport.PATIENCE,
                (SOURCES[policy], 0))
            if worker is None or \
                    one.wait_holder(sock.getsockname()[1]) == worker:
                return sock
            others.enter_context(sock)


def visit(one, policy, context, session=None, worker=None):
    """One echoed word of a client, which shows its session."""
    peer = peers.TlsPeer(dial(one, policy, worker), context, "localhost",
                         session=session)
    try:
        peer.handshake()
        served = is_served(peer)
        return Visit(served, peer.resumed, peer.session)
    except (ssl.SSLError, ConnectionError, EOFError):
        return Visit(False, peer.resumed, None)
    finally:
        peer.close()


def make_context(fleet, policy, kind):
    version, tickets = KINDS[kind]
    name = SHOWN[policy]
    context = ssl.create_default_context(cafile=fleet.folder / "ca.pem")
    context.minimum_version = context.maximum_version = version
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    if name:
        folder = (fleet.other if name == "stranger" else fleet).folder
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def come_back(one, place, start):
    """Does what the place stands for.  Returns the daemon and the worker to
    which clients come back with sessions of the first worker of `one`."""
    first, second = (one.workers()[number] for number in sorted(one.workers()))
    if place == "same-worker":
        return one, first
    if place == "other-worker":
        return one, second
    if place == "reload":
        one.reload_config(one.config.read_text() + "max_connections = 99\n")
        processes.reload(one)
    elif place == "upgrade":
        assert processes.command(one, "upgrade").returncode == 0
    elif place == "other-node":
        return start(), None
    return one, None


@pytest.mark.promise(7, 8, 9)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["same-worker", "other-worker", "reload",
                                   "upgrade", "other-node"])
def test_session_of_one_policy_opens_no_other(node, fleet, place, kind):
    """A session is resumed where it was made, on each worker and node and after
    a change of either; under each other policy a client is judged by its own
    certificate, and let in or not as if it had no session."""
    one = node()
    contexts = {name: make_context(fleet, name, kind) for name in POLICIES}
    worker = one.workers()[min(one.workers())]
    made = {name: visit(one, name, contexts[name], worker=worker)
            for name in POLICIES}
    assert {(each.served, each.resumed) for each in made.values()} == \
        {(True, False)}
    there, worker = come_back(one, place, node)
    for before in POLICIES:
        for now in POLICIES:
            got = visit(there, now, contexts[before], made[before].session,
                        worker)
            assert got.served == (now in SATISFIED[SHOWN[before]]), \
                f"{before} -> {now}"
            assert got.resumed == (before == now and KINDS[kind][1]), \
                f"{before} -> {now}"
