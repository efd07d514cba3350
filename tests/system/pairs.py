"""Both peers of one relayed connection, in the hands of the test."""
import itertools
import queue
import threading

import peers
from sallyport import PATIENCE, free_port

KINDS = ["plain", "1.2", "1.3"]
LEGS = list(itertools.product(KINDS, KINDS))
NEARS = ["client", "server"]


class Pair:
    """`client` and `server` are peers whose bytes go through `relay`.  Made by
    the fixture `pair`.

    `listen` and `connect` are "plain", "1.2" or "1.3"; `options` is what else
    the service's section says, `globals_` what [global] does; `buffers` are
    the peers' own socket buffers."""

    def __init__(self, relay, server, client, certs, listen, connect,
                 options="", globals_="", **buffers):
        self._peers = queue.Queue()
        self._over = threading.Event()
        far = server(self._hold, tls=None if connect == "plain" else
                     peers.server_context(certs, version=connect), **buffers)
        port = free_port()
        self.relay = relay(
            f"[global]\n{globals_}\n[service pair]\n"
            + _leg("listen", listen, port, f"cert = {certs}/server-both.pem")
            + _leg("connect", connect, far.port, f"ca = {certs}/ca.pem")
            + options)
        self.client = client(port, tls=None if listen == "plain" else
                             peers.client_context(certs, version=listen),
                             **buffers)
        self.server = self._peers.get(timeout=PATIENCE)

    def _hold(self, peer):
        self._peers.put(peer)
        self._over.wait()

    def release(self):
        self._over.set()

    def sides(self, near):
        """(near, far) with the side `near` ("client", "server") first."""
        both = self.client, self.server
        return both if near == "client" else both[::-1]

    def is_held_up(self, peer):
        """True if `peer` has more to send, and the relay leaves it there."""
        before = peer.acknowledged()[1]
        return peer.unsent() > 0 and self.relay.is_idle() and \
            peer.acknowledged()[1] == before

    def end(self):
        """What the `end` line says."""
        end, = self.relay.wait_ends()
        return end


def _leg(leg, kind, port, needs):
    if kind == "plain":
        return f"{leg} = 127.0.0.1:{port}\n"
    return (f"{leg} = tls://127.0.0.1:{port}\n{leg}.{needs}\n"
            f"{leg}.min_version = {kind}\n{leg}.max_version = {kind}\n")
