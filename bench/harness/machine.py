"""The machine: a network of our own, cores, processes and what they cost."""
import ctypes
import os
import pathlib
import platform
import re
import resource
import signal
import socket
import subprocess
import sys
import time

CONGESTION = "reno"
MARK = "BENCH_NAMESPACE"

# As many as connections may be held; peers refuse to start with less.
DESCRIPTORS = 20000

SYSCTLS = {
    "net.ipv4.tcp_congestion_control": CONGESTION,
    # Listening ports lie below, so that no client can be in their way.
    "net.ipv4.ip_local_port_range": "10000 65000",
    "net.core.somaxconn": "16384",
}


def isolate():
    """Comes back within a network namespace of its own, whose settings are no
    one else's; the process starts over for that."""
    if MARK not in os.environ:
        os.environ[MARK] = "1"
        flags = "-n" if os.getuid() == 0 else "-rn"
        os.execvp("unshare", ["unshare", flags, "--", sys.executable,
                              *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in SYSCTLS.items():
        path = pathlib.Path("/proc/sys", name.replace(".", "/"))
        path.write_text(value)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < DESCRIPTORS:
        hard = max(hard, DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


class Cores:
    """Which core the relay has, and which the load (and we ourselves).  With
    two workers both have both."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.relay, self.load = cores[0], cores[-1]
        self.shared = len(cores) == 1
        os.sched_setaffinity(0, {self.load})

    def _both(self):
        return sorted({self.relay, self.load})

    def of_relay(self, workers):
        return [self.relay] if workers == 1 else self._both()

    def of_load(self, workers):
        return [self.load] if workers == 1 else self._both()


def _die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG


def spawn(command, cores, log=None, **options):
    """A process group of its own, pinned to `cores`."""
    if log is not None:
        options.update(stdout=log, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL)
    return subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)],
        start_new_session=True, preexec_fn=_die_with_us, **options)


def kill(process):
    """Ends what spawn() started, and its children."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def family(pid):
    """A process and all its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                text = pathlib.Path(
                    f"/proc/{one}/task/{task}/children").read_text()
                todo += map(int, text.split())
        except FileNotFoundError:
            pass
    return found


def pin(pid, cores):
    """All of a relay's threads, whatever they chose for themselves: hitch
    moves its first worker to core 0."""
    for one in family(pid):
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                os.sched_setaffinity(int(task), cores)
        except (FileNotFoundError, ProcessLookupError):
            pass    # such as the trial of a start: it has ended since


def _own_cpu_ns(pid):
    """All threads, those that ended too, to the nanosecond: the kernel's CPU
    clock of another process, as clock_getcpuclockid(3) would name it."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def _children_cpu_ns(pid):
    """Of children that have ended and were waited for, in ticks."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    words = stat[stat.rindex(")") + 2:].split()
    ticks = int(words[13]) + int(words[14])
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """What a relay has cost so far, all its processes together."""
    total = 0
    for one in family(pid):
        try:
            total += _own_cpu_ns(one) + _children_cpu_ns(one)
        except (OSError, ProcessLookupError):
            pass
    return total / 1e9


def _own_pss_kib(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(match.group(1)) if match else 0


def pss_kib(pid):
    """The memory of all its processes, pages that they share counted once."""
    return sum(map(_own_pss_kib, family(pid)))


def largest_child_pss_kib(pid):
    """Of the worker, where there is one: no other child has as much."""
    return max(map(_own_pss_kib, family(pid)[1:]), default=0)


class Notified:
    """Hears from a daemon when it is ready, as sd_notify(3) says it."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.environment = {**os.environ,
                            "NOTIFY_SOCKET": str(folder / "notify")}

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(.01, deadline - time.monotonic()))
            if b"READY=1" in self.socket.recv(4096).split(b"\n"):
                return

    def close(self):
        self.socket.close()


class Throttle:
    """Gives each process that is added a share of a core and no more: a group
    of its own (cgroups(7), either version), which goes with the last process.
    """
    PERIOD_US = 10000

    def __init__(self, share):
        self.quota_us = int(share * self.PERIOD_US)
        self.root = pathlib.Path("/sys/fs/cgroup")
        self.unified = (self.root / "cgroup.controllers").exists()
        if self.unified:
            (self.root / "cgroup.subtree_control").write_text("+cpu")
        else:
            self.root /= "cpu"
        self.groups = []

    def add(self, pid):
        group = self.root / f"bench-{os.getpid()}-{pid}"
        group.mkdir()
        self.groups.append(group)
        if self.unified:
            (group / "cpu.max").write_text(
                f"{self.quota_us} {self.PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(self.PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(self.quota_us))
        (group / "cgroup.procs").write_text(str(pid))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for group in self.groups:
            wait_until(lambda: _removed(group), 10, "still has processes")


def _removed(group):
    try:
        group.rmdir()
        return True
    except OSError:
        return False


def is_listening(port):
    wanted = f":{port:04X} "
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", name).read_text().splitlines():
            words = line.split()
            if len(words) > 3 and words[3] == "0A" and \
                    (words[1] + " ").endswith(wanted):
                return True
    return False


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)


def describe():
    """What the results depend on."""
    model = re.search(r"^model name\s*:\s*(.*)$",
                      pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "congestion_control": pathlib.Path(
            "/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
        "network": "loopback of a private network namespace (unshare -n)",
        "date": time.strftime("%Y-%m-%d"),
    }
