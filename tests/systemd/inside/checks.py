"""Runs checks in the order in which they are written, one line for each."""
import os
import re
import signal
import sys
import time
import traceback

PATIENCE = 240      # seconds, on a machine that does much else
_checks = []


def check(function):
    """A function that says what is wrong by raising; what it returns is said
    with its success."""
    _checks.append(function)
    return function


def promise(*_numbers):
    """A check shows these promises: scripts/make-promises reads them."""
    return lambda function: function


class Late(BaseException):
    pass


def _ring(*_):
    raise Late(f"not done after {PATIENCE} s")


def _where(problem):
    """The last place in the checks, not in what they call."""
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__)
              if os.path.basename(frame.filename).startswith("check_")]
    if not frames:
        return ""
    return f" [{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}]"


def _once(function):
    began = time.monotonic()
    signal.alarm(PATIENCE)
    try:
        said, verdict = function(), "ok"
    except (Exception, Late) as problem:        # pylint: disable=broad-except
        said = f"{type(problem).__name__}: {problem}{_where(problem)}"
        verdict = "FAILED"
    finally:
        signal.alarm(0)
    said = re.sub(r"\s*\n\s*", " | ", str(said or "")).strip()
    print(f"{verdict} {function.__name__} "
          f"({time.monotonic() - began:.1f} s){': ' * bool(said)}{said}",
          flush=True)
    return verdict == "ok"


def run_all(wanted, before, after):
    """Runs those whose names contain one of the words, or all; after(what
    before() returned, success) runs after each."""
    signal.signal(signal.SIGALRM, _ring)
    failed = 0
    for function in _checks:
        if wanted and not any(word in function.__name__ for word in wanted) \
                and not getattr(function, "always", False):
            continue
        begun = before()
        good = _once(function)
        failed += not good
        try:
            after(begun, good)
        except Exception:                       # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
    return failed


def always(function):
    """Runs even if others are wanted: they rest on it."""
    function.always = True
    return function
