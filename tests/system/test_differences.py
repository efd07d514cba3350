"""docs/differences.md says of other relays what they do here, and of this one
as well."""
import re
import ssl
import subprocess
import threading

import pytest

import configs
import openssl
import peers
import rivals
from sallyport import PATIENCE, ROOT, free_port

PAGE = ROOT / "docs/differences.md"


def read_table():
    """{(question, program): answer}."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]]
             for line in PAGE.read_text().splitlines() if line.startswith("|")]
    programs = lines[0][1:]
    return {(row[0], program.lower()): answer for row in lines[2:]
            for program, answer in zip(programs, row[1:])}


TABLE = read_table()
UNTRIED = ("ghostunnel",)
NOT_THERE = ("no TLS there", "no CRLs", "no ALPN", "?")


class Ours:
    """This relay, in the words of rivals.Rival."""

    def __init__(self, relay, to, cert=None, bind="127.0.0.1", **tls):
        self.port = free_port()
        side = "listen" if cert else "connect"
        lines = [f"{side}.{what} = {value}" for what, value in tls.items()
                 if what != "host"]
        if cert:
            lines.append(f"listen.cert = {cert}")
            if "ca" in tls:
                lines.append("listen.verify = required")
            listen, connect = f"tls://{bind}:{self.port}", to
        else:
            listen = f"{bind}:{self.port}"
            connect = f"tls://{tls.get('host', 'localhost')}:{to}"
        self.one = relay(configs.service(listen, connect, *lines))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def start(relay, tmp_path):
    """start(PROGRAM, TO, ...) has it relay: see rivals.Rival."""
    running = []

    def begin(program, to, **options):
        one = Ours(relay, to, **options) if program == "sallyport" else \
            rivals.Rival(tmp_path / f"{program}{len(running)}", program, to,
                         **options)
        running.append(one)
        return one

    yield begin
    for one in running:
        one.__exit__()


def served(port):
    """Whether the server behind answers; how else it ended does not matter."""
    try:
        return peers.serves(port)
    except (EOFError, OSError):
        return False


def yes(condition):
    return "yes" if condition else "no"


def far_server(server, certs, name="server"):
    """An echo server with TLS; a client that does not trust it is no fault."""
    one = server(peers.echo, tls=peers.server_context(certs, name))
    one.raise_problems = lambda: None
    return one


def verifies_by_default(start, server, certs, program, tmp_path):
    far = far_server(server, certs, "server-untrusted")
    if program == "haproxy":
        with pytest.raises(AssertionError, match="verify is enabled by default"):
            start(program, far.port)
        return "does not start"
    if program == "sallyport":
        # The system's store, of which a machine may have none.
        one = start(program, far.port, ca=certs / "ca.pem")
        assert not served(one.port)
        other = far_server(server, certs, "server-wrong-name")
        assert not served(start(program, other.port, ca=certs / "ca.pem").port)
        return "yes, chain and name"
    return yes(not served(start(program, far.port).port))


def takes_a_common_name(start, server, certs, program, tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
         "-keyout", folder / "server.key", "-out", folder / "server.pem",
         "-days", "9"], check=True, capture_output=True)
    far = far_server(server, folder)
    return yes(served(start(program, far.port, ca=folder / "server.pem",
                            host="localhost").port))


def needs_lists(start, server, certs, program, tmp_path):
    """By which lists are there: of the leaf's issuer, of the root, or both."""
    far = far_server(server, certs, "server-chain")
    answers = {}
    for names in (("intermediate",), ("ca",), ("intermediate", "ca")):
        file = tmp_path / f"{'-'.join(names)}.crl"
        file.write_text("".join((certs / f"{name}.crl").read_text()
                                for name in names))
        answers[names] = served(start(program, far.port, ca=certs / "ca.pem",
                                      host="localhost", crl=file).port)
    assert answers.pop(("intermediate", "ca"))
    return {(False, False): "all but the root", (True, False): "the last one"}[
        answers[("intermediate",)], answers[("ca",)]]


def refuses_other_protocols(start, server, certs, program, tmp_path):
    far = server(peers.echo)
    one = start(program, far.port, cert=certs / "server-both.pem",
                alpn="http/1.1")
    context = peers.client_context(certs, alpn=["h2"])
    try:
        with peers.connect(one.port, tls=context) as peer:
            assert peer.alpn is None
    except ssl.SSLError as problem:
        assert "no application protocol" in str(problem)
        return "yes"
    return "no"


