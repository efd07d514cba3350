"""Where the relay connects: every kind of endpoint, several in order, and what
the socket is set to."""
import re
import socket
import subprocess

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served


def named(name):
    """A server's handler that says its name."""
    def handler(peer):
        peer.send(name)
        return peers.echo(peer)
    return handler


ENDPOINTS = ["ipv4", "ipv6", "name", "tcp", "tls-ipv4", "tls-ipv6", "tls-name",
             "unix", "abstract", "tls-unix"]


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_endpoint_of_each_kind_is_reached(relay, certs, server, client,
                                          free_port, tmp_path, kind):
    """A server behind an endpoint of each kind is reached, and the log names
    it."""
    port = free_port()
    tls = peers.server_context(certs) if kind.startswith("tls") else None
    path = {"unix": str(tmp_path / "far"), "tls-unix": str(tmp_path / "far"),
            "abstract": f"@sallyport-{port}"}.get(kind)
    far = server(named(b"far"), tls=tls, path=path,
                 **({"host": "::1"} if kind.endswith("ipv6") else {}))
    to = {
        "ipv4": lambda: f"127.0.0.1:{far.port}",
        "ipv6": lambda: f"[::1]:{far.port}",
        "name": lambda: f"localhost:{far.port}",
        "tcp": lambda: f"tcp://127.0.0.1:{far.port}",
        "tls-ipv4": lambda: f"tls://127.0.0.1:{far.port}",
        "tls-ipv6": lambda: f"tls://[::1]:{far.port}",
        "tls-name": lambda: f"tls://localhost:{far.port}",
        "unix": lambda: f"unix:{path}",
        "abstract": lambda: f"unix:{path}",
        "tls-unix": lambda: f"tls+unix:{path}",
    }[kind]()
    options = []
    if tls:
        options.append(f"connect.ca = {certs}/ca.pem")
    if kind == "tls-unix":
        options.append("connect.name = localhost")
    one = relay(configs.service(f"127.0.0.1:{port}", to, *options))
    peer = client(port)
    assert peer.recv_exactly(3) == b"far"
    assert is_served(peer)
    peer.half_close()
    assert peer.recv() == b""
    [end] = one.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["server"] == (to if path else
                             ("[::1]" if "ipv6" in kind else "127.0.0.1") +
                             f":{far.port}")


@pytest.mark.parametrize("sandbox", ["on", "kill", "off"])
def test_endpoint_with_a_zone_is_reached(relay, server, client, free_port,
                                         sandbox):
    """A confined worker may ask for an interface's number. The kernel needs it
    for link-local addresses only."""
    port, far = free_port(), server(named(b"far"), host="::1")
    one = relay(configs.settings(f"sandbox = {sandbox}") +
                configs.plain(port, f"[::1%lo]:{far.port}"))
    assert client(port).recv_exactly(3) == b"far"


@pytest.mark.promise(49)
def test_servers_are_tried_in_order(relay, server, client, free_port,
                                    tmp_path):
    """The first server that answers is taken, behind one that refuses, one
    that is not there and one that is silent; and the first of all again as
    soon as it is back."""
    port, dead = free_port(), free_port()
    second, third = server(named(b"2nd")), server(named(b"3rd"))
    with peers.FullListener() as silent:
        one = relay(configs.service(
            f"127.0.0.1:{port}",
            [dead, f"unix:{tmp_path}/none", silent.port, second.port,
             third.port], "timeout.connect = 200ms"))
        assert client(port).recv_exactly(3) == b"2nd"
        second.close()
        assert client(port).recv_exactly(3) == b"3rd"
        server(named(b"1st"), port=dead)
        assert client(port).recv_exactly(3) == b"1st"
    assert not third.results[1:]
    one.stop(at_once=True)


@pytest.mark.parametrize("kind,reason", [
    ("refused", "connect-refused"),
    ("no-path", "connect-refused"),
    ("dead-path", "connect-refused"),
    ("not-a-socket", "connect-refused"),
    ("unreachable", "connect-unreachable"),
])
def test_client_is_reset_when_no_server_answers(relay, certs, client,
                                                free_port, tmp_path, kind,
                                                reason):
    """A client is reset when no server can be reached, and the log says
    why."""
    port, tls_port = free_port(), free_port()
    path = tmp_path / "path"
    if kind == "dead-path":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(path))
        path.chmod(0o666)
    if kind == "not-a-socket":
        path.write_text("a file")
        path.chmod(0o666)
    to = {"refused": f"127.0.0.1:{free_port()}",
          "unreachable": "255.255.255.255:80"}.get(kind, f"unix:{path}")
    one = relay(configs.service(f"127.0.0.1:{port}", to) +
                configs.tls(tls_port, to, certs, name="tls"))
    assert peers.connect(port).receive().end == "reset"
    tls_client = client(tls_port, tls=peers.client_context(certs))
    assert tls_client.receive().end == "reset"
    for end in one.wait_ends(2):
        assert (end["reason"], end["server"], end["state"]) == \
            (reason, to, "connect")


def test_last_failure_is_the_reason(relay, free_port):
    """The log line of a connection that no server took has the reason of the
    last one."""
    port, dead = free_port(), free_port()
    with peers.FullListener() as silent:
        one = relay(configs.service(f"127.0.0.1:{port}", [silent.port, dead],
                                    "timeout.connect = 100ms"))
        assert peers.connect(port).receive().end == "reset"
        [end] = one.wait_ends()
    assert end["reason"] == "connect-refused"
    assert end["server"] == f"127.0.0.1:{dead}"


