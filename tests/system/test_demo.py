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


def test_demo_curl_line_gets_the_page(demo):
    """The curl line that the demo prints gets its page over TLS 1.3."""
    one = demo()
    done = subprocess.run(printed(one, "curl") + " --silent --show-error",
                          shell=True, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It works.")
    end = one.wait_ends()[0]
    assert end["listen_tls"] == "TLSv1.3"
    assert end["reason"] in ("client-closed", "server-closed")


def test_demo_openssl_line_gets_lines_back(demo):
    """The openssl line that the demo prints gets back what is typed."""
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


def test_demo_certificate_needs_its_authority(demo):
    """curl refuses the demo's certificate without the authority that it
    made."""
    line = re.sub(r"--cacert \S+", "", printed(demo(), "curl"))
    done = subprocess.run(line, shell=True, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 60, done.stderr       # CURLE_PEER_FAILED_...


def test_demo_listens_on_both_loopback_addresses(demo):
    """The page is there at 127.0.0.1 and at ::1."""
    one = demo()
    line = printed(one, "curl")
    assert one.matching(r"listening on 127\.0\.0\.1:\d+ with TLS")
    for host in ("127.0.0.1", "[::1]") if socket.has_ipv6 else ("127.0.0.1",):
        done = subprocess.run(line.replace("localhost", host), shell=True,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


def test_demo_server_answers_head_and_refuses_the_rest(demo):
    """The demo's server answers HEAD, and says 405 to POST."""
    line = printed(demo(), "curl") + " --silent --show-error --include "
    for option, wanted in (("--head", "HTTP/1.1 200 OK"),
                           ("--data x=1", "HTTP/1.1 405 ")):
        done = subprocess.run(line + option, shell=True, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(wanted)


def test_demo_certificates_are_sound(demo):
    """The demo's certificates are for localhost, for two weeks, and no key is
    written to a file."""
    one = demo()
    [file] = one.folder_of_files.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in file.read_text()
    port = re.search(r"localhost:(\d+)", one.text()).group(1)
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{port}", "-showcerts"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE).stdout
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-checkend", str(16 * 86400)],
        input=shown, capture_output=True, timeout=PATIENCE).stdout.decode()
    for wanted in ("Version: 3", "prime256v1", "ecdsa-with-SHA256",
                   "CA:FALSE", "TLS Web Server Authentication",
                   "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:",
                   "Authority Key Identifier", "Certificate will expire"):
        assert wanted in text
    assert "PRIVATE KEY" not in one.text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_ends_cleanly_on_a_signal(demo, number):
    """SIGINT and SIGTERM end relay and server, and remove the file."""
    one = demo()
    server = server_of(one)
    one.signal(number)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())
    assert not is_alive(server)
    assert "stopped" in one.text()


def test_demo_ends_cleanly_while_it_starts(demo):
    """A signal during the start leaves no file behind."""
    one = demo(ready=None)
    wait_until(lambda: list(one.folder_of_files.iterdir()), "the file")
    one.signal(signal.SIGTERM)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_demo_says_that_its_file_cannot_be_made(tmp_path):
    """The demo names the temporary file that it cannot make, and starts
    nothing."""
    done = sallyport("demo", env={"TMPDIR": str(tmp_path / "missing")})
    assert done.returncode == 1
    assert "cannot make the temporary file" in done.stderr
    assert done.stdout == ""


def test_demo_ends_cleanly_with_a_client(demo, client):
    """A signal ends the demo although a client is connected."""
    one = demo()
    port = int(re.search(r"localhost:(\d+)", one.text()).group(1))
    client(port)
    one.signal(signal.SIGINT)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_demo_ends_with_its_terminal(demo):
    """SIGHUP to each process, as a closed terminal sends it, ends the demo."""
    one = demo()
    server = server_of(one)
    for pid in (one.pid, server):      # the kernel tells every process
        os.kill(pid, signal.SIGHUP)
    assert one.wait_exit() == 0
    assert not list(one.folder_of_files.iterdir())


def test_demo_server_ends_with_a_killed_relay(demo):
    """No process is left of a demo whose relay was killed."""
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


def test_demo_leaves_no_file_when_its_output_is_closed(tmp_path):
    """A demo whose output goes into a closed pipe fails and leaves no file."""
    # Standard output is a pipe without a reader: what to try cannot be told.
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


def test_demo_works_with_few_descriptors(demo):
    """The demo works with the 1024 descriptors of a login."""
    one = demo(limit_nofile="1024:1024")
    done = subprocess.run(printed(one, "curl"), shell=True,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0


def test_demo_takes_no_arguments():
    """The demo with an argument names it and prints its usage."""
    done = sallyport("demo", "8443")
    assert done.returncode == 2
    assert done.stderr == 'sallyport: "8443" is one word too many for demo\n' \
        "usage: sallyport demo\n"
