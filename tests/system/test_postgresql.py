"""PostgreSQL with its own clients through the two ends of a tunnel."""
import hashlib
import signal
import subprocess

import pytest

import figures
import sallyport
import servers
from tunnel import Tunnel

TRANSACTIONS = 50 if sallyport.SANITIZED else 200
ROWS = 200_000


@pytest.fixture(scope="module")
def postgres():
    """A running servers.Postgres."""
    with servers.Postgres() as postgres:
        yield postgres


@pytest.fixture
def tunnel(relay, certs, postgres):
    """A Tunnel to PostgreSQL."""
    return Tunnel(relay, certs, f"127.0.0.1:{postgres.port}")


def words(program, port, *more):
    return [program, "-h", "127.0.0.1", "-p", port, "-U", "postgres", *more]


def psql(port, *more, **options):
    return servers.run(*words("psql", port, "-X", "-q", "-t", "-A", "-v",
                              "ON_ERROR_STOP=1", *more), **options).stdout


@pytest.mark.promise(1)
def test_copied_table_comes_back_whole(tunnel, postgres, tmp_path):
    """A large table that psql copies in and out comes back as it went in."""
    rows = "".join(f"{index}\t{hashlib.sha256(b'%d' % index).hexdigest()}\n"
                   for index in range(ROWS))
    (tmp_path / "rows").write_text(rows)
    port = tunnel.port
    psql(port, "-c", "create table rows (id int primary key, digest text)")
    with open(tmp_path / "rows", "rb") as stdin:
        psql(port, "-c", "copy rows from stdin", stdin=stdin)
    assert psql(port, "-c", "copy (select * from rows order by id) to stdout"
                ) == rows
    count = psql(postgres.port, "-c", "select count(*) from rows where "
                 "digest = encode(sha256(id::text::bytea), 'hex')")
    assert int(count) == ROWS
    # psql says that it leaves before it closes, and the server may be faster.
    for ends in tunnel.wait_ends(3):
        assert {end["reason"] for end in ends} <= {
            "client-closed", "server-closed"}


def test_notices_arrive_while_a_query_runs(tunnel):
    """Notices that the server sends during a query arrive."""
    done = servers.run(*words(
        "psql", tunnel.port, "-X", "-c",
        "do $$ begin for i in 1..5 loop raise notice 'step %', i; "
        "perform pg_sleep(0.05); end loop; end $$"))
    assert [f"step {i}" in done.stderr for i in range(1, 6)] == [True] * 5


@pytest.mark.slow
def test_pgbench_loses_no_transaction(tunnel):
    """Ten clients of pgbench lose no transaction, also with a connection for
    each one."""
    servers.run(*words("pgbench", tunnel.port, "-i", "-q", "postgres"))
    for each, count in (((), TRANSACTIONS),
                        (("-C", "-n"), TRANSACTIONS // 10)):
        done = servers.run(*words("pgbench", tunnel.port, "-c", 10, "-j", 2,
                                  "-t", count, *each, "postgres"))
        assert f"processed: {10 * count}/{10 * count}" in done.stdout
        figures.tell(", ".join(
            done.stdout[done.stdout.index("latency"):].splitlines()))
    total = psql(tunnel.port, "-c", "select count(*) from pgbench_history")
    assert int(total) == 10 * (TRANSACTIONS + TRANSACTIONS // 10)


def test_cancel_request_reaches_the_server(tunnel):
    """A cancel request, which comes on a connection of its own and closes
    without a word, cancels the query."""
    sleeping = subprocess.Popen(list(map(str, words(
        "psql", tunnel.port, "-X", "-c", "select pg_sleep(600)"))),
        stderr=subprocess.PIPE, text=True)
    sallyport.wait_until(lambda: psql(
        tunnel.port, "-c", "select 1 from pg_stat_activity where query = "
        "'select pg_sleep(600)' and state = 'active'").strip(), "the query")
    sleeping.send_signal(signal.SIGINT)
    said = sleeping.communicate(timeout=sallyport.PATIENCE)[1]
    assert "canceling statement due to user request" in said
