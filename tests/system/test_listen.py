"""Where the relay listens: every kind of endpoint, several at once, unix paths
and whom they let in."""
import grp
import os
import pwd
import re
import signal
import socket
import stat
import subprocess

import pytest

import configs
import peers
import sallyport


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def ends_well(one, count=1):
    assert {end["reason"] for end in one.wait_ends(count)} == {"client-closed"}


ENDPOINTS = {
    "host-port": ("127.0.0.1:{port}", ["127.0.0.1"]),
    "tcp": ("tcp://127.0.0.1:{port}", ["127.0.0.1"]),
    "ipv6": ("[::1]:{port}", ["::1"]),
    "star": ("*:{port}", ["127.0.0.1", "::1", "127.0.0.2"]),
    "empty": (":{port}", ["127.0.0.1", "::1"]),
    "any-ipv4": ("0.0.0.0:{port}", ["127.0.0.1"]),
    "any-ipv6": ("[::]:{port}", ["::1"]),
    "tls": ("tls://127.0.0.1:{port}", ["127.0.0.1"]),
    "tls-ipv6": ("tls://[::1]:{port}", ["::1"]),
    "tls-star": ("tls://*:{port}", ["127.0.0.1", "::1"]),
}


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_inet(relay, certs, server, client, free_port, kind):
    text, hosts = ENDPOINTS[kind]
    port = free_port()
    tls = kind.startswith("tls")
    far = server(peers.echo)
    one = relay(configs.service(
        text.format(port=port), far.port,
        *([f"listen.cert = {certs}/server-both.pem"] if tls else [])))
    context = peers.client_context(certs) if tls else None
    for host in hosts:
        peer = client((host, port), tls=context)
        assert asks(peer)
        own = peer.socket.getsockname()
        peer.half_close()
        assert peer.recv() == b""
        line = f"client={own[0]}:{own[1]}" if own[0] != "::1" \
            else rf'client="?\[::1\]:{own[1]}'
        one.wait_log(line)
    # And nowhere else.
    if "any-ipv4" == kind or kind == "host-port":
        with pytest.raises(ConnectionRefusedError):
            peers.open_socket(("::1", port))
    if "any-ipv6" == kind or kind == "ipv6":
        with pytest.raises(ConnectionRefusedError):
            peers.open_socket(("127.0.0.1", port))
    ends_well(one, len(hosts))


def test_both_families_side_by_side(relay, server, client, free_port):
    port = free_port()
    far = server(peers.echo)
    relay(configs.service(f"0.0.0.0:{port}", far.port,
                          f"listen = [::]:{port}"))
    assert asks(client(("127.0.0.1", port))) and asks(client(("::1", port)))


def test_several(relay, certs, server, client, free_port, tmp_path):
    """One service, all doors, plain and TLS."""
    ports = [free_port() for _ in range(3)]
    far = server(peers.echo)
    one = relay(configs.service(
        f"127.0.0.1:{ports[0]}", far.port,
        f"listen = tls://127.0.0.1:{ports[1]}", f"listen = [::1]:{ports[2]}",
        f"listen = unix:{tmp_path}/plain",
        f"listen = tls+unix:{tmp_path}/tls",
        f"listen = unix:@sallyport-{ports[0]}",
        f"listen.cert = {certs}/server-both.pem"))
    context = peers.client_context(certs)
    doors = [(ports[0], None), (ports[1], context), (("::1", ports[2]), None),
             (tmp_path / "plain", None), (tmp_path / "tls", context),
             (f"@sallyport-{ports[0]}", None)]
    for address, tls in doors:
        peer = client(address, tls=tls)
        assert asks(peer)
        peer.half_close()
        assert peer.recv() == b""
    ends_well(one, len(doors))
    assert len(one.matching(": listening on ")) == len(doors)
    assert len(one.matching(": listening on .* with TLS")) == 2


def test_service_name_of_a_port(relay, server):
    """Ports may be written as in /etc/services."""
    far = server(peers.echo)
    name, number = "postgresql", socket.getservbyname("postgresql")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.9", number)) == 0:
            pytest.skip(f"somebody listens on port {number}")
    one = relay(configs.service(f"127.0.0.9:{name}", far.port))
    assert one.matching(f"listening on 127.0.0.9:{number}")
    with peers.connect(("127.0.0.9", number)) as peer:
        assert asks(peer)


# Unix paths.

