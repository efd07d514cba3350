"""`allow`: which verified peers may, by what their certificate says of them."""
import re
import ssl

import pytest

import configs
import openssl
import peers
import processes
import sallyport
from identities import Pki, digest
from peers import is_served

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority with a certificate for each kind of name."""
    pki = Pki(tmp_path_factory.mktemp("fleet"))
    pki.make("app", "/O=Fleet/OU=web/CN=app",
             "DNS:app.fleet.test,URI:spiffe://fleet.test/ns/prod/sa/web,"
             "email:app@fleet.test,IP:192.0.2.7")
    pki.make("other", "/O=Fleet/OU=batch/CN=other",
             "DNS:other.batch.test,URI:spiffe://fleet.test/ns/dev/sa/job,"
             "email:other@batch.test,IP:2001:db8::7")
    pki.make("nameless", "/CN=Smith\\, John", None)
    return pki


def serving(relay, server, pki, *lines):
    far = server(peers.echo)
    port = sallyport.free_port()
    one = relay(configs.service(
        f"tls://127.0.0.1:{port}", far.port,
        f"listen.cert = {pki.folder}/server.pem",
        f"listen.key = {pki.folder}/server.key", "listen.verify = required",
        f"listen.ca = {pki.folder}/ca.pem",
        *(f"listen.allow = {line}" for line in lines), name="web"))
    one.port = port
    return one


def may(one, pki, name, version=None):
    """Whether that certificate is let in and served."""
    try:
        with peers.connect(one.port, tls=pki.context(name, version)) as peer:
            return is_served(peer)
    except (ssl.SSLError, ConnectionError, EOFError):
        return False


RULES = {
    "cn": (["cn:app"], ["app"]),
    "cn-with-blank": (['cn:"Smith, John"'], ["nameless"]),
    "ou": (["ou:batch"], ["other"]),
    "dns": (["dns:app.fleet.test"], ["app"]),
    "dns-wildcard": (["dns:*.batch.test"], ["other"]),
    "uri": (["uri:spiffe://fleet.test/ns/prod/sa/web"], ["app"]),
    "uri-segment": (["uri:spiffe://fleet.test/ns/*/sa/job"], ["other"]),
    "uri-rest": (["uri:spiffe://fleet.test/**"], ["app", "other"]),
    "email": (["email:app@fleet.test"], ["app"]),
    "email-host": (["email:*@batch.test"], ["other"]),
    "ip": (["ip:192.0.2.0/24"], ["app"]),
    "ip-v6": (["ip:2001:db8::/32"], ["other"]),
    "ip-one": (["ip:192.0.2.8"], []),
    "all-words": (["cn:app ou:batch"], []),
    "any-line": (["cn:app", "ou:batch"], ["app", "other"]),
    "none": (["cn:nobody"], []),
    "no-rule": ([], ["app", "other", "nameless"]),
}


@pytest.mark.parametrize("kind", RULES)
def test_only_who_is_allowed_is_let_in(relay, server, pki, kind):
    """With `listen.allow` those whose certificate a line is true of are let in,
    and no others; the log says why."""
    lines, allowed = RULES[kind]
    one = serving(relay, server, pki, *lines)
    for name in ("app", "other", "nameless"):
        assert may(one, pki, name) == (name in allowed), name
    assert not may(one, pki, None)
    if "other" not in allowed:
        one.wait_log("reason=handshake-failed.*certificate is good, but no line "
                     "of allow is true of it.*CN=other.*for other.batch.test")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_end_line_has_the_line_that_let_a_client_in(relay, server, pki, version):
    """The end line of a connection has the line of `listen.allow` that was true
    of the client, also where the session was resumed."""
    one = serving(relay, server, pki, "cn:nobody", "cn:app ou:web", "ou:batch")
    for name, line in (("app", "cn:app ou:web"), ("other", "ou:batch")):
        context, session = pki.context(name, version), None
        for resumed in ("no", "yes"):
            count = len(one.ends())
            with peers.connect(one.port, tls=context, session=session) as peer:
                assert is_served(peer)
                session = peer.session
            end = one.wait_ends(count + 1)[-1]
            assert (end["listen_allow"], end["listen_resumed"]) == \
                (line, resumed)


def test_keys_are_pinned(relay, server, pki):
    """A public key, or that of an issuer, is pinned by its digest."""
    one = serving(relay, server, pki,
                  f"spki:{digest(pki.folder / 'app.pem')}")
    assert may(one, pki, "app") and not may(one, pki, "other")
    one = serving(relay, server, pki,
                  f"issuer:spki:{digest(pki.folder / 'ca.pem')} cn:other")
    assert may(one, pki, "other") and not may(one, pki, "app")
    one = serving(relay, server, pki,
                  f"issuer:spki:{digest(pki.folder / 'app.pem')}")
    assert not may(one, pki, "app")


@pytest.mark.promise(7)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_session_does_not_outlive_the_rule(relay, server, pki, version):
    """A session that was made while a client was allowed is not resumed after a
    reload to rules that refuse it."""
    one = serving(relay, server, pki, "cn:app")
    context = pki.context("app", version)

    def visit(session=None):
        with peers.connect(one.port, tls=context, session=session) as peer:
            assert is_served(peer)
            return peer.session, peer.resumed
    session, _ = visit()
    assert visit(session)[1]
    one.config.write_text(one.config.read_text().replace("cn:app", "cn:other"))
    processes.reload(one)
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        visit(session)
    assert may(one, pki, "other", version)


def test_server_has_to_be_allowed(relay, server, pki):
    """With `connect.allow` a server with the right name is refused all the same
    if no line is true of its certificate."""
    with openssl.Server("-cert", pki.folder / "server.pem", "-key",
                        pki.folder / "server.key", echo=True) as far:
        ports = {name: sallyport.free_port() for name in ("server", "other")}
        one = relay("".join(configs.service(
            f"127.0.0.1:{port}", f"tls://localhost:{far.port}",
            f"connect.ca = {pki.folder}/ca.pem", f"connect.allow = cn:{name}",
            name=name) for name, port in ports.items()))
        with peers.connect(ports["server"]) as peer:
            peer.send(b"abc\n")
            assert peer.recv_exactly(4) == b"cba\n"
        with peers.connect(ports["other"]) as peer:
            peer.send(b"x")
            assert peer.receive().size == 0
        one.wait_log("service=other reason=handshake-failed.*no line of allow "
                     "is true of it")


@pytest.mark.parametrize("lines,said", [
    (["listen.allow = cn:app"],
     r"s.ini:\d+: \[service s\] listen.allow: needs listen.verify = required"),
    (["listen.verify = required", "listen.ca = {folder}/ca.pem",
      "listen.allow = app"],
     r"listen.allow: \"app\" is none of cn:NAME, ou:NAME"),
])
def test_rule_that_means_nothing_is_refused(pki, tmp_path, lines, said):
    """A rule that would let in more than it says is refused, and so is one
    that is no rule."""
    config = tmp_path / "s.ini"
    config.write_text(configs.service(
        "tls://127.0.0.1:1", "127.0.0.1:9",
        f"listen.cert = {pki.folder}/server.pem",
        f"listen.key = {pki.folder}/server.key",
        *(line.format(folder=pki.folder) for line in lines)))
    done = sallyport.sallyport("check", "-c", config)
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr
