"""What a peer may put into its handshake: a list of certificates that is too
long to be a chain is refused in words, a large certificate is let in."""
import shutil
import subprocess

import pytest

import configs
import openssl
import peers

JUNK = 200
LARGE = 95_000      # bytes in one certificate
VERSIONS = ["1.2", "1.3"]


@pytest.fixture(scope="module")
def long_certs(certs, tmp_path_factory):
    """The certificates, `long-server` and `long-client` with 200 behind their
    own, and `large`, self-signed."""
    folder = tmp_path_factory.mktemp("long")
    shutil.copytree(certs, folder, dirs_exist_ok=True)
    for name in ("server", "client"):
        own = (folder / f"{name}.pem").read_text()
        (folder / f"long-{name}.pem").write_text(own * (JUNK + 1))
        shutil.copy(folder / f"{name}.key", folder / f"long-{name}.key")
    (folder / "large.conf").write_text(
        "[req]\ndistinguished_name = name\n[name]\n[more]\n"
        "extendedKeyUsage = clientAuth\n"
        f"1.2.3.4 = ASN1:UTF8String:{'x' * LARGE}\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", "large.key", "-out",
         "large.pem", "-subj", "/CN=large", "-config", "large.conf",
         "-extensions", "more"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.promise(15)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("depth,why", [
    (1, "excessive message size"),
    (5, f"the peer sent {JUNK + 1} certificates; verify_depth has at most 14 "
     "taken")])
def test_long_list_of_a_client_is_refused(relay, server, long_certs, free_port,
                                          version, depth, why):
    """A client with 200 certificates too many is refused, and the log says
    why."""
    port, far = free_port(), server(peers.echo)
    door = relay(configs.tls(port, far.port, long_certs,
                             "listen.verify = required",
                             f"listen.ca = {long_certs}/ca.pem",
                             f"listen.verify_depth = {depth}"))
    context = peers.client_context(long_certs, "long-client", version)
    with pytest.raises((OSError, EOFError)):
        with peers.connect(port, tls=context) as peer:
            peer.send(b"hello")
            peer.recv_exactly(5)
    end = door.wait_ends(1)[0]
    assert end["reason"] == "handshake-failed"
    assert end["detail"] == f"with the client: {why}"


@pytest.mark.promise(15)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verify", ["required", "none"])
def test_long_list_of_a_server_is_refused(relay, server, long_certs, free_port,
                                          version, verify):
    """A server with 200 certificates too many is refused, verified or not."""
    far = server(peers.echo, tls=peers.server_context(
        long_certs, "long-server", version))
    port = free_port()
    door = relay(configs.tls_out(port, far.port, long_certs,
                                 f"connect.verify = {verify}"))
    with peers.connect(port) as peer:
        peer.recv()
    end = door.wait_ends(1)[0]
    assert end["reason"] == "handshake-failed"
    assert f"the peer sent {JUNK + 1} certificates" in end["detail"]
    with pytest.raises(OSError):
        far.result(0)


def visit(port, long_certs, version, session, *more):
    """One echoed line of a client with the large certificate."""
    with openssl.Client(port, f"-tls{version.replace('.', '_')}", *more,
                        "-cert", long_certs / "large.pem", "-key",
                        long_certs / "large.key", "-sess_out",
                        session) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        client.end()


def door_for_large(relay, server, long_certs, free_port, *lines):
    port, far = free_port(), server(peers.echo)
    door = relay(configs.tls(port, far.port, long_certs,
                             "listen.verify = required",
                             f"listen.ca = {long_certs}/large.pem", *lines))
    door.port = port
    return door


def test_large_certificate_gets_no_ticket(relay, server, long_certs, free_port,
                                          tmp_path):
    """A client certificate that does not fit into a ticket gets none; the
    connection goes on without."""
    door = door_for_large(relay, server, long_certs, free_port)
    session = tmp_path / "session"
    visit(door.port, long_certs, "1.3", session)
    assert not session.exists()
    assert door.wait_ends(1)[0]["reason"] == "client-closed"


def test_large_certificate_works_without_tickets(relay, server, long_certs,
                                                 free_port, tmp_path):
    """A large client certificate works with TLS 1.2 where tickets are off."""
    door = door_for_large(relay, server, long_certs, free_port,
                          "listen.session_tickets = no")
    visit(door.port, long_certs, "1.2", tmp_path / "session")
    assert door.wait_ends(1)[0]["reason"] == "client-closed"


def test_large_certificate_with_a_ticket_of_tls_1_2_is_refused(
        relay, server, long_certs, free_port):
    """A large client certificate fails with TLS 1.2, whose hello has promised
    a ticket by then; the log names the option."""
    door = door_for_large(relay, server, long_certs, free_port)
    context = peers.client_context(long_certs, "large", "1.2")
    with pytest.raises(OSError):
        with peers.connect(door.port, tls=context) as peer:
            peer.send(b"hello")
    end = door.wait_ends(1)[0]
    assert end["reason"] == "handshake-failed"
    assert "session_tickets = no" in end["detail"]
