"""Servers that have names: looked up in /etc/hosts and in the DNS, of which the
daemon sees its own (mount_namespaces(7))."""
import os
import signal

import pytest

import configs
import names
import peers
import processes
import sallyport

pytestmark = pytest.mark.skipif(
    not names.mounts_are_allowed(),
    reason="this machine allows no mount namespaces")


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


@pytest.mark.parametrize("source", ["hosts", "dns"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_address_is_tried(relay, server, client, free_port, within, dns,
                               source, host):
    """The name has two addresses, the server one of them."""
    port = free_port()
    far = server(peers.echo, host=host)
    both = "127.0.0.1 far.example.test\n::1 far.example.test\n"
    if source == "dns":
        dns(both)
    relay(configs.service(f"127.0.0.1:{port}",
                          f"far.example.test:{far.port}"),
          within=within(both if source == "hosts" else "", dns.address))
    for _ in range(3):
        assert asks(client(port))


def test_listens_on_every_address_of_a_name(relay, server, client, free_port,
                                            within):
    port = free_port()
    far = server(peers.echo)
    relay(configs.service(f"near.example.test:{port}", far.port),
          within=within("127.0.0.1 near.example.test\n"
                        "127.0.0.2 near.example.test\n"
                        "::1 near.example.test\n"))
    for host in ("127.0.0.1", "127.0.0.2", "::1"):
        assert asks(client((host, port)))


def test_unknown_name_refuses_to_start(free_port, within, dns, tmp_path):
    dns("127.0.0.1 known.example.test\n")
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.service(
        f"unix:{tmp_path}/door",
        [f"known.example.test:{free_port()}", "unknown.example.test:80",
         "[::1]:9", "nobody.example.test:80"]))
    done = sallyport.sallyport("run", "-c", config,
                               within=within("", dns.address))
    assert done.returncode == 1
    for line, name in ((4, "unknown"), (6, "nobody")):
        assert f"{config}:{line}: [service s] connect: {name}.example.test" \
            f":80: there is no host \"{name}.example.test\"; correct the " \
            "name" in done.stderr
    assert "\"known.example.test" not in done.stderr
    assert not (tmp_path / "door").exists()
    # check resolves nothing.
    assert sallyport.sallyport("check", "-c", config).returncode == 0


def test_unknown_listen_name_refuses_to_start(free_port, within, dns,
                                              tmp_path):
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


@pytest.mark.slow
def test_dead_dns_delays_the_start_only(relay, server, client, free_port,
                                        within, dns):
    """Without an answer it starts all the same, other services work at once,
    and the name works as soon as the DNS does."""
    port, other = free_port(), free_port()
    far = server(peers.echo)
    one = relay(configs.service(f"127.0.0.1:{port}",
                                f"far.example.test:{far.port}",
                                "timeout.connect = 1s") +
                configs.plain(other, far.port, name="other"),
                within=within("", dns.address))
    assert asks(client(other))
    assert peers.connect(port).receive().end == "reset"
    ends = one.wait_ends()
    assert ends[-1]["reason"] == "resolve-failed"
    dns("127.0.0.1 far.example.test\n")

    def works():
        try:
            with peers.connect(port) as peer:
                return asks(peer)
        except (EOFError, ConnectionError):
            return False

    sallyport.wait_until(works, "the name to be known")


def test_dns_that_dies_after_it_has_answered(relay, server, free_port, within,
                                             dns, two_workers):
    """Whether it refuses or says nothing: nobody waits for it, not even whom a
    new worker serves; and each worker goes on when the scout, and all that it
    knew, is gone."""
    port = free_port()
    far = server(peers.echo)
    good = dns("127.0.0.1 far.example.test\n")   # for a second
    one = relay(configs.service(
        f"127.0.0.1:{port}", f"far.example.test:{far.port}",
        "timeout.connect = 2s"), within=within("", dns.address))
    one.may_lose_children = True

    def serves():
        """Several clients, so that each worker has one."""
        many = [peers.connect(port) for _ in range(6)]
        assert all(map(asks, many))
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
            set(one.children().values()) == {"w0", "w1", "scout", "obser"},
            "another one")

    def scout():
        return processes.roles(one.pid)["scout"]

    serves()
    good.stop()             # its port refuses
    sallyport.wait_until(
        lambda: serves() and one.matching(
            'cannot resolve "far.example.test": .*; its last good addresses '
            "serve on"), "what it knows to be out of date")
    with names.Silence(dns.address) as silence:
        sallyport.wait_until(lambda: serves() and silence.was_asked(),
                             "the silent DNS to be asked")
        lose(one.workers()[0])
        serves()
        lose(scout())
        while silence.was_asked():      # by the one before
            pass
        serves()
        sallyport.wait_until(lambda: serves() and silence.was_asked(),
                             "the new scout to ask")
        serves()
    assert {end["reason"] for end in one.ends()} == {"client-closed"}
