"""Private keys are the keeper's alone, and handshakes do not feel it."""
import os
import signal
import ssl
import subprocess
import threading

import pytest

import configs
import keys
import openssl
import peers
import processes
import sallyport
from peers import is_served, serves

pytestmark = pytest.mark.usefixtures("two_workers")

ROOT = os.geteuid() == 0
SHADOW = "a sanitizer's own memory is most of what there is to look at"
KINDS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-algorithm", "ED25519"],
}


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory, certs):
    """made / "KIND.pem" and "KIND.key", for localhost, from the CA of certs;
    "locked.key" is the RSA key behind the passphrase in "passphrase"; "both.pem"
    has certificate and key of p256."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for kind, how in KINDS.items():
        base = folder / kind
        run("openssl", "genpkey", *how, "-out", f"{base}.key")
        run("openssl", "req", "-new", "-key", f"{base}.key", "-subj",
            f"/CN={kind}", "-out", f"{base}.csr")
        run("openssl", "x509", "-req", "-in", f"{base}.csr", "-CA",
            certs / "ca.pem", "-CAkey", certs / "ca.key", "-CAcreateserial",
            "-CAserial", f"{base}.srl", "-days", "30", "-extfile",
            folder / "ext", "-out", f"{base}.pem")
    (folder / "passphrase").write_text("open sesame\n")
    run("openssl", "pkey", "-in", folder / "rsa.key", "-aes256", "-passout",
        "pass:open sesame", "-out", folder / "locked.key")
    (folder / "both.pem").write_text((folder / "p256.key").read_text() +
                                     (folder / "p256.pem").read_text())
    return folder


def service(port, far, cert, key=None, *options, **more):
    return configs.service(
        f"tls://127.0.0.1:{port}", far, f"listen.cert = {cert}",
        *([f"listen.key = {key}"] if key else []), *options, **more)


def answers(port, context, version=None):
    with peers.connect(port, tls=context) as peer:
        assert is_served(peer)
        return peer.ssl.version()


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"),
                    reason="the test knows no number of sched_getattr(2) here")
def test_keeper_has_the_shortest_slice(relay, made, free_port):
    """Of all processes only the keeper has a slice of 0.1 ms, so that it is not
    interrupted by the worker that it has answered."""
    one = relay(service(free_port(), 9, made / "p256.pem", made / "p256.key"))
    slices = {role: processes.slice_ns(pid)
              for role, pid in processes.roles(one.pid).items()}
    if slices["w0"] == 0:
        pytest.skip("this kernel has one slice for all")
    assert slices.pop("k0") == 100000
    assert min(slices.values()) > 100000


def handshakes(port, context, count):
    for _ in range(count):
        peers.connect(port, tls=context).close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", [*KINDS, "locked", "both"])
def test_keeper_signs_with_every_kind_of_key(relay, server, free_port, certs,
                                             made, kind, version):
    """Clients are served with each kind of key, encrypted or beside its
    certificate."""
    port = free_port()
    far = server(peers.echo)
    cert, key = made / f"{kind}.pem", made / f"{kind}.key"
    options = []
    if kind == "locked":
        cert = made / "rsa.pem"
        options = [f"listen.passphrase_file = {made}/passphrase"]
    one = relay(service(port, far.port, cert, None if kind == "both" else key,
                        *options))
    assert "k0" in processes.roles(one.pid)
    context = peers.client_context(certs, version=version)
    assert answers(port, context) == f"TLSv{version}"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_keeper_signs_for_the_connect_leg(relay, client, free_port, certs,
                                          made, kind, version):
    """A server that asks for a certificate is shown one of each kind."""
    port = free_port()
    only = "-tls1_2" if version == "1.2" else "-tls1_3"
    with openssl.Server(only, "-cert", certs / "server.pem", "-key",
                        certs / "server.key", "-Verify", "1",
                        "-verify_return_error", "-CAfile", certs / "ca.pem",
                        echo=True) as far:
        one = relay(configs.tls_out(
            port, far.port, certs, f"connect.cert = {made}/{kind}.pem",
            f"connect.key = {made}/{kind}.key"))
        near = client(port)
        near.send(b"abc\n")
        assert near.recv_exactly(4) == b"cba\n"
        far.expect(f"CN ?= ?{kind}")
        assert "k0" in processes.roles(one.pid)


def test_keeper_signs_with_two_kinds_of_one_leg(relay, server, free_port,
                                                certs, made):
    """A leg with RSA and ECDSA beside each other serves clients of both."""
    port = free_port()
    far = server(peers.echo)
    relay(configs.service(
        f"tls://127.0.0.1:{port}", far.port,
        *(f"listen.cert = {made}/{kind}.pem" for kind in ("rsa", "p256")),
        *(f"listen.key = {made}/{kind}.key" for kind in ("rsa", "p256"))))
    for ciphers in ("ECDHE-RSA-AES128-GCM-SHA256",
                    "ECDHE-ECDSA-AES128-GCM-SHA256"):
        context = peers.client_context(certs, version="1.2", ciphers=ciphers)
        with peers.connect(port, tls=context) as peer:
            assert peer.cipher == ciphers


def test_keeper_is_there_only_with_keys(relay, server, free_port, certs):
    """A daemon without private keys has no keeper, until a reload brings
    one."""
    far = server(peers.echo)
    one = relay(configs.plain(free_port(), far.port))
    processes.wait_roles(one.pid, ["w0", "w1", "admin"])
    one.reload_config(configs.tls(free_port(), far.port, certs))
    processes.reload(one)
    processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])


def test_keeper_is_there_for_two_workers(relay, server, free_port, certs):
    """Two workers share a keeper, and a reload changes the number of both."""
    far = server(peers.echo)
    text = configs.tls(free_port(), far.port, certs)
    one = relay(configs.settings("workers = 3") + text)
    assert {"k0", "k1"} <= set(processes.roles(one.pid))
    one.reload_config(configs.settings("workers = 1") + text)
    processes.reload(one)
    processes.wait_roles(one.pid, ["w0", "admin", "k0"])


@pytest.mark.promise(24)
@pytest.mark.skipif(not ROOT, reason="only root may look into all memory")
@pytest.mark.skipif(sallyport.SANITIZED, reason=SHADOW)
@pytest.mark.parametrize("keeper", ["on", "off"])
def test_memory_of_no_other_process_holds_a_key(relay, server, free_port,
                                                certs, made, keeper):
    """Only the keeper's memory holds the private keys, after 1,000 handshakes,
    a reload and more handshakes."""
    kinds = ["rsa", "p256", "p384", "ed25519", "both", "locked"]
    ports = {kind: free_port() for kind in kinds}
    far = server(peers.echo)
    text = configs.settings(f"keeper = {keeper}") + "".join(
        service(ports[kind], far.port,
                made / ("rsa.pem" if kind == "locked" else f"{kind}.pem"),
                None if kind == "both" else made / f"{kind}.key",
                *([f"listen.passphrase_file = {made}/passphrase"]
                  if kind == "locked" else []), name=kind)
        for kind in kinds)
    one = relay(text)
    context = peers.client_context(certs)
    for kind in kinds:
        handshakes(ports[kind], context, 167)
    one.reload_config(text)
    processes.reload(one)
    for kind in kinds:
        handshakes(ports[kind], context, 3)
    wanted = {kind: keys.needles(made / f"{kind}.key") for kind in KINDS}
    wanted["locked"] = [b"open sesame"]
    found = {role: {kind: keys.found_in(pid, wanted[kind]) for kind in wanted}
             for role, pid in [("master", one.pid),
                               *processes.roles(one.pid).items()]}
    print(found)
    holders = {role for role, all_ in found.items() if any(all_.values())}
    if keeper == "on":
        assert holders == {"k0"}
        assert all(found["k0"][kind] for kind in KINDS)
    else:
        assert {"w0", "w1"} <= holders
        assert all(found["w0"][kind] for kind in KINDS)


@pytest.mark.promise(24)
@pytest.mark.skipif(not ROOT, reason="only root may look into all memory")
@pytest.mark.skipif(sallyport.SANITIZED, reason=SHADOW)
def test_memory_holds_no_key_after_certificates_change(relay, server,
                                                       free_port, certs, made,
                                                       tmp_path):
    """Only the keeper's memory holds the keys that the master reads while
    workers are there."""
    port = free_port()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes((made / "p256.pem").read_bytes())
    key.write_bytes((made / "p256.key").read_bytes())
    far = server(peers.echo)
    one = relay(service(port, far.port, cert, key))
    context = peers.client_context(certs)
    assert answers(port, context)
    for kind in ("rsa", "p384"):
        (tmp_path / "new.key").write_bytes((made / f"{kind}.key").read_bytes())
        (tmp_path / "new.pem").write_bytes((made / f"{kind}.pem").read_bytes())
        (tmp_path / "new.key").rename(key)
        (tmp_path / "new.pem").rename(cert)
        one.wait_log("reloaded changed certificate files")
        assert answers(port, context)
    one.may_lose_children = True
    before = processes.roles(one.pid)["w0"]
    os.kill(before, signal.SIGKILL)
    one.wait_worker(0, other_than=before)
    found = processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
    for role in {"master", *found} - {"k0"}:
        pid = one.pid if role == "master" else found[role]
        for kind in KINDS:
            assert keys.found_in(pid, keys.needles(made / f"{kind}.key")) == 0


def test_keeper_that_dies_fails_no_handshake(relay, server, free_port, certs):
    """Handshakes wait for the next keeper rather than fail."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs))
    one.may_lose_children = True
    context = peers.client_context(certs)
    over, failures, done = threading.Event(), [], []

    def connect():
        while not over.is_set():
            try:
                answers(port, context)
                done.append(1)
            except (OSError, ssl.SSLError, EOFError, AssertionError) as error:
                failures.append(error)
    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = processes.roles(one.pid)["k0"]
        count = len(done)
        os.kill(before, signal.SIGKILL)
        processes.wait_replaced(one.pid, "k0", before)
        sallyport.wait_until(lambda: len(done) > count + 8, "handshakes")
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert one.matching(r"error keeper 0 .*died by signal 9")


