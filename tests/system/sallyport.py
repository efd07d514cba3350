"""Starts the real daemon and reads what it says.

The environment names what is tested: SALLYPORT is the binary,
SALLYPORT_SANITIZED=1 says that it was built with the sanitizers,
SALLYPORT_WORKERS=N has every daemon run N workers whose configuration does not
say how many, and SALLYPORT_SANDBOX=kill is the `sandbox` of each that does not
say which.
"""
import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from ports import free_port           # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(
    os.environ.get("SALLYPORT", ROOT / "build/release/src/sallyport"))
SANITIZED = os.environ.get("SALLYPORT_SANITIZED", "") not in ("", "0")
WORKERS = os.environ.get("SALLYPORT_WORKERS", "")
SANDBOX = os.environ.get("SALLYPORT_SANDBOX", "")

# To run a command within, as root: the user that has no rights of its own.
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
             "--clear-groups", "--"]

# What a machine that is merely slow may take.  A test that waits for something
# to happen waits this long; one that measures states its own bound.
PATIENCE = 60

_FAULTS = re.compile(r"runtime error|(Address|Leak|UndefinedBehavior|Memory|"
                     r"Thread)Sanitizer|AddressSanitizer|Assertion .* failed")
_CHILD_FAILED = re.compile(r".*error .*\(pid \d+\) (died by signal|ended with "
                           r"exit|does not answer).*")
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_COUNTED = ("up", "down", "duration_ms")

def wait_until(condition, what, timeout=None):
    """Returns the first true value of condition(); fails after `timeout`."""
    deadline = time.monotonic() + (timeout or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.005)


def _environment(extra=None):
    env = dict(os.environ)
    env.pop("JOURNAL_STREAM", None)     # its lines would carry no time
    env.pop("NOTIFY_SOCKET", None)      # a test starts no managed daemon
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(extra or {})
    return env


def sallyport(*arguments, timeout=None, env=None, cwd=None, stdin="",
              within=()):
    """Runs a command such as check("-c", FILE) to its end.  The result has
    returncode, stdout and stderr.  `within`: words in front of the command
    that run it, as unshare(1) does."""
    done = subprocess.run([*map(str, within), BINARY, *map(str, arguments)],
                          input=stdin,
                          capture_output=True, text=True, cwd=cwd,
                          errors="backslashreplace",
                          timeout=timeout or PATIENCE, env=_environment(env))
    fault = _FAULTS.search(done.stderr)
    assert not fault, f"sallyport {shlex.join(map(str, arguments))}:\n" \
        f"{done.stderr}"
    return done


def parse_fields(text):
    """{"key": "value"} of key=value key="quoted value" ...; the counts that
    the `end` line carries are numbers, unless the line is torn."""
    fields = {}
    for key, value in _FIELD.findall(text):
        if value.startswith('"'):
            value = _ESCAPE.sub(_unescape, value[1:-1])
        fields[key] = int(value) if key in _COUNTED and value.isdigit() \
            else value
    return fields


def _unescape(match):
    code = match.group(1)
    return chr(int(code[1:], 16)) if len(code) == 3 else code


def _asked_for():
    """What the environment asks of every daemon: {option: value}."""
    options = {"workers": WORKERS, "sandbox": SANDBOX}
    return {name: value for name, value in options.items() if value}


# A machine that is busy with other tests may take long over what is no test of
# this time: {option: value}.
LENIENT = {"timeout.handshake": "1m"}


def _with_lines(config, section, options):
    """The configuration, with those of the options in that section that it does
    not mention itself."""
    lines = "".join(f"{name} = {value}\n" for name, value in options.items()
                    if not re.search(rf"^{re.escape(name)}\b", config, re.M))
    header = re.escape(f"[{section}]")
    if not lines:
        return config
    if not re.search(rf"^{header}", config, re.M):
        return f"{config.rstrip()}\n[{section}]\n{lines}"
    return re.sub(rf"^({header}.*\n?)", lambda found: f"{found[1].rstrip()}\n"
                  f"{lines}", config, count=1, flags=re.M)


def as_asked_for(config):
    """The configuration, with what the environment asks for and patience with
    handshakes, unless it says something else itself."""
    return _with_lines(_with_lines(config, "global", _asked_for()),
                       "defaults", LENIENT)


def _words_as_asked_for(words):
    if words[0] != "tunnel":
        return words
    return [*words, *(f"--{name}={value}"
                      for name, value in (_asked_for() | LENIENT).items()
                      if not any(word.startswith(f"--{name}")
                                 for word in words))]


