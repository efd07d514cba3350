"""Why TLS failed, as a word of the end line, a counter, and a line a minute."""
import contextlib
import json
import ssl
import subprocess

import pytest

import configs
import openssl
import peers
import processes
import sallyport

NAMELESS = ssl.create_default_context()
NAMELESS.check_hostname, NAMELESS.verify_mode = False, ssl.CERT_NONE


@pytest.fixture
def gate(relay, server, certs):
    """gate(*lines) is a TLS service in front of an echo, at `port`."""
    def start(*lines):
        port = sallyport.free_port()
        one = relay(configs.tls(port, server(peers.echo).port, certs, *lines,
                                name="web"))
        one.port = port
        return one
    return start


def counted(one, leg):
    """What `status --json` counts of the service's causes on that leg."""
    facts = json.loads(processes.command(one, "status", "--json").stdout)
    return facts["services"][0]["handshake_causes"][leg]


def say(one, data):
    with contextlib.suppress(OSError), peers.connect(one.port) as peer:
        if data:
            peer.send(data)
        peer.half_close()
        peer.receive()


def shake(one, context=NAMELESS):
    with contextlib.suppress(OSError, EOFError):
        with peers.connect(one.port, tls=context) as peer:
            peer.send(b"?")
            peer.recv_exactly(1)


def context_with(certs, **words):
    context = peers.client_context(certs)
    for name, value in words.items():
        setattr(context, name, value)
    return context


CLIENTS = {
    "closed-before-hello": ([], lambda one, certs: say(one, b"")),
    "not-tls": ([], lambda one, certs: say(one, b"SSH-2.0-x\r\n")),
    "closed": ([], lambda one, certs: say(one, b"\x16\3\1\2\0\1\0\1")),
    "timeout": (["timeout.handshake = 100ms"],
                lambda one, certs: peers.connect(one.port).receive()),
    "protocol-version": (["listen.min_version = 1.3"], lambda one, certs: shake(
        one, context_with(certs, maximum_version=ssl.TLSVersion.TLSv1_2))),
    "no-shared-cipher": (["listen.max_version = 1.2", "listen.ciphers = "
                          "ECDHE-ECDSA-CHACHA20-POLY1305"],
                         lambda one, certs: openssl_client(
                             one, "-tls1_2", "-cipher", "ECDHE+AESGCM")),
    "bad-alpn": (["listen.alpn = h2"], lambda one, certs: shake(
        one, peers.client_context(certs, alpn=["http/1.1"]))),
    "protocol-error": ([], lambda one, certs: say(
        one, b"\x16\3\1\0\4\2\0\0\0")),
    "no-certificate": (["listen.verify = required", "listen.ca = {ca}"],
                       lambda one, certs: shake(
                           one, peers.client_context(certs))),
    "not-allowed": (["listen.verify = required", "listen.ca = {ca}",
                     "listen.allow = cn:another"],
                    lambda one, certs: shake(
                        one, peers.client_context(certs, "client"))),
    "peer-rejected-ours": ([], lambda one, certs: shake(
        one, ssl.create_default_context())),
}


def openssl_client(one, *options):
    with openssl.Client(one.port, *options) as client:
        client.expect("alert|no cipher|:error:")


@pytest.mark.parametrize("cause", CLIENTS)
def test_client_that_fails_has_its_cause(gate, certs, cause):
    """Each way in which a client can fail has its own word in the end line, and
    is counted."""
    lines, fail = CLIENTS[cause]
    one = gate(*(line.format(ca=certs / "ca.pem") for line in lines))
    fail(one, certs)
    assert one.wait_ends()[0]["cause"] == cause
    assert counted(one, "listen") == {cause: 1}
    assert counted(one, "connect") == {}


def speak_smtp(peer):
    peer.send(b"220 mail.test ESMTP\r\n")
    peer.receive()


SERVERS = {
    "unknown-ca": (["connect.ca = {foreign}"], "server"),
    "name-mismatch": (["connect.ca = {ca}", "connect.name = other.test"],
                      "server"),
    "expired": (["connect.ca = {ca}"], "expired"),
    "not-yet-valid": (["connect.ca = {ca}"], "early"),
    "purpose": (["connect.ca = {ca}"], "client"),
    "not-tls": (["connect.ca = {ca}"], None),
}


@pytest.fixture(scope="module")
def dated(certs, tmp_path_factory):
    """Certificates of the example authority that are out of their time, and an
    authority that signed none."""
    folder = tmp_path_factory.mktemp("dated")

    def make(name, *options):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             folder / f"{name}.key", "-out", folder / f"{name}.pem", *options],
            check=True, capture_output=True)
    make("foreign", "-subj", "/CN=Foreign CA", "-days", "9")
    for name, start, end in (("expired", "20200101", "20200201"),
                             ("early", "20990101", "20990201")):
        subprocess.run(
            ["openssl", "req", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj",
             f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"],
            check=True, capture_output=True)
        (folder / "index.txt").write_text("")
        (folder / "ca.conf").write_text(f"""
[ca]
default_ca = example
[example]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
""")
        subprocess.run(
            ["openssl", "ca", "-batch", "-notext", "-config",
             folder / "ca.conf", "-cert", certs / "ca.pem", "-keyfile",
             certs / "ca.key", "-in", folder / f"{name}.csr", "-out",
             folder / f"{name}.pem", "-startdate", f"{start}000000Z",
             "-enddate", f"{end}000000Z"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("cause", SERVERS)
def test_server_that_fails_has_its_cause(relay, server, certs, dated, cause):
    """What is wrong with a server has its word, and its counter of the connect
    leg."""
    lines, shows = SERVERS[cause]
    context = None
    if shows:
        folder = certs if (certs / f"{shows}.pem").exists() else dated
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{shows}.pem",
                                folder / f"{shows}.key")
        far = server(peers.shakes(context))
    else:
        far = server(speak_smtp)
    port = sallyport.free_port()
    one = relay(configs.service(
        f"127.0.0.1:{port}", f"tls://localhost:{far.port}",
        *(line.format(ca=certs / "ca.pem", foreign=dated / "foreign.pem")
          for line in lines)))
    with contextlib.suppress(OSError), peers.connect(port) as peer:
        peer.receive()
    assert one.wait_ends()[0]["cause"] == cause
    assert counted(one, "connect") == {cause: 1}


def test_handshake_noise_is_summed_up(gate, certs):
    """With `log_handshake_noise = summary` scans have one line in a minute; a
    refused certificate always has its own, and all are counted."""
    one = gate("log_handshake_noise = summary", "listen.verify = required",
               f"listen.ca = {certs}/ca.pem")
    for _ in range(5):
        say(one, b"SSH-2.0-x\r\n")
    for _ in range(3):
        shake(one, peers.client_context(certs))
    sallyport.wait_until(
        lambda: counted(one, "listen") == {"not-tls": 5, "no-certificate": 3},
        "all to be counted")
    workers = len(one.workers())
    one.stop()
    causes = [end["cause"] for end in one.ends()]
    assert causes.count("no-certificate") == 3
    assert 1 <= causes.count("not-tls") <= workers
    told = [int(line.split(": ", 1)[1].split()[0]) for line in one.matching(
        r"web: \d+ more clients? began no session of TLS")]
    assert sum(told) == 5 - causes.count("not-tls")
