"""Bytes in bulk, through the daemon as systemd runs it."""
import hashlib
import random
import socket
import threading

import daemon
from checks import check, promise

SIZE = 64 << 20
CHUNK = 1 << 16


def chunks(seed):
    """SIZE bytes that cannot be guessed, in pieces."""
    source = random.Random(seed)
    for _ in range(SIZE // CHUNK):
        yield source.randbytes(CHUNK)


def digest(sock):
    """SHA-256 of all that comes, and how much it was."""
    seen, size = hashlib.sha256(), 0
    while True:
        part = sock.recv(CHUNK)
        if not part:
            return seen.hexdigest(), size
        seen.update(part)
        size += len(part)


class Server:
    """Sends one stream and reads another, at the same time."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        sock, _ = self.listener.accept()
        with sock:
            sender = threading.Thread(target=self.send, args=(sock,))
            sender.start()
            self.got = digest(sock)
            sender.join()

    @staticmethod
    def send(sock):
        for part in chunks("down"):
            sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)


def expected(seed):
    seen = hashlib.sha256()
    for part in chunks(seed):
        seen.update(part)
    return seen.hexdigest(), SIZE


def carry(port, secure):
    """One stream in turn with the other's pieces: a TLS object of Python's is
    not for two threads."""
    with daemon.connected(port, secure) as sock:
        seen, size = hashlib.sha256(), 0
        for part in chunks("up"):
            sock.sendall(part)
            while size < SIZE:
                got = sock.recv(CHUNK)
                seen.update(got)
                size += len(got)
                if len(got) < CHUNK // 4:
                    break
        while size < SIZE:
            got = sock.recv(CHUNK)
            assert got, f"ended after {size} bytes"
            seen.update(got)
            size += len(got)
        if secure:
            sock.unwrap()
        else:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
    return seen.hexdigest(), size


def transfer(port, secure, *services):
    server = Server()
    daemon.configure(*(one.replace("BACKEND", f"127.0.0.1:{server.port}")
                       for one in services))
    daemon.start()
    got = carry(port, secure)
    server.thread.join(30)
    assert got == expected("down"), got[1]
    assert server.got == expected("up"), server.got
    return "64 MiB each way"


@promise(1)
@check
def transfer_through_tls_is_whole():
    return transfer(7101, True, daemon.tls("tls", 7101, "BACKEND"))


@promise(1)
@check
def transfer_through_two_services_is_whole():
    """Plain in, TLS between them, plain out."""
    return transfer(
        7100, False, daemon.tls("near", 7101, "BACKEND"),
        daemon.service("far", "127.0.0.1:7100", "tls://127.0.0.1:7101",
                       f"connect.ca = {daemon.CERTS}/ca.pem\n"))
