"""`sallyport check --connect`: each server is connected to, and what is found is
told."""
import contextlib
import os
import re
import subprocess
import threading

import pytest

import configs
import keys
import names
import openssl
import peers
import processes
import sallyport
import servers

DAY = r"20\d\d-\d\d-\d\d"


def check(folder, text, *words, **options):
    """Runs `check --connect` of the file folder/x.ini."""
    config = folder / "x.ini"
    config.write_text(text)
    return sallyport.sallyport("check", "--connect", *words, config, **options)


def found(folder, connect, *options, code=0, **more):
    """What is said of one server: of a good one without the service's name, of
    another one without the place."""
    done = check(folder, configs.service("127.0.0.1:1", connect, *options),
                 **more)
    assert done.returncode == code, done.stdout + done.stderr
    if code == 0:
        line = done.stdout.splitlines()[1]
        assert line.startswith("s: ")
        return line[len("s: "):]
    place = f"sallyport: {folder}/x.ini:3: [service s] connect: "
    line, count = done.stderr.splitlines()[:2]
    assert line.startswith(place), line
    assert count == f"sallyport: {folder}/x.ini: 1 error"
    return line[len(place):]


def receive(peer):
    return peer.receive()


def test_plain_server_is_told(server, tmp_path):
    """A plain server is connected to and sent nothing."""
    far = server(receive)
    assert found(tmp_path, far.port) == \
        f"127.0.0.1:{far.port}: connected in plain"
    received = far.result()
    assert (received.size, received.end) == (0, "fin")


def test_unix_server_is_told(server, tmp_path):
    """A unix socket is connected to; one that is not there is an error."""
    path = tmp_path / "socket"
    server(receive, path=path)
    assert found(tmp_path, f"unix:{path}") == f"unix:{path}: connected in plain"
    assert found(tmp_path, f"unix:{tmp_path}/none", code=1) == \
        f"unix:{tmp_path}/none: refused, no server listens there"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_server_is_told(server, certs, tmp_path, version):
    """A TLS server is told with its address, version, certificate, and by what that is
    verified; it is sent close_notify, and no data."""
    far = server(receive, tls=peers.server_context(certs, version=version))
    said = found(tmp_path, f"tls://localhost:{far.port}",
                 f"connect.ca = {certs}/ca.pem")
    assert re.fullmatch(
        rf"tls://localhost:{far.port} \(127\.0\.0\.1\): TLSv{version}, "
        rf"certificate CN=server, valid until {DAY}, verified by ca\.pem", said)
    received = far.result()
    assert (received.size, received.end) == (0, "close_notify")


def test_server_that_is_not_verified_is_told(server, certs, tmp_path):
    """With verify = none the line says so; an expired certificate is told."""
    far = server(receive,
                 tls=peers.server_context(certs, name="server-expired"))
    said = found(tmp_path, f"tls://127.0.0.1:{far.port}",
                 "connect.verify = none")
    assert re.fullmatch(
        rf"tls://127\.0\.0\.1:{far.port}: TLSv1\.3, certificate "
        rf"CN=server-expired, expired on {DAY}, NOT VERIFIED", said)


def test_certificate_that_runs_out_is_warned_of(server, tmp_path):
    """A server's certificate that runs out within two weeks is a warning."""
    servers.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "5", "-subj",
                "/CN=short", "-addext", "subjectAltName=DNS:localhost",
                "-keyout", tmp_path / "short.key", "-out",
                tmp_path / "short.pem")
    far = server(receive, tls=peers.server_context(tmp_path, name="short"))
    done = check(tmp_path, configs.service(
        "127.0.0.1:1", f"tls://localhost:{far.port}",
        f"connect.ca = {tmp_path}/short.pem"))
    assert done.returncode == 0
    assert done.stderr == f"sallyport: {tmp_path}/x.ini:3: warning: " \
        f"[service s] connect: tls://localhost:{far.port}: the server's " \
        "certificate runs out in 5 days\n"
    assert done.stdout.endswith("ok, 1 service, 1 warning\n")


