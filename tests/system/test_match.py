"""Several services at one address: what a client says first decides which of
them it is for."""
import collections
import contextlib
import ipaddress
import random
import socket
import ssl
import threading

import pytest

import configs
import hellos
import peers
import sallyport
import servers
from processes import reload
from test_upgrade import upgraded  # noqa: F401, a fixture

UNRECOGNIZED_NAME = b"\x15\3\3\0\2\2\x70"
DECODE_ERROR = b"\x15\3\3\0\2\2\x32"
SSH = b"SSH-2.0-test\r\n"

# As long as a test waits for what must not be there sooner.
LATE = 10 * sallyport.PATIENCE


def named(name):
    """A handler that says its name to whoever says anything."""
    def handler(peer):
        said = peer.recv()
        peer.send(name.encode())
        peer.half_close()
        while more := peer.recv():
            said += more
        return said
    return handler


def matched(port, connect, *lines, **more):
    return configs.plain(port, connect,
                         *(f"listen.match = {line}" for line in lines), **more)


def tls_matched(port, connect, certs, *lines, **more):
    return configs.tls(port, connect, certs,
                       *(f"listen.match = {line}" for line in lines), **more)


def answer_to(port, first, source="127.0.0.1", pieces=None):
    """Connects, says `first`, and reads to the end."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection(
            ("127.0.0.1", port), sallyport.PATIENCE, (source, 0)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(first), pieces or len(first) or 1):
            sock.sendall(first[at:at + (pieces or len(first))])
        said = b""
        while more := sock.recv(4096):
            said += more
        return said


@pytest.fixture
def house(server):
    """house("a", "b") starts servers that say their names: {name: server}."""
    def start(*names):
        return {name: server(named(name)) for name in names}
    return start


@pytest.mark.promise(7)
def test_services_are_told_apart(relay, house, free_port):
    """One port has services by name, ALPN, protocol and address, and one for
    the rest. A client gets the most specific one."""
    port = free_port()
    at = house("exact", "wild", "acme", "ssh", "near", "rest")
    relay("".join([
        matched(port, at["rest"].port, name="rest"),
        matched(port, at["near"].port, "from:127.7.0.0/16", name="near"),
        matched(port, at["ssh"].port, "proto:ssh", name="ssh"),
        matched(port, at["acme"].port, "alpn:acme-tls/1", name="acme"),
        matched(port, at["wild"].port, "sni:*.a.example", name="wild"),
        matched(port, at["exact"].port, "sni:a.example", "sni:b.a.example",
                name="exact"),
    ]))
    for first, source, name in [
            (hellos.hello("a.example"), "127.0.0.1", "exact"),
            (hellos.hello("A.Example."), "127.0.0.1", "exact"),
            (hellos.hello("b.a.example"), "127.0.0.1", "exact"),
            (hellos.hello("c.a.example"), "127.0.0.1", "wild"),
            (hellos.hello("c.a.example"), "127.7.0.1", "wild"),
            (hellos.hello("d.c.a.example"), "127.0.0.1", "rest"),
            (hellos.hello("d.c.a.example"), "127.7.0.1", "near"),
            (hellos.hello("z.example", ["h2", "acme-tls/1"]), "127.0.0.1",
             "acme"),
            (hellos.hello(), "127.0.0.1", "rest"),
            (SSH, "127.0.0.1", "ssh"),
            (b"GET / HTTP/1.0\r\n\r\n", "127.0.0.1", "rest"),
            (b"GET / HTTP/1.0\r\n\r\n", "127.7.1.1", "near"),
    ]:
        assert answer_to(port, first, source) == name.encode(), first


@pytest.mark.parametrize("pieces", [None, 1], ids=["at-once", "byte-by-byte"])
@pytest.mark.parametrize("first", [
    hellos.hello("a.example"),
    hellos.hello("a.example", padding=1300, most=100),
    hellos.hello("a.example", most=1),
    hellos.hello("a.example", padding=32000),
], ids=["small", "many-records", "byte-records", "32-KiB"])
def test_the_same_bytes_are_passed_on(relay, house, free_port, first, pieces):
    """A tcp:// service of a TLS client gets what the client says byte for
    byte, in however many packets and records it came."""
    if pieces and len(first) > 10000:
        first = first[:100] + first[100:]
        pieces = 37
    port = free_port()
    at = house("a", "rest")
    one = relay(matched(port, at["rest"].port, name="rest") +
                matched(port, at["a"].port, "sni:a.example", name="a"))
    with peers.connect(port) as client:
        client.send(first, chunk=pieces)
        client.send(b"and more")
        client.half_close()
        assert client.receive().data == b"a"
    assert at["a"].result() == first + b"and more"
    end = one.wait_ends()[0]
    assert end["service"] == "a" and end["up"] == len(first) + 8


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_ends_or_passes_at_one_address(relay, server, house, free_port,
                                           certs, version):
    """tls:// and tcp:// services share a port: one client's TLS ends here, the
    other's at the server behind."""
    port = free_port()
    at = house("ended")
    behind = server(peers.echo, tls=peers.server_context(certs))
    one = relay(
        tls_matched(port, at["ended"].port, certs, "sni:a.example.test",
                    name="ended") +
        matched(port, behind.port, "sni:*.example.test", name="passed"))
    context = peers.client_context(certs, version=version)
    with peers.connect(port, tls=context, hostname="a.example.test") as ended:
        ended.send(b"?")
        assert ended.recv_exactly(5) == b"ended"
    with peers.connect(port, tls=context, hostname="b.example.test") as passed:
        assert peers.is_served(passed)
    ends = {end["service"]: end for end in one.wait_ends(2)}
    assert ends["ended"]["listen_sni"] == "a.example.test"
    assert "listen_tls" not in ends["passed"]


