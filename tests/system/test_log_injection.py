"""Nothing that a peer sends forges a line of the log, or carries a byte into
it that a terminal would obey."""
import contextlib
import json
import os
import re
import subprocess

import pytest

import configs
import libssl
import peers
import sallyport
from peers import is_served

pytestmark = pytest.mark.promise(29)

FORGED = b"\n2026-01-01T00:00:00.000Z info end service=forged reason=none"
NAMES = {
    "line": b"a" + FORGED,
    "fields": b'a" service=forged reason="none',
    "escape": b"a\x1b[2J\x1b]0;title\x07b",
    "bytes": bytes(range(1, 256)),
    "quote": b'\\" \' \\\\ \\n \\x41 %s%n%d',
    "json": b'a","service":"forged","b":"\\u000a',
    "utf8": "\u202egnp.exe \u2028 \x85 \ud83d".encode("utf-8",
                                                      "surrogatepass"),
    "longest": b"x" * 254 + b"\n",
}


def lines(one, form):
    """The log, every line of which must be well formed."""
    text = one.log.read_bytes()
    assert re.fullmatch(rb"[ -~\n]*", text), "printable ASCII only"
    for line in text.decode().splitlines():
        if form == "json":
            said = json.loads(line)
            assert said["level"] in ("info", "warn", "error", "debug")
        else:
            assert re.match(r"\S+ (info|warn|error|debug) ", line), line
    return text.decode().splitlines()


def the_end(one, form):
    """The one line about the connection."""
    one.wait_log('"event":"end"' if form == "json" else " (info|warn) end ")
    found = [line for line in lines(one, form) if "service=" in line
             and " end " in line or '"event":"end"' in line]
    assert len(found) == 1, found
    end = json.loads(found[0]) if form == "json" else \
        sallyport.parse_fields(found[0].split(" end ", 1)[1])
    assert end["service"] == "s"
    return end


def unescaped(text):
    """The bytes that \\xNN and \\\\ stand for; a value says what it was."""
    return re.sub(rb"\\x([0-9a-f]{2})",
                  lambda found: bytes([int(found.group(1), 16)]),
                  text.encode("latin-1"))


def tls_server(**options):
    """A handler that does the handshake and waits for a byte; the options are
    those of libssl.Tls."""
    def handler(peer):
        with libssl.Tls(peer.socket, **options) as far, \
                contextlib.suppress(ConnectionError):
            far.handshake()
            far.recv_exactly(1)
    return handler


@pytest.fixture(params=["text", "json"])
def form(request):
    return request.param


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sni_is_escaped(relay, certs, server, free_port, form, name, version):
    """A server name of any bytes stands in the log escaped, and can be read
    back."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings(f"log_format = {form}",
                                 "log_level = debug") +
                configs.tls(port, far.port, certs), ready="ready")
    with libssl.Tls(peers.open_socket(port), version=version,
                    sni=NAMES[name]) as peer:
        peer.handshake()
        assert is_served(peer)
    end = the_end(one, form)
    said = end["listen_sni"]
    if form == "text":      # where one more layer was undone
        assert said.encode("latin-1") == NAMES[name]
    else:
        assert unescaped(said) == NAMES[name]


@pytest.mark.parametrize("name", NAMES)
def test_offered_protocols_are_escaped(relay, certs, server, free_port, form,
                                       name):
    """The protocols that a client offers forge nothing, refused or not."""
    port, picky = free_port(), free_port()
    far = server(peers.echo)
    for refused in (False, True):
        one = relay(configs.settings(f"log_format = {form}") +
                    configs.tls(picky if refused else port, far.port, certs,
                                *(["listen.alpn = h2"] if refused else [])),
                    ready="ready")
        with libssl.Tls(peers.open_socket(picky if refused else port),
                        alpn=[NAMES[name]]) as peer:
            if refused:
                with pytest.raises(ConnectionError, match="no application"):
                    peer.handshake()
            else:
                peer.handshake()
        end = the_end(one, form)
        assert (end["reason"] == "handshake-failed") == refused
        one.stop()


@pytest.mark.parametrize("name", NAMES)
def test_protocol_of_a_server_is_escaped(relay, certs, server, client,
                                         free_port, form, name):
    """The protocol that a server chooses forges nothing."""
    port = free_port()

    far = server(tls_server(server=certs / "server", choice=NAMES[name]))
    one = relay(configs.settings(f"log_format = {form}") +
                configs.tls_out(port, far.port, certs, "connect.alpn = h2"),
                ready="ready")
    client(port).receive()
    the_end(one, form)


def make_certificate(certs, folder, subject, signer, names=b""):
    """A certificate whose names are any bytes: folder/odd.pem and .key."""
    (folder / "odd.conf").write_bytes(
        b"[req]\nprompt = no\ndistinguished_name = name\nutf8 = no\n"
        b"[name]\nCN = placeholder\n[ext]\n" +
        (b"subjectAltName = " + names + b"\n" if names else
         b"basicConstraints = CA:FALSE\n"))
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "odd.key",
         "-out", folder / "odd.csr", "-config", folder / "odd.conf",
         "-subj", b"/CN=" + subject.replace(b"\\", b"\\\\").replace(
             b"/", b"\\/").replace(b"+", b"\\+")],
        check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-req", "-in", folder / "odd.csr", "-CA",
         certs / f"{signer}.pem", "-CAkey", certs / f"{signer}.key",
         "-set_serial", "77", "-days", "10", "-out", folder / "odd.pem",
         "-extfile", folder / "odd.conf", "-extensions", "ext"],
        check=True, capture_output=True)


# A common name has at most 64 bytes: RFC 5280.
SUBJECTS = {
    "line": b"a\n2026-01-01T00:00:00.000Z info end service=forged",
    "fields": b'a" service=forged reason="none',
    "escape": b"a\x1b[2J\x1b]0;title\x07b",
    "bytes": bytes(range(1, 32)) + bytes(range(127, 160)),
    "json": b'a","service":"forged","b":"',
}


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_client_certificate_is_escaped(relay, certs, server, free_port,
                                       tmp_path, form, name, version):
    """The names in a refused client's certificate forge nothing."""
    port = free_port()
    far = server(peers.echo)
    make_certificate(certs, tmp_path, SUBJECTS[name], "other-ca")
    one = relay(configs.settings(f"log_format = {form}") +
                configs.tls(port, far.port, certs,
                            "listen.verify = required",
                            f"listen.ca = {certs}/ca.pem"), ready="ready")
    with libssl.Tls(peers.open_socket(port), version=version,
                    certificate=tmp_path / "odd") as peer:
        try:
            peer.handshake()
            peer.recv_exactly(1)
        except ConnectionError:
            pass
    end = the_end(one, form)
    assert end["reason"] == "handshake-failed"
    assert "issuer" in end["detail"] or "CN=" in end["detail"], end


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_identities_are_escaped(relay, certs, server, free_port, tmp_path, form,
                                name, version):
    """The names of both peers, which the line is to tell, forge nothing."""
    port = free_port()
    make_certificate(certs, tmp_path, SUBJECTS[name], "ca",
                     names=b"DNS:a\x1b[2Jb,URI:x\"\\ y=z")

    def answers(peer):
        with libssl.Tls(peer.socket, server=tmp_path / "odd") as far:
            far.handshake().send(far.recv_exactly(7))
            with contextlib.suppress(ConnectionError):
                far.recv_exactly(1)

    far = server(answers)
    one = relay(configs.settings(f"log_format = {form}") + configs.service(
        f"tls://127.0.0.1:{port}", f"tls://localhost:{far.port}",
        f"listen.cert = {certs}/server-both.pem", "listen.verify = required",
        f"listen.ca = {certs}/ca.pem", "connect.verify = none"),
        ready="ready")
    with libssl.Tls(peers.open_socket(port), version=version,
                    certificate=tmp_path / "odd") as peer:
        peer.handshake()
        assert is_served(peer, b"7 bytes")
    end = the_end(one, form)
    for leg in "listen", "connect":
        assert end[f"{leg}_peer"].startswith("CN="), end
        assert "DNS:a" in end[f"{leg}_peer_san"], end
        assert end[f"{leg}_peer_serial"] == "4D"