def test_real_servers_are_told(certs, tmp_path):
    """nginx with and without TLS, and `openssl s_server` that takes any client's
    certificate and gets none."""
    with servers.Nginx(tmp_path / "nginx", certs) as web, openssl.Server(
            "-cert", certs / "server.pem", "-key", certs / "server.key",
            "-verify", "1", "-CAfile", certs / "ca.pem") as asking:
        done = check(
            tmp_path,
            configs.service("127.0.0.1:1", web.port, name="plain") +
            configs.tls_out(2, web.tls_port, certs, "connect.alpn = http/1.1",
                            name="web") +
            configs.tls_out(3, asking.port, certs, name="asks"))
    assert (done.returncode, done.stderr) == (0, "")
    plain, tls, asks, summary = done.stdout.splitlines()[3:]
    assert plain == f"plain: 127.0.0.1:{web.port}: connected in plain"
    assert re.search(r": TLSv1\.[23], ALPN http/1\.1, certificate CN=server, "
                     "valid until", tls)
    assert asks.endswith("verified by ca.pem; it asks for a client certificate, "
                         "and gets none (connect.cert)")
    assert summary == f"{tmp_path}/x.ini: ok, 3 services"


FAULTS = {
    "wrong CA": ("server", ["connect.ca = {certs}/other-ca.pem"],
                 "certificate was not issued by a trusted CA (CN=server"),
    "expired": ("server-expired", ["connect.ca = {certs}/ca.pem"],
                "certificate has expired (CN=server-expired"),
    "wrong name": ("server-wrong-name", ["connect.ca = {certs}/ca.pem"],
                   "certificate has the wrong host name (CN=server-wrong-name, "
                   "depth 0, not for localhost but for elsewhere.test"),
    "old TLS": ("server", ["connect.ca = {certs}/ca.pem",
                           "connect.max_version = 1.2"],
                "the server supports no version of TLS that is enabled here"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_tls_is_an_error(certs, tmp_path, fault):
    """A server whose TLS is not what the configuration expects is an error at the
    line of its `connect`, and says what is wrong."""
    name, options, said = FAULTS[fault]
    with peers.Server(receive, tls=peers.server_context(
            certs, name=name, version="1.3")) as far:
        text = found(tmp_path, f"tls://localhost:{far.port}",
                     *(option.format(certs=certs) for option in options), code=1)
    assert text.startswith(f"tls://localhost:{far.port} (127.0.0.1): {said}")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_server_that_wants_a_certificate(certs, tmp_path, version):
    """A server that wants a client's certificate is an error that names
    connect.cert, although a server of TLS 1.3 says so behind the handshake; with a
    certificate that it trusts all is well, with another one it is an error."""
    options = [f"connect.ca = {certs}/ca.pem"]

    def own(name):
        return [*options, f"connect.cert = {certs}/{name}.pem",
                f"connect.key = {certs}/{name}.key"]

    with peers.Server(receive, tls=peers.server_context(
            certs, version=version, client_ca="ca.pem")) as far:
        to = f"tls://localhost:{far.port}"
        assert ": the server wants a client certificate: name one with " \
            "connect.cert (alert " in found(tmp_path, to, *options, code=1)
        good = found(tmp_path, to, *own("client"))
        assert f": TLSv{version}, certificate CN=server, " in good
        assert "asks for" not in good
        assert "does not trust our certificate: it knows no CA that vouches " \
            "for it (alert unknown_ca)" in \
            found(tmp_path, to, *own("client-untrusted"), code=1)


def test_dead_server_is_an_error(free_port, tmp_path):
    """A port where no server listens."""
    port = free_port()
    assert found(tmp_path, port, code=1) == \
        f"127.0.0.1:{port}: refused, no server listens there"


def test_silent_servers_end_with_the_timeouts(server, certs, tmp_path):
    """A server that accepts no connection, one that says nothing in answer to the
    handshake, and one that says it a byte at a time."""
    enough = threading.Event()

    def drip(peer):
        with contextlib.suppress(OSError):
            peer.socket.send(b"\x16\3\3\x40\0\2\0\x3f\0")
            while not enough.wait(0.05):
                peer.socket.send(b"\3")

    silent, slow = server(receive), server(drip)
    options = ["timeout.connect = 300ms", "timeout.handshake = 500ms"]
    with peers.FullListener() as full:
        assert found(tmp_path, full.port, *options, code=1) == \
            f"127.0.0.1:{full.port}: no answer within timeout.connect"
    tls = [*options, f"connect.ca = {certs}/ca.pem"]
    assert found(tmp_path, f"tls://127.0.0.1:{silent.port}", *tls, code=1) == \
        f"tls://127.0.0.1:{silent.port}: no TLS within timeout.handshake"
    assert found(tmp_path, f"tls://127.0.0.1:{slow.port}", *tls, code=1) == \
        f"tls://127.0.0.1:{slow.port}: no TLS within timeout.handshake"
    enough.set()


def test_other_protocol_is_named(server, certs, tmp_path):
    """A server that speaks HTTP, SSH or nothing known at a tls:// endpoint."""
    tls = [f"connect.ca = {certs}/ca.pem"]
    for said, words in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server speaks plain HTTP, not TLS"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "the server speaks SSH, not TLS"),
            (b"\0" * 100000, "the server does not speak TLS")):
        far = server(lambda peer, data=said: peer.send(data))
        assert found(tmp_path, f"tls://127.0.0.1:{far.port}", *tls, code=1) == \
            f"tls://127.0.0.1:{far.port}: {words}"


def test_server_that_leaves_behind_the_handshake(server, certs, tmp_path):
    """A server that closes as soon as the handshake is done is an error; one that
    speaks first, and does not stop, is not."""
    leaves = server(lambda peer: peer.half_close(),
                    tls=peers.server_context(certs))

    def flood(peer):
        with contextlib.suppress(OSError):
            while True:
                peer.send(b"220 hello\r\n" * 1000)

    talks = server(flood, tls=peers.server_context(certs))
    tls = [f"connect.ca = {certs}/ca.pem"]
    assert found(tmp_path, f"tls://localhost:{leaves.port}", *tls, code=1) \
        .endswith(": the server ended the connection right behind the handshake")
    assert "TLSv1.3, certificate CN=server" in \
        found(tmp_path, f"tls://localhost:{talks.port}", *tls)


def test_every_server_is_tried(server, free_port, tmp_path):
    """Of a service that has several servers each has its line, whether or not one
    before it is good; --quiet prints what is wrong alone."""
    one, other, dead = server(receive), server(receive), free_port()
    text = configs.service("127.0.0.1:1", [one.port, dead, other.port])
    done = check(tmp_path, text)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        f"s: 127.0.0.1:{far.port}: connected in plain" for far in (one, other)]
    fault = f"sallyport: {tmp_path}/x.ini:4: [service s] connect: " \
        f"127.0.0.1:{dead}: refused, no server listens there\n" \
        f"sallyport: {tmp_path}/x.ini: 1 error\n"
    assert done.stderr == fault
    quiet = check(tmp_path, text, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", fault)


def test_no_server_is_asked_while_the_file_is_wrong(server, tmp_path):
    """A configuration with an error is not tried out."""
    far = server(receive)
    done = check(tmp_path, configs.service("127.0.0.1:1", far.port,
                                           "connect.ca = /none.pem") +
                 configs.service("127.0.0.1:2", "tls://a:1",
                                 "connect.ca = /none.pem", name="t"))
    assert done.returncode == 1
    assert "connected" not in done.stdout
    assert not far.results


def test_few_are_asked_at_once(server, certs, tmp_path):
    """However many servers there are, 32 at most are under way, and each has its
    line: one that answers nothing does not keep the others waiting for good."""
    lock, now, most = threading.Lock(), [0], [0]

    def count(peer):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        peer.receive()
        with lock:
            now[0] -= 1

    far = server(count)
    done = check(tmp_path, "".join(
        configs.service(f"127.0.0.1:{i}", f"tls://127.0.0.1:{far.port}",
                        f"connect.ca = {certs}/ca.pem",
                        "timeout.handshake = 500ms", name=f"s{i}")
        for i in range(1, 71)))
    assert done.returncode == 1
    # Of one kind ten are told, and how many more there are.
    assert f"{tmp_path}/x.ini: 70 errors\n" in done.stderr
    assert len(far.results) == 70
    assert 8 <= most[0] <= 40   # a thread may be late to notice an end


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks as another user")
def test_servers_are_asked_as_the_user(tmp_path):
    """A unix socket that the daemon's user may not write to is an error, although
    root asks."""
    path = tmp_path / "socket"
    with peers.Server(receive, path=path):
        path.chmod(0o600)
        (tmp_path / "x.ini").touch(0o644)
        said = found(tmp_path, f"unix:{path}", code=1)
    assert said == f"unix:{path}: permission denied: the account that `user` " \
        "names may not write to the socket, or not enter a folder above it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads another's memory")