def carries_half_close(start, server, certs, program, tmp_path):
    answer = peers.payload(1 << 20)

    def handler(peer):
        peer.receive()
        try:
            peer.send(answer)
            peer.half_close()
        except OSError:
            pass

    far = server(handler)
    one = start(program, far.port, cert=certs / "server-both.pem")
    context = peers.client_context(certs)
    with peers.connect(one.port, tls=context) as peer:
        peer.send(b"question")
        peer.half_close()
        return yes(peer.receive().size == len(answer))


def plain_end(start, server, certs, program, end):
    """What the server sees when the client ends so after it has spoken."""
    data, has_read = b"x" * 100_000, threading.Event()

    def handler(peer):
        peer.recv_exactly(len(data))
        has_read.set()
        return peer.receive()

    far = server(handler)
    one = start(program, far.port, cert=certs / "server-both.pem")
    with peers.connect(one.port, tls=peers.client_context(certs)) as peer:
        peer.send(data)
        assert has_read.wait(PATIENCE)
        getattr(peer, end)()
        got = far.result()
    return {"fin": "an end", "reset": "a reset"}[got.end]


def passes_on_a_cut(start, server, certs, program, tmp_path):
    return plain_end(start, server, certs, program, "fin")


def passes_on_a_reset(start, server, certs, program, tmp_path):
    return plain_end(start, server, certs, program, "reset")


def passes_on_a_servers_reset(start, server, certs, program, tmp_path):
    def handler(peer):
        peer.recv()
        peer.reset()

    far = server(handler)
    one = start(program, far.port, cert=certs / "server-both.pem")
    with peers.connect(one.port, tls=peers.client_context(certs)) as peer:
        peer.send(b"question")
        end = peer.receive().end
    return {"reset": "a reset"}.get(end, end)


def sends_tickets(start, server, certs, program, tmp_path):
    far = server(peers.echo)
    one = start(program, far.port, cert=certs / "server-both.pem")
    with openssl.Client(one.port, "-msg", "-tls1_3") as peer:
        peer.connected()
        if program != "sallyport":
            peer.expect("NewSessionTicket")
            return "at once"
        peer.say("are you there?\n")
        peer.expect("NewSessionTicket")
        before = peer.text().partition("NewSessionTicket")[0]
        assert ">>>" in before.rpartition(", Finished")[2], before
        return "with the first bytes"


def listens_on_both(start, server, certs, program, tmp_path):
    far = server(peers.sink)
    bind = "::" if program == "stunnel" else "[::]"
    one = start(program, far.port, cert=certs / "server-both.pem", bind=bind)
    return yes(not peers.is_refused(("127.0.0.1", one.port)))


QUESTIONS = {
    "Is a server's certificate verified": verifies_by_default,
    "Is a certificate without subjectAltName": takes_a_common_name,
    "Which certificates need a CRL": needs_lists,
    "Is a client refused that offers no common": refuses_other_protocols,
    "Does an answer still arrive": carries_half_close,
    "What does a plain server see of TLS": passes_on_a_cut,
    "What does it see of a client's reset": passes_on_a_reset,
    "What does a TLS client see": passes_on_a_servers_reset,
    "When do a TLS 1.3": sends_tickets,
    "Does `[::]:443`": listens_on_both,
}


def cells():
    for (question, program), answer in TABLE.items():
        if program in UNTRIED or answer in NOT_THERE:
            continue
        [find] = [function for begin, function in QUESTIONS.items()
                  if question.startswith(begin)]
        yield pytest.param(find, program, answer,
                           id=f"{find.__name__}-{program}")


@pytest.mark.parametrize("find, program, answer", cells())
def test_relay_does_what_the_page_says(start, server, certs, tmp_path, find,
                                       program, answer):
    """The program does what docs/differences.md says of it."""
    if program != "sallyport" and not rivals.is_installed(program):
        pytest.skip(f"no {program}")
    assert find(start, server, certs, program, tmp_path) == answer


def test_versions_are_those_that_were_asked():
    """The page names the versions that Debian 12 has, where this is one."""
    if "bookworm" not in open("/etc/os-release", encoding="ascii").read():
        pytest.skip("not Debian 12")
    text = PAGE.read_text()
    for program, package in (("stunnel", "stunnel4"), ("hitch", "hitch"),
                             ("HAProxy", "haproxy"), ("nginx", "nginx")):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            named = re.search(rf"{program} ([\d.]+)", text).group(1)
            version = done.stdout.partition(":")[2] or done.stdout
            assert version.startswith(named), (program, version)
