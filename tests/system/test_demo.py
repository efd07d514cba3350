"""`sallyport demo` does what it prints, and leaves nothing behind."""
import os
import pathlib
import re
import shlex
import signal
import socket
import stat
import subprocess

import pytest

from sallyport import BINARY, PATIENCE, sallyport, wait_until


@pytest.fixture
def demo(relay, tmp_path):
    """demo() starts it; its temporary file is the only one in demo.folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()

    def start(**options):
        one = relay(None, command=["demo"], env={"TMPDIR": str(folder)},
                    **options)
        one.folder_of_files = folder
        return one

    return start


def printed(demo, program):
    """The line that it printed for `program`."""
    return re.search(rf"^ +({program} .*)$", demo.text(), re.M).group(1)


def server_port(demo):
    return int(re.search(r"on 127\.0\.0\.1:(\d+), is", demo.text()).group(1))


def server_of(demo):
    """The pid of the server behind it."""
    [server] = [pid for pid, name in demo.children().items() if name == "demo"]
    return server


def is_alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text[text.rindex(")") + 2] != "Z"


def test_curl_line_gets_the_page(demo):
    one = demo()
    done = subprocess.run(printed(one, "curl") + " --silent --show-error",
                          shell=True, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It works.")
    end = one.wait_ends()[0]
    assert end["listen_tls"] == "TLSv1.3"
    assert end["reason"] in ("client-closed", "server-closed")


def test_openssl_line_sends_lines_back(demo):
    line = shlex.split(printed(demo(), "openssl"))
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as openssl:
        try:
            for word in (b"hello\n", b"GET out of here\n"):
                openssl.stdin.write(word)
                openssl.stdin.flush()
                assert openssl.stdout.readline() == word
        finally:
            openssl.terminate()
        said = openssl.stderr.read().decode()
    assert "verify return:1" in said and "error" not in said


def test_curl_needs_the_file(demo):
    """The certificate is no good without the authority that it made."""
    line = re.sub(r"--cacert \S+", "", printed(demo(), "curl"))
    done = subprocess.run(line, shell=True, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 60, done.stderr       # CURLE_PEER_FAILED_...


def test_both_loopback_addresses_listen(demo):
    one = demo()
    line = printed(one, "curl")
    assert one.matching(r"listening on 127\.0\.0\.1:\d+ with TLS")
    for host in ("127.0.0.1", "[::1]") if socket.has_ipv6 else ("127.0.0.1",):
        done = subprocess.run(line.replace("localhost", host), shell=True,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


def test_server_answers_head_and_refuses_the_rest(demo):
    line = printed(demo(), "curl") + " --silent --show-error --include "
    for option, wanted in (("--head", "HTTP/1.1 200 OK"),
                           ("--data x=1", "HTTP/1.1 405 ")):
        done = subprocess.run(line + option, shell=True, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(wanted)


def test_certificates_are_as_they_should_be(demo):
    one = demo()
    [file] = one.folder_of_files.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in file.read_text()
    port = re.search(r"localhost:(\d+)", one.text()).group(1)
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{port}", "-showcerts"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE).stdout
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-checkend", str(4 * 86400)],
        input=shown, capture_output=True, timeout=PATIENCE).stdout.decode()
    for wanted in ("Version: 3", "prime256v1", "ecdsa-with-SHA256",
                   "CA:FALSE", "TLS Web Server Authentication",
                   "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:",
                   "Authority Key Identifier", "Certificate will expire"):
        assert wanted in text
    assert "PRIVATE KEY" not in one.text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly(demo, number):
    one = demo()
    server = server_of(one)
    one.signal(number)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())
    assert not is_alive(server)
    assert "stopped" in one.text()


def test_signal_while_it_starts(demo):
    one = demo(ready=None)
    wait_until(lambda: list(one.folder_of_files.iterdir()), "the file")
    one.signal(signal.SIGTERM)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_file_that_cannot_be_made_is_told(tmp_path):
    done = sallyport("demo", env={"TMPDIR": str(tmp_path / "missing")})
    assert done.returncode == 1
    assert "cannot make the temporary file" in done.stderr
    assert done.stdout == ""


def test_signal_while_a_client_is_there(demo, client):
    one = demo()
    port = int(re.search(r"localhost:(\d+)", one.text()).group(1))
    client(port)
    one.signal(signal.SIGINT)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_closed_terminal_ends_it(demo):
    one = demo()
    server = server_of(one)
    for pid in (one.pid, server):      # the kernel tells every process
        os.kill(pid, signal.SIGHUP)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_killed_relay_takes_its_server_along(demo):
    one = demo()
    port = server_port(one)
    server = server_of(one)
    family = one.pids()
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(server), "the end of the demo's server")
    wait_until(lambda: not any(is_alive(pid) for pid in family),
               "the end of the others")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    one.check()


def test_reader_who_goes_away_leaves_no_file(tmp_path):
    # Standard output is a pipe that nobody reads: what to try cannot be told.
    ours, theirs = os.pipe()
    os.close(ours)
    with subprocess.Popen([BINARY, "demo"], stdout=theirs,
                          stderr=subprocess.PIPE,
                          env=dict(os.environ, TMPDIR=str(tmp_path))) as demo:
        os.close(theirs)
        try:
            assert demo.wait(PATIENCE) == 1
        finally:
            demo.kill()
    assert not list(tmp_path.iterdir())


def test_few_descriptors_are_enough(demo):
    one = demo(limit_nofile="1024:1024")
    done = subprocess.run(printed(one, "curl"), shell=True,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0


def test_takes_no_arguments():
    done = sallyport("demo", "--help")
    assert done.returncode == 2
    assert done.stderr == "usage: sallyport demo\n"