@pytest.mark.parametrize("name", SUBJECTS)
def test_server_certificate_is_escaped(relay, certs, server, client, free_port,
                                       tmp_path, form, name):
    """The names in a refused server's certificate forge nothing, and the log
    says which name was wanted."""
    port = free_port()
    make_certificate(certs, tmp_path, SUBJECTS[name], "ca")

    far = server(tls_server(server=tmp_path / "odd"))
    one = relay(configs.settings(f"log_format = {form}") +
                configs.tls_out(port, far.port, certs), ready="ready")
    assert client(port).receive().end == "reset"
    end = the_end(one, form)
    assert end["reason"] == "handshake-failed"
    assert "localhost" in end["detail"], end


@pytest.mark.parametrize("value", [
    b"DNS:a\x1b[2Jb", b"DNS:a\x07", b"DNS:x\xff", b"URI:x\x1b",
    b"email:a\x1b@b"])
def test_alternative_names_are_escaped(relay, certs, server, client, free_port,
                                       tmp_path, form, value):
    """The alternative names of a server's certificate forge nothing."""
    port = free_port()
    make_certificate(certs, tmp_path, b"odd", "ca", names=value)

    far = server(tls_server(server=tmp_path / "odd"))
    one = relay(configs.settings(f"log_format = {form}") +
                configs.tls_out(port, far.port, certs), ready="ready")
    assert peers.connect(port).receive().end == "reset"
    assert the_end(one, form)["reason"] == "handshake-failed"


def test_configuration_error_is_escaped(tmp_path):
    """Control bytes in a file do not reach the operator's terminal."""
    config = tmp_path / "bad.ini"
    config.write_bytes(b"[service s]\nlisten = unix:/tmp/\xc2\x9b31m\n"
                       b"connect = \x1b]0;x\x07:1\n\x1b[2J = x\n")
    for command, code in ("check", 1), ("run", os.EX_CONFIG):
        done = sallyport.sallyport(command, "-c", config)
        assert done.returncode == code
        assert re.fullmatch(r"[ -~\n]*", done.stderr), repr(done.stderr)


def test_file_name_is_escaped(tmp_path):
    """Control bytes in a file's name do not reach the operator's terminal."""
    odd = tmp_path / "a\n\x1b[2J.ini"
    for command, code in ("check", 1), ("run", os.EX_CONFIG):
        done = sallyport.sallyport(command, "-c", odd)
        assert done.returncode == code
        assert re.fullmatch(r"([ -~]*\n)+", done.stderr), repr(done.stderr)
