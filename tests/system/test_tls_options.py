"""What a handshake agrees on, as the options say: versions, ciphers, groups,
signatures, certificates, ALPN and SNI, on both legs."""
import contextlib
import re
import subprocess

import pytest

import openssl
import peers


@pytest.fixture
def acceptor(relay, server, certs, free_port):
    """A TLS listener with these options, in front of an echo."""
    def start(*lines):
        far = server(peers.echo)
        port = free_port()
        one = relay("\n".join((f"""
[service options]
listen = tls://127.0.0.1:{port}
connect = 127.0.0.1:{far.port}
""",) + (lines if any("listen.cert" in line for line in lines) else
         (f"listen.cert = {certs}/server-both.pem",) + lines)))
        one.port = port
        return one
    return start


def agree(one, *options):
    """Echoes through the relay; what the client printed, and the end line."""
    count = len(one.ends())
    with openssl.Client(one.port, *options) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        text = client.end()
    return text, one.wait_ends(count + 1)[-1]


def fail(one, *options):
    """The client's handshake fails; what it printed, and the end line."""
    count = len(one.ends())
    with openssl.Client(one.port, *options) as client:
        text = client.end()
    assert "CONNECTION ESTABLISHED" not in text
    end = one.wait_ends(count + 1)[-1]
    assert end["reason"] == "handshake-failed"
    return text, end


@pytest.fixture
def connector(relay, certs, free_port, client):
    """connector(server, ...): a relay with a TLS leg to that server, and
    `received` is what came back for the one line "abc"."""
    def start(far, *lines, host="localhost"):
        port = free_port()
        one = relay("\n".join((f"""
[service options]
listen = 127.0.0.1:{port}
connect = tls://{host}:{far.port}
connect.ca = {certs}/ca.pem
""",) + lines))
        near = client(port)
        # It may have been cut off by now, when no TLS comes about.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            near.send(b"abc\n")
            near.half_close()
        one.received = near.receive()
        return one
    return start


def shown(certs, name="server"):
    return ["-cert", certs / f"{name}.pem", "-key", certs / f"{name}.key"]


# Versions.

@pytest.mark.parametrize("line,good,bad", [
    ("listen.min_version = 1.3", "-tls1_3", "-tls1_2"),
    ("listen.max_version = 1.2", "-tls1_2", "-tls1_3"),
])
def test_listener_refuses_other_versions(acceptor, line, good, bad):
    """A listener with a minimum or maximum version refuses the others by an
    alert."""
    one = acceptor(line)
    text, end = fail(one, bad)
    assert "alert protocol version" in text
    assert "unsupported protocol" in end["detail"]
    text, end = agree(one, good)
    assert end["listen_tls"] == good.replace("-tls", "TLSv").replace("_", ".")


@pytest.mark.parametrize("line,version", [
    ("connect.min_version = 1.3", "TLSv1.3"),
    ("connect.max_version = 1.2", "TLSv1.2"),
    ("", "TLSv1.3"),
])
def test_connector_speaks_the_configured_versions(connector, certs, line,
                                                  version):
    """A TLS version between `connect.min_version` and `connect.max_version` is
    agreed on with a server."""
    with openssl.Server(*shown(certs), echo=True) as far:
        one = connector(far, line)
        assert one.received.data == b"cba\n"
    assert one.wait_ends()[0]["connect_tls"] == version


@pytest.mark.parametrize("line,spoken", [
    ("connect.min_version = 1.3", "-tls1_2"),
    ("connect.max_version = 1.2", "-tls1_3"),
])
def test_connector_refuses_other_versions(connector, certs, line, spoken):
    """A server that speaks only other versions is not connected to; the log
    names the alert."""
    with openssl.Server(spoken, *shown(certs), echo=True) as far:
        one = connector(far, line)
        assert one.received.end == "reset"
    end, = one.wait_ends()
    assert end["reason"] == "handshake-failed"
    assert "alert protocol_version" in end["detail"]


