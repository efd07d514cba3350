"""The installed documents as a reader follows them: blocks of `sh` are run, those
of `ini` written into the file that the line before names, and those of `console`
run and compared with what stands there."""
import pathlib
import re
import subprocess
import time

FOLDER = pathlib.Path("/usr/share/doc/sallyport")
PATIENCE = 20

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


class Block:
    def __init__(self, kind, text, file):
        self.kind, self.text, self.file = kind, text, file


def section(document, title):
    """The blocks behind a heading, in their order."""
    text = (FOLDER / document).read_text(encoding="utf-8")
    body = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", text,
                     re.M | re.S)
    assert body, f"{document} has no section \"{title}\""
    blocks = []
    for match in _BLOCK.finditer(body[1]):
        before = body[1][:match.start()].rstrip()
        named = re.search(r"`(/[^`]+)`:$", before)
        assert match[1] != "ini" or named, f"no file is named: {before[-60:]}"
        blocks.append(Block(match[1], match[2], named and named[1]))
    return blocks


def shell(text, cwd):
    """What it printed; each line must succeed."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=cwd,
                          text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120, check=False)
    assert done.returncode == 0, f"{text}: exit {done.returncode}: {done.stdout}"
    return done.stdout


def _alike(line):
    """Without what differs each time: numbers, which of localhost's addresses,
    spaces."""
    line = re.sub(r"\s+", " ", line).strip().replace("[::1]", "127.0.0.1")
    return re.sub(r"\d+", "0", line)


def _shown(words, wanted, cwd):
    """Runs the words until what they print is what is shown: a line of the log
    may be a moment late."""
    end = time.monotonic() + PATIENCE
    while True:
        said = shell(words, cwd)
        if [_alike(line) for line in said.splitlines()] == \
                [_alike(line) for line in wanted.splitlines()]:
            return
        assert time.monotonic() < end, \
            f"{words} printed:\n{said}\nand not:\n{wanted}"
        time.sleep(0.2)


def console(text, cwd):
    """Commands behind "# ", each followed by what it prints."""
    for part in re.split(r"^# ", text, flags=re.M)[1:]:
        words, _, wanted = part.partition("\n")
        _shown(words, wanted, cwd)


def follow(blocks, cwd):
    """Does what they say; the outputs of commands, one for each `sh` block."""
    said = []
    for block in blocks:
        if block.kind == "ini":
            pathlib.Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "sh":
            said.append(shell(block.text, cwd))
        elif block.kind == "console":
            console(block.text, cwd)
    return said
