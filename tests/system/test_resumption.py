"""Sessions are resumed on both legs, unless an option says no; and a session
opens the service that it was made for, and no other."""
import time

import pytest

import openssl
import peers
import processes
import sallyport

VERSIONS = ["-tls1_2", "-tls1_3"]


@pytest.fixture
def acceptor(relay, server, certs, free_port):
    """acceptor(name=lines, ...) is a relay in front of an echo, with those TLS
    services; its ports[name] is where each listens."""
    def start(**services):
        far = server(peers.echo)
        ports = {name: free_port() for name in services}
        one = relay("".join(f"""
[service {name}]
listen = tls://127.0.0.1:{ports[name]}
listen.cert = {certs}/server-both.pem
connect = 127.0.0.1:{far.port}
{lines}
""" for name, lines in services.items()))
        one.ports = ports
        return one
    return start


def visit(relay, name, *options):
    """One echoed line; returns the end line."""
    count = len(relay.ends())
    with openssl.Client(relay.ports[name], *options) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        client.end()
    end = relay.wait_ends(count + 1)[-1]
    assert (end["reason"], end["down"]) == ("client-closed", 6)
    return end


def shown(certs, name):
    return ["-cert", certs / f"{name}.pem", "-key", certs / f"{name}.key"]


@pytest.mark.parametrize("version", VERSIONS)
def test_client_resumes_its_session(acceptor, tmp_path, version):
    """A client that comes back with its session resumes it."""
    one, session = acceptor(one=""), tmp_path / "session"
    end = visit(one, "one", version, "-sess_out", session)
    assert end["listen_resumed"] == "no"
    assert session.exists()
    for _ in range(3):
        end = visit(one, "one", version, "-sess_in", session,
                    "-sess_out", session)
        assert end["listen_resumed"] == "yes"


@pytest.mark.parametrize("version", VERSIONS)
def test_client_with_a_certificate_resumes_its_session(acceptor, certs,
                                                       tmp_path, version):
    """A session that was made with a client certificate is resumed without
    showing it again."""
    one = acceptor(one=f"listen.verify = required\nlisten.ca = {certs}/ca.pem")
    session = tmp_path / "session"
    visit(one, "one", version, "-sess_out", session, *shown(certs, "client"))
    end = visit(one, "one", version, "-sess_in", session)
    assert end["listen_resumed"] == "yes"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_session_without_tickets(acceptor, tmp_path, version):
    """A client is given no session to come back with where `session_tickets =
    no`."""
    one = acceptor(one="listen.session_tickets = no")
    session = tmp_path / "session"
    for _ in range(2):
        end = visit(one, "one", version, "-sess_out", session)
        assert end["listen_resumed"] == "no"
    assert not session.exists()


@pytest.mark.promise(9, 42)
@pytest.mark.parametrize("version", VERSIONS)
def test_renewed_ticket_prolongs_no_session(acceptor, tmp_path, version):
    """A client that gets a new ticket each time does a full handshake once the
    session's lifetime is over (promise 42)."""
    one, session = acceptor(one="listen.session_lifetime = 2s"), tmp_path / "s"
    visit(one, "one", version, "-sess_out", session)
    deadline = time.monotonic() + sallyport.PATIENCE
    while visit(one, "one", version, "-sess_in", session, "-sess_out",
                session)["listen_resumed"] == "yes":
        assert time.monotonic() < deadline


@pytest.mark.promise(7, 8)
@pytest.mark.parametrize("version", VERSIONS)
def test_session_opens_no_other_service(acceptor, certs, tmp_path, version):
    """A session of an open service does not let a client into one that
    requires a certificate."""
    both = acceptor(open="", guarded="listen.verify = required\n"
                    f"listen.ca = {certs}/ca.pem")
    session = tmp_path / "session"
    visit(both, "open", version, "-sess_out", session)
    with openssl.Client(both.ports["guarded"], version,
                        "-sess_in", session) as client:
        client.expect("alert")
    end = both.wait_ends(2)[-1]
    assert end["reason"] == "handshake-failed"
    assert "did not return a certificate" in end["detail"]
    # It was good, where it belongs.
    end = visit(both, "open", version, "-sess_in", session)
    assert end["listen_resumed"] == "yes"


