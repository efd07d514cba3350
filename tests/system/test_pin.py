"""`connect.pin`: servers known by their keys, with a CA or without."""
import contextlib
import re

import pytest

import configs
import openssl
import peers
import processes
from identities import Pki, command, digest

pytestmark = pytest.mark.usefixtures("two_workers")

VERSIONS = ["-tls1_2", "-tls1_3"]
OTHER = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, and a certificate that nobody issued, long expired."""
    pki = Pki(tmp_path_factory.mktemp("pins"))
    command("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            pki.folder / "alone.key", "-out", pki.folder / "alone.pem",
            "-days", 1, "-subj", "/CN=alone")
    return pki


@pytest.fixture
def relaying(relay, pki, free_port):
    """relaying(name, version, *lines) is a relay towards an openssl server with
    the certificate of that name."""
    servers = []

    def start(name, version, *lines):
        far = openssl.Server("-cert", pki.folder / f"{name}.pem", "-key",
                             pki.folder / f"{name}.key", version, echo=True)
        servers.append(far)
        one = relay(configs.service(
            f"127.0.0.1:{free_port()}", f"tls://localhost:{far.port}", *lines))
        one.port = int(re.search(r"listen = \S+:(\d+)",
                                 one.config.read_text()).group(1))
        return one
    yield start
    for far in servers:
        far.stop()


def visit(one):
    """The end line of a connection that sent a line."""
    count = len(one.ends())
    with peers.connect(one.port) as peer:
        with contextlib.suppress(EOFError, ConnectionError):
            peer.send(b"abc\n")
            assert peer.recv_exactly(4) == b"cba\n"
    return one.wait_ends(count + 1)[-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_pin_alone_lets_a_server_in(relaying, pki, version):
    """With `connect.verify = none` a server that nobody vouches for is known by
    its key, and nothing is warned of; one with another key is refused, and the
    log has the key that it showed."""
    pin = digest(pki.folder / "alone.pem")
    one = relaying("alone", version, "connect.verify = none",
                   f"connect.pin = {OTHER}", f"connect.pin = {pin}")
    assert visit(one)["connect_peer_verified"] == "pin"
    assert not one.matching("NOT CHECKED")
    one = relaying("alone", version, "connect.verify = none",
                   f"connect.pin = {OTHER}")
    end = visit(one)
    assert end["reason"] == "handshake-failed"
    assert "none that connect.pin names" in end["detail"]
    assert pin in end["detail"]


@pytest.mark.parametrize("version", VERSIONS)
def test_pin_and_authority_must_both_hold(relaying, pki, version):
    """With a CA the chain, the name and the key must hold."""
    pin = digest(pki.folder / "server.pem")
    ca = f"connect.ca = {pki.folder}/ca.pem"
    end = visit(relaying("server", version, ca, f"connect.pin = {pin}"))
    assert end["reason"] == "client-closed"
    assert "connect_peer_verified" not in end
    for lines, said in (([ca, f"connect.pin = {OTHER}"], "connect.pin names"),
                        ([f"connect.pin = {pin}"], "trusted"),
                        ([ca, f"connect.pin = {pin}", "connect.name = x.test"],
                         "wrong host name")):
        end = visit(relaying("server", version, *lines))
        assert end["reason"] == "handshake-failed" and said in end["detail"]


@pytest.mark.promise(7)
@pytest.mark.parametrize("version", VERSIONS)
def test_session_does_not_outlive_the_pin(relaying, pki, version):
    """After a reload to other pins no session that an old one vouched for is
    resumed with the server."""
    pin = digest(pki.folder / "alone.pem")
    one = relaying("alone", version, "connect.verify = none",
                   f"connect.pin = {pin}")
    while visit(one)["connect_resumed"] != "yes":
        pass
    one.config.write_text(one.config.read_text().replace(pin, OTHER))
    processes.reload(one)
    for _ in range(4):
        assert visit(one)["reason"] == "handshake-failed"
