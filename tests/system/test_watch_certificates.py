"""Certificates that change on disk are reloaded automatically, however they are
replaced; a bad one is reported, and the old one is served."""
import os
import shutil
import ssl
import signal
import subprocess
import sys
import time

import pytest

import configs
import figures
import names
import peers
import processes
import sallyport
import steady
from peers import is_served

pytestmark = pytest.mark.usefixtures("two_workers")

GENERATIONS = 4     # of certificates, of one authority


@pytest.fixture(scope="session")
def renewed(certs, tmp_path_factory):
    """Folders 0, 1, 2... each with server.pem and server.key, made anew."""
    folder = tmp_path_factory.mktemp("renewed")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True,
                       capture_output=True)
    for i in range(GENERATIONS):
        here = folder / str(i)
        here.mkdir()
        (here / "names").write_text("subjectAltName=DNS:localhost\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                here / "server.key", "-out", here / "request", "-subj",
                f"/CN=renewed {i}")
        openssl("x509", "-req", "-in", here / "request", "-CA",
                certs / "ca.pem", "-CAkey", certs / "ca.key", "-set_serial",
                1000 + i, "-days", 10, "-extfile", here / "names", "-out",
                here / "server.pem")
    return folder


class Watched:
    def __init__(self, relay, server, certs, folder, *options, services=1):
        self.folder, self.certs = folder, certs
        self.far = server(peers.echo)
        self.ports = [sallyport.free_port() for _ in range(services)]
        self.trust = peers.client_context(certs)
        self.start = lambda **more: relay(
            configs.settings(*options) + "".join(
                configs.tls(port, self.far.port, folder if services == 1 else
                            folder / str(i), name=f"s{i}")
                for i, port in enumerate(self.ports)), **more)

    def shown(self, index=0):
        """The number of the certificate generation that is served."""
        with peers.connect(self.ports[index], tls=self.trust) as peer:
            assert is_served(peer)
            return int(peer.ssl.getpeercert()["serialNumber"], 16) - 1000

    def wait_shown(self, wanted, index=0):
        """By every worker: several connections."""
        sallyport.wait_until(
            lambda: {self.shown(index) for _ in range(4)} == {wanted},
            f"certificate {wanted}")


def copy(source, folder, index, names=("server.pem", "server.key")):
    for name in names:
        shutil.copy(source / str(index) / name, folder / name)


def by_rename(source, folder, index):
    """As most tools do."""
    for name in ("server.pem", "server.key"):
        shutil.copy(source / str(index) / name, folder / f"{name}.new")
        os.rename(folder / f"{name}.new", folder / name)


def in_pieces(source, folder, index):
    """Byte by byte, the files never whole for long."""
    for name in ("server.key", "server.pem"):
        data = (source / str(index) / name).read_bytes()
        with open(folder / name, "wb", buffering=0) as file:
            for at in range(0, len(data), 100):
                file.write(data[at:at + 100])
                time.sleep(0.001)       # so that the daemon may see it


def by_removal(source, folder, index):
    for name in ("server.pem", "server.key"):
        (folder / name).unlink()
    copy(source, folder, index)


def in_place_as_old(source, folder, index):
    """As rsync -t writes what was made long ago: no time tells."""
    copy(source, folder, index)
    for name in ("server.pem", "server.key"):
        os.utime(folder / name, (1000, 1000))


def switch(link, target):
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    os.rename(new, link)


def as_certbot(source, folder, index):
    """live/NAME is a link into archive/, one for each file."""
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    for name in ("server.pem", "server.key"):
        shutil.copy(source / str(index) / name,
                    archive / f"{index}-{name}")
        switch(folder / name, f"archive/{index}-{name}")


def as_kubernetes(source, folder, index):
    """FILE -> ..data/FILE, ..data -> a folder that is replaced whole."""
    stage = folder / f"..stage-{index}"
    stage.mkdir()
    copy(source, stage, index)
    old = os.readlink(folder / "..data") if \
        os.path.lexists(folder / "..data") else None
    switch(folder / "..data", stage.name)
    for name in ("server.pem", "server.key"):
        if not os.path.lexists(folder / name):
            (folder / name).symlink_to(f"..data/{name}")
    if old:
        shutil.rmtree(folder / old)