@pytest.mark.promise(42)
def test_reload_ends_sessions_of_removed_ciphers(acceptor, tmp_path):
    """A TLS 1.2 session is not resumed after a reload that removed its cipher
    (promise 42)."""
    weak = "listen.ciphers = ECDHE+AESGCM:AES128-SHA:@SECLEVEL=0"
    one = acceptor(one=f"{weak}\nlisten.max_version = 1.2")
    session = tmp_path / "session"
    old = ["-tls1_2", "-cipher", "AES128-SHA:ECDHE+AESGCM:@SECLEVEL=0"]
    visit(one, "one", *old, "-sess_out", session)
    end = visit(one, "one", *old, "-sess_in", session)
    assert end["listen_resumed"] == "yes"
    one.reload_config(one.config.read_text().replace(
        "ECDHE+AESGCM:AES128-SHA:@SECLEVEL=0", "ECDHE+AESGCM"))
    processes.reload(one)
    end = visit(one, "one", *old, "-sess_in", session)
    assert end["listen_resumed"] == "no"
    assert "GCM" in end["listen_cipher"]


@pytest.fixture
def connector(relay, certs, free_port, client):
    """connector(server, ...) is a relay with a TLS leg to an openssl.Server;
    its visit() returns the end line of one connection."""
    def start(far, *lines):
        port = free_port()
        one = relay("\n".join((f"""
[service tunnel]
listen = 127.0.0.1:{port}
connect = tls://localhost:{far.port}
connect.ca = {certs}/ca.pem
""",) + lines))

        def visit():
            count = len(one.ends())
            near = client(port)
            near.send(b"abc\n")
            near.half_close()
            assert near.receive().data == b"cba\n"
            return one.wait_ends(count + 1)[-1]

        one.visit = visit
        return one
    return start


# Each worker keeps what servers gave it.
ONE_WORKER = "[global]\nworkers = 1\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_server_session_is_resumed(connector, certs, version):
    """The second connection to a server resumes the session of the first."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = connector(far, ONE_WORKER)
        assert [through.visit()["connect_resumed"] for _ in range(4)] == \
            ["no", "yes", "yes", "yes"]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_worker_resumes_server_sessions(connector, certs, version):
    """Each worker does one full handshake with a server, and resumes from then
    on."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = connector(far)
        count = len(through.workers())
        resumed = [through.visit()["connect_resumed"] for _ in range(6 * count)]
        assert 1 <= resumed.count("no") <= count
        assert resumed.count("yes") == len(resumed) - resumed.count("no")


@pytest.mark.promise(9, 42)
@pytest.mark.parametrize("version", VERSIONS)
def test_server_is_verified_again_after_the_lifetime(connector, certs,
                                                     version):
    """A server is verified anew once the session's lifetime is over, although
    it renews its tickets (promise 42)."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = connector(far, "connect.session_lifetime = 2s", ONE_WORKER)
        assert through.visit()["connect_resumed"] == "no"
        deadline = time.monotonic() + sallyport.PATIENCE
        while through.visit()["connect_resumed"] == "yes":
            assert time.monotonic() < deadline


@pytest.mark.parametrize("version", VERSIONS)
def test_no_server_session_without_tickets(connector, certs, version):
    """No session with a server is resumed where `connect.session_tickets =
    no`."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = connector(far, "connect.session_tickets = no")
        assert [through.visit()["connect_resumed"] for _ in range(3)] == \
            ["no", "no", "no"]


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_resumes_nothing_is_served(connector, certs, version):
    """A server that keeps no session gets a full handshake each time."""
    with openssl.Server(version, *shown(certs, "server"), "-no_ticket",
                        "-no_cache", echo=True) as far:
        through = connector(far)
        assert [through.visit()["connect_resumed"] for _ in range(3)] == \
            ["no", "no", "no"]


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_forgot_its_sessions_is_served(connector, certs, free_port,
                                                   version):
    """A restarted server, which knows none of the kept sessions, gets a full
    handshake."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = connector(far, ONE_WORKER)
        through.visit()
        assert through.visit()["connect_resumed"] == "yes"
    with openssl.Server(version, *shown(certs, "server"), echo=True,
                        port=far.port):
        assert through.visit()["connect_resumed"] == "no"
        assert through.visit()["connect_resumed"] == "yes"