def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_unix_mode(relay, server, client, tmp_path):
    far = server(peers.echo)
    umask = os.umask(0)
    try:
        relay(configs.service(f"unix:{tmp_path}/default", far.port) +
              configs.service(f"unix:{tmp_path}/open", far.port,
                              "listen.mode = 0666", name="open") +
              configs.service(f"unix:{tmp_path}/shut", far.port,
                              "listen.mode = 0600", name="shut"))
    finally:
        os.umask(umask)
    assert mode(tmp_path / "default") == 0o660
    assert mode(tmp_path / "open") == 0o666
    assert mode(tmp_path / "shut") == 0o600
    assert asks(client(tmp_path / "shut"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("owner,uid,gid", [
    ("nobody", "nobody", None), ("daemon:adm", "daemon", "adm")])
def test_unix_owner(relay, server, client, tmp_path, owner, uid, gid):
    far = server(peers.echo)
    path = tmp_path / "door"
    relay(configs.service(f"unix:{path}", far.port,
                          f"listen.owner = {owner}"))
    user = pwd.getpwnam(uid)
    assert path.stat().st_uid == user.pw_uid
    assert path.stat().st_gid == (grp.getgrnam(gid).gr_gid if gid
                                  else user.pw_gid)
    assert asks(client(path))


def test_stale_path_is_taken_over(relay, server, client, tmp_path):
    far = server(peers.echo)
    path = tmp_path / "door"
    config = configs.service(f"unix:{path}", far.port)
    crashed = relay(config)
    crashed.kill()
    crashed.check()
    assert path.is_socket()
    one = relay(config)
    assert asks(client(path))
    one.stop(at_once=True)
    assert not path.exists()


def test_path_of_another_is_left_alone(relay, server, tmp_path):
    """At its end it removes its own socket only."""
    far = server(peers.echo)
    path = tmp_path / "door"
    one = relay(configs.service(f"unix:{path}", far.port))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        one.stop()
        assert path.is_socket()


def test_long_path(relay, server, client, tmp_path):
    """107 bytes are the most: unix(7)."""
    far = server(peers.echo)
    folder = tmp_path / "f"
    folder.mkdir()
    path = str(folder) + "/"
    if len(path) > 100:
        pytest.skip("the folder's own path is too long")
    path += "x" * (107 - len(path))
    relay(configs.service(f"unix:{path}", far.port))
    assert asks(client(path))


# Sockets.

def test_backlog(relay, server, free_port):
    """It bounds how many wait while accepting pauses."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    relay(configs.service(f"127.0.0.1:{port}", far.port,
                          "listen.backlog = 7") +
          configs.service(f"127.0.0.1:{other}", far.port, name="default"))
    most = int(open("/proc/sys/net/core/somaxconn").read())
    for one, size in ((port, 7), (other, min(4096, most))):
        out = subprocess.run(["ss", "-Htln", f"sport = :{one}"],
                             capture_output=True, text=True, check=True)
        assert out.stdout.split()[2] == str(size), out.stdout


def test_restart_at_once(relay, server, free_port):
    """Connections in TIME_WAIT do not keep the port."""
    port = free_port()
    far = server(peers.source(b"bye"))
    for _ in range(3):
        one = relay(configs.plain(port, far.port))
        with peers.connect(port) as peer:   # the daemon closes first
            assert peer.receive().data == b"bye"
            peer.fin()
        one.wait_ends()
        one.stop()


def test_port_in_use(relay, server, free_port, tmp_path):
    """Nothing is half started, and the one that runs is left alone."""
    port, free = free_port(), free_port()
    far = server(peers.echo)
    first = relay(configs.plain(port, far.port))
    config = tmp_path / "second.ini"
    config.write_text(
        configs.service(f"unix:{tmp_path}/half", far.port, name="half") +
        configs.plain(free, far.port, name="free") +
        configs.plain(port, far.port, name="taken"))
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == 1
    assert re.search(rf"{config}:\d+: \[service taken\] listen: "
                     rf"127.0.0.1:{port}: cannot bind: Address already in use"
                     "; another program .*choose another", done.stderr)
    assert not (tmp_path / "half").exists()
    assert "info ready" not in done.stderr
    with peers.connect(port) as peer:
        assert asks(peer)
    first.signal(signal.SIGTERM)
    assert first.wait_exit() == 0


def test_live_unix_path_in_use(relay, server, client, tmp_path):
    far = server(peers.echo)
    path = tmp_path / "door"
    config = configs.service(f"unix:{path}", far.port)
    relay(config)
    second = tmp_path / "second.ini"
    second.write_text(config)
    done = sallyport.sallyport("run", "-c", second)
    assert done.returncode == 1
    assert re.search(r"second.ini:2: \[service s\] listen: unix:.*a server "
                     "listens on it.*stop that server", done.stderr)
    assert asks(client(path))


def test_full_unix_path_in_use(tmp_path):
    """A server too busy to accept is a server."""
    path = tmp_path / "door"
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.service(f"unix:{path}", "127.0.0.1:9"))
    with peers.FullListener(path):
        done = sallyport.sallyport("run", "-c", config)
        assert done.returncode == 1
        assert "a server listens on it" in done.stderr
        assert path.is_socket()


@pytest.mark.parametrize("what", ["file", "folder", "link", "fifo"])
def test_path_that_is_no_socket(tmp_path, what):
    path = tmp_path / "door"
    other = tmp_path / "other"
    other.write_text("precious")
    {"file": lambda: path.write_text("precious"), "folder": path.mkdir,
     "link": lambda: path.symlink_to(other),
     "fifo": lambda: os.mkfifo(path)}[what]()
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.service(f"unix:{path}", "127.0.0.1:9"))
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == 1
    assert re.search(r"sallyport.ini:2: \[service s\] listen: unix:.*: the "
                     "path exists and is not a socket.*remove it",
                     done.stderr), done.stderr
    assert path.exists() and other.read_text() == "precious"
