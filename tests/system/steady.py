"""A steady stream of new connections through a daemon, and the server behind
it, in processes of their own.

    with steady.Stream() as stream:
        one = relay(configs.plain(port, stream.port))
        stream.go(port)
        ...
        stream.serve(500)
        ...
        told = stream.stop()

`told` counts what was "done" and "failed" (with "reasons").  Each connection
sends its number, wants it back, ends its side, and wants the other's end.

What a test lasts follows from how many connections it waits for, which every
machine gets done.  That they came as fast as they were meant to can only be
asked of a machine that had time to spare: see assert_held().
"""
import asyncio
import collections
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

THREADS = 16
PATIENCE = 60
RATE = 1000
SPARE = 0.1     # of the time: the machine was not short of it


class Stream:
    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def go(self, *addresses, rate=RATE, ca=None):
        """Connects to the addresses in turn: ports, "tls:PORT" (this needs
        `ca`, a file), or paths of unix sockets.  Returns when all of them have
        answered."""
        self._say({"addresses": [str(one) for one in addresses],
                   "rate": rate, "ca": str(ca) if ca else None})
        line = self._process.stdout.readline()
        assert line == "flows\n", f"the stream does not flow: {line}"

    def serve(self, count):
        """Waits until `count` connections more than now have been served."""
        self._say(count)
        served = json.loads(self._process.stdout.readline())
        assert served >= count, f"{served} of {count} have been served"

    def _say(self, what):
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def stop(self):
        self._process.stdin.close()
        told = json.loads(self._process.stdout.readline())
        print("stream:", told)
        assert self._process.wait(PATIENCE) == 0
        return told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def assert_held(told):
    """There were nearly as many connections a second as there should be.  Where
    the machine, or the stream's own process, had all it could do it is a
    twentieth of them, which says that they flowed; where sanitizers slow
    everything down it is nothing."""
    import sallyport    # which is not there where a service manager is booted
    share = 0.8 if told["spare"] >= SPARE else 0.05
    assert sallyport.SANITIZED or told["per_second"] >= share * RATE


# What follows runs in the processes.

def _ticks():
    """(idle, all) of the CPUs that we may use."""
    mine = os.sched_getaffinity(0)
    idle = total = 0
    with open("/proc/stat") as stat:
        for line in stat:
            found = re.match(r"cpu(\d+) (.*)", line)
            if found and int(found[1]) in mine:
                ticks = [int(word) for word in found[2].split()[:8]]
                idle += ticks[3] + ticks[4]
                total += sum(ticks)
    return idle, total


class _Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def _serve(listener, parent):
    """Until the other end of `parent` is closed, however that comes about."""
    loop = asyncio.get_running_loop()
    loop.add_reader(parent, os._exit, 0)
    server = await loop.create_server(_Echo, sock=listener, backlog=4096)
    await server.serve_forever()


class _Clients:
    def __init__(self, addresses, rate, ca):
        self.addresses = [self._parse(one) for one in addresses]
        self.context = ssl.create_default_context(cafile=ca) if ca else None
        self.pause = THREADS / rate
        self.over = threading.Event()
        self.answered = set()
        self.flows = threading.Event()
        self.done = 0
        self.slowest = 0.0
        self.reasons = collections.Counter()
        self.target = 0
        self.changed = threading.Condition()
        self.ticks = _ticks()
        self.began = time.monotonic()

    @staticmethod
    def _parse(text):
        if text.startswith("tls:"):
            return socket.AF_INET, ("127.0.0.1", int(text[4:])), True
        if text.startswith("/"):
            return socket.AF_UNIX, text, False
        return socket.AF_INET, ("127.0.0.1", int(text)), False

    def run(self):
        self.threads = [threading.Thread(target=self._repeat, args=(i,))
                        for i in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def _repeat(self, number):
        due = self.began + number * self.pause / THREADS
        while not self.over.is_set():
            began = time.monotonic()
            address = self.addresses[number % len(self.addresses)]
            try:
                self._once(address, b"%016d" % number)
                problem = None
            except OSError as error:
                problem = f"{address[1]}: {error!r}"
            with self.changed:
                self._note(address, problem, time.monotonic() - began)
            number += THREADS if len(self.addresses) % 2 else THREADS + 1
            # What it could not do in time it makes up for.
            due += self.pause
            self.over.wait(max(0, due - time.monotonic()))

    def _note(self, address, problem, took):
        self.slowest = max(self.slowest, took)
        if problem is None:
            self.done += 1
            if self.done == self.target:
                self.changed.notify()
            self.answered.add(address)
        else:
            self.reasons[problem] += 1
        if len(self.answered) == len(set(self.addresses)):
            self.flows.set()

    def _once(self, address, question):
        family, where, tls = address
        with socket.socket(family) as sock:
            sock.settimeout(PATIENCE)
            if family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(where)
            if not tls:
                return self._talk(sock, question)
            with self.context.wrap_socket(
                    sock, server_hostname="localhost") as secure:
                return self._talk(secure, question)

    @staticmethod
    def _talk(sock, question):
        sock.sendall(question)
        answer = b""
        while len(answer) < len(question):
            part = sock.recv(64)
            if not part:
                raise OSError(f"ended after {len(answer)} bytes")
            answer += part
        if answer != question:
            raise OSError("another answer")
        if isinstance(sock, ssl.SSLSocket):
            sock.unwrap()
            return
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(1):
            raise OSError("more than the answer")

    def wait(self, count):
        """How many more were done: `count`, or fewer if it took too long."""
        with self.changed:
            before = self.done
            self.target = before + count
            self.changed.wait_for(lambda: self.done >= self.target, PATIENCE)
            return self.done - before

    def _spare(self, seconds):
        """Which part of the time was left, of the machine's or of ours,
        whatever is less; our threads take turns."""
        idle, total = (now - before for now, before in
                       zip(_ticks(), self.ticks))
        return min(idle / max(1, total), 1 - time.process_time() / seconds)

    def tell(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        seconds = time.monotonic() - self.began
        return {"done": self.done, "failed": sum(self.reasons.values()),
                "seconds": round(seconds, 2),
                "per_second": round(self.done / seconds),
                "spare": round(self._spare(seconds), 2),
                "slowest_ms": round(self.slowest * 1000),
                "reasons": dict(self.reasons.most_common(5))}


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(listener.getsockname()[1], flush=True)
    parent, alive = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(alive)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        asyncio.run(_serve(listener, parent))
    listener.close()
    try:
        line = sys.stdin.readline()
        if line:
            clients = _Clients(**json.loads(line))
            clients.run()
            clients.flows.wait(PATIENCE)
            print("flows" if clients.flows.is_set() else
                  dict(clients.reasons), flush=True)
            for line in sys.stdin:
                print(clients.wait(json.loads(line)), flush=True)
            print(json.dumps(clients.tell()), flush=True)
    finally:
        os.kill(server, 15)
        os.waitpid(server, 0)


if __name__ == "__main__":
    main()