def test_tls_client_sends_byte_by_byte(relay, house, free_port, certs):
    """A TLS handshake whose packets have one byte each succeeds at a shared
    address as at any other."""
    port = free_port()
    at = house("a")
    relay(tls_matched(port, at["a"].port, certs, "sni:a.example.test"))
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = peers.client_context(certs).wrap_bio(
        into, out, server_hostname="a.example.test")
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in out.read():
                    sock.sendall(bytes([byte]))
                into.write(sock.recv(65536))
        tls.write(b"?")
        sock.sendall(out.read())
        while True:
            into.write(sock.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                assert tls.read(10) == b"a"
                break


def test_openssl_and_curl_are_served(relay, house, free_port, certs):
    """openssl s_client and curl get the service of the name they ask for."""
    port = free_port()
    at = house("one", "two")
    relay(tls_matched(port, at["one"].port, certs, "sni:a.example.test",
                      name="one") +
          tls_matched(port, at["two"].port, certs, "sni:b.example.test alpn:h2",
                      "sni:b.example.test alpn:http/1.1 from:127.0.0.0/8",
                      name="two"))
    done = servers.run(
        "curl", "-s", "--http0.9", "--cacert", certs / "ca.pem", "--resolve",
        f"b.example.test:{port}:127.0.0.1", f"https://b.example.test:{port}/")
    assert done.stdout == "two"
    done = servers.run(
        "openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}",
        "-servername", "a.example.test", "-verify_return_error", "-CAfile",
        certs / "ca.pem", stdin=None, input="?\n")
    assert done.stdout == "one"


def test_ssh_and_https_share_a_port(relay, house, free_port, certs, tmp_path):
    """ssh and a browser use one port, each with its own server behind."""
    port = free_port()
    at = house("web")
    with servers.Sshd(tmp_path / "sshd") as sshd:
        relay(tls_matched(port, at["web"].port, certs, "proto:tls",
                          name="web") +
              matched(port, sshd.port, name="ssh"))
        done = servers.run(*sshd.ssh(port), "127.0.0.1", "echo", "by ssh")
        assert done.stdout == "by ssh\n"
        with peers.connect(port, tls=peers.client_context(certs)) as web:
            web.send(b"?")
            assert web.recv_exactly(3) == b"web"


@pytest.mark.promise(6)
@pytest.mark.parametrize("first, said, detail", [
    (hellos.hello("c.example"), UNRECOGNIZED_NAME,
     "no service of this address is for a TLS client that asks for c.example"),
    (hellos.hello(), UNRECOGNIZED_NAME, "a TLS client that asks for no name"),
    (b"\x16\3\1\0\4\2\0\0\0", DECODE_ERROR,
     "a TLS client with another message than a hello"),
    (b"\x16\3\1\0\4\1\1\0\0", DECODE_ERROR,
     "a TLS client with a hello that is too large"),
    (hellos.records(hellos.message(hellos.server_name("a.example"),
                                   hellos.server_name("c.example"))),
     DECODE_ERROR, "a TLS client with two lists of server names"),
    (SSH, b"", "a client that speaks ssh"),
    (b"whatever\n", b"", "a client that speaks other"),
], ids=["other-name", "no-name", "no-hello", "large", "two-names", "ssh",
        "other"])
def test_there_is_no_service_for_a_client(relay, house, free_port, first, said,
                                          detail):
    """Where no service takes the rest, TLS gets the alert unrecognized_name (or
    decode_error, if it is none), and anything else a close. The log says what
    the client wanted."""
    port = free_port()
    at = house("a")
    one = relay(matched(port, at["a"].port, "sni:a.example"))
    with peers.connect(port) as client:
        client.send(first)
        received = client.receive()
        assert (received.data, received.end) == (said, "fin")
    end = one.wait_ends()[0]
    assert end["reason"] == "no-service" and end["state"] == "sniff"
    assert detail in end["detail"]


def test_a_strange_name_is_escaped(relay, house, free_port):
    """A server name with control bytes stands escaped in the log."""
    port = free_port()
    at = house("a")
    one = relay(matched(port, at["a"].port, "sni:a.example"))
    answer_to(port, hellos.hello("evil\n\x1b[2J"))
    assert one.wait_ends()[0]["detail"].endswith("evil\n\x1b[2j")
    assert not one.matching("^evil")


def test_silent_client_goes_to_the_rest(relay, server, house, free_port):
    """A client that waits for the server to speak, as a mail client does, gets
    the service without a match after timeout.sniff."""
    port = free_port()
    at = house("a")
    mail = server(peers.source(b"220 mail\r\n"))
    relay(matched(port, at["a"].port, "proto:tls", name="a") +
          matched(port, mail.port, name="mail") + "timeout.sniff = 200ms\n")
    with peers.connect(port) as client:
        assert client.recv_exactly(10) == b"220 mail\r\n"
        client.half_close()


def test_silent_client_has_nowhere_to_go(relay, house, free_port):
    """Without a service for the rest a silent client is closed after
    timeout.sniff; one that closes at once is no failure."""
    port = free_port()
    at = house("a")
    one = relay(matched(port, at["a"].port, "proto:tls") +
                "timeout.sniff = 100ms\n")
    with peers.connect(port) as client:
        assert client.receive().end == "fin"
    assert one.wait_ends()[0]["reason"] == "no-service"
    peers.connect(port).close()
    assert one.wait_ends(2)[1]["reason"] == "client-closed"


def test_half_a_hello_is_a_handshake_that_takes_too_long(relay, house,
                                                         free_port):
    """A client that stops within its ClientHello has the time of a handshake,
    not that of a silent client."""
    port = free_port()
    at = house("a")
    one = relay(matched(port, at["a"].port, "proto:tls", name="a") +
                "timeout.sniff = 50ms\ntimeout.handshake = 500ms\n")
    with peers.connect(port) as client:
        client.send(hellos.hello("a.example")[:50])
        client.receive()
    end = one.wait_ends()[0]
    assert (end["reason"], end["state"]) == ("handshake-timeout", "sniff")
    assert end["duration_ms"] >= 500


def test_clients_are_told_apart_by_address_alone(relay, server, house,
                                                 free_port):
    """Where matches have from: only, a client is not made to wait: its server
    may speak first."""
    port = free_port()
    at = house("far")
    near = server(peers.source(b"hello"))
    relay(matched(port, at["far"].port, name="far") +
          f"timeout.sniff = {LATE}s\n" +
          matched(port, near.port, "from:127.7.0.0/16", name="near"))
    with socket.create_connection(("127.0.0.1", port), sallyport.PATIENCE,
                                  ("127.7.0.1", 0)) as client:
        assert client.recv(5) == b"hello"


def test_slow_clients_cost_no_cpu(relay, house, free_port):
    """Clients that have sent a part of what they have to say leave the daemon
    idle."""
    port = free_port()
    at = house("a", "rest")
    one = relay(matched(port, at["a"].port, "sni:a.example", name="a") +
                matched(port, at["rest"].port, name="rest") +
                f"timeout.sniff = {LATE}s\ntimeout.handshake = {LATE}s\n")
    held = []
    with contextlib.ExitStack() as stack:
        for first in (hellos.hello("a.example")[:-1], b"\x16", b"SS", b"\0"):
            for _ in range(5):
                held.append((stack.enter_context(peers.connect(port)), first))
                held[-1][0].send(first)
        sallyport.wait_until(one.is_idle, "an idle daemon")
        for client, first in held:
            client.send(hellos.hello("a.example")[len(first):]
                        if first[0] == 0x16 else b"x")
            client.half_close()
            want = b"a" if first[:1] == b"\x16" and len(first) > 1 else None
            got = client.receive().data
            assert want is None or got == want


def test_a_reload_changes_matches(relay, house, free_port):
    """After a reload the new matches hold for every client, also for those that
    had connected before and said nothing or not enough."""
    port = free_port()
    at = house("one", "two")

    def config(first, second):
        return matched(port, at["one"].port, first, name="one") + \
            f"timeout.sniff = {LATE}s\n" + \
            matched(port, at["two"].port, second, name="two")

    one = relay(config("sni:a.example", "sni:b.example"))
    hello = hellos.hello("a.example")
    silent, half = peers.connect(port), peers.connect(port)
    with silent, half:
        half.send(hello[:40])
        assert answer_to(port, hello) == b"one"
        one.reload_config(config("sni:b.example", "sni:a.example"))
        reload(one)
        assert answer_to(port, hello) == b"two"
        silent.send(hello)
        half.send(hello[40:])
        for client in (silent, half):
            client.half_close()
            assert client.receive().data == b"two"


def test_a_reload_shares_an_address_and_parts_it_again(relay, house, free_port,
                                                       certs):
    """A service that had an address for itself shares it after a reload, and has
    it alone after another one; clients that were silent meanwhile are served by
    what is there when they speak."""
    port = free_port()
    at = house("one", "two")
    alone = configs.tls(port, at["one"].port, certs,
                        f"timeout.handshake = {LATE}s", name="one")
    shared = alone + "listen.match = sni:a.example.test\n" + \
        matched(port, at["two"].port, name="two") + \
        f"timeout.sniff = {LATE}s\n"
    one = relay(alone)
    context = peers.client_context(certs)
    with peers.connect(port) as silent:
        one.reload_config(shared)
        reload(one)
        silent.send(SSH)
        silent.half_close()
        assert silent.receive().data == b"two"
    with socket.create_connection(("127.0.0.1", port)) as silent:
        one.reload_config(alone)
        reload(one)
        with peers.TlsPeer(silent, context, "localhost").handshake() as tls:
            tls.send(b"?")
            assert tls.recv_exactly(3) == b"one"


@pytest.mark.promise(31)
@pytest.mark.usefixtures("two_workers")
def test_reloads_of_matches_under_load_lose_nobody(relay, house, free_port):
    """While matches change again and again every client gets an answer of the
    server that one of the configurations names."""
    port = free_port()
    at = house("one", "two")

    def config(first, second):
        return matched(port, at["one"].port, first, name="one") + \
            matched(port, at["two"].port, second, name="two")

    one = relay(config("sni:a.example", "sni:b.example"))
    hello = hellos.hello("a.example")
    answers, stop = collections.Counter(), threading.Event()

    def ask():
        while not stop.is_set():
            answers[answer_to(port, hello)] += 1

    asking = [peers.in_background(ask) for _ in range(4)]
    try:
        for turn in range(6 if sallyport.SANITIZED else 20):
            lines = ["sni:a.example", "sni:b.example"]
            one.reload_config(config(*lines[::1 if turn % 2 else -1]))
            reload(one)
            want = answers.total() + 20
            sallyport.wait_until(
                lambda: answers.total() > want or any(
                    each.done() for each in asking), "answers")
    finally:
        stop.set()
    for each in asking:
        each.result(sallyport.PATIENCE)
    assert set(answers) == {b"one", b"two"}, answers


@pytest.mark.promise(32)
def test_an_upgrade_keeps_a_shared_address(upgraded, house, free_port):
    """Another program takes a shared address over with its matches; clients that
    were silent, or in the middle of what they say, are served."""
    port = free_port()
    at = house("one", "rest")
    one = upgraded(
        matched(port, at["one"].port, "sni:a.example", name="one") +
        f"timeout.sniff = {LATE}s\ntimeout.handshake = {LATE}s\n" +
        matched(port, at["rest"].port, name="rest"))
    hello = hellos.hello("a.example")
    with peers.connect(port) as silent, peers.connect(port) as half:
        half.send(hello[:40])
        one.upgrade()
        assert answer_to(port, hello) == b"one"
        assert answer_to(port, SSH) == b"rest"
        silent.send(hello)
        half.send(hello[40:])
        for client in (silent, half):
            client.half_close()
            assert client.receive().data == b"one"
    one.stop()


def test_fewer_workers_keep_silent_clients(relay, house, free_port):
    """Clients of a shared address that have said nothing are served although their
    worker is one too many after a reload, and ends with the last of them."""
    port = free_port()
    at = house("one", "rest")

    def config(workers):
        return configs.settings(f"workers = {workers}") + \
            matched(port, at["one"].port, "sni:a.example", name="one") + \
            f"timeout.sniff = {LATE}s\n" + \
            matched(port, at["rest"].port, name="rest")

    one = relay(config(3))
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(peers.connect(port)) for _ in range(12)]
        sallyport.wait_until(
            lambda: len({one.holder(client.socket.getsockname()[1])
                         for client in silent}) == 3, "clients of each worker")
        one.reload_config(config(1))
        reload(one)
        for client in silent:
            client.send(hellos.hello("a.example"))
            client.half_close()
            assert client.receive().data == b"one"
    sallyport.wait_until(lambda: len(one.workers()) == 1,
                         "the end of two workers")


