"""Each promise of docs/promises.md has tests that show it, and the page says
which they are."""
import shutil
import subprocess

import pytest

from sallyport import PATIENCE, ROOT

SCRIPT = "scripts/make-promises"
PAGE = "docs/promises.md"


def make_promises(root, *words):
    return subprocess.run([root / SCRIPT, *words], capture_output=True,
                          text=True, timeout=PATIENCE)


def test_page_names_the_tests_of_each_promise():
    """The page is up to date, and no promise is without a test."""
    done = make_promises(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def copy(tmp_path):
    """A project with one promise, and a test of each sort that shows it."""
    files = {
        PAGE: "**1.** Bytes\narrive.\n\n- not there yet\n",
        "tests/system/test_a.py": "import pytest\n\n"
        "pytestmark = [pytest.mark.slow, pytest.mark.promise(1)]\n",
        "tests/system/test_b.py": "@pytest.mark.promise(1)\n"
        "def test_z():\n    pass\n\n\n@pytest.mark.promise(1)\n"
        "def test_b():\n    pass\n",
        "tests/systemd/inside/check_c.py": "@check\n@promise(1)\n"
        "def c_is_checked():\n    pass\n",
        "tests/unit/base/test_d.c": "/* Of bytes.  Promise 1. */\n#include <x>\n",
        "tests/unit/base/test_e.c": "#include <x>\n\n/* Promise 2 is another's. */"
        "\nint n;\n\n/* What comes\n * arrives.  Promise\n * 1. */\nTest(e, comes)\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    return tmp_path


MADE = """**1.** Bytes
arrive.

- system/test_a.py
- system/test_b.py: test_b, test_z
- systemd/inside/check_c.py: c_is_checked
- unit/base/test_d.c
- unit/base/test_e.c: comes
"""


def test_list_is_made_of_what_the_tests_say(copy):
    """A list that is not up to date is noticed, and made anew."""
    done = make_promises(copy, "--check")
    assert done.returncode == 1
    assert "is not up to date; run scripts/make-promises" in done.stderr
    assert make_promises(copy).returncode == 0
    assert (copy / PAGE).read_text() == MADE
    done = make_promises(copy, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text,fault", [
    (MADE + "\n**2.** No test.\n\n", "promise 2 has no test\n"),
    (MADE + "\n**3.** A number is left out.\n\n- not there yet\n",
     "docs/promises.md: the numbers are not in order\n"),
    ("", "tests/system/test_a.py: there is no promise 1\n"),
], ids=["no-test", "no-order", "no-promise"])
def test_fault_of_the_page_is_told(copy, text, fault):
    """A promise without a test and a test without a promise are errors."""
    (copy / PAGE).write_text(text)
    done = make_promises(copy, "--check")
    assert done.returncode == 1 and fault in done.stderr
    assert make_promises(copy).returncode == 1
    assert fault in make_promises(copy).stderr


def test_promise_without_tests_may_be_for_later(copy):
    """A promise that says so needs no test yet."""
    text = MADE + "\n**2.** Later.\n\n- not there yet\n"
    (copy / PAGE).write_text(text)
    assert make_promises(copy, "--check").returncode == 0
    assert make_promises(copy).returncode == 0
    assert (copy / PAGE).read_text() == text
