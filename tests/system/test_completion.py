"""What a shell makes of a half-typed command line: the scripts that `sallyport
completion` prints, and that a package installs."""
import os
import pathlib
import pty
import re
import shutil
import subprocess

import pytest

import configs
import sallyport

FOLDER = pathlib.Path(sallyport.BINARY).resolve().parent

# The words so far, as bash splits them; what they are completed to.
CASES = {
    "command": ("ch", "check"),
    "command-after-file": ("-c x st", "status"),
    "second-word": ("config ''", "show"),
    "flag": ("status --j", "--json"),
    "kind": ("init tunnel-s", "tunnel-server"),
    "shell": ("completion z", "zsh"),
    "option": ("tunnel a b --listen.pass", "--listen.passphrase_file="),
    "word-of-an-option": ("tunnel a b --splice = ne", "never"),
    "yes-or-no": ("tunnel a b --watch = ''", "yes no"),
    "service": ("drain -c {config} w", "web"),
    "help-of-a-command": ("help upgr", "upgrade upgrade_timeout"),
    "help-of-an-option": ("help timeout.c", "timeout.connect"),
    "file": ("run -c {config}", "{config}"),
    "file-behind-a-sign": ("run --config = {config}", "{config}"),
    "file-of-an-option": ("tunnel a b --listen.cert = {config}", "{config}"),
    "file-alone": ("check {config}", "{config}"),
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "shop.ini"
    path.write_text(configs.plain(1, 2, name="web") +
                    configs.plain(3, 4, name="shop"))
    return path


@pytest.mark.parametrize("name", CASES)
def test_bash_completes(name, config):
    """In bash a word is completed by what may stand there."""
    words, expected = CASES[name]
    done = subprocess.run(
        ["bash", "-c", f"""
. <(sallyport completion bash)
COMP_WORDS=(sallyport {words.format(config=config)})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_sallyport
echo "${{COMPREPLY[*]}}" """],
        env={**os.environ, "PATH": f"{FOLDER}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
        timeout=sallyport.PATIENCE)
    assert done.stdout == expected.format(config=config) + "\n"


class Zsh:
    """An interactive zsh in which the command only says how it was called."""

    SETUP = r"""
PROMPT= RPROMPT= fpath=({folder} $fpath) path=({binary} $path)
unsetopt zle_bracketed_paste prompt_sp
bindkey -e
autoload -U compinit && compinit -u -D
sallyport() {{
    [[ $1 == config ]] && {{ command sallyport "$@"; return }}
    print -r -- "<$*>"
}}
print -r -- "<be""gin>"
"""

    def __init__(self, folder):
        (folder / "_sallyport").write_text(
            sallyport.sallyport("completion", "zsh").stdout)
        (folder / "setup").write_text(self.SETUP.format(
            folder=folder, binary=FOLDER))
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "TERM": "dumb", "HOME": str(folder)},
            start_new_session=True)
        os.close(theirs)
        self.terminal = os.fdopen(ours, "r+b", buffering=0)
        self.enter(f". {folder}/setup", "begin")

    def enter(self, line, expected=None):
        """Types the line and Enter; returns what the command was called
        with."""
        self.terminal.write(line.encode() + b"\n")
        seen = b""
        while not (found := re.search(rb"(?m)^<(.*)>\r?$", seen)):
            seen += self.terminal.read(4096)
        called = found[1].decode()
        assert expected in (None, called), seen
        return called

    def close(self):
        self.process.kill()
        self.process.wait()
        self.terminal.close()


@pytest.fixture
def zsh(tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    folder = tmp_path / "zsh"
    folder.mkdir()
    shell = Zsh(folder)
    yield shell
    shell.close()


def test_zsh_completes(zsh, config):
    """In zsh a word is completed by what may stand there."""
    for typed, called in [
            ("sel\t", "selftest"), ("init tunnel-s\t", "init tunnel-server"),
            ("status --j\t", "status --json"),
            (f"-c {config} st\t", f"-c {config} status"),
            ("help relo\t", "help reload"),
            ("tunnel --listen.pass\tx a b", "tunnel --listen.passphrase_file=x a b"),
            ("tunnel --splice=ne\t a b", "tunnel --splice=never a b"),
            (f"drain -c {config} w\t", f"drain -c {config} web"),
            (f"check {str(config)[:-5]}\t", f"check {config}")]:
        assert zsh.enter(f"sallyport {typed}") == called
