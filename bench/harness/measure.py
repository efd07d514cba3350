"""One sample: a fresh relay, warmed, measured, and taken down."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import machine, reloads
from .relays import Setup

START_SECONDS = 20
LOAD_LIMIT_SECONDS = 180
SETTLE_SECONDS = 1.0
THROTTLED_TO = .2       # of a core, each process of the relay
DISTURBED = 1.25        # times the quickest AES loop of the run
ATTEMPTS = 3
SLOW_RECEIVE_BUFFER = 64 << 10


class Failed(Exception):
    """The relay did not do its work, or not right."""


def _cores_of(scenario):
    return 2 if scenario.both_cores else scenario.workers


class Load:
    """A running load generator."""

    def __init__(self, bench, scenario, setup, count=None, warm=None,
                 connections=None, mode=None, resume=None):
        one = scenario
        words = [bench.load, mode or one.mode, "--phases",
                 "--connect", setup.port, "--listen", setup.backend,
                 "--connections", connections or one.connections,
                 "--count", count or one.count,
                 "--warm", one.warm if warm is None else warm,
                 "--tls", one.tls, "--limit", LOAD_LIMIT_SECONDS]
        if one.listen_tls:
            words += ["--client-tls"]
        if one.connect_tls:
            words += ["--server-tls", "--cert", setup.pem(),
                      "--key", setup.key()]
        if one.listen_tls or one.connect_tls:
            words += ["--cipher", one.cipher]
        if one.resume if resume is None else resume:
            words += ["--resume"]
        if one.nagle:
            words += ["--nagle"]
        if one.every_us:
            words += ["--every", one.every_us]
        if (mode or one.mode) == "slow":
            words += ["--receive-buffer", SLOW_RECEIVE_BUFFER,
                      "--settle", bench.slow_settle_ms]
        self.process = machine.spawn(
            words, bench.cores.of_load(_cores_of(one)), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self, phase):
        line = self.process.stdout.readline()
        if line.strip() != phase:
            raise Failed(self._fault(line))

    def go(self):
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._fault("")) from None

    def result(self):
        line = self.process.stdout.readline()
        if not line.startswith("{"):
            raise Failed(self._fault(line))
        if self.process.wait() != 0:
            raise Failed(self._fault(line))
        return json.loads(line)

    def cpu_seconds(self):
        return machine.cpu_seconds(self.process.pid)

    def _fault(self, line):
        machine.kill(self.process)
        return (line + self.process.stderr.read()).strip() or "no answer"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        machine.kill(self.process)
        for pipe in (self.process.stdin, self.process.stdout,
                     self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class Running:
    """A relay that listens."""

    def __init__(self, bench, relay, scenario, workers=None):
        self.cores = bench.cores.of_relay(_cores_of(scenario))
        self.throttle = None
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=bench.scratch))
        self.setup = Setup(scenario.listen_tls, scenario.connect_tls,
                           *bench.ports(), self.folder, bench.certs,
                           scenario.cert, workers or scenario.workers,
                           reloads.lines(bench, scenario.services),
                           scenario.logs)
        self.log = open(self.folder / "output", "wb")
        self.command = relay.command(relay, self.setup)
        self.notified = machine.Notified(self.folder) \
            if scenario.kind == "many" else None
        begin = time.monotonic()
        self.process = machine.spawn(
            self.command, self.cores, self.log,
            env=self.notified and self.notified.environment)
        try:
            self._wait()
        except TimeoutError:
            text = self.output()
            self.__exit__()
            raise Failed(f"did not start: {text}") from None
        self.start_seconds = time.monotonic() - begin

    def _wait(self):
        if self.notified is not None:
            self.notified.wait(START_SECONDS)
        else:
            machine.wait_until(self._is_up, START_SECONDS, "not listening")

    def _is_up(self):
        if self.process.poll() is not None:
            text = self.output()
            self.__exit__()
            raise Failed(f"exited: {text}")
        return machine.is_listening(self.setup.port)

    def output(self):
        return (self.folder / "output").read_text(
            errors="replace").strip()[-2000:]

    def pin(self):
        """When all its processes are there."""
        machine.pin(self.process.pid, self.cores)
        if self.throttle is not None:
            for pid in machine.family(self.process.pid):
                self.throttle.add(pid)

    def cpu_seconds(self):
        return machine.cpu_seconds(self.process.pid)

    def pss_kib(self):
        return machine.pss_kib(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        machine.kill(self.process)
        if self.notified is not None:
            self.notified.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _cost(bench, running, scenario):
    count = max(scenario.connections, int(scenario.count * bench.scale))
    warm = int(scenario.warm * min(1, bench.scale * 2))
    with Load(bench, scenario, running.setup, count, warm) as load:
        load.wait("ready")
        running.pin()
        before, load_before = running.cpu_seconds(), load.cpu_seconds()
        load.go()
        load.wait("done")
        after, load_after = running.cpu_seconds(), load.cpu_seconds()
        memory = running.pss_kib()
        load.go()
        result = load.result()
    return {
        "figure": (after - before) / result["units"] * scenario.scale,
        "cpu_seconds": after - before,
        "units_per_second": result["units"] / result["seconds"],
        "busy": (after - before) / result["seconds"],
        "load_busy": (load_after - load_before) / result["seconds"],
        "pss_kib": memory,
        "load": result,
    }


def _first(bench, running, scenario):
    """How long a client waits for its first answer, handshakes included."""
    sample = _cost(bench, running, scenario)
    sample["figure"] = sample["load"]["latency_us"]["p50"] / 1000
    return sample


def _reload(bench, running, scenario):
    """How late an exchange is that falls due while the relay reloads."""
    binary, config = running.command[0], running.command[-1]
    with Load(bench, scenario, running.setup) as load:
        load.wait("ready")
        load.go()
        load.wait("measuring")
        try:
            seconds = reloads.reload_all(binary, config)
        except subprocess.CalledProcessError as fault:
            raise Failed(fault.stderr) from None
        memory = running.pss_kib()
        load.go()
        result = load.result()
    return {"figure": result["latency_us"]["p99"] / 1000,
            "reload_seconds": seconds, "pss_kib": memory, "load": result}


def _warm_up(bench, running, scenario):
    """A relay's first connections bring it its libraries and tables."""
    with Load(bench, scenario, running.setup, mode="churn", count=200,
              warm=50, connections=16) as load:
        load.wait("ready")
        load.go()
        load.wait("done")
        load.go()
        load.result()
    time.sleep(SETTLE_SECONDS)


