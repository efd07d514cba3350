"""Signals: stopping gently, stopping at once, and those that stop nothing."""
import os
import pathlib
import re
import signal
import threading

import pytest

import configs
import peers
import sallyport
from peers import is_served, serves


@pytest.fixture
def full_listener():
    """A peers.FullListener."""
    with peers.FullListener() as listener:
        yield listener


@pytest.fixture
def busy_relay(relay, certs, server, client, free_port):
    """busy_relay(*settings) is a relay that carries one plain and one TLS
    connection."""
    def start(*settings):
        plain, tls = free_port(), free_port()
        far = server(peers.echo)
        one = relay(configs.settings(*settings) +
                    configs.plain(plain, far.port, name="plain") +
                    configs.tls(tls, far.port, certs, name="tls"))
        one.ports = plain, tls
        one.peers = (client(plain),
                     client(tls, tls=peers.client_context(certs)))
        assert all(is_served(peer) for peer in one.peers)
        return one
    return start


@pytest.mark.promise(34)
def test_second_signal_ends_connections_in_every_state(relay, certs, server,
                                                       client, free_port,
                                                       full_listener):
    """A second signal ends handshakes, connects, a lingering refusal and
    half-closed connections."""
    plain, tls, stuck = free_port(), free_port(), free_port()
    far = server(lambda peer: peer.receive(keep=False))
    one = relay(configs.settings("drain_timeout = 1h") +
                configs.plain(plain, far.port, name="plain") +
                configs.tls(tls, far.port, certs, name="tls") +
                configs.plain(stuck, full_listener.port, name="stuck"))
    silent = client(tls)
    half = client(tls)
    half.send(b"\x16\x03\x01\x02\0\1")
    refused = client(tls)
    refused.send(b"SSH-2.0-\r\n")
    assert refused.recv() == b""
    connecting = client(stuck)
    ended = client(plain)
    ended.half_close()
    blocked = client(plain)
    blocked.send(b"x" * 100)
    sallyport.wait_until(lambda: len(far.results) == 2, "the server's two")
    one.signal(signal.SIGTERM)
    one.wait_log("stopping")
    one.insist()
    assert one.wait_exit() == 0
    for peer in (silent, half, connecting, blocked):
        assert peer.receive().end == "reset"
    one.check()


def test_stop_lets_queued_clients_in(relay, server, client, free_port):
    """A stop serves the clients that wait in the kernel's queue at
    max_connections before it closes the queue."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("max_connections = 1") +
                configs.plain(port, far.port))
    held = client(port)
    assert is_served(held)
    late = client(port)
    one.signal(signal.SIGTERM)
    assert is_served(late) and is_served(held)
    sallyport.wait_until(lambda: peers.is_refused(port), "a refusal")
    for peer in (late, held):
        peer.half_close()
        assert peer.receive().end == "fin"
    assert one.wait_exit() == 0


def test_other_signals_disturb_no_connection(busy_relay):
    """SIGHUP, SIGUSR1 and SIGPIPE disturb no connection."""
    one = busy_relay()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        for _ in range(20):
            one.signal(number)
            assert all(is_served(peer) for peer in one.peers)
    one.wait_log("info reloaded: generation")
    assert one.running()


def test_usr1_reopens_the_log(relay, server, free_port, tmp_path):
    """SIGUSR1 has the log written to a new file under the old name."""
    port, log = free_port(), tmp_path / "log"
    old = tmp_path / "log.1"
    far = server(peers.echo)
    one = relay(configs.settings(f"log = file:{log}") +
                configs.plain(port, far.port), log=log)
    for turn in range(5):
        log.rename(old)
        assert serves(port)     # which goes to the renamed file
        sallyport.wait_until(lambda: "info end" in old.read_text(),
                             "the old log")
        one.signal(signal.SIGUSR1)
        sallyport.wait_until(log.exists, "the new log")
        sallyport.wait_until(
            lambda: one.open_files(one.pid).count(str(log)) == 1,
            "the master to have it")
        assert not any(str(log) in one.open_files(pid)
                       for pid in one.children())
        assert serves(port)
        one.wait_ends(1)
        assert log.stat().st_mode & 0o777 == 0o640
        old.unlink()
    assert not any(str(old) in name for pid in one.pids()
                   for name in one.open_files(pid))


def test_usr1_keeps_the_old_log_if_it_must(relay, server, free_port, tmp_path):
    """SIGUSR1 keeps the old log file where no new one can be made, and the log
    says so."""
    port, folder = free_port(), tmp_path / "logs"
    folder.mkdir()
    far = server(peers.echo)
    one = relay(configs.settings(f"log = file:{folder}/log") +
                configs.plain(port, far.port), log=folder / "log")
    moved = tmp_path / "moved"
    folder.rename(moved)
    one.log = moved / "log"
    one.signal(signal.SIGUSR1)
    one.wait_log("error .*No such file or directory.*old one stays in use")
    assert serves(port)
    one.wait_ends(1)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGUSR2])
def test_signal_before_ready_stops_no_start(relay, server, free_port, number):
    """A SIGHUP, SIGUSR1 or SIGUSR2 during the start does not end it; a reload
    is made up for."""
    far = server(peers.echo)
    one = relay(configs.plain(free_port(), far.port), ready=None)
    # Not before it has become the daemon, which has read nothing then.
    sallyport.wait_until(lambda: expects(one.pid, number), "the daemon")
    one.signal(number)
    while not one.matching("ready"):
        one.signal(number)
        assert one.running(), one.tail()
    if number == signal.SIGHUP:
        one.wait_log("reloaded: generation")


def expects(pid, number):
    """Whether it holds the signal back for later, or catches it."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return any(int(mask, 16) >> (number - 1) & 1 for mask in
               re.findall(r"^Sig(?:Blk|Cgt):\s*(\w+)", status, re.M))


