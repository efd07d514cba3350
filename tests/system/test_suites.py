"""What runs the suites keeps two runs apart, tells how they are getting on, and
names what failed with the command that runs it alone."""
import os
import subprocess
import sys

import pytest

import progress
import sallyport

TAKES = """
import sys
import ports
ports._NAME = "\\0" + sys.argv[1] + "%d"
print(*(ports.free_port() for _ in range(250)), flush=True)
sys.stdin.read()
"""


def test_runs_side_by_side_share_no_port():
    """Three runs of the tests that are given one range of ports have ports of
    their own each."""
    env = {**os.environ, "SALLYPORT_PORTS": "20000-21999",
           "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    # Blocks of these runs only, whatever else runs on this machine.
    words = [sys.executable, "-c", TAKES, f"ports-{os.getpid()}-"]
    runs = [subprocess.Popen(words, env=env, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
            for _ in range(3)]
    try:
        taken = [set(map(int, one.stdout.readline().split())) for one in runs]
    finally:
        for one in runs:
            one.communicate()
    assert [len(ports) for ports in taken] == [250] * 3
    assert len(set.union(*taken)) == 750
    assert min(map(min, taken)) >= 20000 and max(map(max, taken)) <= 21999


JUNIT = {
    "system": ('<testcase classname="tests.system.test_ends" name="a[b c]">'
               '<failure/></testcase>'
               '<testcase classname="tests.system.test_ends" name="good"/>',
               ["'tests/system/test_ends.py::a[b c]'"]),
    "system-file": ('<testcase classname="" name="tests.system.test_ends">'
                    '<error/></testcase>', ["tests/system/test_ends.py"]),
    "unit": ('<testcase classname="relay/test_flow" name="relay/test_flow" '
             'status="fail"><failure/><system-out>'
             '[FAIL] flow::one: (0.00s)\n[FAIL] flow::two: (0.00s)\n'
             '</system-out></testcase>',
             ["test_flow --filter flow/one", "test_flow --filter flow/two"]),
    "unit-at-exit": ('<testcase classname="relay/test_flow" '
                     'name="relay/test_flow" status="fail"><failure/>'
                     '<system-out>leaks</system-out></testcase>',
                     ["test_flow"]),
    "none": ('<testcase classname="tests.system.test_ends" name="good"/>', []),
}


@pytest.mark.parametrize("kind", JUNIT)
def test_failed_test_is_named_as_it_is_chosen(kind, tmp_path):
    """count-tests names a failed test by the words that run it alone."""
    cases, names = JUNIT[kind]
    file = tmp_path / "junit.xml"
    file.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    done = subprocess.run(["scripts/count-tests", "--failed", file],
                          cwd=sallyport.ROOT, text=True, check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout.splitlines() == names


def test_summary_has_the_command_for_what_failed(tmp_path):
    """The summary names the command that runs a failed step or test alone."""
    (tmp_path / "junit.xml").write_text(JUNIT["system"][0].join(
        ("<testsuite>", "</testsuite>")))
    done = subprocess.run(
        ["bash", "-c", f"""
            RESULTS={tmp_path} step_alone='.ci/run --only'
            . scripts/suites.bash
            step good true
            step style scripts/lint nothing
            step demo false
            count_junit system-asan-4 {tmp_path}/junit.xml 'A=1 pytest '
            count_junit unit-debug {tmp_path}/none.xml build/debug/
            report"""], cwd=sallyport.ROOT, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stdout.partition("==> Summary\n")[2] == """\
Failed; each is run alone by the command beside it:
  style: scripts/lint nothing
  demo: .ci/run --only demo
  system-asan-4: A=1 pytest 'tests/system/test_ends.py::a[b c]'
  unit-debug: build/debug/
good: 1 passed, 0 failed
style: 0 passed, 1 failed
demo: 0 passed, 1 failed
system: 1 passed, 1 failed
unit: 0 passed, 1 failed
2 passed, 4 failed
"""


class Report:
    def __init__(self, nodeid, failed):
        self.nodeid, self.failed = nodeid, failed


def test_progress_shows_failures_at_once(monkeypatch):
    """The progress of a run shows each failure once, at once, and counts the
    tests."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.01)
    read, write = os.pipe()
    run = progress.Progress("system-x", write)
    run.pytest_xdist_node_collection_finished(ids=["a", "b"])
    run.pytest_runtest_logstart("a")
    with open(read, encoding="ascii") as lines:
        for line in lines:              # of a test that takes its time
            if line.endswith("s: a\n"):
                assert line.startswith("system-x: 0 of 2 tests done, 0 failed")
                break
        for failed in (False, True, True):
            run.pytest_runtest_logreport(Report("a", failed))
        run.pytest_runtest_logfinish("a")
        run.pytest_sessionfinish()
        os.close(write)
        told = lines.read().splitlines()
    assert told.count("system-x: FAILED a") == 1
    assert told[-1].startswith("system-x: 1 of 2 tests done, 1 failed, ")