def test_client_that_leaves_while_connecting_is_let_go(relay, client,
                                                       free_port):
    """A client that resets or closes while its server is connected to gives
    its descriptors back."""
    port = free_port()
    with peers.FullListener() as silent:
        one = relay(configs.plain(port, silent.port, "timeout.connect = 1s"))
        fds = one.fds()
        client(port).reset()
        client(port).close()
        one.wait_ends(2)
        sallyport.wait_until(lambda: one.fds() == fds, "the descriptors")


@pytest.mark.promise(1)
def test_early_bytes_reach_the_server(relay, server, client, free_port):
    """What a client sends, and its end, reach a server that accepts later."""
    port = free_port()
    with peers.FullListener() as silent:
        far = server(lambda peer: peer.receive())
        relay(configs.service(f"127.0.0.1:{port}", [silent.port, far.port],
                              "timeout.connect = 300ms"))
        peer = client(port)
        peer.send(b"early")
        peer.half_close()
        assert far.result().data == b"early"


# Sockets.

def sockets(one, state, port):
    """Lines of ss about the daemon's sockets with that remote (or for
    `listening` local) port."""
    side = "sport" if state == "listening" else "dport"
    out = subprocess.run(
        ["ss", "-Htnmoipe", "-l" if state == "listening" else "-O",
         *([] if state == "listening" else ["state", state]),
         f"{side} = :{port}"], capture_output=True, text=True,
        check=True).stdout
    return [line for line in out.replace("\n\t", " ").splitlines()
            if any(f"pid={pid}," in line for pid in one.pids())]


def test_keepalive_is_set_on_both_legs(relay, server, client, free_port):
    """Each leg's socket has the keepalive times of the configuration."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(
        port, far.port, "listen.keepalive = 100s 10s 6",
        "connect.keepalive = 200s 7s 3", "timeout.connect = 5s"))
    peer = client(port)
    assert is_served(peer)
    own_port = peer.socket.getsockname()[1]
    [listen] = sockets(one, "established", own_port)
    assert re.search(r"timer:\(keepalive,1min(40|3\d)sec,0\)", listen), listen

    def has_timer():
        [connect] = sockets(one, "established", far.port)
        return re.search(r"timer:\(keepalive,3min(20|1\d)sec,0\)", connect)

    sallyport.wait_until(has_timer, "keepalive, on a connection that lasts")


def test_keepalive_is_set_behind_a_slow_connect(relay, server, client,
                                                free_port):
    """Keepalive is set on the way into relaying, or by the next look, where
    the server took long to be reached."""
    port = free_port()
    far = server(peers.echo)
    with peers.FullListener() as silent:
        one = relay(configs.service(
            f"127.0.0.1:{port}", [silent.port, far.port],
            "timeout.connect = 1500ms"))
        first, second = client(port), client(port)
        assert is_served(first) and is_served(second)
        sallyport.wait_until(lambda: all(
            "timer:(keepalive" in line
            for line in sockets(one, "established", far.port)), "keepalive")


def test_keepalive_can_be_off(relay, server, client, free_port):
    """No socket has a keepalive timer where keepalive is off."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port, "listen.keepalive = off",
                              "connect.keepalive = off"))
    peer = client(port)
    assert is_served(peer)
    for remote in (peer.socket.getsockname()[1], far.port):
        [line] = sockets(one, "established", remote)
        assert "keepalive" not in line


def test_buffers_are_set_on_both_legs(relay, server, client, free_port):
    """Each leg's socket has twice the buffers that are written: see
    socket(7)."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(
        port, far.port, "listen.receive_buffer = 32k",
        "listen.send_buffer = 48k", "connect.receive_buffer = 64k",
        "connect.send_buffer = 96k"))
    peer = client(port)
    assert is_served(peer)
    [listen] = sockets(one, "established", peer.socket.getsockname()[1])
    [connect] = sockets(one, "established", far.port)
    assert "rb65536," in listen and f"tb{96 << 10}," in listen
    assert "rb131072," in connect and f"tb{192 << 10}," in connect


def peer_options(one, remote_port, *names):
    """getsockopt(2) of the daemon's own socket."""
    pid = one.wait_holder(remote_port)
    [line] = sockets(one, "established", remote_port)
    inode = re.search(r"ino:(\d+)", line).group(1)
    [fd] = [fd for fd, what in processes.links(pid).items()
            if what == f"socket:[{inode}]"]
    with processes.borrow(pid, fd) as sock:
        return [sock.getsockopt(*name) for name in names]


NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
USER_TIMEOUT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
             (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
             (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
             (socket.IPPROTO_TCP, socket.TCP_KEEPCNT)]


def test_socket_options_are_set_on_both_legs(relay, server, client, free_port):
    """Each leg's socket has TCP_NODELAY, its user timeout and keepalive."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(
        port, far.port, "listen.user_timeout = 20s",
        "connect.user_timeout = 30s", "connect.keepalive = 200s 7s 3"))
    peer = client(port)
    assert is_served(peer) and is_served(peer)  # NODELAY: with the second
    own_port = peer.socket.getsockname()[1]
    options = [NODELAY, USER_TIMEOUT, *KEEPALIVE]
    listen = peer_options(one, own_port, *options)
    assert listen == [1, 20_000, 1, 60, 10, 6]
    sallyport.wait_until(lambda: peer_options(one, far.port, *options) ==
               [1, 30_000, 1, 200, 7, 3], "all options, keepalive last")
