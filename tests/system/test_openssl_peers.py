"""Which clients are let in and which servers believed: the openssl program on
the other side of each leg, with certificates of every sort."""

import pytest

import openssl
import peers
import servers

VERSIONS = ["1.2", "1.3"]


def only(version):
    """The option of the openssl program."""
    return "-tls" + version.replace(".", "_")


def shown(certs, name):
    """Options that show a certificate; none without a name."""
    return ["-cert", certs / f"{name}.pem", "-key", certs / f"{name}.key"] \
        if name else []


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory, certs):
    """A folder with self-signed.pem and self-signed.key."""
    folder = tmp_path_factory.mktemp("self_signed")
    servers.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", folder / "self-signed.key",
                "-out", folder / "self-signed.pem", "-days", "30")
    return folder


def echoes(peer):
    """What `peer` gets through to the echo on the far side."""
    peer.say("hello there")
    peer.expect("^hello there$")
    peer.hang_up()
    return peer.end()


# The listen leg: clients are asked for a certificate.

REFUSED = {
    None: "peer did not return a certificate",
    "client-untrusted": "certificate was not issued by a trusted CA",
    "self-signed": "self-signed certificate is not trusted",
    "client-expired": "certificate has expired",
    "client-revoked": "certificate is revoked",
    "client-wrong-use": "certificate may not be used for this purpose",
    "client-nul": "certificate has a name that cannot be trusted",
}


@pytest.fixture
def acceptor(relay, server, certs, free_port):
    """acceptor(verify, option...) is a relay that asks TLS clients for a
    certificate, in front of the server `far`."""
    def start(verify, *lines):
        far = server(peers.echo)
        port = free_port()
        one = relay("\n".join((f"""
[service guarded]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
listen.verify = {verify}
listen.ca = {certs}/ca.pem
listen.crl = {certs}/ca.crl
connect = 127.0.0.1:{far.port}
""",) + lines))
        one.port, one.far = port, far
        return one
    return start


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verify,name", [
    ("none", None), ("none", "client-untrusted"), ("optional", None),
    ("optional", "client"), ("required", "client")])
def test_good_client_certificate_is_let_in(acceptor, certs, version, verify,
                                           name):
    """A client with a good certificate, or with none where none is required,
    is served."""
    one = acceptor(verify)
    with openssl.Client(one.port, only(version),
                        *shown(certs, name)) as client:
        echoes(client.connected())
    end, = one.wait_ends()
    assert (end["reason"], end["up"]) == ("client-closed", 12)
    assert end["listen_tls"] == f"TLSv{version}"


@pytest.mark.promise(8)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verify", ["required", "optional"])
def test_bad_client_certificate_is_refused(acceptor, certs, self_signed,
                                           version, verify):
    """A client with a bad certificate is refused even where none is required;
    the log says why, and nothing reaches the server."""
    refused = {name: words for name, words in REFUSED.items()
               if name or verify == "required"}
    one = acceptor(verify)
    for count, (name, words) in enumerate(refused.items(), 1):
        folder = self_signed if name == "self-signed" else certs
        with openssl.Client(one.port, only(version),
                            *shown(folder, name)) as client:
            # In TLS 1.3 the client learns it only when it reads.
            client.expect("alert")
        end = one.wait_ends(count)[-1]
        assert end["reason"] == "handshake-failed", name
        assert end["detail"].startswith("with the client: "), name
        assert words in end["detail"], name
        if name not in (None, "self-signed"):
            assert f"CN={name}" in end["detail"]
    assert not one.far.results


# The connect leg: servers are verified.

BELIEVED = {
    "by name": ("server", "localhost", ()),
    "by address": ("server", "127.0.0.1", ()),
    "wildcard": ("server", "127.0.0.1", ("connect.name = a.example.test",)),
    "with its chain": ("server-chain", "localhost", ()),
    "RSA": ("server-rsa", "localhost", ()),
    "another name": ("server-wrong-name", "localhost",
                     ("connect.name = elsewhere.test",)),
    "another address": ("server-wrong-name", "localhost",
                        ("connect.name = 192.0.2.1",)),
}
DOUBTED = {
    "expired": ("server-expired", "localhost", "certificate has expired"),
    "not yet": ("server-future", "localhost", "certificate is not yet valid"),
    "wrong name": ("server-wrong-name", "localhost",
                   "certificate has the wrong host name"),
    "wrong address": ("server-wrong-name", "127.0.0.1",
                      "certificate has the wrong IP address"),
    "untrusted": ("server-untrusted", "localhost",
                  "certificate was not issued by a trusted CA"),
    "self-signed": ("self-signed", "localhost",
                    "self-signed certificate is not trusted"),
    "incomplete chain": ("server-intermediate", "localhost",
                         "certificate was not issued by a trusted CA"),
    "revoked": ("server-revoked", "localhost", "certificate is revoked"),
    "wrong use": ("server-wrong-use", "localhost",
                  "certificate may not be used for this purpose"),
    "NUL in the name": ("server-nul", "localhost",
                        r"not for localhost but for localhost\x00.elsewhere"),
}


