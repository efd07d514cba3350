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
    pki.make("webserver", "/CN=app", "DNS:app.fleet.test", "serverAuth")
    pki.make("umlaut", "/CN=M\u00fcller \"K\"", "DNS:m.test")
    pki.make("workload", "/CN=workload", f"URI:{LONG_ID}")
    return pki


# Longer than a line of the configuration may be, as SPIFFE allows.
LONG_ID = "spiffe://fleet.test/" + "/".join(["segment"] * 200)


def serving(relay, server, pki, *lines, options=()):
    far = server(peers.echo)
    port = sallyport.free_port()
    one = relay(configs.service(
        f"tls://127.0.0.1:{port}", far.port,
        f"listen.cert = {pki.folder}/server.pem",
        f"listen.key = {pki.folder}/server.key", "listen.verify = required",
        f"listen.ca = {pki.folder}/ca.pem",
        *options, *(f"listen.allow = {line}" for line in lines), name="web"))
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


def test_name_in_a_refusal_is_escaped_once(relay, server, pki):
    """A name that is not of plain letters stands in the refusal as it does in the
    fields of an end line."""
    one = serving(relay, server, pki, "cn:app")
    assert not may(one, pki, "umlaut")
    one.wait_log(r"\(CN=M\\xc3\\xbcller \\x22K\\x22, depth 0, for m\.test\)")


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


@pytest.fixture
def rules(tmp_path):
    """rules(line, ...) writes them to a file, and returns its path."""
    def write(*lines):
        new = tmp_path / "new"
        new.write_text("".join(f"{line}\n" for line in lines))
        return new.rename(tmp_path / "rules.txt")
    return write


def test_rules_may_stand_in_a_file(relay, server, pki, rules):
    """Rules of `listen.allow_file` let clients in beside those of `listen.allow`,
    however long they are."""
    path = rules("# workloads", f"uri:{LONG_ID}", "", "ou:batch")
    one = serving(relay, server, pki, "cn:app",
                  options=[f"listen.allow_file = {path}"])
    assert [name for name in ("app", "other", "nameless", "workload")
            if may(one, pki, name)] == ["app", "other", "workload"]
    assert {end.get("listen_allow") for end in one.wait_ends(4)} == {
        "cn:app", "ou:batch", f"uri:{LONG_ID}"[:1021] + "...", None}


@pytest.mark.promise(7)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_changed_file_of_rules_takes_force(relay, server, pki, rules, version):
    """What changes in a file of rules is taken over without a reload: those
    who are let in no more are refused, with a session of before too; a
    connection that is there goes on.  A file that is no good is named with its
    line, and changes nothing."""
    path = rules("cn:app")
    one = serving(relay, server, pki,
                  options=[f"listen.allow_file = {path}"])
    context = pki.context("app", version)
    with peers.connect(one.port, tls=context) as old:
        assert is_served(old)
        session = old.session
        rules("cn:app", "cn:other", "nobody")
        one.wait_log(r"cannot reload changed certificate files, keeping the "
                     rf"previous ones: .*\[service web\] listen.allow_file: "
                     rf"{path}:3: \"nobody\" is none of cn:NAME")
        assert may(one, pki, "app", version)
        assert not may(one, pki, "other", version)
        rules("cn:other")
        one.wait_log("reloaded changed certificate files")
        assert may(one, pki, "other", version)
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
            with peers.connect(one.port, tls=context, session=session) as peer:
                is_served(peer)
        assert is_served(old)


def test_servers_rules_may_stand_in_a_file(relay, pki, rules):
    """`connect.allow_file` does the same for servers."""
    with openssl.Server("-cert", pki.folder / "server.pem", "-key",
                        pki.folder / "server.key", echo=True) as far:
        port = sallyport.free_port()
        one = relay(configs.service(
            f"127.0.0.1:{port}", f"tls://localhost:{far.port}",
            f"connect.ca = {pki.folder}/ca.pem",
            f"connect.allow_file = {rules('cn:server')}"))
        with peers.connect(port) as peer:
            peer.send(b"abc\n")
            assert peer.recv_exactly(4) == b"cba\n"
        assert one.wait_ends()[0]["connect_allow"] == "cn:server"
        rules("cn:other")
        one.wait_log("reloaded changed certificate files")
        with peers.connect(port) as peer:
            peer.send(b"x")
            assert peer.receive().size == 0
        one.wait_log("no line of allow is true of it")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_certificate_for_servers_is_no_client(relay, server, pki, version):
    """A client with a certificate for servers is refused, and the log names the
    option with which it is let in."""
    one = serving(relay, server, pki, "cn:app")
    assert not may(one, pki, "webserver", version)
    one.wait_log("not meant for a TLS client; public CAs issue none that is "
                 "since 2026, and listen.purpose = any lets it in")
    one = serving(relay, server, pki, "cn:app",
                  options=["listen.purpose = any"])
    assert may(one, pki, "webserver", version)
    assert not may(one, pki, "other", version)


def test_service_without_rules_says_so(relay, server, pki):
    """A service that lets in every client of its CA says so when it starts, and
    warns where these are the system's; one with rules does not."""
    one = serving(relay, server, pki)
    one.wait_log("info web: listen.verify: lets in every client with a "
                 "certificate of its CA; listen.allow would say which")
    one = serving(relay, server, pki, options=["listen.ca = system"])
    one.wait_log("warn web: listen.ca: system: lets in every client that has a "
                 "certificate of a public CA")
    one = serving(relay, server, pki, "cn:app", options=["listen.ca = system"])
    assert may(one, pki, "app")
    assert not one.matching("lets in every client")


@pytest.mark.parametrize("lines,said", [
    (["listen.allow = cn:app"],
     r"s.ini:\d+: \[service s\] listen.allow: needs listen.verify = required"),
    (["listen.allow_file = {folder}/ca.pem"],
     r"s.ini:\d+: \[service s\] listen.allow_file: needs listen.verify"),
    (["listen.verify = required", "listen.ca = {folder}/ca.pem",
      "listen.allow_file = {folder}/ca.pem"],
     r"s.ini:\d+: \[service s\] listen.allow_file: \S+/ca.pem:1: "),
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
