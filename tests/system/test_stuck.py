"""A process that stands still for good: it is killed and replaced, with a
service manager and without; and a stop always ends (promise 46)."""
import signal
import time

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served, serves

pytestmark = [
    pytest.mark.usefixtures("two_workers", "children_may_die"),
    pytest.mark.promise(46),
]

FRESH_S = 2.5           # BOARD_FRESH_MS, src/base/scoreboard.h


def test_stuck_children_are_replaced(relay, server, certs, free_port):
    """A stuck process of every role, all at the same time, is killed and
    replaced; the others serve on."""
    plain, secure = free_port(), free_port()
    far = server(peers.echo)
    one = relay(
        configs.service(f"127.0.0.1:{plain}", f"localhost:{far.port}",
                        name="plain") +
        configs.tls(secure, far.port, certs, name="secure"))
    wanted = ["w0", "w1", "k0", "scout", "admin"]
    before = processes.wait_roles(one.pid, wanted)
    stuck = [before[role] for role in wanted if role != "w1"]
    for pid in stuck:
        processes.stop(pid)
    for pid in stuck:
        one.wait_log(rf"\(pid {pid}\) has sent no heartbeat for too long, and "
                     "is killed")
    processes.wait_gone(stuck)
    after = processes.wait_roles(one.pid, wanted)
    assert after["w1"] == before["w1"]
    for port, tls in (plain, None), (secure, peers.client_context(certs)):
        assert serves(port, tls=tls)
    assert processes.status(one)["master"]["pid"] == one.pid


@pytest.mark.parametrize("times", [1, 3])
def test_stop_ends_although_a_worker_is_stuck(relay, server, free_port, times):
    """A stop, by one signal or several, ends although a worker is stuck."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("drain_timeout = 1s") +
                configs.plain(port, far.port))
    held = [peers.connect(port) for _ in range(8)]
    assert all(map(is_served, held))
    stuck = one.workers()[0]
    processes.stop(stuck)
    for _ in range(times):
        one.signal(signal.SIGTERM)
        time.sleep(0.2)         # two signals at once are one
    one.process.wait(sallyport.PATIENCE)
    assert not processes.is_alive(stuck)
    assert one.matching(rf"\(pid {stuck}\) has not ended in time, and is "
                        "killed")
    for peer in held:
        peer.close()


def test_stuck_worker_is_handed_no_client(relay, server, free_port, tmp_path):
    """Clients of a unix socket are all served by the other worker once it
    knows that one is stuck."""
    path = tmp_path / "s"
    far = server(peers.echo)
    one = relay(configs.service(f"unix:{path}", f"127.0.0.1:{far.port}"))

    held = [peers.connect(path) for _ in range(16)]
    assert all(map(is_served, held))
    stuck = one.workers()[1]
    processes.stop(stuck)
    # It may have sent its last heartbeat just now.
    time.sleep(FRESH_S + 0.5)
    more = [peers.connect(path) for _ in range(24)]
    assert all(map(is_served, more))
    assert one.workers()[1] == stuck, "it has not been replaced yet"
    for peer in held + more:
        peer.close()
