"""A process that dies takes its own connections with it and nothing else."""
import contextlib
import os
import re
import signal
import threading
import time

import pytest

import configs
import figures
import peers
import processes
import sallyport
import steady

pytestmark = pytest.mark.usefixtures("two_workers")

# Connections of the stream before and after what happens.
AROUND = 100 if sallyport.SANITIZED else 500


def asks(peer, question=b"served?"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def is_served(peer):
    """False: it has been reset."""
    try:
        return asks(peer)
    except (OSError, EOFError, AssertionError):
        return False


@pytest.fixture
def relay(relay):
    """Whose children die here on purpose."""
    def start(*arguments, **options):
        one = relay(*arguments, **options)
        one.may_lose_children = True
        return one
    return start


def wait_other(master, role, before):
    """Waits for another process of that role; returns its pid."""
    return sallyport.wait_until(
        lambda: (lambda pid: pid if pid not in (None, before) else None)(
            processes.roles(master).get(role)), f"another {role}")


def slot(one, pid):
    """What `status --json` tells of a process; None: nothing."""
    found = [each for each in processes.status(one)["processes"]
             if each["pid"] == pid]
    return found[0] if found else None


def kill_stopped(pid, number):
    """It gets the signal before it does anything else."""
    os.kill(pid, number)
    with contextlib.suppress(ProcessLookupError):   # SIGKILL does not wait
        os.kill(pid, signal.SIGCONT)


def wait_accepting(one, port, worker):
    """Until that worker has a connection."""
    peers_held = []

    def look():
        peers_held.append(peers.connect(port))
        assert asks(peers_held[-1])
        found = slot(one, worker)
        return found and found["active"] > 0
    try:
        sallyport.wait_until(look, f"worker {worker} to accept")
    finally:
        for peer in peers_held:
            peer.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_only_its_own_connections_end(relay, server, client, free_port,
                                      number):
    """The worker is stopped first, so that the board tells exactly what it had
    when it died; meanwhile the stream's clients gather in its queue."""
    port, steady_port = free_port(), free_port()
    far = server(peers.echo)
    with steady.Stream() as stream:
        one = relay(configs.settings("workers = 2") +
                    configs.plain(port, far.port, name="held") +
                    configs.plain(steady_port, stream.port, name="steady"),
                    env={"ASAN_OPTIONS": "handle_segv=0:detect_leaks=0"})
        held = [client(port) for _ in range(20)]
        assert all(asks(peer) for peer in held)
        stream.go(steady_port)
        stream.serve(AROUND)
        workers = processes.workers(one.pid)
        processes.stop(workers[0])
        told = processes.status(one)
        mine = slot(one, workers[0])["active"]
        began = time.monotonic()
        kill_stopped(workers[0], number)
        new = wait_other(one.pid, "w0", workers[0])
        wait_accepting(one, port, new)
        figures.tell("a new worker accepts after "
                     f"{(time.monotonic() - began) * 1000:.0f} ms")
        assert processes.workers(one.pid)[1] == workers[1]
        left = [peer for peer in held if is_served(peer)]
        stream.serve(AROUND)
        result = stream.stop()
    print(f"measured: the worker had {mine}, {20 - len(left)} of those that "
          "were held")
    assert 0 < len(left) < 20
    # What it had beside those was the stream's.
    assert result["failed"] <= mine - (20 - len(left))
    steady.assert_held(result)
    one.wait_log(rf"error worker 0 \(pid {workers[0]}\) died by signal "
                 rf"{int(number)} ")
    after = processes.status(one)
    for counter in ("accepted", "handed_over"):
        if counter in told["all"]:
            assert after["all"][counter] >= told["all"][counter]
    sallyport.wait_until(
        lambda: processes.status(one)["all"]["active"] == len(left),
        "the gauges to tell of those that are left")
    assert [s for s in processes.status(one)["services"]
            if s["name"] == "steady"][0]["active"] == 0
    assert all(asks(peer) for peer in left)


@pytest.mark.skipif(sallyport.SANITIZED, reason="it is measured")
def test_next_accepts_within_200_ms(relay, server, free_port):
    """With one worker, nobody else could: the best of three daemons, for the
    machine may be busy with something else."""
    far = server(peers.echo)
    took = []
    for _ in range(3):
        port = free_port()
        one = relay(configs.settings("workers = 1") +
                    configs.plain(port, far.port))
        worker, = processes.workers(one.pid)
        began = time.monotonic()
        os.kill(worker, signal.SIGSEGV)
        with peers.connect(port) as peer:
            assert asks(peer)
        took.append(time.monotonic() - began)
        assert wait_other(one.pid, "w0", worker)
    print("measured: the next accepts after",
          [f"{1000 * each:.1f} ms" for each in took])
    assert min(took) < 0.2


def test_counters_stay(relay, server, client, free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.plain(port, far.port))
    total = 0
    for turn in range(4):
        for _ in range(10):
            with peers.connect(port) as peer:
                assert asks(peer)
                peer.half_close()
                assert peer.receive().end == "fin"
        total += 10
        one.wait_ends(total)
        told = processes.status(one)["all"]
        assert (told["accepted"], told["active"]) == (total, 0)
        victim = processes.workers(one.pid)[turn % 2]
        os.kill(victim, signal.SIGKILL)
        wait_other(one.pid, f"w{turn % 2}", victim)


def test_queued_connections_wait_for_the_next(relay, server, free_port):
    """A client whose worker is gone before it was accepted is served by the
    worker that comes."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 1") +
                configs.plain(port, far.port))
    for _ in range(5):
        worker, = processes.workers(one.pid)
        processes.stop(worker)
        waiting = [peers.connect(port) for _ in range(20)]
        for peer in waiting:
            peer.send(b"served?")
        os.kill(worker, signal.SIGKILL)
        for peer in waiting:
            assert peer.recv_exactly(7) == b"served?"
            peer.close()
        wait_other(one.pid, "w0", worker)


def test_crash_loop_backs_off(relay, server, free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.plain(port, far.port))
    victim = processes.workers(one.pid)[0]
    other = processes.workers(one.pid)[1]
    for _ in range(4):
        os.kill(victim, signal.SIGKILL)
        with peers.connect(port) as peer:   # the other goes on
            assert asks(peer)
        victim = wait_other(one.pid, "w0", victim)
    lines = one.matching("error worker 0 died young .* times in a row; it is "
                         "started again in [0-9]+ ms")
    pauses = [int(re.search(r"in (\d+) ms", line).group(1)) for line in lines]
    assert pauses == [200, 400, 800][:len(pauses)] and len(pauses) >= 2
    assert processes.workers(one.pid)[1] == other
    # A reload is not held up by it, nor by what it does to the children.
    os.kill(victim, signal.SIGKILL)
    processes.command(one, "reload")
    wait_other(one.pid, "w0", victim)
    processes.reload(one)


def test_clients_of_a_dead_worker_do_not_wait(relay, server, free_port):
    """While it is not back, those that the kernel gives to its sockets."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.plain(port, far.port))
    for _ in range(3):
        victim = processes.workers(one.pid)[0]
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            with peers.connect(port) as peer:
                assert asks(peer)
        wait_other(one.pid, "w0", victim)


@pytest.mark.parametrize("role", ["obser", "scout"])
def test_helper_comes_back_unnoticed(relay, free_port, role):
    port = free_port()
    with steady.Stream() as stream:
        one = relay(configs.service(f"127.0.0.1:{port}",
                                    f"localhost:{stream.port}"))
        wanted = ["w0", "w1", "obser", "scout"]
        before = processes.wait_roles(one.pid, wanted)
        stream.go(port, rate=500)
        for _ in range(3):
            os.kill(processes.roles(one.pid)[role], signal.SIGKILL)
            wait_other(one.pid, role, before[role])
            before[role] = processes.wait_roles(one.pid, wanted)[role]
            processes.reload(one)
        told = stream.stop()
    assert told["failed"] == 0
    assert len(one.matching(r"error .*died by signal 9")) == 3


def test_request_of_a_dead_observer(relay, free_port):
    """Who asked hears that there is no answer; the reload is made."""
    one = relay(configs.plain(free_port(), 9))
    for _ in range(5):
        processes.wait_roles(one.pid, ["w0", "w1", "obser"])
        worker = processes.workers(one.pid)[0]
        before = processes.reloads(one)
        os.kill(worker, signal.SIGSTOP)     # so that the reload takes its time
        asked = peers.in_background(processes.command, one, "reload")
        observer = processes.roles(one.pid)["obser"]
        sallyport.wait_until(lambda: _asked(observer), "the request")
        os.kill(observer, signal.SIGKILL)
        assert asked.result(sallyport.PATIENCE).returncode == 1
        os.kill(worker, signal.SIGCONT)
        wait_other(one.pid, "obser", observer)
        sallyport.wait_until(lambda: processes.reloads(one) > before or
                             one.matching("reload failed"), "the reload")
        processes.reload(one)


def _asked(observer):
    return processes.kinds(observer)["unix-stream"] > 0


def test_master_dies(relay, server, client, free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.service(f"127.0.0.1:{port}", f"localhost:{far.port}"))
    held = [client(port) for _ in range(8)]
    assert all(asks(peer) for peer in held)
    children = processes.wait_roles(one.pid, ["w0", "w1", "obser", "scout"])
    one.process.kill()
    one.process.wait()
    processes.wait_gone([children["obser"], children["scout"]])
    sallyport.wait_until(lambda: _refused(port), "no new client")
    for _ in range(20):
        assert all(asks(peer) for peer in held)
    assert processes.is_alive(children["w0"])
    for peer in held:
        peer.half_close()
        assert peer.receive().end == "fin"
    processes.wait_gone(children.values())
    one.check()


def _refused(port):
    try:
        peers.open_socket(port).close()
        return False
    except ConnectionRefusedError:
        return True


def test_master_dies_idle(relay, free_port):
    one = relay(configs.plain(free_port(), 9))
    children = processes.wait_roles(one.pid, ["w0", "w1", "obser"])
    one.process.kill()
    one.process.wait()
    processes.wait_gone(children.values())
    one.check()


def test_stopped_worker_delays_a_reload_only(relay, server, client,
                                             free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.plain(port, far.port))
    before = processes.wait_roles(one.pid, ["w0", "w1", "obser"])
    os.kill(before["w0"], signal.SIGSTOP)
    asked = peers.in_background(processes.command, one, "reload",
                                timeout=3 * sallyport.PATIENCE)
    threading.Event().wait(0.2)
    assert not asked.done()
    assert processes.status(one)["all"]["active"] == 0     # it answers
    os.kill(before["w0"], signal.SIGCONT)
    assert asked.result(sallyport.PATIENCE).returncode == 0
    assert processes.roles(one.pid) == before


def test_worker_killed_while_it_prepares(relay, server, free_port):
    """The reload fails, or is made: nobody waits for ever, and the next one
    succeeds."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") +
                configs.plain(port, far.port))
    for turn in range(2):
        worker = processes.workers(one.pid)[turn]
        os.kill(worker, signal.SIGSTOP)
        asked = peers.in_background(processes.command, one, "reload")
        threading.Event().wait(0.1)
        os.kill(worker, signal.SIGKILL)
        done = asked.result(sallyport.PATIENCE)
        assert done.returncode == 0 or "ended while it" in done.stderr
        wait_other(one.pid, f"w{turn}", worker)
        processes.reload(one)
        with peers.connect(port) as peer:
            assert asks(peer)
