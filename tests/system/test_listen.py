"""Where the relay listens: every kind of endpoint, several at once, unix paths
and which clients they let in."""
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
import processes
import sallyport
from peers import is_served, serves


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
def test_tcp_endpoint_of_each_kind_listens(relay, certs, server, client,
                                           free_port, kind):
    """An endpoint of each kind accepts at its addresses, and at no other."""
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
        assert is_served(peer)
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


def test_ipv4_and_ipv6_share_a_port(relay, server, client, free_port):
    """A service may listen on 0.0.0.0 and [::] with one port."""
    port = free_port()
    far = server(peers.echo)
    relay(configs.service(f"0.0.0.0:{port}", far.port,
                          f"listen = [::]:{port}"))
    assert serves(("127.0.0.1", port)) and serves(("::1", port))


def answers(address):
    """What the server behind an address says."""
    with peers.connect(address) as peer:
        peer.fin()
        return peer.receive().data


@pytest.mark.parametrize("any_address", ["*", "0.0.0.0"])
def test_one_address_is_a_service_of_its_own_beside_all(
        relay, server, free_port, any_address):
    """Where one service listens on all addresses of a port and another one on a
    single address, clients of that address are the latter's: from the start, as
    a reload adds it, and as one takes it away."""
    port = free_port()
    every, single = (server(peers.source(word)) for word in (b"all", b"one"))
    for_all = configs.service(f"{any_address}:{port}", every.port, name="all")
    for_one = configs.service(f"127.0.0.2:{port}", single.port, name="one")
    one = relay(for_one + for_all)
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")

    def who():
        return [answers((host, port)) for host in hosts]

    assert who() == [b"all", b"one", b"all"]
    for config, answer in ((for_all, b"all"), (for_all + for_one, b"one")):
        one.reload_config(config)
        processes.reload(one)
        # A queue that is given up is still served to its end.
        sallyport.wait_until(lambda: answers((hosts[1], port)) == answer,
                             "the other service")
        assert who() == [b"all", answer, b"all"]


def test_star_and_all_of_a_family_are_refused(free_port, tmp_path):
    """`*` beside `[::]` of the same port is an error that says what each is."""
    config = tmp_path / "sallyport.ini"
    port = free_port()
    config.write_text(configs.service(f"*:{port}", 9) +
                      configs.service(f"[::]:{port}", 9, name="six"))
    done = sallyport.sallyport("check", "-c", config)
    assert done.returncode == 1
    assert re.search(
        rf'sallyport.ini:5: \[service six\] listen: "\[::\]:{port}" is taken by '
        rf"service s \(.*:2\).* \*:{port} is 0.0.0.0:{port} and \[::\]:{port}, so "
        rf"write 0.0.0.0:{port} in its place", done.stderr), done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]"])
def test_address_that_is_not_there_yet_is_bound_if_told_to(
        relay, free_port, tmp_path, host):
    """listen.freebind lets an address be bound that no interface has; without
    it the start is refused and says so."""
    config = configs.service(f"{host}:{free_port()}", 9)
    file = tmp_path / "refused.ini"
    file.write_text(config)
    done = sallyport.sallyport("run", "-c", file)
    assert done.returncode == 1
    assert "or write listen.freebind = yes if it comes later" in done.stderr
    one = relay(config + "listen.freebind = yes\n")
    assert one.matching(f"listening on {re.escape(host)}")


def test_service_listens_at_several_endpoints(relay, certs, server, client,
                                              free_port, tmp_path):
    """One service accepts at TCP, unix and abstract sockets, plain and TLS."""
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
        assert is_served(peer)
        peer.half_close()
        assert peer.recv() == b""
    ends_well(one, len(doors))
    assert len(one.matching(": listening on ")) == len(doors)
    assert len(one.matching(": listening on .* with TLS")) == 2


def test_port_may_be_a_name(relay, server):
    """A port may be written as in /etc/services."""
    far = server(peers.echo)
    name, number = "postgresql", socket.getservbyname("postgresql")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.9", number)) == 0:
            pytest.skip(f"port {number} is taken")
    one = relay(configs.service(f"127.0.0.9:{name}", far.port))
    assert one.matching(f"listening on 127.0.0.9:{number}")
    assert serves(("127.0.0.9", number))


# Unix paths.

