"""`connect.sni = client` and `connect.alpn = client`: what a client asked for is
passed on to its server."""
import contextlib
import ssl

import pytest

import configs
import openssl
import peers
import sallyport
from identities import Pki

VERSIONS = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("names"))
    pki.make("shop", "/CN=shop", "DNS:shop.test")
    return pki


@pytest.fixture
def passing(relay, pki, free_port):
    """passing(*lines) is a relay with TLS on both legs, towards a server that
    has a certificate for shop.test, and shows one for localhost to others."""
    with contextlib.ExitStack() as stack:
        def start(*lines, version=None):
            far = stack.enter_context(openssl.Server(
                "-cert", pki.folder / "server.pem", "-key",
                pki.folder / "server.key", "-servername", "shop.test",
                "-cert2", pki.folder / "shop.pem", "-key2",
                pki.folder / "shop.key", "-alpn", "h2,http/1.1", echo=True))
            port = free_port()
            one = relay(configs.settings("workers = 1") + configs.service(
                f"tls://127.0.0.1:{port}", f"tls://localhost:{far.port}",
                f"listen.cert = {pki.folder}/server.pem",
                f"listen.key = {pki.folder}/server.key",
                f"connect.ca = {pki.folder}/ca.pem",
                *([f"connect.max_version = {version}"] if version else []),
                *lines))
            one.port = port
            return one
        yield start


def visit(one, name=None, protocols=None):
    """The end line of a client that asks for that name, and offers those
    protocols."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    count = len(one.ends())
    with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):
        with peers.connect(one.port, tls=context, hostname=name) as peer:
            peer.send(b"abc\n")
            assert peer.recv_exactly(4) == b"cba\n"
    return one.wait_ends(count + 1)[-1]


def test_server_is_asked_for_the_clients_name(passing):
    """The server shows the certificate for the name that the client asked for,
    and must have one for it; where the client asked for none, for the host of
    the endpoint."""
    one = passing("connect.sni = client")
    end = visit(one, "shop.test")
    assert (end["reason"], end["connect_sni"]) == ("client-closed", "shop.test")
    assert end["connect_peer_san"] == "DNS:shop.test"
    end = visit(one)
    assert end["reason"] == "client-closed" and "connect_sni" not in end
    assert end["connect_peer_san"] == "DNS:localhost"
    end = visit(one, "other.test")
    assert end["reason"] == "handshake-failed"
    assert "not for other.test but for localhost" in end["detail"]


def test_name_to_verify_may_be_fixed(passing):
    """With `connect.name` that is the name in the certificate, whatever the
    client asks for."""
    one = passing("connect.sni = client", "connect.name = localhost")
    end = visit(one, "other.test")
    assert (end["reason"], end["connect_sni"]) == \
        ("client-closed", "other.test")
    end = visit(one, "shop.test")
    assert "not for localhost but for shop.test" in end["detail"]


def test_what_is_no_name_is_not_passed_on(passing):
    """Of a client that asks for what no host is called no name is sent."""
    end = visit(passing("connect.sni = client"), "no host")
    assert end["reason"] == "client-closed" and "connect_sni" not in end


@pytest.mark.promise(7)
@pytest.mark.parametrize("version", VERSIONS)
def test_session_is_resumed_for_the_same_name_only(passing, version):
    """A session with a server is resumed for clients that ask for the same
    name, and for no others."""
    one = passing("connect.sni = client", version=version[3:])
    assert [visit(one, name)["connect_resumed"]
            for name in ("shop.test", "localhost", None, "shop.test",
                         "localhost", None)] == ["no"] * 3 + ["yes"] * 3


def test_server_is_offered_what_was_agreed(passing):
    """The server is offered the protocol that was agreed with the client, and
    none where there was none."""
    one = passing("listen.alpn = h2, http/1.1", "connect.alpn = client")
    for offered, agreed in ((["http/1.1"], "http/1.1"),
                            (["http/1.1", "h2"], "h2"), (None, None)):
        end = visit(one, protocols=offered)
        assert end["reason"] == "client-closed"
        assert end.get("listen_alpn") == agreed
        assert end.get("connect_alpn") == agreed