@pytest.fixture
def live(tmp_path, renewed):
    """The folder of server.pem and server.key, of generation 0."""
    folder = tmp_path / "live"
    folder.mkdir()
    copy(renewed, folder, 0)
    return folder


@pytest.mark.parametrize("replace", [
    by_rename, in_pieces, by_removal, in_place_as_old, as_certbot,
    as_kubernetes])
def test_renewed_certificate_is_served(relay, server, certs, renewed, tmp_path,
                                       replace):
    """A renewed certificate is served by every worker, however the files are
    replaced; connections go on."""
    folder = tmp_path / "live"
    folder.mkdir()
    (replace if replace in (in_place_as_old, as_certbot, as_kubernetes) else
     copy)(renewed, folder, 0)
    watched = Watched(relay, server, certs, folder)
    one = watched.start()
    before = processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
    held = peers.connect(watched.ports[0], tls=watched.trust)
    watched.wait_shown(0)
    for index in range(1, GENERATIONS):
        replace(renewed, folder, index)
        watched.wait_shown(index)
    assert processes.wait_roles(one.pid, before) == before
    assert is_served(held, b"still")
    held.close()
    assert not one.matching("reload failed|died|killed")


def bad_pair(folder, certs, renewed):
    copy(renewed, folder, 2, ["server.key"])
    return "does not belong"


def bad_garbage(folder, certs, renewed):
    (folder / "server.pem").write_text("garbage\n")
    return "PEM"


def bad_empty(folder, certs, renewed):
    (folder / "server.pem").write_text("")
    return "is empty"


def bad_missing(folder, certs, renewed):
    (folder / "server.pem").unlink()
    return "No such file"


def bad_folder(folder, certs, renewed):
    (folder / "server.pem").unlink()
    (folder / "server.pem").mkdir()
    return "directory"


def bad_expired(folder, certs, renewed):
    for name in ("server.pem", "server.key"):
        shutil.copy(certs / name.replace("server", "server-expired"),
                    folder / name)
    return "expired"


@pytest.mark.parametrize("spoil", [
    bad_pair, bad_garbage, bad_empty, bad_missing, bad_folder, bad_expired])
def test_bad_certificate_keeps_the_old_one(relay, server, certs, renewed, live,
                                           spoil):
    """A changed certificate that is no good is reported, and the old one is
    served until a good one comes."""
    watched = Watched(relay, server, certs, live)
    one = watched.start()
    before = processes.wait_roles(one.pid, ["w0", "w1", "admin", "k0"])
    said = spoil(live, certs, renewed)
    one.wait_log("error cannot reload changed certificate files, keeping the "
                 f"previous ones: .*({said})")
    assert {watched.shown() for _ in range(4)} == {0}
    if (live / "server.pem").is_dir():
        (live / "server.pem").rmdir()
    copy(renewed, live, 1)
    watched.wait_shown(1)
    assert processes.wait_roles(one.pid, before) == before


def test_bad_certificate_delays_no_other_service(relay, server, certs, renewed,
                                                 tmp_path):
    """A certificate that is no good delays no other service's."""
    folders = [tmp_path / str(i) for i in range(3)]
    for folder in folders:
        folder.mkdir()
        copy(renewed, folder, 0)
    watched = Watched(relay, server, certs, tmp_path, services=3)
    one = watched.start()
    copy(renewed, folders[0], 1)
    copy(renewed, folders[1], 2, ["server.key"])
    copy(renewed, folders[2], 3)
    watched.wait_shown(1, 0)
    watched.wait_shown(3, 2)
    one.wait_log("error cannot reload changed certificate files.*s1.*does not belong")
    assert watched.shown(1) == 0
    copy(renewed, folders[1], 2)
    watched.wait_shown(2, 1)
    assert [watched.shown(i) for i in range(3)] == [1, 2, 3]