def test_listener_refuses_less_than_tls_1_2(acceptor):
    """A client of TLS 1.1 is refused."""
    one = acceptor()
    text, end = fail(one, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert "unsupported protocol" in end["detail"]


# Ciphers, groups, signatures.

LISTENS = {
    "cipher of 1.2": ("listen.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256",
                      ("-tls1_2",), "Ciphersuite: ECDHE-ECDSA-AES128-GCM-SH"),
    "suite of 1.3": ("listen.ciphersuites = TLS_CHACHA20_POLY1305_SHA256",
                     ("-tls1_3",), "Ciphersuite: TLS_CHACHA20_POLY1305_SHA2"),
    "group": ("listen.groups = P-384", (), "Temp Key: ECDH, secp384r1"),
    "signature": ("listen.sigalgs = ECDSA+SHA256", (), "Hash used: SHA256"),
}


@pytest.mark.parametrize("case", LISTENS)
def test_listener_uses_the_configured_parameters(acceptor, case):
    """The configured ciphers, groups and signature algorithms are agreed on
    with a client."""
    line, options, words = LISTENS[case]
    text, _ = agree(acceptor(line), *options)
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
def test_log_says_which_parameter_is_not_shared(acceptor, case):
    """A client that shares no cipher, group or signature algorithm gets an
    alert, and the log says which is missing."""
    line, options, words = NOTHING_SHARED[case]
    text, end = fail(acceptor(line), *options)
    assert "alert handshake failure" in text
    assert words in end["detail"]


@pytest.mark.parametrize("line,spoken,cipher", [
    ("connect.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2",
     "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("connect.ciphersuites = TLS_AES_128_GCM_SHA256", "-tls1_3",
     "TLS_AES_128_GCM_SHA256"),
])
def test_connector_uses_the_configured_ciphers(connector, certs, line, spoken,
                                               cipher):
    """The configured ciphers are agreed on with a server."""
    with openssl.Server(spoken, *shown(certs), echo=True) as far:
        one = connector(far, line)
    assert one.wait_ends()[0]["connect_cipher"] == cipher


@pytest.mark.promise(43)
@pytest.mark.parametrize("ciphers", ["ALL:@SECLEVEL=0",
                                     "DEFAULT:aNULL:@SECLEVEL=0"])
def test_server_without_a_certificate_is_refused(connector, ciphers):
    """A list of ciphers that includes those without certificates brings none
    of them; the low security level is reported at the start (promise 43)."""
    with openssl.Server("-nocert", "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0",
                        echo=True) as far:
        one = connector(far, f"connect.ciphers = {ciphers}")
        assert one.received.data == b""
    assert one.wait_ends()[0]["reason"] == "handshake-failed"
    assert one.matching("connect.ciphers: sets security level 0")


# Certificates.

@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("first,second", [("server", "server-rsa"),
                                          ("server-rsa", "server")])
@pytest.mark.parametrize("offered,signed,subject", [
    # As OpenSSL 3.0 and as 3.5 say it.
    ("RSA-PSS+SHA256", "RSA-PSS|rsa_pss_rsae_sha256", "server-rsa"),
    ("ECDSA+SHA256", "ECDSA|ecdsa_secp256r1_sha256", "server"),
])
def test_client_gets_the_certificate_it_can_use(acceptor, certs, version,
                                                first, second, offered, signed,
                                                subject):
    """A listener with an ECDSA and an RSA certificate shows the one that the
    client can verify."""
    one = acceptor(*(f"listen.{part} = {certs}/{name}.{end}"
                     for name in (first, second)
                     for part, end in (("cert", "pem"), ("key", "key"))))
    text, _ = agree(one, version, "-sigalgs", offered,
                    "-CAfile", certs / "ca.pem")
    assert re.search(f"^Signature type: ({signed})$", text, re.M)
    assert re.search(f"CN ?= ?{subject}$", text, re.M)
    assert "Verification: OK" in text


def test_listener_sends_the_chain(acceptor, certs):
    """A client gets the intermediate certificates too."""
    one = acceptor(f"listen.cert = {certs}/server-chain.pem",
                   f"listen.key = {certs}/server-chain.key")
    text, _ = agree(one, "-CAfile", certs / "ca.pem")
    assert "Verification: OK" in text


def test_listener_reads_an_encrypted_key(acceptor, certs):
    """A listener's key may be encrypted with a passphrase in a file."""
    one = acceptor(f"listen.cert = {certs}/server-encrypted.pem",
                   f"listen.key = {certs}/server-encrypted.key",
                   f"listen.passphrase_file = {certs}/server-encrypted.pass")
    text, _ = agree(one, "-CAfile", certs / "ca.pem")
    assert "Verification: OK" in text


def test_connector_reads_an_encrypted_key(connector, server, certs, tmp_path):
    """The key of the certificate for servers may be encrypted with a
    passphrase in a file."""
    key, word = tmp_path / "client.key", tmp_path / "client.pass"
    word.write_text("correct horse\n")
    subprocess.run(["openssl", "pkey", "-in", certs / "client.key", "-aes256",
                    "-passout", f"file:{word}", "-out", key], check=True)
    far = server(peers.echo,
                 tls=peers.server_context(certs, client_ca="ca.pem"))
    one = connector(far, f"connect.cert = {certs}/client.pem",
                    f"connect.key = {key}",
                    f"connect.passphrase_file = {word}")
    assert one.received.data == b"abc\n"


# ALPN and SNI.

@pytest.mark.parametrize("offered,chosen", [
    ("http/1.1,h2", "h2"),          # the listener's order counts
    ("spdy/1,http/1.1", "http/1.1"),
    (None, None),                   # a client without ALPN is welcome
])
def test_listener_chooses_a_protocol(acceptor, offered, chosen):
    """A listener chooses the first of its protocols that the client offers; a
    client without ALPN is served."""
    one = acceptor("listen.alpn = h2, http/1.1")
    _, end = agree(one, *(["-alpn", offered] if offered else []))
    assert end.get("listen_alpn") == chosen


@pytest.mark.promise(13)
def test_listener_refuses_other_protocols(acceptor):
    """A client that offers only other protocols gets an alert, and the log
    says so."""
    text, end = fail(acceptor("listen.alpn = h2"), "-alpn", "http/1.1,imap")
    assert "alert no application protocol" in text
    assert "no application protocol" in end["detail"]


def test_connector_offers_the_configured_protocols(connector, certs):
    """The configured protocols are offered to a server, and the log names the
    chosen one."""
    with openssl.Server(*shown(certs), "-alpn", "imap,h2",
                        echo=True) as far:
        one = connector(far, "connect.alpn = h2", "connect.alpn = imap")
    assert one.wait_ends()[0]["connect_alpn"] == "imap"


def test_log_names_the_server_name_of_a_client(acceptor):
    """The log has the server name (SNI) that a client sent."""
    one = acceptor()
    _, end = agree(one, "-servername", "a.example.test")
    assert end["listen_sni"] == "a.example.test"
    _, end = agree(one, "-noservername")
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
def test_connector_sends_the_configured_server_name(connector, server, certs,
                                                    host, lines, sent):
    """A server sees the configured server name (SNI), that of its own host, or
    none."""
    seen = []
    context = peers.server_context(certs)
    context.sni_callback = lambda _peer, name, _context: seen.append(name)
    far = server(peers.echo, tls=context)
    one = connector(far, *lines, host=host)
    assert one.received.data == b"abc\n"
    assert seen == [sent]
    assert one.wait_ends()[0].get("connect_sni") == sent
