"""The openssl program as a client and as a server, spoken to through pipes."""
import contextlib
import re
import subprocess
import threading

from sallyport import PATIENCE, free_port


class _Talk:
    """What a program prints, as it comes, and what it is told."""

    def _start(self, command):
        # openssl keeps some of its words in a buffer when it writes to a pipe.
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", *map(str, command)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self._output = bytearray()
        self._changed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while data := self.process.stdout.read(65536):
            with self._changed:
                self._output += data
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def text(self):
        """Everything it has printed."""
        with self._changed:
            return self._output.decode(errors="backslashreplace")

    def say(self, text):
        """Types a line.  One that begins with a letter that is a command (Q,
        R, K, k...) is one only if it is typed alone, so wait for its effect
        before the next."""
        self.process.stdin.write(text.encode() + b"\n")

    def expect(self, pattern, count=1):
        """Waits until `pattern` has been printed `count` times."""
        look = re.compile(pattern.encode(), re.M)
        with self._changed:
            self._changed.wait_for(
                lambda: self._over or self._seen(look) >= count, PATIENCE)
            assert self._seen(look) >= count, \
                f"no {pattern!r} (the {count}th) in:\n{self._output.decode()}"

    def _seen(self, look):
        return sum(1 for _ in look.finditer(self._output))

    def hang_up(self):
        """Closes its input: the client says close_notify and exits."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self):
        """Waits for its exit; returns everything it has printed."""
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self.text()

    def stop(self):
        self.hang_up()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Client(_Talk):
    """openssl s_client."""

    def __init__(self, port, *options):
        self._start(["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                     "-brief", *options])

    def connected(self):
        self.expect("^CONNECTION ESTABLISHED")
        return self


class Server(_Talk):
    """openssl s_server; it prints what clients send."""

    def __init__(self, *options, echo=False, port=None):
        """`echo`: answers each line with the same line backwards."""
        self.port = port or free_port()
        self._start(["openssl", "s_server", "-accept",
                     f"127.0.0.1:{self.port}",
                     *(["-rev"] if echo else []), *options])
        # Not by connecting: it would take that for its first client.
        try:
            self.expect("^ACCEPT")
        except AssertionError:
            self.stop()
            raise