# Mounts a file system whose server (fuse(4)) never answers, as NFS does not
# when its server is gone, and has a process hold it.
DEAD = """
import ctypes, os, signal, sys
folder, told = sys.argv[1:3]
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"none", folder.encode(), b"fuse", 0,
              b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd):
    sys.exit(os.strerror(ctypes.get_errno()))
between = os.fork()
if between == 0:
    if os.fork() == 0:
        with open(told, "w") as file:
            file.write(str(os.getpid()))
        signal.pause()
    os._exit(0)
os.waitpid(between, 0)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@pytest.mark.skipif(not names.mounts_are_allowed() or
                    not os.access("/dev/fuse", os.W_OK),
                    reason="this machine allows no mounts")
def test_dead_file_system_delays_no_other_service(relay, server, certs,
                                                  renewed, tmp_path):
    """A file system that does not answer delays neither `status` nor other
    services; the log says when it does again."""
    folders = [tmp_path / str(i) for i in range(2)]
    for folder in folders:
        folder.mkdir()
        copy(renewed, folder, 0)
    dead = tmp_path / "dead"
    dead.mkdir()
    watched = Watched(relay, server, certs, tmp_path, services=2)
    one = watched.start(within=[*names.WITHIN, sys.executable, "-c", DEAD,
                                dead, tmp_path / "holder"])
    holder = int((tmp_path / "holder").read_text())
    try:
        switch(folders[0] / "server.pem", dead / "server.pem")
        one.wait_log("warn no answer from the file system of .*/0/server.pem")
        for index in range(1, GENERATIONS):
            copy(renewed, folders[1], index)
            watched.wait_shown(index, 1)
            assert watched.shown(0) == 0
        assert processes.status(one)
    finally:
        os.kill(holder, signal.SIGKILL)
    one.wait_log("info the file system of .*/0/server.pem answers again")
    (folders[0] / "server.pem").unlink()
    copy(renewed, folders[0], 1)
    watched.wait_shown(1)


def test_changed_ca_of_the_connect_leg_counts(relay, server, certs, tmp_path):
    """A changed CA file of the connect leg counts for the next connection."""
    folder = tmp_path / "trust"
    folder.mkdir()
    shutil.copy(certs / "other-ca.pem", folder / "ca.pem")
    far = server(peers.echo, tls=peers.server_context(certs))
    port = sallyport.free_port()
    one = relay(configs.service(f"127.0.0.1:{port}",
                                f"tls://localhost:{far.port}",
                                f"connect.ca = {folder}/ca.pem"))
    assert peers.connect(port).receive().end == "reset"
    shutil.copy(certs / "ca.pem", folder / "ca.pem")
    one.wait_log("reloaded changed certificate files")
    far.results[0].asked = True     # it was refused, and that was right
    with peers.connect(port) as peer:
        peer.half_close()
        assert peer.receive().end == "fin"


@pytest.mark.promise(10)
def test_changed_crl_refuses_the_revoked_client_only(relay, server, certs,
                                                     tmp_path):
    """A changed CRL refuses the clients that it names, and no other."""
    folder = tmp_path / "crl"
    folder.mkdir()
    empty_crl(certs, folder)
    far = server(peers.echo)
    port = sallyport.free_port()
    one = relay(configs.tls(port, far.port, certs, "listen.verify = required",
                            f"listen.ca = {certs}/ca.pem",
                            f"listen.crl = {folder}/crl.pem"))

    def is_let_in(name):
        try:
            with peers.connect(port, tls=peers.client_context(
                    certs, name)) as peer:
                return is_served(peer)
        except (OSError, EOFError, ssl.SSLError):
            return False
    assert is_let_in("client") and is_let_in("client-revoked")
    shutil.copy(certs / "ca.crl", folder / "crl.pem")
    one.wait_log("reloaded changed certificate files")
    for _ in range(4):
        assert is_let_in("client") and not is_let_in("client-revoked")
    one.wait_log("end service=s reason=handshake-failed .*revoked", count=4)


def empty_crl(certs, folder):
    """folder / "crl.pem": an empty list of the authority's."""
    (folder / "index").touch()
    (folder / "ca.conf").write_text(
        f"[ca]\ndefault_ca = this\n[this]\ndatabase = {folder}/index\n"
        "default_md = sha256\ndefault_crl_days = 30\n")
    subprocess.run(["openssl", "ca", "-config", folder / "ca.conf", "-cert",
                    certs / "ca.pem", "-keyfile", certs / "ca.key", "-gencrl",
                    "-out", folder / "crl.pem"], check=True,
                   capture_output=True)