def test_one_service_of_an_address_is_drained(relay, house, free_port):
    """A drained service's clients are closed, also by a worker that is started
    later; the others of its address are served on. A reload opens it again."""
    port = free_port()
    at = house("one", "two")
    one = relay(matched(port, at["one"].port, "sni:a.example", name="one") +
                matched(port, at["two"].port, name="two"))
    one.may_lose_children = True
    hello = hellos.hello("a.example")
    assert answer_to(port, hello) == b"one"
    sallyport.sallyport("drain", "-c", one.config, "one")
    for _ in range(2):
        sallyport.wait_until(lambda: answer_to(port, hello) == b"",
                             "the service to be drained")
        assert answer_to(port, SSH) == b"two"
        number, pid = next(iter(one.workers().items()))
        servers.os.kill(pid, servers.signal.SIGKILL)
        one.wait_worker(number, other_than=pid)
    assert "the service is drained" in {
        end.get("detail") for end in one.ends()}
    reload(one)
    assert answer_to(port, hello) == b"one"
    for name in ("one", "two"):
        sallyport.sallyport("drain", "-c", one.config, name)
    sallyport.wait_until(lambda: peers.is_refused(port),
                         "the address to be closed")


def test_a_full_service_leaves_the_others(relay, server, house, free_port):
    """A service of a shared address that has max_connections refuses further
    clients, with a reason, and the others accept on."""
    port = free_port()
    at = house("two")
    held = server(peers.echo)
    one = relay(matched(port, held.port, "sni:a.example", name="one") +
                "max_connections = 1\n" +
                matched(port, at["two"].port, name="two"))
    with peers.connect(port) as first:
        first.send(hellos.hello("a.example"))
        assert first.recv_exactly(5) == hellos.hello("a.example")[:5]
        with contextlib.suppress(ConnectionResetError):
            assert answer_to(port, hellos.hello("a.example")) == b""
        assert answer_to(port, SSH) == b"two"
        ends = {end["service"]: end["reason"] for end in one.wait_ends(2)}
        assert ends["one"] == "service-full"
        first.half_close()
        first.receive()
    one.wait_ends(3)
    with peers.connect(port) as again:
        again.send(hellos.hello("a.example"))
        assert again.recv_exactly(1) == b"\x16"


