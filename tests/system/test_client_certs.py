"""Several certificates on the connect leg: each server is shown the one that it can
verify."""
import contextlib

import pytest

import configs
import peers
from identities import Pki

VERSIONS = ["1.2", "1.3"]


@pytest.fixture(scope="module")
def pkis(tmp_path_factory):
    """Three authorities, and a client's certificate of the first two."""
    made = {}
    for name in ("one", "two", "three"):
        made[name] = Pki(tmp_path_factory.mktemp(name), f"CA {name}")
        made[name].make("app", f"/CN=app of {name}", None)
    return made


@pytest.fixture
def relaying(relay, server, pkis, free_port):
    """relaying(version, lines, *certs) is a relay with a front for each server,
    and servers that verify clients by the authority of their name."""
    def start(version, lines, *certs):
        far = server(peers.echo)
        text, fronts = "", {}
        for name, pki in pkis.items():
            fronts[name], back = free_port(), free_port()
            text += configs.service(
                f"127.0.0.1:{fronts[name]}", f"tls://localhost:{back}",
                f"connect.ca = {pki.folder}/ca.pem",
                f"connect.max_version = {version}",
                *(line for cert in certs for line in (
                    f"connect.cert = {pkis[cert].folder}/app.pem",
                    f"connect.key = {pkis[cert].folder}/app.key")),
                name=f"to-{name}")
            text += configs.service(
                f"tls://127.0.0.1:{back}", far.port,
                f"listen.cert = {pki.folder}/server.pem",
                f"listen.key = {pki.folder}/server.key",
                f"listen.ca = {pki.folder}/ca.pem", *lines, name=name)
        one = relay(text)
        one.fronts = fronts
        return one
    return start


def visit(one, name):
    """The end lines of a connection, of the server's side and the other."""
    count = len(one.ends())
    with contextlib.suppress(EOFError, ConnectionError):
        with peers.connect(one.fronts[name]) as peer:
            assert peers.is_served(peer)
    ends = one.wait_ends(count + 2)[count:]
    return {end["service"]: end for end in ends}


@pytest.mark.parametrize("version", VERSIONS)
def test_server_is_shown_what_it_verifies(relaying, version):
    """Each server is shown the certificate of its authority, and one that has
    another authority none."""
    one = relaying(version, ["listen.verify = optional"], "one", "two")
    for name, peer in (("one", "CN=app of one"), ("two", "CN=app of two"),
                       ("three", None)):
        ends = visit(one, name)
        assert ends[name]["reason"] == "client-closed"
        assert ends[name].get("listen_peer") == peer


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_verifies_none_of_them_says_so(relaying, version):
    """Where a server insists on a certificate of another authority, the log says
    that none of those that are there has it."""
    one = relaying(version, ["listen.verify = required"], "one", "two")
    end = visit(one, "three")["to-three"]
    assert "the server wants a client certificate of another CA than those in " \
        "connect.cert have" in end["detail"]


@pytest.mark.parametrize("version", VERSIONS)
def test_single_certificate_is_shown_to_all(relaying, version):
    """Where there is one certificate, it is shown to any server that asks."""
    one = relaying(version, ["listen.verify = required"], "one")
    assert visit(one, "one")["one"]["listen_peer"] == "CN=app of one"
    end = visit(one, "two")["two"]
    assert "CN=app of one" in end["detail"]