def _many(_bench, running, scenario):
    """What a configuration of many services costs by itself; the scenario's
    mode is which of the results is the figure."""
    started = running.cpu_seconds()
    binary, config = running.command[0], running.command[-1]
    worker_kib = machine.largest_child_pss_kib(running.process.pid)
    try:
        seconds = reloads.reload(binary, config)
    except subprocess.CalledProcessError as fault:
        raise Failed(f"no reload: {fault.stderr}") from None
    sample = {
        "start_seconds": running.start_seconds,
        "start_cpu_seconds": started,
        "worker_mib": worker_kib / 1024,
        "reload_seconds": seconds,
        "reload_cpu_seconds": running.cpu_seconds() - started,
        "pss_kib": running.pss_kib(),
    }
    return {"figure": sample[scenario.mode], **sample}


def _idle(bench, running, scenario):
    connections = max(100, int(scenario.connections * bench.memory_scale))
    _warm_up(bench, running, scenario)
    before = running.pss_kib()
    with Load(bench, scenario, running.setup, connections=connections,
              resume=True) as load:
        load.wait("ready")
        time.sleep(SETTLE_SECONDS)
        after = running.pss_kib()
        load.go()
        load.wait("done")
        load.go()
        result = load.result()
    return {"figure": (after - before) / connections, "pss_kib": after,
            "load": result}


def _after(bench, running, scenario):
    connections = max(100, int(scenario.connections * bench.memory_scale))
    _warm_up(bench, running, scenario)
    before = running.pss_kib()
    with Load(bench, scenario, running.setup, connections=connections,
              resume=True) as load:
        load.wait("ready")
        load.go()
        load.wait("done")
        load.go()
        result = load.result()
    for mode in ("down", "up"):
        with Load(bench, scenario, running.setup, mode=mode, connections=16,
                  count=int(scenario.count * bench.scale)) as load:
            load.wait("ready")
            load.go()
            load.wait("done")
            load.go()
            load.result()
    time.sleep(bench.after_seconds)
    after = running.pss_kib()
    return {"figure": after / before, "before_kib": before,
            "pss_kib": after, "load": result}


def _slow(bench, running, scenario):
    connections = max(50, int(scenario.connections * bench.memory_scale))
    _warm_up(bench, running, scenario)
    before = running.pss_kib()
    with Load(bench, scenario, running.setup,
              connections=connections) as load:
        load.wait("ready")
        after = running.pss_kib()
        load.go()
        result = load.result()
    return {"figure": (after - before) / 1024, "pss_kib": after,
            "load": result}


def _throttled(bench, relay, scenario, workers):
    try:
        with machine.Throttle(THROTTLED_TO) as throttle, \
                Running(bench, relay, scenario, workers) as running:
            running.throttle = throttle
            return _cost(bench, running, scenario)
    except OSError as fault:
        raise Failed(f"no control group: {fault}") from None


def _scaling(bench, relay, scenario):
    """What twice the workers bring.  Each has a small share of a core, so that
    neither the machine nor the load is what limits them."""
    one, two = (_throttled(bench, relay, scenario, workers)
                for workers in (1, 2))
    return {**two, "figure": one["units_per_second"] /
            two["units_per_second"], "one_worker": one}


_KINDS = {"cost": _cost, "first": _first, "reload": _reload,
          "many": _many, "idle": _idle,
          "after": _after, "slow": _slow}


def _aes_seconds(bench):
    return bench.floor(["aes"])["seconds"]


def _with_relay(bench, relay, scenario):
    with Running(bench, relay, scenario) as running:
        try:
            return _KINDS[scenario.kind](bench, running, scenario)
        except Failed as fault:
            raise Failed(f"{fault} {running.output()}".strip()) from None


def _sample_once(bench, relay, scenario):
    before = _aes_seconds(bench)
    if scenario.kind == "scaling":
        sample = _scaling(bench, relay, scenario)
    else:
        sample = _with_relay(bench, relay, scenario)
    sample["aes_seconds"] = max(before, _aes_seconds(bench))
    return sample


def sample(bench, relay, scenario):
    """Repeats while the machine is disturbed; of all the least disturbed one.
    A relay that fails is tried once more, then it has failed."""
    best, faults = None, []
    for _ in range(ATTEMPTS):
        try:
            one = _sample_once(bench, relay, scenario)
        except Failed as fault:
            faults.append(str(fault))
            if len(faults) == 2:
                break
            continue
        bench.quickest_aes = min(bench.quickest_aes, one["aes_seconds"])
        if best is None or one["aes_seconds"] < best["aes_seconds"]:
            best = one
        if scenario.kind != "cost" or \
                one["aes_seconds"] <= DISTURBED * bench.quickest_aes:
            break
    if best is None:
        return {"failed": faults[-1]}
    best["disturbed"] = scenario.kind == "cost" and \
        best["aes_seconds"] > DISTURBED * bench.quickest_aes
    return best