def test_silent_clients_of_a_shared_address_leave_room(relay, server, house,
                                                       free_port):
    """Clients that say nothing where several services share an address fill
    neither the daemon nor the other services: accepting pauses there alone."""
    port, other = free_port(), free_port()
    at, served = house("two"), server(peers.echo)
    one = relay(configs.settings("max_connections = 40", "workers = 1") +
                matched(port, served.port, "proto:ssh", name="one") +
                matched(port, at["two"].port, name="two") +
                f"timeout.sniff = {LATE}s\n" +
                configs.plain(other, served.port, name="other"))
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(peers.connect(port))
        one.wait_log("max_connections = 35 is reached")
        with peers.connect(other) as client:
            client.send(b"?")
            assert client.recv_exactly(1) == b"?"
    with peers.connect(port) as client:
        client.send(SSH)
        assert client.recv_exactly(len(SSH)) == SSH


def test_unix_clients_are_told_apart(relay, house, tmp_path):
    """A unix socket can be shared as well."""
    at = house("tls", "rest")
    path = tmp_path / "shared"
    relay(configs.service(f"unix:{path}", at["tls"].port,
                          "listen.match = proto:tls", name="tls") +
          configs.service(f"unix:{path}", at["rest"].port, name="rest"))
    for first, name in ((hellos.hello("a.example"), b"tls"), (SSH, b"rest")):
        with peers.connect(str(path)) as client:
            client.send(first)
            client.half_close()
            assert client.receive().data == name