def test_renewed_certificate_is_shown_to_servers(relay, server, certs, renewed,
                                                 live):
    """A server is shown the renewed certificate of the connect leg."""
    def tell(peer):
        """Which certificate it was shown."""
        peer.send(b"%d" % (int(peer.ssl.getpeercert()["serialNumber"], 16) -
                           1000))
        peer.receive()
        peer.half_close()
    far = server(tell, tls=peers.server_context(certs, client_ca="ca.pem"))
    port = sallyport.free_port()
    one = relay(configs.tls_out(port, far.port, certs,
                                f"connect.cert = {live}/server.pem",
                                f"connect.key = {live}/server.key"))

    def shown():
        with peers.connect(port) as peer:
            return int(peer.recv_exactly(1))
    assert {shown() for _ in range(4)} == {0}
    for index in range(1, GENERATIONS):
        by_rename(renewed, live, index)
        sallyport.wait_until(lambda: {shown() for _ in range(4)} == {index},
                             f"certificate {index}")
    assert not one.matching("reload failed|died|killed")


def test_changed_passphrase_counts_with_its_key(relay, server, certs, renewed,
                                                tmp_path):
    """A key under another passphrase is reported as no good until the
    passphrase file changes too."""
    folder = tmp_path / "live"
    folder.mkdir()

    def renew(index):
        copy(renewed, folder, index, ["server.pem"])
        subprocess.run(
            ["openssl", "pkey", "-in", renewed / str(index) / "server.key",
             "-aes256", "-passout", f"pass:sesame {index}", "-out",
             folder / "server.key"], check=True)

    def say(index):
        (folder / "passphrase").write_text(f"sesame {index}\n")
    renew(0)
    say(0)
    far = server(peers.echo)
    watched = Watched(relay, server, certs, folder)
    one = relay(configs.tls(
        watched.ports[0], far.port, folder,
        f"listen.passphrase_file = {folder}/passphrase"))
    watched.wait_shown(0)
    for index in range(1, 3):
        renew(index)
        one.wait_log("error cannot reload changed certificate files.*"
                     "cannot decrypt the private key with the passphrase", count=index)
        assert {watched.shown() for _ in range(4)} == {index - 1}
        say(index)
        watched.wait_shown(index)


def test_watch_no_needs_a_reload(relay, server, certs, renewed, live):
    """`watch = no` serves the old certificate until a reload."""
    watched = Watched(relay, server, certs, live, "watch = no")
    one = watched.start()
    copy(renewed, live, 1)
    assert {watched.shown() for _ in range(8)} == {0}
    processes.reload(one)
    assert {watched.shown() for _ in range(8)} == {1}


def test_reload_turns_watch_on_and_off(relay, server, certs, renewed, live):
    """A reload turns the watching of files on and off."""
    watched = Watched(relay, server, certs, live, "watch = no")
    one = watched.start()
    off = one.config.read_text()
    one.reload_config(off.replace("watch = no", "watch = yes"))
    processes.reload(one)
    copy(renewed, live, 1)
    watched.wait_shown(1)
    one.reload_config(off)
    processes.reload(one)
    copy(renewed, live, 2)
    assert {watched.shown() for _ in range(8)} == {1}
    # What changed meanwhile is seen when watching begins again, or at the
    # next change; a reload takes it in any case.
    one.reload_config(off.replace("watch = no", "watch = yes"))
    processes.reload(one)
    assert {watched.shown() for _ in range(8)} == {2}


def test_certificates_replaced_under_load_fail_no_handshake(relay, certs,
                                                            renewed, live):
    """Files that are replaced in a loop, in any order and by halves, fail no
    handshake."""
    port = sallyport.free_port()
    with steady.Stream() as stream:
        one = relay(configs.tls(port, stream.port, live))
        stream.go(f"tls:{port}", rate=100 if sallyport.SANITIZED else 300,
                  ca=certs / "ca.pem")
        turn = 0
        for known in range(1, 7):
            # Without a pause, then with one, in which the daemon acts.
            for _ in range(10):
                turn += 1
                (in_pieces, by_removal, by_rename)[turn % 3](
                    renewed, live, turn % GENERATIONS)
            one.wait_log("changed certificate files", count=known)
        told = stream.stop()
    taken = len(one.matching("reloaded changed certificate files"))
    refused = len(one.matching("cannot reload changed certificate files"))
    figures.tell(f"replaced {turn}, taken over {taken}, refused {refused}")
    assert told["failed"] == 0
    # Some between one replacement and the next, for they were what it is
    # about.
    assert told["done"] >= 2 * turn
    assert taken >= 2
    assert not one.matching("died|killed")