@pytest.mark.parametrize("name", ["server", "server-rsa", "server-encrypted"])
def test_listeners_keys_are_wiped_before(certs, tmp_path, name):
    """While a server is connected to, no private key of a listener is in memory, nor
    in a descriptor, and the process has the workers' account."""
    encrypted = name == "server-encrypted"
    passphrase = f"listen.passphrase_file = {certs}/{name}.pass\n"
    secret = (certs / f"{name}.pass").read_text().strip() if encrypted else None
    config = tmp_path / "x.ini"

    def look(_):
        return keys.found_in(running.pid, keys.needles(
            certs / f"{name}.key", secret)), \
            processes.status_fields(running.pid)["Uid"][0], \
            [os.readlink(f"/proc/{running.pid}/fd/{fd}")
             for fd in os.listdir(f"/proc/{running.pid}/fd")]

    with peers.Server(look) as far:
        config.write_text(
            f"[service s]\nlisten = tls://127.0.0.1:1\n"
            f"listen.cert = {certs}/{name}.pem\n"
            f"listen.key = {certs}/{name}.key\n"
            f"{passphrase if encrypted else ''}"
            f"connect = tls://127.0.0.1:{far.port}\n"
            f"connect.ca = {certs}/ca.pem\n")
        with subprocess.Popen([sallyport.BINARY, "check", "--connect", config],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as running:
            found_keys, user, links = far.result()
            said = running.communicate(timeout=sallyport.PATIENCE)[1].decode()
    assert said.endswith(f"{config}: 1 error\n")
    assert found_keys == 0
    assert int(user) == sallyport.NOBODY
    assert not [link for link in links if "memfd" in link]


@pytest.mark.skipif(not names.mounts_are_allowed(),
                    reason="this machine allows no mount namespaces")
def test_names_are_resolved_as_the_daemon_does(server, within, dns, free_port,
                                               tmp_path):
    """A name is looked up in /etc/hosts and the DNS. One that does not exist is an
    error where the service has no other server, or names are strict, and a warning
    else; so is a DNS that does not answer."""
    far, dead = server(receive), free_port()
    dns("127.0.0.1 far.example.test\n")
    there = {"within": within("127.0.0.1 near.example.test\n", dns.address)}
    for name in ("near", "far"):
        assert found(tmp_path, f"{name}.example.test:{far.port}", **there) == \
            f"{name}.example.test:{far.port} (127.0.0.1): connected in plain"
    assert found(tmp_path, f"near.example.test:{dead}", code=1, **there) == \
        f"near.example.test:{dead}: 127.0.0.1: refused, no server listens there"
    nowhere = "gone.example.test:80: there is no host \"gone.example.test\"; " \
        "correct the name, or make it known to the DNS or /etc/hosts"
    assert found(tmp_path, "gone.example.test:80", code=1, **there) == nowhere
    text = configs.service("127.0.0.1:1", ["gone.example.test:80", far.port])
    done = check(tmp_path, text, **there)
    assert (done.returncode, done.stderr) == (
        0, f"sallyport: {tmp_path}/x.ini:3: warning: [service s] connect: "
        f"{nowhere}; meanwhile the service has its other servers\n")
    assert done.stdout.endswith(f"{tmp_path}/x.ini: ok, 1 service, 1 warning\n")
    assert check(tmp_path, text, "--strict", **there).returncode == 1
    strict = check(tmp_path, "[global]\nstrict_names = yes\n" + text, **there)
    assert strict.returncode == 1
    assert f"{tmp_path}/x.ini:5: [service s] connect: {nowhere}\n" in \
        strict.stderr


@pytest.mark.skipif(not names.mounts_are_allowed(),
                    reason="this machine allows no mount namespaces")
def test_dns_that_does_not_answer(server, within, dns, tmp_path):
    """A DNS that does not answer is an error within timeout.connect."""
    with names.Silence(dns.address):
        said = found(tmp_path, "far.example.test:80", "timeout.connect = 500ms",
                     code=1, within=within("", dns.address))
    assert said == "far.example.test:80: \"far.example.test\" cannot be " \
        "resolved now: the DNS does not answer"
