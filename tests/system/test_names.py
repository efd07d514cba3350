"""Servers that have names: looked up in /etc/hosts and in the DNS, of which the
daemon sees its own (mount_namespaces(7))."""
import contextlib
import os
import re
import signal
import time

import pytest

import configs
import names
import peers
import processes
import sallyport
from peers import is_served, serves

pytestmark = pytest.mark.skipif(
    not names.mounts_are_allowed(),
    reason="this machine allows no mount namespaces")


@pytest.mark.parametrize("source", ["hosts", "dns"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_address_of_a_name_is_tried(relay, server, client, free_port,
                                         within, dns, source, host):
    """A client is served where the name has two addresses and the server one
    of them."""
    port = free_port()
    far = server(peers.echo, host=host)
    both = "127.0.0.1 far.example.test\n::1 far.example.test\n"
    if source == "dns":
        dns(both)
    relay(configs.service(f"127.0.0.1:{port}",
                          f"far.example.test:{far.port}"),
          within=within(both if source == "hosts" else "", dns.address))
    for _ in range(3):
        assert is_served(client(port))


def test_service_listens_on_every_address_of_a_name(relay, server, client,
                                                    free_port, within):
    """A service whose `listen` is a name accepts at each of its addresses."""
    port = free_port()
    far = server(peers.echo)
    relay(configs.service(f"near.example.test:{port}", far.port),
          within=within("127.0.0.1 near.example.test\n"
                        "127.0.0.2 near.example.test\n"
                        "::1 near.example.test\n"))
    for host in ("127.0.0.1", "127.0.0.2", "::1"):
        assert is_served(client((host, port)))


def test_unknown_name_stops_a_start_where_names_are_strict(free_port, within,
                                                           dns, tmp_path):
    """With strict_names a start fails, and reports every unknown name with its
    place."""
    dns("127.0.0.1 known.example.test\n")
    config = tmp_path / "sallyport.ini"
    config.write_text("[global]\nstrict_names = yes\n" + configs.service(
        f"unix:{tmp_path}/socket",
        [f"known.example.test:{free_port()}", "unknown.example.test:80",
         "[::1]:9", "nobody.example.test:80"]))
    done = sallyport.sallyport("run", "-c", config,
                               within=within("", dns.address))
    assert done.returncode == 1
    for line, name in ((6, "unknown"), (8, "nobody")):
        assert f"{config}:{line}: [service s] connect: {name}.example.test" \
            f":80: there is no host \"{name}.example.test\"; correct the " \
            "name" in done.stderr
    assert "\"known.example.test" not in done.stderr
    assert not (tmp_path / "socket").exists()
    # check resolves nothing.
    assert sallyport.sallyport("check", "-c", config).returncode == 0


def test_unknown_name_beside_other_servers(relay, server, client, free_port,
                                           within, dns):
    """Clients are served by a service's other servers while one has an unknown
    name, and the log says so."""
    port = free_port()
    far = server(peers.echo)
    dns("127.0.0.1 known.example.test\n")
    one = relay(configs.service(f"127.0.0.1:{port}",
                                ["gone.example.test:80", far.port]),
                within=within("", dns.address))
    assert one.matching(
        'warn s: there is no host "gone.example.test"; the service has its '
        "other servers until the DNS or /etc/hosts knows it")
    assert is_served(client(port))


def end_of(port):
    with peers.connect(port) as peer:
        return peer.receive().end


@pytest.mark.promise(50)
def test_unknown_name_concerns_its_service_alone(relay, server, client,
                                                 free_port, within, dns):
    """An unknown name stops no start and no reload; the clients of its service
    are refused until the name is known, and then served (promise 50)."""
    port, other, third = free_port(), free_port(), free_port()
    far = server(peers.echo)
    names_there = dns("127.0.0.1 known.example.test\n")
    gone = configs.service(f"127.0.0.1:{port}",
                           f"gone.example.test:{far.port}")
    one = relay(gone + configs.plain(other, far.port, name="other"),
                within=within("", dns.address))
    assert one.matching(
        'warn s: there is no host "gone.example.test"; clients are refused '
        "until the DNS or /etc/hosts knows it")
    assert is_served(client(other))
    assert end_of(port) == "reset"
    assert one.wait_ends()[-1]["reason"] == "resolve-failed"
    one.reload_config(
        gone + configs.plain(other, far.port, name="other") +
        configs.plain(third, far.port, name="third"))
    done = processes.command(one, "reload")
    assert done.returncode == 0, done.stderr
    assert is_served(client(third))
    one.reload_config(
        "[global]\nstrict_names = yes\n" + gone +
        configs.plain(other, far.port, name="other"))
    done = processes.command(one, "reload")
    assert done.returncode != 0
    assert 'there is no host "gone.example.test"' in done.stderr
    assert is_served(client(third))          # as before
    names_there.stop()
    dns("127.0.0.1 gone.example.test\n")
    wait_served(port)


def wait_served(port):
    """Until the server's name is known."""
    def look():
        with contextlib.suppress(EOFError, ConnectionError):
            return serves(port)
    sallyport.wait_until(look, "the name to be known")


def said_at(port):
    """What the server says first, which is its name."""
    with peers.connect(port) as peer:
        return peer.recv_exactly(1)


@pytest.mark.promise(50)
def test_each_line_of_the_hosts_file_counts(relay, server, free_port, within):
    """A server is looked up in each line of the hosts file for itself; a
    server at an address of another line is never connected to (promise 50)."""
    ports = [free_port() for _ in range(3)]
    far = server(peers.source(b"2"), host="127.0.0.2")
    server(peers.source(b"1"), host="127.0.0.1", port=far.port)
    relay("".join(
        configs.service(f"127.0.0.1:{port}", f"{name}.test:{far.port}",
                        name=name)
        for port, name in zip(ports, ["one", "two", "three"])),
          within=within("127.0.0.1 localhost here\n127.0.0.2 one two\n"
                        "127.0.0.2 one.test here # three.test\n"
                        "127.0.0.1 here\n127.0.0.2 Two.TEST\n"
                        "127.0.0.2\tthree.test\n"))
    for port in ports:
        assert said_at(port) == b"2"


@pytest.mark.promise(50)
def test_changed_name_files_are_read_again(relay, server, free_port, within,
                                           dns, tmp_path):
    """A changed hosts file is read by itself, a changed resolv.conf at a
    reload at the latest, although the old answers would be good for an
    hour."""
    port, other = free_port(), free_port()
    first = server(peers.source(b"2"), host="127.0.0.2")
    server(peers.source(b"3"), host="127.0.0.3", port=first.port)
    dns("127.0.0.3 far.example.test\n")
    with names.Silence("127.0.53.99"):
        one = relay(
            configs.service(f"127.0.0.1:{port}",
                            f"near.test:{first.port}") +
            configs.service(f"127.0.0.1:{other}",
                            f"far.example.test:{first.port}", name="far"),
            within=within("127.0.0.2 near.test\n127.0.0.2 far.example.test\n",
                          "127.0.53.99"))
        assert said_at(port) == said_at(other) == b"2"
        (tmp_path / "hosts").write_text("127.0.0.3 near.test\n")
        sallyport.wait_until(lambda: said_at(port) == b"3",
                             "the hosts file to be read again")
        (tmp_path / "resolv.conf").write_text(f"nameserver {dns.address}\n")
        done = processes.command(one, "reload")
        assert done.returncode == 0, done.stderr
        sallyport.wait_until(lambda: said_at(other) == b"3",
                             "the other name server to be asked")


@pytest.mark.promise(50)
def test_first_client_after_a_pause_reaches_the_new_address(relay, server,
                                                            free_port, within,
                                                            dns, two_workers):
    """A name whose address changed while no client connected leads every
    client to the new address, also when the DNS dies afterwards (promise
    50)."""
    port = free_port()
    first = server(peers.source(b"2"), host="127.0.0.2")
    server(peers.source(b"3"), host="127.0.0.3", port=first.port)
    before = dns("127.0.0.2 far.example.test\n")
    relay(configs.service(f"127.0.0.1:{port}",
                          f"far.example.test:{first.port}"),
          within=within("", dns.address))
    assert {said_at(port) for _ in range(8)} == {b"2"}
    before.stop()
    now = dns("127.0.0.3 far.example.test\n")
    ended = time.monotonic() + 1.2      # what was good for a second
    sallyport.wait_until(lambda: time.monotonic() > ended, "the answer's end")
    assert {said_at(port) for _ in range(8)} == {b"3"}
    now.stop()
    with names.Silence(dns.address) as silence:
        sallyport.wait_until(
            lambda: said_at(port) == b"3" and silence.was_asked(),
            "the silent DNS to be asked")
        assert {said_at(port) for _ in range(8)} == {b"3"}


@pytest.mark.promise(50)
def test_short_name_is_found_with_a_root_search(relay, server, free_port,
                                                within, dns, tmp_path):
    """A name of one label is found where resolv.conf has "search .", as
    systemd-resolved writes it."""
    port = free_port()
    far = server(peers.source(b"1"))
    dns("127.0.0.1 redis\n")
    before = within("", dns.address)
    (tmp_path / "resolv.conf").write_text(
        f"nameserver {dns.address}\nsearch .\n")
    relay(configs.service(f"127.0.0.1:{port}", f"redis:{far.port}"),
          within=before)
    assert said_at(port) == b"1"


@pytest.mark.promise(47)
def test_scout_holds_no_file(relay, free_port, within, tmp_path):
    """The scout has no file open but the log and /dev/null (promise 47)."""
    one = relay(configs.service(f"127.0.0.1:{free_port()}", "near.test:9"),
                within=within("127.0.0.1 near.test\n"))
    scout = processes.roles(one.pid)["scout"]
    opened = {os.readlink(f"/proc/{scout}/fd/{fd}")
              for fd in os.listdir(f"/proc/{scout}/fd")}
    assert {path for path in opened if path.startswith("/")
            and path != "/dev/null"
            and not path.startswith(str(tmp_path))} == set()


def udp_inodes(pid):
    """The inodes of the UDP sockets that a process has."""
    there = {line.split()[9] for name in ("udp", "udp6")
             for line in open(f"/proc/{pid}/net/{name}").readlines()[1:]}
    held = {re.sub(r"socket:\[(\d+)\]", r"\1",
                   os.readlink(f"/proc/{pid}/fd/{fd}"))
            for fd in os.listdir(f"/proc/{pid}/fd")}
    return there & held


@pytest.mark.promise(47)
@pytest.mark.skipif(sallyport.SANITIZED, reason="confines no process")
def test_trial_resolves_by_the_scout_and_is_confined(relay, free_port, within,
                                                     dns):
    """The trial, which has the keys, sends no DNS query itself and has no
    rights; the scout resolves its names (promise 47)."""
    with names.Silence(dns.address) as silence:
        one = relay(configs.service(f"near.test:{free_port()}",
                                    "gone.example.test:9"),
                    within=within("127.0.0.1 near.test\n", dns.address),
                    ready=None)
        sallyport.wait_until(silence.was_asked, "the DNS to be asked")
        there = processes.roles(one.pid)
        assert not udp_inodes(there["trial"])
        assert udp_inodes(there["scout"])
        status = processes.status_fields(there["trial"])
        bind_service = 1 << 10
        for which in "CapEff", "CapPrm", "CapInh", "CapAmb":
            assert int(status[which][0], 16) & ~bind_service == 0
        assert status["Seccomp"] == ["2"]
        assert status["NoNewPrivs"] == ["1"]
        one.wait_log(r"\bready\b")


def test_unknown_listen_name_stops_a_start(free_port, within, dns, tmp_path):
    """A start fails where `listen` names an unknown host, and reports its
    place."""
    dns("127.0.0.1 known.example.test\n")
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.service(f"unknown.example.test:{free_port()}",
                                      "127.0.0.1:9"))
    done = sallyport.sallyport("run", "-c", config,
                               within=within("", dns.address))
    assert done.returncode == 1
    assert f"{config}:2: [service s] listen: unknown.example.test" in \
        done.stderr
    assert "cannot resolve \"unknown.example.test\"" in done.stderr
    assert "write an address of this machine" in done.stderr


@pytest.mark.promise(38)
@pytest.mark.slow
def test_dead_dns_stops_no_start(relay, server, client, free_port, within,
                                 dns):
    """A daemon starts without an answer of the DNS; other services work at
    once, and the name does as soon as the DNS answers."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    one = relay(configs.service(f"127.0.0.1:{port}",
                                f"far.example.test:{far.port}",
                                "timeout.connect = 1s") +
                configs.plain(other, far.port, name="other"),
                within=within("", dns.address))
    assert is_served(client(other))
    assert peers.connect(port).receive().end == "reset"
    ends = one.wait_ends()
    assert ends[-1]["reason"] == "resolve-failed"
    dns("127.0.0.1 far.example.test\n")
    wait_served(port)


@pytest.mark.promise(38)
def test_last_addresses_serve_when_the_dns_dies(relay, server, free_port,
                                                within, dns, two_workers):
    """Clients do not wait for a DNS that refuses or is silent: the last good
    addresses serve on, in new workers and with a new scout too."""
    port = free_port()
    far = server(peers.echo)
    good = dns("127.0.0.1 far.example.test\n")   # for a second
    one = relay(configs.service(
        f"127.0.0.1:{port}", f"far.example.test:{far.port}",
        "timeout.connect = 2s"), within=within("", dns.address))
    one.may_lose_children = True

    def serves_by_every_worker():
        """Several clients, so that each worker has one."""
        many = [peers.connect(port) for _ in range(6)]
        assert all(map(is_served, many))
        holders = {one.wait_holder(peer.socket.getsockname()[1])
                   for peer in many}
        assert holders == set(one.workers().values())
        for peer in many:
            peer.half_close()
            assert peer.receive().end == "fin"
        return True

    def lose(pid):
        os.kill(pid, signal.SIGKILL)
        sallyport.wait_until(
            lambda: pid not in one.children() and
            set(one.children().values()) == {"w0", "w1", "scout", "admin"},
            "another one")

    def scout():
        return processes.roles(one.pid)["scout"]

    serves_by_every_worker()
    good.stop()             # its port refuses
    sallyport.wait_until(
        lambda: serves_by_every_worker() and one.matching(
            'cannot resolve "far.example.test": .*; still using its '
            "last good addresses"), "what it knows to be out of date")
    with names.Silence(dns.address) as silence:
        sallyport.wait_until(
            lambda: serves_by_every_worker() and silence.was_asked(),
            "the silent DNS to be asked")
        lose(one.workers()[0])
        serves_by_every_worker()
        lose(scout())
        while silence.was_asked():      # by the one before
            pass
        serves_by_every_worker()
        sallyport.wait_until(
            lambda: serves_by_every_worker() and silence.was_asked(),
            "the new scout to ask")
        serves_by_every_worker()
    assert {end["reason"] for end in one.ends()} == {"client-closed"}
