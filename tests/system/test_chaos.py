"""Clients and servers that do anything at any moment, all at once: the daemon
goes on serving, and has everything back in the end."""
import contextlib
import os
import random
import ssl
import threading
import time

import pytest

import configs
import figures
import libssl
import peers
import sallyport
from peers import is_served

SECONDS = 10
THREADS = 8
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1 << 30)

# Whatever a peer may meet that others treat so.
MET = (OSError, EOFError, ssl.SSLError, ConnectionError, ValueError)


def act(peer, dice):
    """Some steps of a conversation, cut short anywhere."""
    for _ in range(dice.randrange(1, 8)):
        step = dice.randrange(12)
        if step < 4:
            peer.send(dice.randbytes(dice.choice([1, 100, 5000, 300_000])))
        elif step < 7:
            peer.socket.settimeout(dice.choice([0.001, 0.05]))
            peer.recv(dice.choice([1, 1000, peers.CHUNK]))
        elif step == 7:
            peer.socket.sendall(dice.randbytes(dice.randrange(1, 600)))
        elif step == 8:
            time.sleep(dice.choice([0, 0.001, 0.05]))
        elif step == 9:
            peer.half_close()
        elif step == 10 and peer.tls:
            peer.close_notify()
        elif step == 11:
            peer.fin()


def leave(peer, dice):
    dice.choice([peer.close, peer.reset, peer.half_close, peer.fin])()


def some_server(certs, seed):
    """A handler that does anything next."""
    count = [seed]

    def handler(peer):
        count[0] += 1
        dice = random.Random(count[0])
        with contextlib.suppress(*MET):
            if dice.random() < 0.5:
                act(peer, dice)
            elif dice.random() < 0.8:
                peer.socket.settimeout(0.5)
                peers.echo(peer)
            leave(peer, dice)
    return handler


def raw_tls(port, dice):
    with libssl.Tls(peers.open_socket(port), version="1.3",
                    sni=dice.randbytes(20).replace(b"\0", b"x")) as peer:
        peer.handshake()
        for _ in range(dice.randrange(1, 400)):
            peer.socket.sendall(peer.key_update(dice.random() < 0.5))


def half_a_handshake(port, context, dice):
    peer = peers.TlsPeer(peers.open_socket(port), context, "localhost")
    with peer:
        peer._shake()
        hello = bytearray(peer._out.read())
        if dice.random() < 0.5:
            hello[dice.randrange(len(hello))] ^= dice.randrange(256)
        peer.socket.sendall(hello[:dice.randrange(1, len(hello) + 1)])
        if dice.random() < 0.5:
            peer.socket.settimeout(0.05)
            peer.socket.recv(1000)
        leave(peer, dice)


def attack(ports, contexts, seed, stopped):
    dice = random.Random(seed)
    while not stopped.is_set():
        with contextlib.suppress(*MET):
            name = dice.choice(list(ports))
            port, tls = ports[name], name.startswith("tls")
            what = dice.randrange(10)
            if tls and what == 0:
                raw_tls(port, dice)
            elif tls and what < 4:
                half_a_handshake(port, dice.choice(contexts), dice)
            else:
                with peers.connect(port, tls=dice.choice(contexts)
                                   if tls and what < 9 else None) as peer:
                    act(peer, dice)
                    leave(peer, dice)


def count_sockets(one):
    """Those of all its processes.  Pipes, for splicing, are kept for the next
    one."""
    return sum(file.startswith("socket:")
               for pid in one.pids() for file in one.open_files(pid))


class Quiet(peers.Server):
    """Clients that fail its handshake are expected here."""

    def raise_problems(self):
        for future in self.results:
            if future.done() and future.exception():
                assert isinstance(future.exception(), MET), future.exception()


@pytest.mark.promise(22)
@pytest.mark.slow
def test_chaos_leaves_a_witness_and_all_sockets(relay, certs, server, client,
                                                free_port):
    """One connection is answered all the time, and every socket is closed at
    the end."""
    print(f"CHAOS_SEED={SEED}")
    names = ["plain-plain", "plain-tls", "tls-plain", "tls-tls"]
    ports = {name: free_port() for name in names}
    calm_port = free_port()
    calm = server(peers.echo)
    contexts = [peers.client_context(certs, version=version)
                for version in ("1.2", "1.3")]
    with Quiet(some_server(certs, SEED)) as plain, \
            Quiet(some_server(certs, SEED),
                  tls=peers.server_context(certs)) as tls:
        one = relay(
            configs.settings("drain_timeout = 1s", "log_level = debug") +
            f"[defaults]\ntimeout.handshake = 1s\ntimeout.idle = 1s\n"
            f"timeout.half_close = 1s\nconnect.ca = {certs}/ca.pem\n" +
            "".join(configs.service(
                f"{name.split('-')[0].replace('plain', 'tcp')}://127.0.0.1:"
                f"{ports[name]}",
                f"tls://localhost:{tls.port}" if name.endswith("-tls")
                else plain.port,
                *([f"listen.cert = {certs}/server-both.pem"]
                  if name.startswith("tls-") else []),
                "max_connections = 20", name=name) for name in names) +
            configs.plain(calm_port, calm.port, "timeout.idle = off",
                          name="calm"))
        sallyport.wait_until(one.is_idle, "rest")
        before = count_sockets(one)
        witness = client(calm_port)
        stopped = threading.Event()
        attackers = [
            peers.in_background(attack, ports, contexts, SEED + turn, stopped)
            for turn in range(THREADS)]
        until = time.monotonic() + SECONDS
        answers = 0
        while time.monotonic() < until:
            assert is_served(witness, b"%08d" % answers)
            answers += 1
        stopped.set()
        for attacker in attackers:
            attacker.result(sallyport.PATIENCE)
        witness.close()
        sallyport.wait_until(lambda: count_sockets(one) == before,
                             "every socket to be closed")
        reasons = {end["reason"] for end in one.ends()}
        figures.tell(f"{len(one.ends())} connections: "
                     f"{', '.join(sorted(reasons))}")
        assert reasons >= {"client-closed", "handshake-failed",
                           "reset-by-client", "reset-by-server"}
        assert not reasons & {"out-of-resources", "resolve-failed",
                              "connect-unreachable", "connect-timeout"}
        one.stop()