@pytest.mark.promise(34)
def test_stop_amid_a_rush_answers_every_client(relay, server, free_port):
    """Every client of a rush is served, or refused, when a stop comes."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    served = threading.Event()
    odd = []

    def rush():
        while True:
            try:
                with peers.connect(port) as peer:
                    if is_served(peer):
                        served.set()
            except (ConnectionRefusedError, ConnectionResetError):
                return
            except (OSError, EOFError) as problem:
                if "reset" not in str(problem):
                    odd.append(problem)
                return

    threads = [threading.Thread(target=rush) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert served.wait(sallyport.PATIENCE)
    one.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(sallyport.PATIENCE)
    assert one.wait_exit() == 0
    assert not odd
    assert {end["reason"] for end in one.ends()} <= {
        "client-closed", "server-closed", "reset-by-client"}


def test_stop_removes_the_unix_path_at_once(relay, server, tmp_path):
    """A stop removes the path of a unix listener at once; its connection goes
    on."""
    far = server(peers.echo)
    path = tmp_path / "socket"
    one = relay(configs.service(f"unix:{path}", far.port))
    with peers.connect(path) as peer:
        assert is_served(peer)
        one.signal(signal.SIGTERM)
        sallyport.wait_until(lambda: not path.exists(), "the path to go")
        with pytest.raises(FileNotFoundError):
            peers.connect(path)
        assert is_served(peer)
        peer.fin()
        assert peer.recv() == b""
    assert one.wait_exit() == 0


def test_start_without_standard_descriptors_opens_dev_null(server, free_port,
                                                           tmp_path):
    """A daemon that is started without standard descriptors opens /dev/null
    there, so that nothing is written where it does not belong."""
    port = free_port()
    far = server(peers.echo)
    config, log = tmp_path / "sallyport.ini", tmp_path / "log"
    config.write_text(configs.settings(f"log = file:{log}") +
                      configs.plain(port, far.port))
    pid = os.posix_spawn("/bin/sh", [
        "sh", "-c", f"exec {sallyport.BINARY} run -c {config} "
        "0<&- 1>&- 2>&-"], dict(os.environ))
    try:
        sallyport.wait_until(
            lambda: log.exists() and "ready" in log.read_text(), "ready")
        names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
        assert names == ["/dev/null"] * 3
        assert serves(port)
    finally:
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
    assert status == 0
