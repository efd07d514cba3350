"""Questions that go through a daemon one after the other, and how long each
takes to be answered.

    with questions.Asker() as asker:
        one = relay(configs.plain(port, asker.port))
        asker.connect(port, one.workers()[0])
        times = asker.ask(300)

One process of its own is the client and the server, so that no other work in
Python is in the times.  Nor are those in which the machine had no processor
to spare for it, or for the daemon.
"""
import contextlib
import json
import math
import socket
import ssl
import struct
import subprocess
import sys
import time

from sallyport import PATIENCE


class Asker:
    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(PATIENCE)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = self._heard()

    def _heard(self):
        line = self._process.stdout.readline()
        assert line, "the asker has failed: see its traceback"
        return json.loads(line)

    def _say(self, *words):
        print(json.dumps(words), file=self._process.stdin, flush=True)
        return self._heard()

    def connect(self, port, worker, ca=None):
        """By way of the daemon's `port`, at which the process `worker` answers;
        with `ca`, a file, it speaks TLS."""
        return self._say("connect", port, worker, str(ca) if ca else None)

    def ask(self, count, pause=0.001):
        """The seconds that each answer took, with so many of a pause between
        an answer and the next question.  While an answer is waited for no
        question is sent; so the list has as many more times as there would
        have been of others sent then, one after each pause."""
        return [took - late * pause for took in self._say("ask", count, pause)
                for late in range(int(took / pause) + 1)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def percentile(times, percent):
    """The least time within which so many of a hundred were answered."""
    return sorted(times)[math.ceil(len(times) * percent / 100) - 1]


# What follows runs in the process.

def _waited(files):
    """How many seconds these processes have been ready to run and did not (the
    second figure of schedstat), if the kernel tells."""
    total = 0
    for file in files:
        file.seek(0)
        total += int(file.read().split()[1])
    return total / 1e9


def _schedstat(*pids):
    with contextlib.suppress(FileNotFoundError):
        return [open(f"/proc/{pid}/schedstat", "rb", 0) for pid in pids]
    return []


def _connect(listener, patience, port, ca):
    client = socket.create_connection(("127.0.0.1", port), patience)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ca:
        context = ssl.create_default_context(cafile=ca)
        client = context.wrap_socket(client, server_hostname="localhost")
    server, _ = listener.accept()
    server.settimeout(patience)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def _exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        assert more, "the connection has ended"
        data += more
    return data


def _ask(client, server, files, count, pause):
    for number in range(count):
        time.sleep(pause)
        question = struct.pack(">Q", number)
        began = time.monotonic() - _waited(files)
        client.sendall(question)
        assert _exactly(server, 8) == question
        server.sendall(question[::-1])
        assert _exactly(client, 8) == question[::-1]
        yield max(0, time.monotonic() - _waited(files) - began)


def _main(patience):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(patience)
    print(listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        if word == "connect":
            port, worker, ca = arguments
            client, server = _connect(listener, patience, port, ca)
            files = _schedstat(worker, "self")
            answer = True
        else:
            answer = list(_ask(client, server, files, *arguments))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
