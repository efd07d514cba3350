"""Sessions are resumed on both legs, unless an option says no; and a session
opens the service that it was made for, and no other."""
import pytest

import openssl
import peers

VERSIONS = ["-tls1_2", "-tls1_3"]


@pytest.fixture
def door(relay, server, certs, free_port):
    """One relay in front of an echo, with several TLS services: door(name=
    lines...) ; door.ports[name] is where each listens."""
    def start(**services):
        far = server(peers.echo)
        ports = {name: free_port() for name in services}
        door = relay("".join(f"""
[service {name}]
listen = tls://127.0.0.1:{ports[name]}
listen.cert = {certs}/server-both.pem
connect = 127.0.0.1:{far.port}
{lines}
""" for name, lines in services.items()))
        door.ports = ports
        return door
    return start


def visit(door, name, *options):
    """One echoed line; returns the end line."""
    count = len(door.ends())
    with openssl.Client(door.ports[name], *options) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        client.end()
    end = door.wait_ends(count + 1)[-1]
    assert (end["reason"], end["down"]) == ("client-closed", 6)
    return end


def shown(certs, name):
    return ["-cert", certs / f"{name}.pem", "-key", certs / f"{name}.key"]


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_resume(door, tmp_path, version):
    one, session = door(one=""), tmp_path / "session"
    end = visit(one, "one", version, "-sess_out", session)
    assert end["listen_resumed"] == "no"
    assert session.exists()
    for _ in range(3):
        end = visit(one, "one", version, "-sess_in", session,
                    "-sess_out", session)
        assert end["listen_resumed"] == "yes"


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_resume_with_their_certificate(door, certs, tmp_path,
                                               version):
    one = door(one=f"listen.verify = required\nlisten.ca = {certs}/ca.pem")
    session = tmp_path / "session"
    visit(one, "one", version, "-sess_out", session, *shown(certs, "client"))
    end = visit(one, "one", version, "-sess_in", session)
    assert end["listen_resumed"] == "yes"


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_never_resume_without_tickets(door, tmp_path, version):
    """The client is given nothing that it could come back with."""
    one = door(one="listen.session_tickets = no")
    session = tmp_path / "session"
    for _ in range(2):
        end = visit(one, "one", version, "-sess_out", session)
        assert end["listen_resumed"] == "no"
    assert not session.exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_opens_no_other_service(door, certs, tmp_path, version):
    both = door(open="", guarded=f"listen.verify = required\n"
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


@pytest.fixture
def way(relay, certs, free_port, client):
    """way(server, ...): a relay with a TLS leg to an openssl.Server, whose
    visit() returns the end line of one connection."""
    def start(far, *lines):
        port = free_port()
        way = relay("\n".join((f"""
[service tunnel]
listen = 127.0.0.1:{port}
connect = tls://localhost:{far.port}
connect.ca = {certs}/ca.pem
""",) + lines))

        def visit():
            count = len(way.ends())
            near = client(port)
            near.send(b"abc\n")
            near.half_close()
            assert near.receive().data == b"cba\n"
            return way.wait_ends(count + 1)[-1]

        way.visit = visit
        return way
    return start


# Each worker keeps what servers gave it.
ONE_WORKER = "[global]\nworkers = 1\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_resumes_with_servers(way, certs, version):
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = way(far, ONE_WORKER)
        assert [through.visit()["connect_resumed"] for _ in range(4)] == \
            ["no", "yes", "yes", "yes"]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_worker_resumes_with_servers(way, certs, version):
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = way(far)
        count = len(through.workers())
        resumed = [through.visit()["connect_resumed"] for _ in range(6 * count)]
        assert 1 <= resumed.count("no") <= count
        assert resumed.count("yes") == len(resumed) - resumed.count("no")


@pytest.mark.parametrize("version", VERSIONS)
def test_never_resumes_if_told_so(way, certs, version):
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = way(far, "connect.session_tickets = no")
        assert [through.visit()["connect_resumed"] for _ in range(3)] == \
            ["no", "no", "no"]


@pytest.mark.parametrize("version", VERSIONS)
def test_goes_on_with_servers_that_resume_nothing(way, certs, version):
    with openssl.Server(version, *shown(certs, "server"), "-no_ticket",
                        "-no_cache", echo=True) as far:
        through = way(far)
        assert [through.visit()["connect_resumed"] for _ in range(3)] == \
            ["no", "no", "no"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_may_forget(way, certs, free_port, version):
    """A restarted server knows none of the sessions that we kept."""
    with openssl.Server(version, *shown(certs, "server"), echo=True) as far:
        through = way(far, ONE_WORKER)
        through.visit()
        assert through.visit()["connect_resumed"] == "yes"
    with openssl.Server(version, *shown(certs, "server"), echo=True,
                        port=far.port):
        assert through.visit()["connect_resumed"] == "no"
        assert through.visit()["connect_resumed"] == "yes"
