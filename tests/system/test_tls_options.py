"""What a handshake agrees on, as the options say: versions, ciphers, groups,
signatures, certificates, ALPN and SNI, on both legs."""
import subprocess

import pytest

import openssl
import peers


@pytest.fixture
def listen(relay, server, certs, free_port):
    """A TLS listener with these options, in front of an echo."""
    def start(*lines):
        far = server(peers.echo)
        port = free_port()
        listen = relay("\n".join((f"""
[service options]
listen = tls://127.0.0.1:{port}
connect = 127.0.0.1:{far.port}
""",) + (lines if any("listen.cert" in line for line in lines) else
         (f"listen.cert = {certs}/server-both.pem",) + lines)))
        listen.port = port
        return listen
    return start


def agree(door, *options):
    """Echoes through the relay; what the client printed, and the end line."""
    with openssl.Client(door.port, *options) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        text = client.end()
    return text, door.wait_ends()[-1]


def fail(door, *options):
    """The client's handshake fails; what it printed, and the end line."""
    count = len(door.ends())
    with openssl.Client(door.port, *options) as client:
        text = client.end()
    assert "CONNECTION ESTABLISHED" not in text
    end = door.wait_ends(count + 1)[-1]
    assert end["reason"] == "handshake-failed"
    return text, end


@pytest.fixture
def connect(relay, certs, free_port, client):
    """connect(server, ...): a relay with a TLS leg to that server, and
    `received` is what came back for the one line "abc"."""
    def start(far, *lines, host="localhost"):
        port = free_port()
        way = relay("\n".join((f"""
[service options]
listen = 127.0.0.1:{port}
connect = tls://{host}:{far.port}
connect.ca = {certs}/ca.pem
""",) + lines))
        near = client(port)
        near.send(b"abc\n")
        near.half_close()
        way.received = near.receive()
        return way
    return start


def shown(certs, name="server"):
    return ["-cert", certs / f"{name}.pem", "-key", certs / f"{name}.key"]


# Versions.

@pytest.mark.parametrize("line,good,bad", [
    ("listen.min_version = 1.3", "-tls1_3", "-tls1_2"),
    ("listen.max_version = 1.2", "-tls1_2", "-tls1_3"),
])
def test_listens_for_some_versions_only(listen, line, good, bad):
    door = listen(line)
    text, end = fail(door, bad)
    assert "alert protocol version" in text
    assert "unsupported protocol" in end["detail"]
    text, end = agree(door, good)
    assert end["listen_tls"] == good.replace("-tls", "TLSv").replace("_", ".")


@pytest.mark.parametrize("line,version", [
    ("connect.min_version = 1.3", "TLSv1.3"),
    ("connect.max_version = 1.2", "TLSv1.2"),
    ("", "TLSv1.3"),
])
def test_connects_with_some_versions_only(connect, certs, line, version):
    with openssl.Server(*shown(certs), echo=True) as far:
        way = connect(far, line)
        assert way.received.data == b"cba\n"
    assert way.wait_ends()[0]["connect_tls"] == version


@pytest.mark.parametrize("line,spoken", [
    ("connect.min_version = 1.3", "-tls1_2"),
    ("connect.max_version = 1.2", "-tls1_3"),
])
def test_connects_to_no_other_version(connect, certs, line, spoken):
    with openssl.Server(spoken, *shown(certs), echo=True) as far:
        way = connect(far, line)
        assert way.received.end == "reset"
    end, = way.wait_ends()
    assert end["reason"] == "handshake-failed"
    assert "alert protocol version" in end["detail"]