def test_keeper_that_is_stuck_delays_handshakes_only(relay, server, free_port,
                                                     certs):
    """Handshakes wait until their timeout, and no other connection does."""
    port, plain = free_port(), free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs, "timeout.handshake = 2s",
                            name="tls") +
                configs.plain(plain, far.port, name="plain"))
    context = peers.client_context(certs)
    with peers.connect(port, tls=context) as settled:
        keeper = processes.roles(one.pid)["k0"]
        os.kill(keeper, signal.SIGSTOP)
        try:
            outcome = peers.in_background(answers, port, context)
            for _ in range(20):
                assert is_served(settled)
                assert serves(plain)
            with pytest.raises((OSError, ssl.SSLError, EOFError)):
                outcome.result()
            waiting = peers.in_background(answers, port, context)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        finally:
            os.kill(keeper, signal.SIGCONT)
        assert waiting.result()
    assert one.matching("info end service=tls reason=handshake-timeout")


def test_keeper_serves_on_when_clients_leave(relay, server, free_port, certs):
    """Clients that leave while they wait for a signature disturb no other."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.tls(port, far.port, certs))
    context = peers.client_context(certs)
    assert answers(port, context)
    keeper = processes.roles(one.pid)["k0"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        hello = client_hello(context)
        waiting = []
        for turn in range(100):
            peer = peers.connect(port)
            peer.send(hello)
            waiting.append(peer)
        for turn, peer in enumerate(waiting):
            if turn % 3 == 0:
                peer.reset()
            elif turn % 3 == 1:
                peer.close()
        sallyport.wait_until(one.is_idle, "the workers to sleep")
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert answers(port, context)
    for peer in waiting:
        peer.close()
    one.wait_ends(101)


def client_hello(context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_reload_takes_the_old_key_away(relay, server, free_port, certs, made):
    """A reload to another key shows clients the new certificate."""
    port = free_port()
    far = server(peers.echo)
    one = relay(service(port, far.port, made / "rsa.pem", made / "rsa.key"))
    context = peers.client_context(certs)
    assert answers(port, context)
    one.reload_config(service(port, far.port, made / "p384.pem",
                              made / "p384.key"))
    processes.reload(one)
    with peers.connect(port, tls=context) as peer:
        assert peer.ssl.getpeercert()["subject"] == \
            ((("commonName", "p384"),),)


def test_reload_with_a_key_that_does_not_belong_fails(relay, server, free_port,
                                                      certs, made):
    """A reload with a key of another certificate fails and leaves the old
    state whole."""
    port = free_port()
    far = server(peers.echo)
    one = relay(service(port, far.port, made / "rsa.pem", made / "rsa.key"))
    one.reload_config(service(port, far.port, made / "p384.pem",
                              made / "p256.key"))
    result = processes.command(one, "reload")
    assert result.returncode != 0
    assert "does not belong" in result.stderr + result.stdout
    assert answers(port, peers.client_context(certs))
