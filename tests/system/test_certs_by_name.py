"""Several certificates of one service: a client is shown the one that has the
name it asks for, that it can verify, and that is in date."""
import re
import shutil
import subprocess

import pytest

import configs
import openssl
import peers
import processes
import sallyport

VERSIONS = ["-tls1_2", "-tls1_3"]
RSA = ["-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"]
ECDSA = ["-sigalgs", "ECDSA+SHA256"]


def command(*words):
    subprocess.run(["openssl", *map(str, words)], check=True,
                   capture_output=True)


def make(folder, name, names, kind="ec", days=30):
    """A certificate with its key in folder / NAME.pem; a negative number of days
    makes one that has run out."""
    path = folder / f"{name}.pem"
    key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" \
        else [kind]
    command("req", "-new", "-newkey", *key, "-nodes", "-keyout",
            folder / "key", "-out", folder / "request", "-subj", f"/CN={name}")
    (folder / "names").write_text(f"subjectAltName={names}\n")
    command("x509", "-req", "-in", folder / "request", "-signkey",
            folder / "key", "-days", days, "-extfile", folder / "names",
            "-out", path)
    path.write_text(path.read_text() + (folder / "key").read_text())
    for left in ("key", "request", "names"):
        (folder / left).unlink()
    path.chmod(0o600)
    return path


# In the order of the configuration.
MADE = {
    "shop": ("DNS:shop.test,DNS:www.shop.test", "rsa:2048", 30),
    "both-rsa": ("DNS:both.test", "rsa:2048", 30),
    "both-ec": ("DNS:both.test", "ec", 30),
    "wild": ("DNS:*.wild.test,DNS:old.test,IP:192.0.2.1", "ec", 30),
    "old": ("DNS:old.test", "ec", -1),
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """A folder with a file for each name of MADE."""
    folder = tmp_path_factory.mktemp("sites")
    for name, (names, kind, days) in MADE.items():
        make(folder, name, names, kind, days)
    return folder


class Sites:
    """A service with these certificates in front of an echo."""

    def __init__(self, relay, server, *lines):
        self.far = server(peers.echo)
        self.port = sallyport.free_port()
        self.relay = relay(configs.service(
            f"tls://127.0.0.1:{self.port}", self.far.port, *lines,
            name="sites"))

    def ask(self, *options):
        """(CN that is shown, or None; end line) of one client."""
        count = len(self.relay.ends())
        with openssl.Client(self.port, *options) as client:
            client.hang_up()
            said = client.end()
        end = self.relay.wait_ends(count + 1)[-1]
        shown = re.search(r"Peer certificate: .*CN ?= ?(\S+)", said)
        return shown.group(1) if shown else None, end


def asking(name):
    return ["-servername", name] if name else ["-noservername"]


@pytest.fixture
def started(relay, server, sites):
    def start(*lines):
        return Sites(relay, server, *(f"listen.cert = {sites}/{name}.pem"
                                      for name in MADE), *lines)
    return start


@pytest.mark.parametrize("version", VERSIONS)
def test_name_chooses_the_certificate(started, version):
    """A client sees the certificate of the name that it asks for: exactly, by a
    wildcard, in any case; the first one where there is none; RSA or ECDSA as it
    can verify; one that is in date before one that is not."""
    one = started()
    for name, options, shown in [
            ("shop.test", [], "shop"),
            ("WWW.Shop.Test", [], "shop"),
            ("both.test", [], "both-ec"),
            ("both.test", RSA, "both-rsa"),
            ("both.test", ECDSA, "both-ec"),
            ("a.wild.test", [], "wild"),
            ("b.a.wild.test", [], "shop"),
            ("wild.test", [], "shop"),
            ("192.0.2.1", [], "wild"),
            ("old.test", [], "wild"),
            ("unknown.test", [], "shop"),
            (None, [], "shop"),
            (None, ECDSA, "both-ec"),
            ("shop.test", ECDSA, None)]:
        assert one.ask(version, *asking(name), *options)[0] == shown, name


@pytest.mark.promise(13)
@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_name_is_refused(started, version):
    """Where `unknown_name = refuse` a client that asks for a name that no
    certificate has gets the alert unrecognized_name, and the end line says so;
    one that asks for no name is served."""
    one = started("listen.unknown_name = refuse")
    for name, shown in [("shop.test", "shop"), (None, "shop"),
                        ("a.wild.test", "wild")]:
        assert one.ask(version, *asking(name))[0] == shown
    with openssl.Client(one.port, version, *asking("a\x7f.test")) as client:
        client.expect("unrecognized name")
    end = one.relay.wait_ends(4)[-1]
    assert end["reason"] == "handshake-failed"
    assert end["detail"] == "with the client: unknown-name: no certificate " \
        "has the name a\x7f.test that the client asks for"


@pytest.mark.promise(7, 13)
@pytest.mark.parametrize("version", VERSIONS)
def test_session_is_no_way_around_a_refused_name(started, tmp_path, version):
    """Where `unknown_name = refuse` a client with a session of a good name, or
    of none, is refused under a name that no certificate has all the same."""
    one = started("listen.unknown_name = refuse")
    for count, made in enumerate(("shop.test", None), 1):
        session = tmp_path / "session"
        assert visit(one, version, *asking(made), "-sess_out", session) == "no"
        with openssl.Client(one.port, version, *asking("evil.test"),
                            "-sess_in", session) as client:
            client.expect("unrecognized name")
        end = one.relay.wait_ends(2 * count)[-1]
        assert end["cause"] == "unknown-name"


@pytest.mark.promise(7, 9)
@pytest.mark.parametrize("version", VERSIONS)
def test_session_is_resumed_under_names_of_its_certificate(started, tmp_path,
                                                           version):
    """A client that comes back under another name resumes its session only if
    the certificate that it has seen is one of that name, too; with TLS 1.2 under
    no other name."""
    one = started()
    for made, offered, resumed in [
            ("shop.test", "shop.test", "yes"),
            ("shop.test", "www.shop.test", "yes"),
            ("a.wild.test", "b.wild.test", "yes"),
            ("shop.test", None, "yes"),
            ("shop.test", "both.test", "no"),
            ("both.test", "shop.test", "no"),
            ("both.test", "a.wild.test", "no"),
            ("a.wild.test", "unknown.test", "no"),
            ("a.wild.test", None, "no")]:
        session = tmp_path / "session"
        if version == "-tls1_2" and made != offered:
            resumed = "no"
        assert visit(one, version, *asking(made), "-sess_out", session) == "no"
        assert visit(one, version, *asking(offered), "-sess_in",
                     session) == resumed, f"{made}, then {offered}"


def visit(one, *options):
    """Whether the session of one echoed line was resumed, in the end line."""
    count = len(one.relay.ends())
    with openssl.Client(one.port, *options) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        client.end()
    return one.relay.wait_ends(count + 1)[-1]["listen_resumed"]


def test_reload_adds_a_name(relay, server, sites, tmp_path):
    """A certificate that a reload adds is shown from then on; what others see
    does not change."""
    one = Sites(relay, server, f"listen.cert = {sites}/shop.pem")
    shutil.copy(sites / "wild.pem", tmp_path / "wild.pem")
    assert one.ask(*asking("a.wild.test"))[0] == "shop"
    first = f"listen.cert = {sites}/shop.pem\n"
    text = one.relay.config.read_text()
    one.relay.reload_config(text.replace(
        first, f"{first}listen.cert = {tmp_path}/wild.pem\n"))
    processes.reload(one.relay)
    assert one.ask(*asking("a.wild.test"))[0] == "wild"
    assert one.ask(*asking("shop.test"))[0] == "shop"