def test_never_speaks_less_than_1_2(listen):
    door = listen()
    text, end = fail(door, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert "unsupported protocol" in end["detail"]


# Ciphers, groups, signatures.

LISTENS = {
    "cipher of 1.2": ("listen.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256",
                      ("-tls1_2",), "Ciphersuite: ECDHE-ECDSA-AES128-GCM-SH"),
    "suite of 1.3": ("listen.ciphersuites = TLS_CHACHA20_POLY1305_SHA256",
                     ("-tls1_3",), "Ciphersuite: TLS_CHACHA20_POLY1305_SHA2"),
    "group": ("listen.groups = P-384", (), "Server Temp Key: ECDH, secp384r1"),
    "signature": ("listen.sigalgs = ECDSA+SHA256", (), "Hash used: SHA256"),
}


@pytest.mark.parametrize("case", LISTENS)
def test_listens_with_these(listen, case):
    line, options, words = LISTENS[case]
    text, _ = agree(listen(line), *options)
    assert words in text


NOTHING_SHARED = {
    "cipher of 1.2": ("listen.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256",
                      ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                      "no shared cipher"),
    "suite of 1.3": ("listen.ciphersuites = TLS_CHACHA20_POLY1305_SHA256",
                     ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
                     "no shared cipher"),
    "group": ("listen.groups = P-384", ("-groups", "X25519"),
              "no suitable key share"),
    "signature": ("listen.sigalgs = ECDSA+SHA256",
                  ("-tls1_3", "-sigalgs", "RSA-PSS+SHA256"),
                  "no shared signature algorithms"),
}


@pytest.mark.parametrize("case", NOTHING_SHARED)
def test_says_that_nothing_is_shared(listen, case):
    line, options, words = NOTHING_SHARED[case]
    text, end = fail(listen(line), *options)
    assert "alert handshake failure" in text
    assert words in end["detail"]


@pytest.mark.parametrize("line,spoken,cipher", [
    ("connect.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2",
     "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("connect.ciphersuites = TLS_AES_128_GCM_SHA256", "-tls1_3",
     "TLS_AES_128_GCM_SHA256"),
])
def test_connects_with_these(connect, certs, line, spoken, cipher):
    with openssl.Server(spoken, *shown(certs), echo=True) as far:
        way = connect(far, line)
    assert way.wait_ends()[0]["connect_cipher"] == cipher


# Certificates.

@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("first,second", [("server", "server-rsa"),
                                          ("server-rsa", "server")])
@pytest.mark.parametrize("offered,signed,subject", [
    ("RSA-PSS+SHA256", "Signature type: RSA-PSS", "CN = server-rsa"),
    ("ECDSA+SHA256", "Signature type: ECDSA", "CN = server"),
])
def test_shows_the_certificate_that_a_client_can_use(
        listen, certs, version, first, second, offered, signed, subject):
    door = listen(*(f"listen.{part} = {certs}/{name}.{end}"
                    for name in (first, second)
                    for part, end in (("cert", "pem"), ("key", "key"))))
    text, _ = agree(door, version, "-sigalgs", offered,
                    "-CAfile", certs / "ca.pem")
    assert signed in text
    assert f"{subject}\n" in text
    assert "Verification: OK" in text


def test_sends_the_chain(listen, certs):
    door = listen(f"listen.cert = {certs}/server-chain.pem",
                  f"listen.key = {certs}/server-chain.key")
    text, _ = agree(door, "-CAfile", certs / "ca.pem")
    assert "Verification: OK" in text


def test_reads_an_encrypted_key(listen, certs):
    door = listen(f"listen.cert = {certs}/server-encrypted.pem",
                  f"listen.key = {certs}/server-encrypted.key",
                  f"listen.passphrase_file = {certs}/server-encrypted.pass")
    text, _ = agree(door, "-CAfile", certs / "ca.pem")
    assert "Verification: OK" in text


def test_shows_a_certificate_of_an_encrypted_key(connect, server, certs,
                                                 tmp_path):
    key, word = tmp_path / "client.key", tmp_path / "client.pass"
    word.write_text("correct horse\n")
    subprocess.run(["openssl", "pkey", "-in", certs / "client.key", "-aes256",
                    "-passout", f"file:{word}", "-out", key], check=True)
    far = server(peers.echo,
                 tls=peers.server_context(certs, client_ca="ca.pem"))
    way = connect(far, f"connect.cert = {certs}/client.pem",
                  f"connect.key = {key}", f"connect.passphrase_file = {word}")
    assert way.received.data == b"abc\n"


# ALPN and SNI.

@pytest.mark.parametrize("offered,chosen", [
    ("http/1.1,h2", "h2"),          # the listener's order counts
    ("spdy/1,http/1.1", "http/1.1"),
    (None, None),                   # a client without ALPN is welcome
])
def test_chooses_a_protocol(listen, offered, chosen):
    door = listen("listen.alpn = h2, http/1.1")
    _, end = agree(door, *(["-alpn", offered] if offered else []))
    assert end.get("listen_alpn") == chosen


def test_refuses_other_protocols(listen):
    text, end = fail(listen("listen.alpn = h2"), "-alpn", "http/1.1,imap")
    assert "alert no application protocol" in text
    assert "no application protocol" in end["detail"]


def test_offers_protocols(connect, certs):
    with openssl.Server(*shown(certs), "-alpn", "imap,h2",
                        echo=True) as far:
        way = connect(far, "connect.alpn = h2", "connect.alpn = imap")
    assert way.wait_ends()[0]["connect_alpn"] == "imap"


def test_tells_which_name_a_client_asked_for(listen):
    door = listen()
    _, end = agree(door, "-servername", "a.example.test")
    assert end["listen_sni"] == "a.example.test"
    _, end = agree(door, "-noservername")
    assert "listen_sni" not in end


@pytest.mark.parametrize("host,lines,sent", [
    ("localhost", (), "localhost"),
    ("127.0.0.1", (), None),
    ("127.0.0.1", ("connect.name = b.example.test",), "b.example.test"),
    ("localhost", ("connect.sni = none",), None),
    ("localhost", ("connect.sni = other.example.test",),
     "other.example.test"),
    ("localhost", ("connect.name = b.example.test",
                   "connect.sni = c.example.test"), "c.example.test"),
])
def test_asks_for_a_name(connect, server, certs, host, lines, sent):
    """As the server saw it."""
    seen = []
    context = peers.server_context(certs)
    context.sni_callback = lambda _peer, name, _context: seen.append(name)
    far = server(peers.echo, tls=context)
    way = connect(far, *lines, host=host)
    assert way.received.data == b"abc\n"
    assert seen == [sent]
    assert way.wait_ends()[0].get("connect_sni") == sent
