"""Plays systemd's part: hears notifications, keeps descriptors, passes them."""
import array
import os
import socket
import sys
import threading

from sallyport import wait_until

# Runs the words behind the two as sd_listen_fds(3) has it: the descriptors
# that the first lists are 3 and up, the second has their names.
_LAUNCH = """
import fcntl, os, sys
numbers = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100)
           for fd in sys.argv[1].split()]
for fd in set(sys.argv[1].split()):
    os.close(int(fd))
for place, fd in enumerate(numbers):
    os.dup2(fd, 3 + place, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)),
                  LISTEN_FDNAMES=sys.argv[2])
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Message:
    """One datagram: its sender's pid, {key: value}, and descriptors."""

    def __init__(self, pid, text, fds):
        self.pid, self.text, self.fds = pid, text, fds
        self.values = dict(line.split("=", 1) for line in text.splitlines())

    def __contains__(self, key):
        return key in self.values

    def __getitem__(self, key):
        return self.values[key]

    def __repr__(self):
        return f"<{self.pid}: {self.text!r} {self.fds}>"


class Manager:
    """`address` is that of its socket, "@" first for an abstract one."""

    def __init__(self, address, hears=True):
        self.address = str(address)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.address.replace("@", "\0", 1))
        self.messages = []
        self.store = {}         # {name: descriptor}
        self.main = None        # only it is heard, once it is known
        self._thread = threading.Thread(target=self._hear, daemon=True)
        if hears:
            self._thread.start()

    def hear(self):
        """Begins to, if it was not to from the start."""
        self._thread.start()

    def close(self):
        if self._thread.is_alive():
            self.socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        self.socket.close()
        for fd in self.store.values():
            os.close(fd)

    def _hear(self):
        while True:
            text, parts, _, _ = self.socket.recvmsg(65536, 4096)
            fds, pid = [], None
            for level, kind, data in parts:
                assert level == socket.SOL_SOCKET
                numbers = array.array("i", data)
                if kind == socket.SCM_RIGHTS:
                    fds = list(numbers)
                elif kind == socket.SCM_CREDENTIALS:
                    pid = numbers[0]
            if not text:
                return
            self._take(Message(pid, text.decode("ascii"), fds))

    def _take(self, message):
        if self.main is not None and message.pid != self.main:
            for fd in message.fds:      # NotifyAccess=main
                os.close(fd)
            return
        if "FDSTORE" in message:
            self._keep(message)
        if "FDSTOREREMOVE" in message and message["FDNAME"] in self.store:
            os.close(self.store.pop(message["FDNAME"]))
        if "MAINPID" in message:
            self.main = int(message["MAINPID"])
        self.messages.append(message)

    def _keep(self, message):
        fd, name = message.fds[0], message["FDNAME"]
        if os.fstat(fd).st_ino in [os.fstat(kept).st_ino
                                   for kept in self.store.values()]:
            os.close(fd)
        else:
            assert name not in self.store, name
            assert len(name) < 256 and name.isprintable() and ":" not in name
            self.store[name] = fd

    def options(self, *sockets, watchdog_ms=None, stored=False, **env):
        """What relay() is to be given: `sockets` are (name, socket) each, and
        with `stored` all that is kept is passed too."""
        passed = [(name, one.fileno()) for name, one in sockets]
        if stored:
            passed += self.store.items()
        env["NOTIFY_SOCKET"] = self.address
        if watchdog_ms:
            env["WATCHDOG_USEC"] = str(watchdog_ms * 1000)
        if not passed:
            return {"env": env}
        fds = [fd for _, fd in passed]
        return {"env": env, "passed": fds, "within": [
            sys.executable, "-c", _LAUNCH, " ".join(map(str, fds)),
            ":".join(name for name, _ in passed)]}

    def having(self, key):
        return [one for one in list(self.messages) if key in one]

    def wait(self, key, count=1):
        """The last of `count` messages with that key."""
        return wait_until(
            lambda: (lambda all: all[count - 1] if len(all) >= count
                     else None)(self.having(key)), f"{key}, {count} of them")

    def keys(self, *left_out):
        """The first key of each message, in order."""
        return [next(iter(one.values)) for one in list(self.messages)
                if not any(key in one for key in left_out)]
