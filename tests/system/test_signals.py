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


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


@pytest.fixture
def full():
    with peers.FullListener() as listener:
        yield listener


@pytest.fixture
def busy(relay, certs, server, client, free_port):
    """busy(*settings) is a relay that carries one plain and one TLS
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
        assert all(asks(peer) for peer in one.peers)
        return one
    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_connections_finish(busy, number):
    one = busy()
    names = {"127.0.0.1:%d" % peer.socket.getsockname()[1]
             for peer in one.peers}
    one.signal(number)
    one.wait_log("stopping: 2 connections have 30000 ms to finish")
    # Workers hear of it a moment later; whom they let in meanwhile may finish.
    for port in one.ports:
        sallyport.wait_until(lambda: peers.is_refused(port), "closed doors")
    for peer in one.peers:
        for turn in range(50):
            assert asks(peer, b"%d" % turn)
        peer.half_close()
        assert peer.receive().end == peer.clean_end
    assert one.wait_exit() == 0
    assert [end["reason"] for end in one.ends() if end["client"] in names] == \
        ["client-closed"] * 2
    assert one.log_lines()[-1].endswith("info stopped")


def test_idle_stops_at_once(relay, server, free_port):
    far = server(peers.echo)
    one = relay(configs.settings("drain_timeout = 1h") +
                configs.plain(free_port(), far.port))
    one.signal(signal.SIGTERM)
    assert one.wait_exit() == 0


def test_drain_timeout_aborts_the_rest(busy):
    one = busy("drain_timeout = 1s")
    one.signal(signal.SIGTERM)
    assert [peer.receive().end for peer in one.peers] == ["reset", "reset"]
    assert one.wait_exit() == 0
    # Each worker tells of its own.
    told = one.matching(r"warn drain_timeout is over: ending \d connections")
    assert sum(int(re.search(r"ending (\d)", line)[1]) for line in told) == 2
    assert [end["reason"] for end in one.ends()] == ["shutdown", "shutdown"]
    assert min(end["duration_ms"] for end in one.ends()) >= 990


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(busy, second):
    one = busy("drain_timeout = 1h")
    one.signal(signal.SIGTERM)
    one.wait_log("stopping")
    assert asks(one.peers[0])
    one.signal(second)
    assert [peer.receive().end for peer in one.peers] == ["reset", "reset"]
    assert one.wait_exit() == 0
    assert one.matching("second .*: ending 2 connections now")
    assert [end["reason"] for end in one.ends()] == ["shutdown", "shutdown"]


def test_stops_in_every_state(relay, certs, server, client, free_port, full):
    """Handshakes, connects, a lingering refusal and half-closed connections
    are all ended by the second signal."""
    plain, tls, stuck = free_port(), free_port(), free_port()
    far = server(lambda peer: peer.receive(keep=False))
    one = relay(configs.settings("drain_timeout = 1h") +
                configs.plain(plain, far.port, name="plain") +
                configs.tls(tls, far.port, certs, name="tls") +
                configs.plain(stuck, full.port, name="stuck"))
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
    one.signal(signal.SIGTERM)
    assert one.wait_exit() == 0
    for peer in (silent, half, connecting, blocked):
        assert peer.receive().end == "reset"
    one.check()


def test_waiting_clients_are_let_in(relay, server, client, free_port):
    """At max_connections some wait in the kernel's queue, which is emptied
    before it is closed."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("max_connections = 1") +
                configs.plain(port, far.port))
    held = client(port)
    assert asks(held)
    late = client(port)
    one.signal(signal.SIGTERM)
    assert asks(late) and asks(held)
    sallyport.wait_until(lambda: peers.is_refused(port), "closed doors")
    for peer in (late, held):
        peer.half_close()
        assert peer.receive().end == "fin"
    assert one.wait_exit() == 0


def test_other_signals_change_nothing(busy):
    one = busy()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        for _ in range(20):
            one.signal(number)
            assert all(asks(peer) for peer in one.peers)
    one.wait_log("info reloaded: generation")
    assert one.running()


def test_signals_to_children_change_nothing(busy):
    """A terminal, or a service manager, may send them to every process."""
    one = busy()
    children = one.children()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
                   signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        for pid in children:
            os.kill(pid, number)
        assert all(asks(peer) for peer in one.peers)
    assert one.children() == children
    assert not one.matching("stopping|reload|upgrade")


def test_usr1_reopens_the_log(relay, server, free_port, tmp_path):
    port, log = free_port(), tmp_path / "log"
    old = tmp_path / "log.1"
    far = server(peers.echo)
    one = relay(configs.settings(f"log = file:{log}") +
                configs.plain(port, far.port), log=log)
    for turn in range(5):
        log.rename(old)
        with peers.connect(port) as peer:   # goes to the renamed file
            assert asks(peer)
        sallyport.wait_until(lambda: "info end" in old.read_text(),
                             "the old log")
        one.signal(signal.SIGUSR1)
        sallyport.wait_until(log.exists, "the new log")
        sallyport.wait_until(
            lambda: all(one.open_files(pid).count(str(log)) == 1
                        for pid in one.pids()), "all to have the new log")
        with peers.connect(port) as peer:
            assert asks(peer)
        one.wait_ends(1)
        assert log.stat().st_mode & 0o777 == 0o640
        old.unlink()
    assert not any(str(old) in name for pid in one.pids()
                   for name in one.open_files(pid))


def test_usr1_keeps_the_old_log_if_it_must(relay, server, free_port,
                                           tmp_path):
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
    with peers.connect(port) as peer:
        assert asks(peer)
    one.wait_ends(1)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGUSR2])
def test_signals_before_ready(relay, server, free_port, number):
    """A reload, a log rotation or an upgrade that comes while it starts."""
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


def test_stop_amid_a_rush(relay, server, free_port):
    """Every client is served or learns that it is not."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    served = threading.Event()
    odd = []

    def rush():
        while True:
            try:
                with peers.connect(port) as peer:
                    if asks(peer):
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


def test_unix_path_is_gone_when_draining(relay, server, tmp_path):
    far = server(peers.echo)
    path = tmp_path / "door"
    one = relay(configs.service(f"unix:{path}", far.port))
    with peers.connect(path) as peer:
        assert asks(peer)
        one.signal(signal.SIGTERM)
        sallyport.wait_until(lambda: not path.exists(), "the path to go")
        with pytest.raises(FileNotFoundError):
            peers.connect(path)
        assert asks(peer)
        peer.fin()
        assert peer.recv() == b""
    assert one.wait_exit() == 0


def test_stdin_and_others_closed(server, free_port, tmp_path):
    """Started without standard descriptors, nothing is written where it does
    not belong."""
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
        with peers.connect(port) as peer:
            assert asks(peer)
    finally:
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
    assert status == 0