# Against a plain model.

LINES = {
    "exact": ["sni:a.example", "sni:x.b.example"],
    "wild": ["sni:*.a.example"],
    "wild-h2": ["sni:*.a.example alpn:h2"],
    "wild-near": ["sni:*.a.example from:127.16.0.0/12"],
    "nearer": ["sni:*.a.example from:127.16.1.0/24", "from:127.16.1.0/24"],
    "unnamed": ["sni:-"],
    "acme": ["alpn:acme-tls/1"],
    "acme-near": ["alpn:acme-tls/1 from:127.16.0.0/12"],
    "ssh": ["proto:ssh"],
    "rest": [],
}
NAMES = [None, "a.example", "x.a.example", "y.a.example", "x.b.example",
         "z.x.a.example", "other.example", "example"]
OFFERS = [(), ("h2",), ("http/1.1", "h2"), ("acme-tls/1",),
          ("h2", "acme-tls/1"), ("http/1.1",)]
SOURCES = ["127.0.0.1", "127.16.0.1", "127.16.1.1", "127.31.255.254",
           "127.32.0.1"]


def holds(word, client):
    """Whether one word is true of a client."""
    name, offers, source, protocol = client
    kind, _, what = word.partition(":")
    if kind == "from":
        return ipaddress.ip_address(source) in ipaddress.ip_network(what)
    if kind == "proto":
        return what == protocol
    if protocol != "tls":
        return False
    if kind == "alpn":
        return what in offers
    if what == "-":
        return name is None
    if what.startswith("*."):
        return name is not None and name.partition(".")[2] == what[2:]
    return name == what


