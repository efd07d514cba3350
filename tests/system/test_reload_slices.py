"""A worker that loads a configuration serves its clients meanwhile."""
import datetime
import threading
import time

import configs
import peers
import processes
import sallyport
from peers import is_served

SERVICES = 200      # each has a certificate, which takes a while to load
EXCHANGES = 5       # there is time for many more


class Pings(threading.Thread):
    """One exchange after the other on one connection; `done` has when each
    was over."""

    def __init__(self, port):
        super().__init__()
        self.peer = peers.connect(port)
        self.done = []
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            assert is_served(self.peer)
            self.done.append(time.time())

    def wait(self, count):
        wanted = len(self.done) + count
        sallyport.wait_until(lambda: len(self.done) >= wanted, "exchanges")

    def stop(self):
        self.over.set()
        self.join()
        self.peer.close()


def said(one, text):
    """When the log says so, in seconds; the last time."""
    line = one.matching(text)[-1]
    return datetime.datetime.fromisoformat(
        line.split()[0].replace("Z", "+00:00")).timestamp()


def test_worker_serves_while_it_loads(relay, server, certs):
    """A worker that loads hundreds of certificates serves its clients between
    one service and the next."""
    def configuration(idle):
        return configs.settings("log_level = debug", "workers = 1") + \
            f"[defaults]\ntimeout.idle = {idle}\n" + \
            configs.plain(port, far) + "".join(
                configs.service(f"tls+unix:@{port}-{one}", 9,
                                f"listen.cert = {certs}/server.pem",
                                f"listen.key = {certs}/server.key",
                                name=f"more-{one}")
                for one in range(SERVICES))

    port, far = sallyport.free_port(), server(peers.echo).port
    one = relay(configuration("5m"))
    pings = Pings(port)
    try:
        pings.wait(1)
        one.reload_config(configuration("7m"))
        processes.reload(one)
        pings.wait(1)
    finally:
        pings.stop()
    begin = said(one, r"debug loading a configuration$")
    end = said(one, r"debug the configuration is loaded$")
    meanwhile = [when for when in pings.done if begin < when < end]
    print(len(meanwhile), "exchanges in", end - begin, "s")
    assert len(meanwhile) >= EXCHANGES
