"""The log says whose certificate a peer showed, on both legs, in every version
of TLS, for resumed sessions too; and when it was not checked."""
import subprocess

import pytest

import configs
import openssl
import peers

VERSIONS = ["1.2", "1.3"]


def serial_of(certs, name):
    """The serial number as openssl prints it."""
    return subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-in", certs / f"{name}.pem"],
        check=True, capture_output=True,
        text=True).stdout.strip().removeprefix("serial=")


def identity(end, leg):
    """The fields of the end line that say who the peer of a leg was."""
    return {key.removeprefix(f"{leg}_"): value for key, value in end.items()
            if key.startswith(f"{leg}_peer")}


SERVER_NAMES = "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1"


@pytest.mark.parametrize("verify", ["required", "optional"])
@pytest.mark.parametrize("version", VERSIONS)
def test_client_is_named(relay, certs, server, free_port, tmp_path, version,
                         verify):
    """The end line names the client's certificate, and names it when the
    session that it was shown in is resumed."""
    port, session = free_port(), tmp_path / "session"
    one = relay(configs.tls(port, server(peers.echo).port, certs,
                            f"listen.verify = {verify}",
                            f"listen.ca = {certs}/ca.pem"))
    shows = ["-cert", certs / "client.pem", "-key", certs / "client.key"]
    resumes = ["-sess_in", session]
    for number, options in enumerate([shows, resumes], 1):
        with openssl.Client(port, f"-tls{version.replace('.', '_')}",
                            "-sess_out", session, *options) as client:
            client.connected()
            client.say("hello")
            client.expect("^hello$")
            client.hang_up()
            client.end()
        end = one.wait_ends(number)[-1]
        assert end["listen_resumed"] == ("yes" if options is resumes else "no")
        assert identity(end, "listen") == {
            "peer": "CN=client,O=Sallyport examples",
            "peer_serial": serial_of(certs, "client")}


@pytest.mark.parametrize("version", VERSIONS)
def test_server_is_named(relay, certs, server, client, free_port, version):
    """The end line names the server's certificate, and names it when the
    session that it was shown in is resumed."""
    port = free_port()
    far = server(peers.echo, tls=peers.server_context(certs, version=version))
    one = relay(configs.settings("workers = 1") +
                configs.tls_out(port, far.port, certs))
    for number, resumed in enumerate(["no", "yes"], 1):
        peer = client(port)
        assert peers.is_served(peer)
        peer.half_close()
        peer.receive()
        end = one.wait_ends(number)[-1]
        assert end["connect_resumed"] == resumed
        assert identity(end, "connect") == {
            "peer": "CN=server,O=Sallyport examples",
            "peer_serial": serial_of(certs, "server"),
            "peer_san": SERVER_NAMES}


@pytest.mark.parametrize("version", VERSIONS)
def test_unchecked_server_is_marked(relay, certs, server, client, free_port,
                                    version):
    """A server whose certificate is not checked is named, and the line says
    that nothing vouches for the name."""
    port = free_port()
    far = server(peers.echo, tls=peers.server_context(
        certs, "server-untrusted", version=version))
    one = relay(configs.service(
        f"127.0.0.1:{port}", f"tls://localhost:{far.port}",
        "connect.verify = none"))
    peer = client(port)
    assert peers.is_served(peer)
    peer.half_close()
    [end] = one.wait_ends()
    assert identity(end, "connect") == {
        "peer": "CN=server-untrusted,O=Sallyport examples",
        "peer_serial": serial_of(certs, "server-untrusted"),
        "peer_san": SERVER_NAMES, "peer_verified": "no"}


def test_client_without_a_certificate_has_no_name(relay, certs, server, client,
                                                  free_port):
    """A client that need not show a certificate and shows none is not
    named."""
    port = free_port()
    one = relay(configs.tls(port, server(peers.echo).port, certs,
                            "listen.verify = optional",
                            f"listen.ca = {certs}/ca.pem"))
    peer = client(port, tls=peers.client_context(certs))
    assert peers.is_served(peer)
    peer.half_close()
    [end] = one.wait_ends()
    assert (end["listen_tls"], identity(end, "listen")) == ("TLSv1.3", {})