def rank(line):
    """Exact name, wildcard, the rest; then words; then the network."""
    kinds = dict(word.split(":", 1) for word in line.split())
    sni = kinds.get("sni")
    name = 0 if sni is None else 1 if sni == "-" else \
        2 if sni.startswith("*.") else 3
    bits = int(kinds["from"].split("/")[1]) if "from" in kinds else -1
    return name, len(kinds), bits


def choose(client):
    found = [(rank(line), service) for service, lines in LINES.items()
             for line in lines
             if all(holds(word, client) for word in line.split())]
    return max(found)[1] if found else "rest"


@pytest.mark.usefixtures("two_workers")
def test_choices_agree_with_a_plain_model(relay, house, free_port):
    """10,000 clients with all sorts of names, protocols and addresses get the
    service that a model of a few lines says."""
    port = free_port()
    at = house(*LINES)
    relay("".join(matched(port, at[name].port, *lines, name=name)
                  for name, lines in LINES.items()))
    chance = random.Random(15)
    got = set()
    for _ in range(1000 if sallyport.SANITIZED else 10000):
        protocol = "ssh" if chance.random() < 0.1 else "tls"
        client = (chance.choice(NAMES), chance.choice(OFFERS),
                  chance.choice(SOURCES), protocol)
        first = SSH if protocol == "ssh" else hellos.hello(*client[:2])
        want = choose(client)
        assert answer_to(port, first, client[2]) == want.encode(), client
        got.add(want)
    assert got == set(LINES)