def _proc(pid, name):
    """The text of /proc/PID/NAME, "" if the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _comm(pid):
    return _proc(pid, "comm").strip()


def _state(pid):
    """One letter, as in ps(1); "" if the process is gone."""
    stat = _proc(pid, "stat")
    return stat[stat.rindex(")") + 2] if stat else ""


class Relay:
    """One running daemon: a master, whose process id is `pid`, and its
    children.  Made by the fixture `relay`, which also ends it."""

    may_lose_children = False   # True: the test ends some of them

    def __init__(self, config, folder, command=None, ready=r"\bready\b",
                 log=None, env=None, limit_nofile=None, within=(), passed=()):
        """`config` is the text of the INI file, or None if `command` (the
        words after `sallyport`) needs none.  `log` is the file that the
        configuration logs to, if it is not stderr.  `ready` None: do not
        wait.  `within`: as for sallyport(); `passed`: descriptors that it
        gets too."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "sallyport.ini"
        if config is not None:
            self.config.write_text(as_asked_for(config))
        self.stderr = self.folder / "stderr"
        self.log = pathlib.Path(log) if log else self.stderr
        self.command = _words_as_asked_for(
            [str(word) for word in command or ("run", "-c", self.config)])
        self.checked = False
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                [*map(str, within), *self._limited(limit_nofile), BINARY,
                 *self.command],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=passed, env=_environment(env))
        self.pid = self.process.pid
        if ready is not None:
            try:
                self.wait_log(ready)
                self._settle()
            except AssertionError:
                self.kill()
                raise

    @staticmethod
    def _limited(nofile):
        return ["prlimit", f"--nofile={nofile}", "--"] if nofile else []

    def reload_config(self, config):
        """Rewrites the file; telling the daemon is the test's part."""
        self.config.write_text(as_asked_for(config))

    # Its processes.

    def children(self):
        """{pid: name} of its children, such as "w0", "admin"; one that has
        just been forked has no name yet."""
        words = _proc(self.pid, f"task/{self.pid}/children").split()
        return {int(pid): _comm(pid).partition(":")[2] for pid in words}

    def pids(self):
        """The master's and those of its children."""
        return [self.pid, *self.children()]

    def workers(self):
        """{number: pid} of the workers that there are now."""
        return {int(name[1:]): pid for pid, name in self.children().items()
                if re.fullmatch(r"w\d+", name)}

    def wait_worker(self, number, other_than=None):
        """Waits until there is a worker of that number, which is not the one
        of pid `other_than`; returns its pid."""
        def look():
            pid = self.workers().get(number)
            return pid if pid != other_than else None
        return wait_until(look, f"worker {number}")

    def holder(self, port):
        """The pid of the process that serves the connection whose other end is
        a socket of that TCP port; None if none does, or if it is being handed
        over: until the worker that takes it has said so, two hold it."""
        inodes = set()
        for name in ("tcp", "tcp6"):
            for line in _proc("self", f"net/{name}").splitlines()[1:]:
                words = line.split()
                if int(words[2].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
        holders = [pid for pid in self.pids()
                   if inodes & set(self.open_files(pid))]
        return holders[0] if len(holders) == 1 else None

    def wait_holder(self, port):
        """Waits until one of its processes, and no other, holds that
        connection."""
        return wait_until(lambda: self.holder(port),
                          f"the holder of the connection from port {port}")

    @staticmethod
    def open_files(pid):
        """What the descriptors of a process are, such as "socket:[4711]"."""
        names = []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        return names

    def has_spliced(self):
        """True if a worker has moved bytes through a pipe, which it keeps for
        the next flow.  Two that each has are libevent's, for signals, and the
        way of its log lines to the master."""
        return any(len({file for file in self.open_files(pid)
                        if file.startswith("pipe:")}) > 2
                   for pid in self.workers().values())

    def _settle(self):
        """The trial has gone, and each of its other processes has made its
        event loop and has waited since."""
        waiting = set()

        def has_begun(pid, name):
            return name not in ("", "trial") and _state(pid) == "S" and any(
                "eventpoll" in file for file in self.open_files(pid))

        def look():
            children = self.children()
            waiting.update(pid for pid, name in children.items()
                           if has_begun(pid, name))
            return waiting.issuperset(children) or not self.running()
        wait_until(look, "all processes to have begun")

    # What it said.

    def log_size(self):
        """In bytes, so far."""
        try:
            return self.log.stat().st_size
        except FileNotFoundError:
            return 0

    def text(self, start=0):
        """The log so far, behind its first `start` bytes."""
        try:
            with open(self.log, "rb") as log:
                log.seek(start)
                return log.read().decode(errors="backslashreplace")
        except FileNotFoundError:
            return ""

    def log_lines(self, start=0):
        """The whole lines of the log so far, behind its first `start` bytes."""
        text = self.text(start)
        return text[:text.rfind("\n") + 1].splitlines()

    def matching(self, pattern, start=0):
        """The lines behind the first `start` bytes that match."""
        return [line for line in self.log_lines(start)
                if re.search(pattern, line)]

    def wait_log(self, pattern, timeout=None, count=1):
        """Waits until `count` lines match; returns the last of them."""
        def look():
            lines = self.matching(pattern)
            if len(lines) >= count:
                return lines
            if not self.running():
                lines = self.matching(pattern)
                assert len(lines) >= count, \
                    f"sallyport exited with {self.process.returncode}, and " \
                    f"did not say {pattern!r}:\n{self.text()}"
            return lines if len(lines) >= count else None
        try:
            return wait_until(look, repr(pattern), timeout)[count - 1]
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.tail()}") from None

    def ends(self):
        """What the `end` lines say, one dictionary each, oldest first."""
        found = (re.match(r"\S+ (?:info|warn) end (.*)$", line)
                 for line in self.log_lines())
        return [parse_fields(match.group(1)) for match in found if match]

    def wait_ends(self, count=1, timeout=None):
        """Waits until `count` connections have ended; returns all ends."""
        try:
            return wait_until(
                lambda: (lambda e: e if len(e) >= count else None)(
                    self.ends()), f"{count} end lines", timeout)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.tail()}") from None

    def tail(self, count=60):
        return "\n".join(self.text().splitlines()[-count:])

    # What it costs: all its processes together.

    def memory_kib(self):
        """A page that some of them share is counted once."""
        rollups = [_proc(pid, "smaps_rollup") for pid in self.pids()]
        return sum(int(found) for rollup in rollups for found in
                   re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M))

    def fds(self):
        return sum(len(self.open_files(pid)) for pid in self.pids())

    def is_idle(self, seconds=0.15):
        """True if they sleep all that time: there is nothing to do, as opposed
        to having to wait for a turn on a busy machine."""
        spent, end = self.cpu_seconds(), time.monotonic() + seconds
        while time.monotonic() < end:
            if any(_state(pid) not in "ST" for pid in self.pids()):
                return False
            time.sleep(0.01)
        return self.cpu_seconds() == spent

    def cpu_seconds(self):
        """Of those that are there, and of the children that have ended."""
        ticks = 0
        for pid in self.pids():
            stat = _proc(pid, "stat")
            words = stat[stat.rindex(")") + 2:].split() if stat else []
            ticks += sum(map(int, words[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    # Its end.

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout=None):
        """Waits for the exit and returns its code."""
        try:
            return self.process.wait(timeout or PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"sallyport did not exit\n{self.tail()}") from None

    def stop(self, timeout=None, at_once=False):
        """SIGTERM (`at_once`: more than one, so that nothing drains), then the
        exit, which must be a clean one."""
        children = self.children()
        if at_once:
            self.insist()
        elif self.running():
            self.signal(signal.SIGTERM)
        code = self.wait_exit(timeout)
        self.check()
        assert code == 0, f"exit code {code}\n{self.tail()}"
        left = [name for pid, name in children.items() if _state(pid) and
                _comm(pid).startswith("sallyport:")]
        assert not left, f"the master has left {left} behind"

    def insist(self, number=None):
        """Sends the signal (SIGTERM) until the master is gone: one that comes
        within half a second of the first counts as the same."""
        deadline = time.monotonic() + PATIENCE
        while self.running() and time.monotonic() < deadline:
            self.signal(number or signal.SIGTERM)
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass

    def kill(self):
        """All of it, the master first, so that it replaces no child; returns when
        none holds anything any more."""
        children = {}
        if self.running():
            children = self.children()
            self.process.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: all(_state(pid) in ("", "Z") for pid in children),
                   "the killed children to be gone")

    def check(self):
        """Fails if a sanitizer or an assertion has spoken, or a child has
        failed that was not meant to."""
        self.checked = True
        text = self.stderr.read_text(errors="backslashreplace")
        if self.log != self.stderr:
            text += self.text()
        fault = _FAULTS.search(text)
        assert not fault, text[max(0, fault.start() - 500):][:8000]
        failed = self.may_lose_children or _CHILD_FAILED.search(self.text())
        assert failed in (True, None), failed[0]

    def finish(self):
        """What the fixture does with a relay that the test left running."""
        if self.checked:
            return
        try:
            self.insist()
            self.wait_exit()
        finally:
            self.kill()
            self.check()
