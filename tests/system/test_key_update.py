"""Renegotiation is refused and KeyUpdate accepted, with the openssl program
typing its commands on either side."""
import pytest

import openssl
import peers

MANY = 200


@pytest.fixture
def door(relay, server, certs, free_port):
    """A TLS client of the relay, and the relay."""
    opened = []

    def start(version):
        far = server(peers.echo)
        port = free_port()
        through = relay(f"""
[service echo]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
connect = 127.0.0.1:{far.port}
""")
        opened.append(openssl.Client(port, version).connected())
        return opened[-1], through

    yield start
    for one in opened:
        one.stop()


@pytest.mark.parametrize("command", ["k", "K"])
def test_client_may_change_its_keys(door, command):
    """A client changes its keys 200 times (K asks for our new keys too) and is
    served."""
    near, through = door("-tls1_3")
    near.say("before")
    near.expect("^before$")
    for count in range(1, MANY + 1):
        near.say(command)
        near.expect("^KEYUPDATE$", count)
        if count % 10 == 0:
            near.say(f"after {count}")
            near.expect(f"^after {count}$")
    near.hang_up()
    near.end()
    end, = through.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["up"] == end["down"] > 0


@pytest.fixture
def way(relay, client, certs, free_port):
    """A plain client, its TLS server, and the relay between them."""
    opened = []

    def start(version):
        far = openssl.Server(version, "-cert", certs / "server.pem",
                             "-key", certs / "server.key")
        opened.append(far)
        port = free_port()
        through = relay(f"""
[service tunnel]
listen = 127.0.0.1:{port}
connect = tls://localhost:{far.port}
connect.ca = {certs}/ca.pem
""")
        near = client(port)
        near.send(b"up and running\n")
        far.expect("^up and running$")
        return near, far, through

    yield start
    for one in opened:
        one.stop()


@pytest.mark.parametrize("command", ["k", "K"])
def test_server_may_change_its_keys(way, command):
    """A server changes its keys 200 times and is served."""
    near, far, through = way("-tls1_3")
    for count in range(1, MANY + 1):
        far.say(command)
        far.expect("^SSL_do_handshake -> 1$", count)
        if count % 10 == 0:
            line = f"after {count}\n".encode()
            far.say(f"after {count}")
            assert near.recv_exactly(len(line)) == line
            near.send(b"up " + line)
            far.expect(f"^up after {count}$")
    near.half_close()
    assert near.receive().end == "fin"
    assert through.wait_ends()[0]["reason"] == "client-closed"


@pytest.mark.promise(13)
def test_client_may_not_renegotiate(door):
    """A client that renegotiates is refused, and takes that for the end."""
    near, through = door("-tls1_2")
    near.say("before")
    near.expect("^before$")
    near.say("R")
    near.expect("^RENEGOTIATING$")
    near.expect("no renegotiation")
    near.end()
    end, = through.wait_ends()
    assert (end["up"], end["down"]) == (7, 7)


@pytest.mark.promise(13)
def test_server_may_not_renegotiate(way, client):
    """A server that renegotiates is refused, and takes that for the end."""
    near, far, through = way("-tls1_2")
    far.say("R")
    assert near.receive().end == "reset"
    far.expect("no renegotiation")
    end, = through.wait_ends()
    assert (end["reason"], end["down"]) == ("tls-failed", 0)
    assert "alert" in end["detail"]
