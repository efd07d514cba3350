"""Servers that have names: looked up in /etc/hosts and in the DNS, of which the
daemon sees its own (mount_namespaces(7))."""
import ipaddress
import os
import subprocess

import pytest

import configs
import peers
import sallyport
import servers

WITHIN = ["unshare", "--mount"] if os.geteuid() == 0 else \
    ["unshare", "--map-root-user", "--mount"]

pytestmark = pytest.mark.skipif(
    subprocess.run([*WITHIN, "true"], stderr=subprocess.DEVNULL,
                   check=False).returncode != 0,
    reason="this machine allows no mount namespaces")


@pytest.fixture
def within(tmp_path):
    """within(hosts, nameserver) is what makes a program see these."""
    def make(hosts="", nameserver="127.0.53.53"):
        (tmp_path / "hosts").write_text(hosts)
        (tmp_path / "resolv.conf").write_text(f"nameserver {nameserver}\n")
        return [*WITHIN, "sh", "-ec",
                'mount --bind "$1" /etc/hosts\n'
                'mount --bind "$2" /etc/resolv.conf\n'
                'shift 2; exec "$@"', "sh", tmp_path / "hosts",
                tmp_path / "resolv.conf"]
    return make


class Dnsmasq(servers.Server):
    """Answers for the names in `hosts` and for no others."""

    def __init__(self, folder, address, hosts):
        folder.mkdir(exist_ok=True)
        self.address = address
        (folder / "hosts").write_text(hosts)
        super().__init__(folder, [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
            "--no-resolv", "--no-hosts", f"--addn-hosts={folder}/hosts",
            "--log-facility=-", "--user=root", "--pid-file=", "--local-ttl=1",
            "--local=/#/", f"--listen-address={address}", "--bind-interfaces"])

    def is_ready(self):
        return "started" in self.text()


@pytest.fixture
def dns(tmp_path):
    """dns(hosts) is a running Dnsmasq; dns.address is where it will be."""
    if os.geteuid() != 0:
        pytest.skip("the DNS has port 53")
    # An address for each run: tests may run side by side.
    address = ipaddress.ip_address("127.53.0.0") + os.getpid() % 65534 + 1
    started = []

    def start(hosts):
        started.append(Dnsmasq(tmp_path / f"dns{len(started)}", address,
                               hosts))
        return started[-1]

    start.address = address
    yield start
    for one in started:
        one.stop()


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