@pytest.fixture
def connector(relay, certs, free_port):
    """connector(target, option...) is a relay from a plain `port` to a TLS
    server."""
    def start(target, *lines):
        port = free_port()
        one = relay("\n".join((f"""
[service tunnel]
listen = 127.0.0.1:{port}
connect = tls://{target}
""",) + (lines or (f"connect.ca = {certs}/ca.pem",))))
        one.port = port
        return one
    return start


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", BELIEVED)
def test_good_server_certificate_is_believed(connector, certs, client, version,
                                             case):
    """A server whose chain and name are good is connected to."""
    name, host, lines = BELIEVED[case]
    with openssl.Server(only(version), *shown(certs, name),
                        "-chainCAfile", certs / f"{name}.pem",
                        echo=True) as far:
        one = connector(f"{host}:{far.port}", f"connect.ca = {certs}/ca.pem",
                        *lines)
        near = client(one.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
        near.half_close()
        assert near.receive().size == 0
    end, = one.wait_ends()
    assert end["connect_tls"] == f"TLSv{version}"
    assert end["connect_resumed"] == "no"


@pytest.mark.promise(11)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", DOUBTED)
def test_bad_server_certificate_is_refused(connector, certs, self_signed,
                                           client, version, case):
    """A server whose certificate is bad gets none of the client's bytes; the
    client is reset, and the log says why."""
    name, host, words = DOUBTED[case]
    folder = self_signed if name == "self-signed" else certs
    with openssl.Server(only(version), *shown(folder, name)) as far:
        one = connector(f"{host}:{far.port}", f"connect.ca = {certs}/ca.pem",
                        *([f"connect.crl = {certs}/ca.crl"]
                        if case == "revoked" else []))
        near = client(one.port)
        near.send(b"secret\n")
        assert near.receive().end == "reset"
        far.expect("alert")
        assert "secret" not in far.text()
    end, = one.wait_ends()
    assert (end["reason"], end["down"]) == ("handshake-failed", 0)
    assert end["detail"].startswith("with the server: ")
    assert words in end["detail"]


@pytest.mark.promise(11)
def test_log_says_which_name_was_wrong(connector, certs, client):
    """The log has the names of a server's certificate that is of another
    name."""
    with openssl.Server(*shown(certs, "server-wrong-name")) as far:
        one = connector(f"localhost:{far.port}")
        client(one.port).receive()
    detail = one.wait_ends()[0]["detail"]
    assert "not for localhost but for " in detail
    assert "elsewhere.test" in detail and "192.0.2.1" in detail


@pytest.mark.promise(11)
@pytest.mark.parametrize("name", ["server-expired", "server-wrong-name",
                                  "server-untrusted"])
def test_verify_none_believes_any_server(connector, certs, client, name):
    """`connect.verify = none` connects to any server, with a warning at the
    start."""
    with openssl.Server(*shown(certs, name), echo=True) as far:
        one = connector(f"localhost:{far.port}", "connect.verify = none")
        near = client(one.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
    assert one.matching(r" warn .*tunnel.*verif")


# The connect leg: the server asks for a certificate.

ASKS = ["-Verify", "1", "-verify_return_error"]


@pytest.mark.parametrize("version", VERSIONS)
def test_server_gets_the_configured_certificate(connector, certs, client,
                                                version):
    """A server that requires a certificate is shown the configured one."""
    with openssl.Server(only(version), *shown(certs, "server"), *ASKS,
                        "-CAfile", certs / "ca.pem", echo=True) as far:
        one = connector(f"localhost:{far.port}", f"connect.ca = {certs}/ca.pem",
                        f"connect.cert = {certs}/client.pem",
                        f"connect.key = {certs}/client.key")
        near = client(one.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
        far.expect("CN ?= ?client$")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name,words", [
    (None, ("alert handshake_failure", "alert certificate_required")),
    ("client-untrusted", ("alert unknown_ca",)),
    ("client-expired", ("alert certificate_expired",)),
])
def test_log_says_that_a_server_refused_our_certificate(connector, certs,
                                                        client, version, name,
                                                        words):
    """The log says which alert a server refused our certificate with; in TLS
    1.3 it comes after our handshake is done."""
    lines = [f"connect.cert = {certs}/{name}.pem",
             f"connect.key = {certs}/{name}.key"] if name else []
    with openssl.Server(only(version), *shown(certs, "server"), *ASKS,
                        "-CAfile", certs / "ca.pem") as far:
        one = connector(f"localhost:{far.port}", f"connect.ca = {certs}/ca.pem",
                        *lines)
        near = client(one.port)
        assert near.receive().end == "reset"
    end, = one.wait_ends()
    assert end["reason"] == \
        ("handshake-failed" if version == "1.2" else "tls-failed")
    assert any(word in end["detail"] for word in words)
