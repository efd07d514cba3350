"""Who is let in, and which server is believed: the openssl program on the
other side of each leg, with certificates of every sort."""
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
def made(tmp_path_factory, certs):
    """A folder of certificates that nobody's authority has signed."""
    folder = tmp_path_factory.mktemp("made")
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
    "client-nul": "certificate has a name that nobody should trust",
}


@pytest.fixture
def listen(relay, server, certs, free_port):
    def start(verify, *lines):
        far = server(peers.echo)
        port = free_port()
        listen = relay("\n".join((f"""
[service guarded]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
listen.verify = {verify}
listen.ca = {certs}/ca.pem
listen.crl = {certs}/ca.crl
connect = 127.0.0.1:{far.port}
""",) + lines))
        listen.port, listen.far = port, far
        return listen
    return start


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verify,name", [
    ("none", None), ("none", "client-untrusted"), ("optional", None),
    ("optional", "client"), ("required", "client")])
def test_lets_clients_in(listen, certs, version, verify, name):
    door = listen(verify)
    with openssl.Client(door.port, only(version),
                        *shown(certs, name)) as client:
        echoes(client.connected())
    end, = door.wait_ends()
    assert (end["reason"], end["up"]) == ("client-closed", 12)
    assert end["listen_tls"] == f"TLSv{version}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verify", ["required", "optional"])
def test_refuses_clients(listen, certs, made, version, verify):
    """A bad certificate is refused even where none would do; the log says
    why, and nothing reaches the server."""
    refused = {name: words for name, words in REFUSED.items()
               if name or verify == "required"}
    door = listen(verify)
    for count, (name, words) in enumerate(refused.items(), 1):
        folder = made if name == "self-signed" else certs
        with openssl.Client(door.port, only(version),
                            *shown(folder, name)) as client:
            # In TLS 1.3 the client learns it only when it reads.
            client.expect("alert")
        end = door.wait_ends(count)[-1]
        assert end["reason"] == "handshake-failed", name
        assert end["detail"].startswith("with the client: "), name
        assert words in end["detail"], name
        if name not in (None, "self-signed"):
            assert f"CN={name}" in end["detail"]
    assert not door.far.results


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
def connect(relay, certs, free_port):
    def start(target, *lines):
        port = free_port()
        connect = relay("\n".join((f"""
[service tunnel]
listen = 127.0.0.1:{port}
connect = tls://{target}
""",) + (lines or (f"connect.ca = {certs}/ca.pem",))))
        connect.port = port
        return connect
    return start


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", BELIEVED)
def test_believes_servers(connect, certs, client, version, case):
    name, host, lines = BELIEVED[case]
    with openssl.Server(only(version), *shown(certs, name),
                        "-chainCAfile", certs / f"{name}.pem",
                        echo=True) as far:
        way = connect(f"{host}:{far.port}", f"connect.ca = {certs}/ca.pem",
                      *lines)
        near = client(way.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
        near.half_close()
        assert near.receive().size == 0
    end, = way.wait_ends()
    assert end["connect_tls"] == f"TLSv{version}"
    assert end["connect_resumed"] == "no"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", DOUBTED)
def test_doubts_servers(connect, certs, made, client, version, case):
    """The client is reset, and its bytes never reach that server."""
    name, host, words = DOUBTED[case]
    folder = made if name == "self-signed" else certs
    with openssl.Server(only(version), *shown(folder, name)) as far:
        way = connect(f"{host}:{far.port}", f"connect.ca = {certs}/ca.pem",
                      *([f"connect.crl = {certs}/ca.crl"]
                        if case == "revoked" else []))
        near = client(way.port)
        near.send(b"secret\n")
        assert near.receive().end == "reset"
        far.expect("alert")
        assert "secret" not in far.text()
    end, = way.wait_ends()
    assert (end["reason"], end["down"]) == ("handshake-failed", 0)
    assert end["detail"].startswith("with the server: ")
    assert words in end["detail"]


def test_says_which_name_was_wrong(connect, certs, client):
    with openssl.Server(*shown(certs, "server-wrong-name")) as far:
        way = connect(f"localhost:{far.port}")
        client(way.port).receive()
    detail = way.wait_ends()[0]["detail"]
    assert "not for localhost but for " in detail
    assert "elsewhere.test" in detail and "192.0.2.1" in detail


@pytest.mark.parametrize("name", ["server-expired", "server-wrong-name",
                                  "server-untrusted"])
def test_believes_anybody_if_told_so(connect, certs, client, name):
    with openssl.Server(*shown(certs, name), echo=True) as far:
        way = connect(f"localhost:{far.port}", "connect.verify = none")
        near = client(way.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
    assert way.matching(r" warn .*tunnel.*verif")


# The connect leg: the server asks for a certificate.

ASKS = ["-Verify", "1", "-verify_return_error"]


@pytest.mark.parametrize("version", VERSIONS)
def test_shows_its_certificate(connect, certs, client, version):
    with openssl.Server(only(version), *shown(certs, "server"), *ASKS,
                        "-CAfile", certs / "ca.pem", echo=True) as far:
        way = connect(f"localhost:{far.port}", f"connect.ca = {certs}/ca.pem",
                      f"connect.cert = {certs}/client.pem",
                      f"connect.key = {certs}/client.key")
        near = client(way.port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
        assert "CN = client" in far.text()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name,words", [
    (None, ("alert handshake failure", "alert certificate required")),
    ("client-untrusted", ("alert unknown ca",)),
    ("client-expired", ("alert certificate expired",)),
])
def test_says_that_a_server_refused_it(connect, certs, client, version, name,
                                       words):
    """In TLS 1.3 the refusal comes after our handshake is done."""
    lines = [f"connect.cert = {certs}/{name}.pem",
             f"connect.key = {certs}/{name}.key"] if name else []
    with openssl.Server(only(version), *shown(certs, "server"), *ASKS,
                        "-CAfile", certs / "ca.pem") as far:
        way = connect(f"localhost:{far.port}", f"connect.ca = {certs}/ca.pem",
                      *lines)
        near = client(way.port)
        assert near.receive().end == "reset"
    end, = way.wait_ends()
    assert end["reason"] == \
        ("handshake-failed" if version == "1.2" else "tls-failed")
    assert any(word in end["detail"] for word in words)
