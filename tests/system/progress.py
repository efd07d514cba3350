"""Tells how a run of the suite is getting on while it runs.

A pytest plugin that conftest.py registers for --progress=NAME (one word: argparse
takes an option with a blank in it for a file).  It writes each failure when it
happens, and now and then how many tests are done, to descriptor 3, for what
pytest itself says goes into a file."""
import os
import threading
import time

import pytest

# How often a line comes although nothing has failed.
EVERY_SECONDS = 20


class Progress:
    """Counts the tests of one run."""

    def __init__(self, name, out):
        self.name, self.out = name, out
        self.total = self.done = 0
        self.failed = []
        self.running = {}           # nodeid: since when
        self.began = time.monotonic()
        self.ended = threading.Event()
        threading.Thread(target=self._tell_regularly, daemon=True).start()

    def _write(self, text):
        # One write for each line: another run writes to the same terminal.
        os.write(self.out, f"{self.name}: {text}\n".encode(errors="replace"))

    def _tell_regularly(self):
        while not self.ended.wait(EVERY_SECONDS):
            self._tell()

    def _tell(self):
        text = f"{self.done} of {self.total} tests done, " \
            f"{len(self.failed)} failed, {time.monotonic() - self.began:.0f} s"
        running = dict(self.running)    # another thread changes it
        if running:
            oldest = min(running, key=running.get)
            since = time.monotonic() - running[oldest]
            if since > EVERY_SECONDS:
                text += f"; for {since:.0f} s: {oldest}"
        self._write(text)

    # What pytest calls.

    def pytest_collection_finish(self, session):
        self.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        self.total = len(ids)           # each process collects all of them

    def pytest_runtest_logstart(self, nodeid):
        self.running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid):
        self.running.pop(nodeid, None)
        self.done += 1

    def pytest_runtest_logreport(self, report):
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)
            self._write(f"FAILED {report.nodeid}")

    def pytest_sessionfinish(self):
        self.ended.set()
        self._tell()
