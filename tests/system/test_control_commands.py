"""status, reload, upgrade and drain: how they find a daemon, what they ask,
and what they make of its answer. The daemon here is a socket of the test's
own."""
import contextlib
import os
import socket
import threading

import pytest

import sallyport
from sallyport import sallyport as command

ASKED = [(["status"], b"status\n"), (["status", "--json"], b"status json\n"),
         (["reload"], b"reload\n"), (["upgrade"], b"upgrade\n"),
         (["drain", "web"], b"drain web\n"),
         (["certs"], b"certs\n"), (["certs", "--json"], b"certs json\n"),
         (["version", "--running"], b"version\n")]


@contextlib.contextmanager
def daemon(path, *answers, reads=True):
    """Gives each answer to a client; the list that is returned has what they
    asked."""
    asked = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    server.settimeout(sallyport.PATIENCE)

    def serve_one(answer):
        client, _ = server.accept()
        with client:
            client.settimeout(sallyport.PATIENCE)
            if reads:
                asked.append(client.makefile("rb").readline())
            # It may have heard enough.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(answer)

    def serve():
        for answer in answers:
            serve_one(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
        thread.join(sallyport.PATIENCE)
        assert not thread.is_alive()
    finally:
        server.close()


@pytest.mark.parametrize("words, line", ASKED)
def test_command_sends_a_request_and_prints_the_answer(words, line, tmp_path):
    """Each command sends one line and prints the answer."""
    with daemon(tmp_path / "s", b"ok\none\ntwo\n") as asked:
        done = command(*words, "-s", tmp_path / "s")
    assert (done.returncode, done.stdout, done.stderr) == \
        (0, "one\ntwo\n", "")
    assert asked == [line]


def test_command_asks_the_next_daemon_after_an_upgrade(tmp_path):
    """A command that meets an upgrade asks the daemon that listens there
    now."""
    path = tmp_path / "s"
    with daemon(path, b"again\n", b"ok\nreloaded\n") as asked:
        done = command("reload", "-s", path)
    assert (done.returncode, done.stdout, done.stderr) == \
        (0, "reloaded\n", "")
    assert asked == 2 * [b"reload\n"]


def test_command_asks_again_a_few_times_only(tmp_path):
    """A command that is sent on again and again gives up."""
    path = tmp_path / "s"
    with daemon(path, *8 * [b"again\n"]) as asked:
        done = command("status", "-s", path)
    assert done.returncode == 1
    assert asked == 8 * [b"status\n"]


@pytest.mark.parametrize("words, line", ASKED)
def test_failure_is_printed_on_stderr(words, line, tmp_path):
    """A failed request prints its lines on standard error, exit code 1."""
    with daemon(tmp_path / "s", b"failed\nx.ini:1: no\nand no\n"):
        done = command(*words, "-s", tmp_path / "s")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sallyport: x.ini:1: no\nsallyport: and no\n"


@pytest.mark.parametrize("answer", [b"", b"o", b"ok", b"okay\n", b"\nok\n",
                                    b"failed", b"\0"])
def test_broken_answer_is_told(answer, tmp_path):
    """An answer that is cut off, or is none, is told as such."""
    with daemon(tmp_path / "s", answer):
        done = command("reload", "-s", tmp_path / "s")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sallyport: the daemon ended before it had an " \
        "answer\n"


def test_refusal_before_the_request_is_printed(tmp_path):
    """A daemon that refuses before it reads has its refusal printed."""
    with daemon(tmp_path / "s", b"failed\nnot you\n", reads=False):
        done = command("reload", "-s", tmp_path / "s")
    assert (done.returncode, done.stderr) == (1, "sallyport: not you\n")


@pytest.mark.promise(29)
def test_answer_is_escaped(tmp_path):
    """Control bytes in an answer do not reach the terminal."""
    with daemon(tmp_path / "s", b"ok\n\x1b[31m\r\xc2\x9b\0 \"\\ end"):
        done = command("status", "-s", tmp_path / "s")
    assert done.stdout == '\\x1b[31m\\x0d\\xc2\\x9b\\x00 "\\ end\n'


def test_endless_answer_is_cut_off(tmp_path):
    """An answer that is too long is given up."""
    with daemon(tmp_path / "s", b"ok\n" + b"x" * (4 << 20)):
        done = command("status", "-s", tmp_path / "s")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot read the daemon's answer" in done.stderr


def configured(tmp_path, text):
    file = tmp_path / "x.ini"
    file.write_text(text)
    return file


@pytest.mark.parametrize("rest", ["", "[service x]\nlisten = nonsense\n",
                                  "nonsense\n", "[nonsense]\n"])
def test_control_socket_is_found_in_a_broken_file(rest, tmp_path):
    """The path of the control socket is found whatever else is wrong with the
    file."""
    file = configured(tmp_path, f"[global]\ncontrol = {tmp_path}/s\n" + rest)
    with daemon(tmp_path / "s", b"ok\n") as asked:
        done = command("reload", "-c", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert asked == [b"reload\n"]


def test_missing_daemon_is_told(tmp_path):
    """A command without a daemon names the socket, and the file if there was
    one."""
    file = configured(tmp_path, f"[global]\ncontrol = {tmp_path}/s\n")
    done = command("status", "-c", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == \
        f"sallyport: cannot reach the daemon at {tmp_path}/s: No such file " \
        f"or directory; is it running with -c {file}?\n"
    done = command("status", "-s", tmp_path / "s")
    assert done.stderr == f"sallyport: cannot reach the daemon at " \
        f"{tmp_path}/s: No such file or directory\n"


def test_missing_daemon_without_a_file_is_told(tmp_path):
    """A command without daemon or file names the socket that it looked for, and
    the file that is not there."""
    done = command("status", "-c", tmp_path / "x.ini")
    assert done.returncode == 1
    folder = "/run/sallyport/" if os.geteuid() == 0 else "/"
    assert f"cannot reach the daemon at {folder}" in done.stderr
    assert ".control: No such file or directory; there is no file " \
        f"{tmp_path}/x.ini: write -c with the one that the daemon runs with" \
        in done.stderr


def test_drain_without_a_name_lists_the_services(tmp_path):
    """`drain` without a service names those that the file has."""
    file = configured(tmp_path, "[global]\ncontrol = s\n")
    with open(file, "a", encoding="ascii") as out:
        out.write("[service mail]\nlisten = 127.0.0.1:9\n")
    done = command("drain", "-c", file)
    assert done.returncode == 2
    assert "sallyport: drain needs a SERVICE behind it; write " in done.stderr
    assert "mail\n" in done.stderr


def test_missing_control_socket_is_told(tmp_path):
    """A command says that `control = none` leaves no socket to ask at."""
    file = configured(tmp_path, "[global]\ncontrol = none\n")
    done = command("status", "-c", file)
    assert (done.returncode, done.stderr) == \
        (1, f"sallyport: {file} says control = none: its daemon has no "
         "control socket\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_daemon_of_another_user_is_refused():
    """A command does not talk to a socket of another user."""
    name = f"sallyport-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        os.seteuid(65534)       # which the kernel notes in listen(2)
        try:
            server.listen()
        finally:
            os.seteuid(0)
        done = command("status", "-s", f"@{name}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is of user 65534, neither root nor you" in done.stderr


@pytest.mark.parametrize("name", ["a b", "a\nreload", "x" * 41, "x" * 600])
def test_drain_refuses_what_is_no_name_of_a_service(name, tmp_path):
    """`drain` refuses a word that cannot be a service's name."""
    done = command("drain", "-s", tmp_path / "s", name)
    assert (done.returncode, done.stderr) == \
        (1, "sallyport: this is not the name of a service\n")
