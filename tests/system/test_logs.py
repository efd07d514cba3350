"""The log: one line for each connection, wherever it goes, and never a wait
for its reader."""
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

import pytest

import configs
import names
import peers
import processes
import sallyport
import servers
from names import WITHIN
from peers import is_served

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def talk(port, count=1):
    for number in range(count):
        with peers.connect(port) as peer:
            assert is_served(peer, b"%d" % number)


@pytest.fixture
def far(server):
    return server(peers.echo)


def test_each_connection_has_one_line(relay, certs, client, free_port, far):
    """Connections of every sort have one line each, and nothing else is logged
    at level info, but how often it was not warned of a server that is not
    there."""
    plain, tls, dead = free_port(), free_port(), free_port()
    one = relay(configs.plain(plain, far.port, name="plain") +
                configs.tls(tls, far.port, certs, name="tls") +
                configs.plain(dead, free_port(), name="dead"))
    before = one.log_size()
    context = peers.client_context(certs)
    for turn in range(10):
        good = client(plain)
        assert is_served(good)
        good.half_close()
        client(plain).reset()
        assert peers.connect(dead).receive().end == "reset"
        client(tls).fin()
        rude = client(tls)
        rude.send(b"SSH-2.0-x\r\n")
        rude.receive()
        rude.close()
        secure = client(tls, tls=context)
        assert is_served(secure)
        if turn % 3 == 1:
            secure.socket.sendall(b"\x17\3\3")    # a record that is cut
        [secure.half_close, secure.fin, secure.reset][turn % 3]()
    ends = one.wait_ends(60)
    lines = [line for line in one.log_lines(before)
             if not re.search(" warn dead: .* reached no server", line)]
    assert len(lines) == 60
    assert len({end["client"] for end in ends}) > 50     # ports come back
    assert {end["reason"] for end in ends} >= {
        "client-closed", "connect-refused", "handshake-failed", "truncated",
        "reset-by-client"}
    assert all(re.match(f"{TIME} (info|warn) end service=", line)
               for line in lines)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("version,cipher", [
    ("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("1.3", "TLS_AES_256_GCM_SHA384")])
def test_end_line_says_what_there_was(relay, certs, server, client, free_port,
                                      form, version, cipher):
    """The line names both peers, sizes and the TLS of both legs, as text and
    as JSON; `status` counts handshakes by leg and version."""
    port = free_port()
    far = server(peers.echo, tls=peers.server_context(
        certs, version=version, alpn=["pg"]))
    one = relay(
        configs.settings(f"log_format = {form}") +
        configs.service(
            f"tls://127.0.0.1:{port}", f"tls://localhost:{far.port}",
            f"listen.cert = {certs}/server-both.pem",
            f"connect.ca = {certs}/ca.pem", "listen.alpn = h2",
            "connect.alpn = pg", name="both"))
    peer = client(port, tls=peers.client_context(certs, version=version,
                                                 alpn=["x", "h2"]))
    assert is_served(peer, b"question")
    peer.half_close()
    assert peer.recv() == b""
    if form == "text":
        [end] = one.wait_ends()
    else:
        line = json.loads(one.wait_log('"event":"end"'))
        assert re.fullmatch(TIME, line.pop("time"))
        assert (line.pop("level"), line.pop("event")) == ("info", "end")
        end = line
    own_port = peer.socket.getsockname()[1]
    assert 0 <= end.pop("duration_ms") < 1000 * sallyport.PATIENCE
    assert end == {
        "service": "both", "reason": "client-closed",
        "client": f"127.0.0.1:{own_port}", "server": f"127.0.0.1:{far.port}",
        "up": 8, "down": 8, "state": "relay",
        "listen_tls": f"TLSv{version}", "listen_cipher": cipher,
        "listen_sni": "localhost", "listen_alpn": "h2",
        "listen_resumed": "no",
        "connect_tls": f"TLSv{version}", "connect_cipher": cipher,
        "connect_sni": "localhost", "connect_alpn": "pg",
        "connect_resumed": "no",
        "connect_peer": "CN=server,O=Sallyport examples",
        "connect_peer_serial": end["connect_peer_serial"],
        "connect_peer_san":
            "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1"}
    once = {"1.2": 0, "1.3": 0, version: 1}
    assert processes.status(one)["all"]["tls_handshakes"] == {
        "listen": once, "connect": once}


def test_service_says_which_connections_are_logged(relay, client, free_port,
                                                   far):
    """With `log_connections` a service logs all connections, those that
    failed, or none, and a reload changes it; all are counted."""
    ports = {word: free_port() for word in ("none", "failed", "all")}

    def config(**words):
        return configs.settings("workers = 1") + "".join(
            configs.plain(port, far.port, f"log_connections = {words[name]}",
                          name=name) for name, port in ports.items())

    def use(*names):
        for name in names:
            talk(ports[name])
            client(ports[name]).reset()
        sallyport.wait_until(
            lambda: processes.status(one)["all"]["active"] == 0, "the ends")

    one = relay(config(none="none", failed="failed", all="all"))
    use("none", "failed")
    use("all")      # whose lines come last
    assert sorted((end["service"], end["reason"])
                  for end in one.wait_ends(3)) == [
        ("all", "client-closed"), ("all", "reset-by-client"),
        ("failed", "reset-by-client")]
    one.reload_config(config(none="none", failed="none", all="failed"))
    processes.reload(one)
    use("none", "failed")
    use("all")
    assert [end["service"] for end in one.wait_ends(4)][3:] == ["all"]
    assert processes.status(one)["all"]["accepted"] == 12


def hangs_up(peer):
    """A server's handler: nothing of what a TLS client wants to hear."""
    peer.send(b"220 hello\r\n")


# What leaves a tunnel dead: how its server behaves (a handler, or the options of
# its TLS; None: it is not there), and the reason.
DEAD = {
    "refused": (None, "connect-refused"),
    "not-tls": (hangs_up, "handshake-failed"),
    "untrusted": ({"name": "server-untrusted"}, "handshake-failed"),
    "wrong-name": ({"name": "server-wrong-name"}, "handshake-failed"),
    "silent": (peers.Peer.receive, "handshake-timeout"),
    "wants-certificate-1.2": ({"client_ca": "ca.pem", "version": "1.2"},
                              "handshake-failed"),
    "wants-certificate-1.3": ({"client_ca": "ca.pem", "version": "1.3"},
                              "tls-failed"),
}


@pytest.mark.parametrize("kind", DEAD)
def test_dead_tunnel_is_a_warning(relay, certs, server, free_port, kind):
    """With log_level = warn the log still shows a tunnel that is dead, and
    why."""
    far, reason = DEAD[kind]
    port, dead, options = free_port(), free_port(), []
    if isinstance(far, dict):
        far = peers.shakes(peers.server_context(certs, **far))
    if far:
        dead = server(far).port
    if reason == "handshake-timeout":
        options = ["timeout.handshake = 200ms"]
    one = relay(configs.settings("log_level = warn", "workers = 1") +
                configs.tls_out(port, dead, certs, *options), ready=None)
    sallyport.wait_until(lambda: not peers.is_refused(port), "a listener")
    with peers.connect(port) as peer:
        peer.receive()
    one.wait_log(f" warn end service=s reason={reason} ")


def test_unknown_host_is_a_warning(relay, free_port):
    """So is a server whose name does not exist."""
    port = free_port()
    one = relay(configs.settings("workers = 1") +
                configs.plain(port, "nowhere.invalid:1"))
    peers.connect(port).receive()
    one.wait_log(" warn end service=s reason=resolve-failed ")


def test_faults_of_clients_are_no_warnings(relay, certs, client, free_port,
                                           far):
    """What clients do wrong is no warning, nor is a server that was not the
    only one."""
    port, plain = free_port(), free_port()
    one = relay(configs.tls(port, far.port, certs, "listen.verify = required",
                            f"listen.ca = {certs}/ca.pem") +
                configs.plain(plain, [free_port(), far.port], name="two"))
    before = one.log_size()
    for data in b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x15\3\3":
        with client(port) as rude:
            rude.send(data)
            rude.half_close()
            rude.receive()
    client(port).reset()
    with pytest.raises((OSError, EOFError)):
        strange = client(port, tls=peers.client_context(certs))
        strange.recv_exactly(1)
    with client(plain) as good:
        assert is_served(good)
    one.wait_ends(6)
    assert not one.matching(" warn ", before), one.text()


def test_warnings_of_a_dead_server_are_bounded(relay, client, free_port):
    """Of many connections that reach no server one is a warning; the others
    have their line at level info, and their number is told."""
    port = free_port()
    one = relay(configs.settings("workers = 1") +
                configs.plain(port, free_port()))
    for _ in range(20):
        client(port).receive()
    assert len(one.wait_ends(20)) == 20
    one.stop()
    told = [int(re.search(r"(\d+) more connections? reached no server", line)[1])
            for line in one.matching("reached no server")]
    assert len(one.matching(" warn end ")) + sum(told) == 20
    assert len(one.matching(" warn end ")) <= 1 + len(told)
    assert len(one.matching(" info end ")) == sum(told)


def test_debug_tells_every_step(relay, certs, server, client, free_port):
    """Level debug tells each step of a connection."""
    port = free_port()
    far = server(peers.echo, tls=peers.server_context(certs))
    one = relay(configs.settings("log_level = debug") + configs.service(
        f"tls://127.0.0.1:{port}", f"tls://localhost:{far.port}",
        f"listen.cert = {certs}/server-both.pem",
        f"connect.ca = {certs}/ca.pem"))
    peer = client(port, tls=peers.client_context(certs))
    assert is_served(peer)
    own = "127.0.0.1:%d" % peer.socket.getsockname()[1]
    peer.half_close()
    one.wait_ends()
    moves = [re.fullmatch(f"{TIME} debug s: {own}: (.*) -> (.*)", line)
             for line in one.log_lines() if own in line and " -> " in line]
    assert [move.groups() for move in moves] == [
        ("start", "accept-tls"), ("accept-tls", "connect"),
        ("connect", "connect-tls"), ("connect-tls", "relay")]


WARNING = "warn .global. control has changed"


def provoke_warning(one, *settings, port, far):
    """A reload cannot change everything, and says so."""
    one.reload_config(configs.settings("control = none", *settings) +
                      configs.plain(port, far.port))
    one.signal(signal.SIGHUP)


@pytest.mark.parametrize("level", ["error", "warn"])
def test_level_leaves_out_what_is_below(relay, free_port, far, level):
    """The log has warnings at level warn, and none at level error."""
    port = free_port()
    one = relay(configs.settings(f"log_level = {level}") +
                configs.plain(port, far.port), ready=None)
    sallyport.wait_until(lambda: servers.is_listening(port), "the port")
    talk(port)
    provoke_warning(one, f"log_level = {level}", port=port, far=far)
    if level == "warn":
        one.wait_log(WARNING)
    one.stop()
    assert len(one.log_lines()) == (1 if level == "warn" else 0)


def test_log_file_is_added_to(relay, free_port, far, tmp_path):
    """A log file keeps what was there, and its mode."""
    port, log = free_port(), tmp_path / "log"
    log.write_text("what was there\n")
    log.chmod(0o600)
    one = relay(configs.settings(f"log = file:{log}") +
                configs.plain(port, far.port), log=log)
    talk(port)
    one.wait_ends()
    assert log.read_text().startswith("what was there\n")
    assert log.stat().st_mode & 0o777 == 0o600
    assert one.stderr.read_text() == ""


# No reader may make it wait.

def fill(write_end):
    """Leaves room for nothing."""
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(write_end, b"x")
    except BlockingIOError:
        pass
    os.set_blocking(write_end, True)


def drain(read_end):
    os.set_blocking(read_end, False)
    got = b""
    try:
        while data := os.read(read_end, 1 << 20):
            got += data
    except BlockingIOError:
        pass
    return got


def lost(text):
    found = re.findall(rf"^x*{TIME} warn (\d+) log lines? (?:was|were) lost$", text,
                       re.M)
    return sum(map(int, found))


@pytest.mark.promise(23)
def test_full_stderr_holds_nothing_up(free_port, far, tmp_path):
    """Connections go on while the pipe of standard error is full; the lines
    that were lost are counted."""
    port = free_port()
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.plain(port, far.port))
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    fill(write_end)
    with subprocess.Popen([sallyport.BINARY, "run", "-c", config],
                          stderr=write_end) as one:
        try:
            assert os.get_blocking(write_end), "it is shared with others"
            sallyport.wait_until(lambda: servers.is_listening(port), "the port")
            talk(port, 20)
            text = drain(read_end).decode()
            # The last connections may have ended after that.
            assert len(re.findall(" info end ", text)) < 20
            talks = 21          # with that of the probe
            deadline = time.monotonic() + sallyport.PATIENCE
            while not lost(text) and time.monotonic() < deadline:
                talk(port)
                talks += 1
                text += drain(read_end).decode()
            assert lost(text)
        finally:
            one.terminate()
            os.close(write_end)
        assert one.wait(sallyport.PATIENCE) == 0
    text += drain(read_end).decode()
    assert re.search("info stopped$", text, re.M)
    # Every line is there, or in the count of one of the processes: starting,
    # listening, ready, stopping and stopped, and one for each connection; what counted is
    # a line as well, that may have been lost in turn.  A worker that ends while
    # its pipe is full cannot tell of its last line.
    told = lost(text) + len(re.findall(" info ", text))
    assert -1 <= told - (5 + talks) <= 1, text.lstrip("x")
    os.close(read_end)


def test_closed_stderr_holds_nothing_up(free_port, far, tmp_path):
    """Connections go on, and the daemon stops, without a reader of standard
    error."""
    port = free_port()
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.plain(port, far.port))
    with subprocess.Popen([sallyport.BINARY, "run", "-c", config],
                          stderr=subprocess.PIPE) as one:
        assert b"starts" in one.stderr.readline()
        assert b"listening" in one.stderr.readline()
        one.stderr.close()
        talk(port, 20)
        one.terminate()
        assert one.wait(sallyport.PATIENCE) == 0


def test_full_disk_holds_nothing_up(relay, free_port, far):
    """Connections go on while the log meets a full disk."""
    port = free_port()
    one = relay(configs.settings("log = file:/dev/full") +
                configs.plain(port, far.port), ready=None)
    sallyport.wait_until(lambda: servers.is_listening(port), "the port")
    talk(port, 50)
    one.stop()


own_mounts = pytest.mark.skipif(
    not names.mounts_are_allowed(),
    reason="this machine allows no mount namespaces")


@pytest.mark.promise(23)
@own_mounts
def test_disk_that_is_full_for_a_while_tears_no_line(relay, free_port, far,
                                                     tmp_path):
    """The lines before and after a full disk are whole. With one worker: where
    several write, what one has torn another may write behind."""
    port = free_port()
    disk = tmp_path / "disk"
    disk.mkdir()
    one = relay(configs.settings("workers = 1", f"log = file:{disk}/log") +
                configs.plain(port, far.port), ready=None,
                within=[*WITHIN, "sh", "-ec",
                        'mount -t tmpfs -o size=1m none "$1"; shift; '
                        'exec "$@"', "sh", disk])
    seen = f"/proc/{one.pid}/root{disk}"    # as it sees the folder
    one.log = type(disk)(seen) / "log"
    one.wait_log("ready")
    # One block is left for the log.
    with open(f"{seen}/filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(512))
        except OSError:
            pass
    talk(port, 100)
    os.unlink(f"{seen}/filler")
    talks = 100

    def is_complete():
        """All connections are told of, or counted by the worker that could
        not tell.  Each may have torn a line, which then is both; or which has
        taken along that of another worker behind it."""
        nonlocal talks
        talk(port)
        talks += 1
        known = len(one.ends()) + lost(one.text())
        return abs(talks - known) <= len(one.workers())

    sallyport.wait_until(is_complete, "what became of each line")
    assert lost(one.text())
    # Every line is one: a torn one was ended before the next was begun.
    good = rf"{TIME} (info|warn) .*|{TIME}.*|[\d:.TZ-]*"
    assert all(re.fullmatch(good, line) for line in one.log_lines())
    one.stop()


# Other targets.

class Datagrams:
    """A unix socket that collects messages."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(sallyport.PATIENCE)

    def until(self, word):
        """The messages up to the one that has `word` in it."""
        got = []
        while not got or word not in got[-1]:
            got.append(self.socket.recv(1 << 16).decode())
        return got

    def pending(self):
        """The messages that are there, or come soon."""
        got = []
        while select.select([self.socket], [], [], 0.05)[0]:
            got.append(self.socket.recv(1 << 16).decode())
        return got

    def close(self):
        self.socket.close()


@own_mounts
def test_syslog_gets_each_line(relay, free_port, far, tmp_path):
    """syslogd gets each line with its priority, also after it was restarted,
    and holds nothing up when it reads nothing."""
    port, dev = free_port(), tmp_path / "dev"
    dev.mkdir()
    syslog = Datagrams(dev / "log")
    one = relay(configs.settings("log = syslog") +
                configs.plain(port, far.port), ready=None,
                within=[*WITHIN, "sh", "-ec",
                        'touch "$1/null"; '
                        'mount --bind /dev/null "$1/null"; '
                        'mount --rbind "$1" /dev; shift; exec "$@"', "sh",
                        dev])
    told = syslog.until("ready")
    # RFC 3164: facility daemon, severity informational; syslogd adds the time.
    assert all(re.match(rf"<30>sallyport\[{one.pid}\]: info ", line)
               for line in told)
    talk(port)
    workers = "|".join(map(str, one.workers().values()))
    assert re.fullmatch(rf"<30>sallyport\[({workers})\]: info end service=s "
                        "reason=client-closed .*[^\n]",
                        syslog.until("end")[-1])
    # syslogd comes back anew.
    syslog.close()
    talk(port, 3)
    sallyport.wait_until(one.is_idle, "their lines to be lost")
    (dev / "log").unlink()
    syslog = Datagrams(dev / "log")
    # What was lost is told when there is something else to say.
    missed = said = talks = 0
    deadline = time.monotonic() + sallyport.PATIENCE
    while missed + said < 3 + talks and time.monotonic() < deadline:
        talk(port)
        talks += 1
        for line in syslog.pending():
            said += " info end service" in line
            found = re.match(r"<28>.* warn (\d+) log lines? (?:was|were) lost", line)
            missed += int(found[1]) if found else 0
    # The master may have lost a line of its own, too.
    assert missed > 0 and 0 <= missed + said - (3 + talks) <= 2
    # A syslogd that reads nothing makes no process wait: the queue of a datagram socket
    # is short.
    talk(port, 300)
    one.stop()
    syslog.close()


@own_mounts
def test_journal_gets_fields(relay, free_port, far, tmp_path):
    """The journal gets the fields of each line, also after it was
    restarted."""
    port, run = free_port(), tmp_path / "run"
    (run / "systemd/journal").mkdir(parents=True)
    journal = Datagrams(run / "systemd/journal/socket")
    one = relay(configs.settings("log = journal") +
                configs.plain(port, far.port), ready=None,
                within=[*WITHIN, "sh", "-ec",
                        'mount --bind "$1" /run; shift; exec "$@"', "sh",
                        run])
    journal.until("MESSAGE=info ready")
    talk(port)
    end = dict(line.split("=", 1)
               for line in journal.until("info end")[-1].splitlines())
    assert end["PRIORITY"] == "6"
    assert end["SYSLOG_IDENTIFIER"] == "sallyport"
    assert end["SYSLOG_FACILITY"] == "3"
    assert end["SALLYPORT_EVENT"] == "end"
    assert end["SALLYPORT_REASON"] == "client-closed"
    assert end["SALLYPORT_UP"] == end["SALLYPORT_DOWN"] == "1"
    assert end["MESSAGE"].startswith("info end service=s reason=client-closed")
    provoke_warning(one, "log = journal", port=port, far=far)
    assert "PRIORITY=4\n" in journal.until("control has changed")[-1]
    # journald comes back anew.
    journal.close()
    talk(port, 3)
    sallyport.wait_until(one.is_idle, "their lines to be lost")
    (run / "systemd/journal/socket").unlink()
    journal = Datagrams(run / "systemd/journal/socket")
    lines = []

    def heard():
        talk(port)
        lines.extend(journal.pending())
        return any("SALLYPORT_EVENT=end" in line for line in lines)
    sallyport.wait_until(heard, "a worker's line in the new journal")
    assert any(re.search("log lines? (was|were) lost", line) for line in lines)
    one.stop()
    journal.close()


@own_mounts
@pytest.mark.parametrize("target", ["syslog", "journal"])
def test_reload_moves_the_log_to_another_target_and_back(relay, free_port, far,
                                                         tmp_path, target):
    """A reload moves the lines of every process, twice to and fro, and none of
    them keeps a descriptor of where it logged before."""
    port, log, seen = free_port(), tmp_path / "log", tmp_path / "seen"
    place = seen / ("log" if target == "syslog" else "systemd/journal/socket")
    place.parent.mkdir(parents=True)
    there = Datagrams(place)

    def text(where):
        return configs.settings(f"log = {where}", "workers = 2",
                                f"control = {tmp_path}/control") + \
            configs.plain(port, far.port)

    def talk_to_all():
        many = [peers.connect(port) for _ in range(8)]
        assert all(map(is_served, many))
        for peer in many:
            peer.half_close()
            assert peer.receive().end == "fin"

    def kinds():
        """Of each process: how many descriptors, but for the log's."""
        return {role: sum(processes.kinds(pid).values()) for role, pid in
                [("master", one.pid), *processes.wait_roles(
                    one.pid, ["w0", "w1", "admin"]).items()]}
    one = relay(text(f"file:{log}"), log=log, within=[
        *WITHIN, "sh", "-ec",
        'touch "$1/null"; mount --bind /dev/null "$1/null"; '
        'mount --rbind "$1" "$2"; shift 2; exec "$@"', "sh", seen,
        "/dev" if target == "syslog" else "/run"])
    before = kinds()
    for turn in range(1, 3):
        talk_to_all()
        one.wait_ends(8 * turn)
        one.reload_config(text(target))
        processes.reload(one)
        assert "reloaded: generation" in there.until("reloaded")[-1]
        said = len(one.log_lines())
        talk_to_all()
        lines = [there.until("info end")[-1] for _ in range(8)]
        if target == "syslog":
            assert {int(re.match(r"<30>sallyport\[(\d+)\]: ", line)[1])
                    for line in lines} == set(one.workers().values())
        else:
            assert all("SALLYPORT_EVENT=end\n" in line for line in lines)
        assert len(one.log_lines()) == said
        assert kinds() == before
        one.reload_config(text(f"file:{log}"))
        processes.reload(one)
        one.wait_log("reloaded: generation", count=turn)
    talk_to_all()
    one.wait_ends(24)
    assert not there.pending()
    assert kinds() == before
    there.close()


@pytest.mark.parametrize("target", ["syslog", "journal"])
def test_missing_target_is_an_error(tmp_path, target):
    """A start without the socket of its log says so."""
    path = {"syslog": "/dev/log",
            "journal": "/run/systemd/journal/socket"}[target]
    if os.path.exists(path):
        pytest.skip(f"{path} is there")
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.settings(f"log = {target}") +
                      configs.plain(1, 2))
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == 1
    assert f"cannot log to {path}: No such file" in done.stderr


def test_stderr_under_systemd_has_priorities(relay, free_port, far, tmp_path):
    """Each line has its priority, and no time: sd-daemon(3)."""
    port = free_port()
    stderr = tmp_path / "relay0/stderr"
    stderr.parent.mkdir()
    stderr.touch()
    status = stderr.stat()
    one = relay(configs.plain(port, far.port), ready=r"^<6>info ready: ", env={
        "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    talk(port)
    one.wait_log("^<6>info end service=s reason=client-closed")
    far.close()
    peers.connect(port).receive()
    one.wait_log("^<4>warn end service=s reason=connect-refused")
    provoke_warning(one, port=port, far=far)
    one.wait_log(f"^<4>{WARNING}")
    assert all(re.match("<[46]>(info|warn) ", line)
               for line in one.log_lines())


def test_inherited_journal_stream_is_ignored(relay, free_port, far):
    """JOURNAL_STREAM of a parent whose stderr was something else changes
    nothing."""
    one = relay(configs.plain(free_port(), far.port),
                env={"JOURNAL_STREAM": "8:12345"})
    assert re.match(TIME, one.log_lines()[0])