def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_unix_socket_has_its_mode(relay, server, client, tmp_path):
    """A unix socket has the mode of the configuration, whatever the umask."""
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
    assert is_served(client(tmp_path / "shut"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("owner,uid,gid", [
    ("nobody", "nobody", None), ("daemon:adm", "daemon", "adm")])
def test_unix_socket_has_its_owner(relay, server, client, tmp_path, owner, uid,
                                   gid):
    """A unix socket has the owner and group of the configuration."""
    far = server(peers.echo)
    path = tmp_path / "door"
    relay(configs.service(f"unix:{path}", far.port,
                          f"listen.owner = {owner}"))
    user = pwd.getpwnam(uid)
    assert path.stat().st_uid == user.pw_uid
    assert path.stat().st_gid == (grp.getgrnam(gid).gr_gid if gid
                                  else user.pw_gid)
    assert is_served(client(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_unix_socket_has_a_group_for_its_clients(relay, server, client,
                                                 tmp_path):
    """listen.group is whose members may connect, and a reload changes it."""
    far = server(peers.echo)
    path = tmp_path / "door"
    config = configs.service(f"unix:{path}", far.port, "listen.group = games")
    one = relay(config)
    assert path.stat().st_gid == grp.getgrnam("games").gr_gid
    assert path.stat().st_uid == 0 and mode(path) == 0o660
    one.reload_config(config.replace("games", "news"))
    processes.reload(one)
    assert path.stat().st_gid == grp.getgrnam("news").gr_gid
    one.reload_config(config.replace("games", "no-such-group"))
    done = processes.command(one, "reload")
    assert done.returncode == 1
    assert "listen.group" in done.stderr
    assert is_served(client(path))


def test_stale_path_is_taken_over(relay, server, client, tmp_path):
    """A start takes over the path of a daemon that was killed."""
    far = server(peers.echo)
    path = tmp_path / "door"
    config = configs.service(f"unix:{path}", far.port)
    crashed = relay(config)
    crashed.kill()
    crashed.check()
    assert path.is_socket()
    one = relay(config)
    assert is_served(client(path))
    one.stop(at_once=True)
    assert not path.exists()


def test_path_of_another_is_left_alone(relay, server, tmp_path):
    """A stop removes the daemon's own socket only."""
    far = server(peers.echo)
    path = tmp_path / "door"
    one = relay(configs.service(f"unix:{path}", far.port))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        one.stop()
        assert path.is_socket()


def test_unix_path_of_the_longest_kind_listens(relay, server, client,
                                               tmp_path):
    """A unix path may have 107 bytes, which are the most: unix(7)."""
    far = server(peers.echo)
    folder = tmp_path / "f"
    folder.mkdir()
    path = str(folder) + "/"
    if len(path) > 100:
        pytest.skip("the folder's own path is too long")
    path += "x" * (107 - len(path))
    relay(configs.service(f"unix:{path}", far.port))
    assert is_served(client(path))


# Sockets.

def test_backlog_bounds_the_queue(relay, server, free_port):
    """listen.backlog bounds how many clients wait while accepting pauses."""
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


def test_restart_binds_its_port_at_once(relay, server, free_port):
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


def test_port_in_use_is_an_error(relay, server, free_port, tmp_path):
    """A start whose port is taken starts nothing, and leaves the daemon that
    has it alone."""
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
    assert serves(port)
    first.signal(signal.SIGTERM)
    assert first.wait_exit() == 0


def test_unix_path_in_use_is_an_error(relay, server, client, tmp_path):
    """A start whose unix path is taken says so, and leaves the daemon that has
    it alone."""
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
    assert is_served(client(path))


def test_unix_path_of_a_busy_server_is_in_use(tmp_path):
    """A server that is too busy to accept keeps its path."""
    path = tmp_path / "door"
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.service(f"unix:{path}", "127.0.0.1:9"))
    with peers.FullListener(path):
        done = sallyport.sallyport("run", "-c", config)
        assert done.returncode == 1
        assert "a server listens on it" in done.stderr
        assert path.is_socket()


@pytest.mark.parametrize("what", ["file", "folder", "link", "fifo"])
def test_unix_path_that_is_no_socket_is_left_alone(tmp_path, what):
    """A start whose unix path is a file, folder, link or fifo says so and
    leaves it alone."""
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
