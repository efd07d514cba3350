"""Redis: pipelines of small commands and large values, over TLS."""
import random
import re

import pytest

import figures
import peers
import sallyport
import servers

COMMANDS = 20_000 if sallyport.SANITIZED else 100_000


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A running servers.Redis."""
    with servers.Redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture
def cli(relay, redis, certs, free_port):
    """cli(program): its words, for reaching Redis with TLS by the relay."""
    port = free_port()
    relay(f"""
[service redis]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
connect = 127.0.0.1:{redis.port}
""")
    servers.run("redis-cli", "-p", redis.port, "flushall")
    return lambda program: [program, "-h", "localhost", "-p", str(port),
                            "--tls", "--cacert", str(certs / "ca.pem")]


def command(*words):
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts += [f"${len(word)}\r\n".encode(), word, b"\r\n"]
    return b"".join(parts)


@pytest.mark.promise(1)
def test_pipeline_loses_no_command(cli, redis, tmp_path):
    """Each command of a long pipeline has an answer, and each value
    arrived."""
    chance = random.Random(7)
    with open(tmp_path / "commands", "wb") as commands:
        for index in range(COMMANDS):
            commands.write(command("SET", f"key:{index}",
                                   chance.randbytes(chance.randrange(200))))
            commands.write(command("APPEND", "all", f"{index},"))
    with open(tmp_path / "commands", "rb") as commands:
        done = servers.run(*cli("redis-cli"), "--pipe", stdin=commands)
    assert f"errors: 0, replies: {2 * COMMANDS}" in done.stdout
    direct = ["redis-cli", "-p", redis.port]
    assert servers.run(*direct, "dbsize").stdout.strip() == str(COMMANDS + 1)
    in_order = "".join(f"{index}," for index in range(COMMANDS))
    assert servers.run(*direct, "get", "all").stdout == in_order + "\n"


@pytest.mark.promise(1)
@pytest.mark.parametrize("size", [1, 16384, 16385, 10_000_019])
def test_large_values_come_back_whole(cli, redis, tmp_path, size):
    """A value around a record's size, or of 10 MB, comes back as it was
    set."""
    value = peers.payload(size).hex()[:size]
    (tmp_path / "value").write_text(value)
    with open(tmp_path / "value", "rb") as stdin:
        servers.run(*cli("redis-cli"), "-x", "set", "large", stdin=stdin)
    got = servers.run(*cli("redis-cli"), "get", "large").stdout
    assert got == value + "\n"


def test_benchmark_runs_through(cli):
    """redis-benchmark with 50 clients, 16 commands in flight for each, runs
    through."""
    done = servers.run(*cli("redis-benchmark"), "-q", "-P", 16, "-c", 50,
                       "-n", COMMANDS, "-t", "ping_mbulk,set,get,lrange_100",
                       "-d", 100)
    rates = re.findall(r"^(\w+).*?: ([\d.]+) requests per second",
                       done.stdout.replace("\r", "\n"), re.M)
    figures.tell("requests per second: " +
                 ", ".join(f"{name} {rate}" for name, rate in rates))
    assert {"PING_MBULK", "SET", "GET", "LRANGE_100"} <= {n for n, _ in rates}


def test_redis_cli_is_no_failure(cli, request):
    """redis-cli, which closes without close_notify once it has its answer, is
    no failure in the log."""
    for _ in range(10):
        assert servers.run(*cli("redis-cli"), "ping").stdout == "PONG\n"
    ends = request.node.relays[0].wait_ends(10)
    assert {end["reason"] for end in ends} == {"client-closed"}, ends
