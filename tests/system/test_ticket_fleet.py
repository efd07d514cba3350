"""Daemons with the same `ticket_secret` resume each other's sessions; and the
secret can be changed without a session being lost."""
import time

import pytest

import configs
import openssl
import peers
import processes
import sallyport

pytestmark = pytest.mark.usefixtures("two_workers")

VERSIONS = ["-tls1_2", "-tls1_3"]
ONE = "first-secret-of-several-machines-0123456789"
OTHER = "second-secret-of-several-machines-0123456789"


@pytest.fixture
def node(relay, server, certs, tmp_path):
    """node(file, *global lines) is a daemon with that file of secrets, in front
    of an echo; `port` is where it listens."""
    far = server(peers.echo)

    def start(file, *lines, options=()):
        port = sallyport.free_port()
        one = relay(configs.settings(
            *([f"ticket_secret = {file}"] if file else []), *lines) +
            configs.service(f"tls://127.0.0.1:{port}", far.port,
                            f"listen.cert = {certs}/server-both.pem",
                            *options, name="web"))
        one.port = port
        return one
    return start


@pytest.fixture
def secrets(tmp_path):
    """secrets(*lines) writes the file anew, and returns it."""
    file = tmp_path / "tickets"

    def write(*lines):
        new = tmp_path / "tickets.new"
        new.write_text("".join(f"{line}\n" for line in lines))
        new.chmod(0o600)
        new.rename(file)
        return file
    return write


def resumed(one, version, session, take=True):
    """Whether a client that shows its session resumes it; it keeps the new
    one."""
    count = len(one.ends())
    with openssl.Client(one.port, version, *(["-sess_in", session] if take
                                             else []),
                        "-sess_out", session) as client:
        client.connected()
        client.say("hello")
        client.expect("^hello$")
        client.hang_up()
        client.end()
    end = one.wait_ends(count + 1)[-1]
    assert end["reason"] == "client-closed"
    return end["listen_resumed"] == "yes"


@pytest.mark.parametrize("version", VERSIONS)
def test_nodes_with_one_secret_resume_each_others_sessions(node, secrets,
                                                           tmp_path, version):
    """A session of one daemon is resumed by another one with the same secret,
    back and forth, and by none without it."""
    session, file = tmp_path / "session", secrets(ONE)
    nodes = [node(file), node(file)]
    other = tmp_path / "other"
    other.write_text(OTHER)
    assert not resumed(nodes[0], version, session, take=False)
    for turn in range(1, 4):
        assert resumed(nodes[turn % 2], version, session)
    for stranger in (node(other), node(None)):
        kept = tmp_path / "kept"
        kept.write_bytes(session.read_bytes())
        assert not resumed(stranger, version, kept)


@pytest.mark.promise(9, 42)
@pytest.mark.parametrize("version", VERSIONS)
def test_renewals_by_other_nodes_prolong_no_session(node, secrets, tmp_path,
                                                    version):
    """A client that gets a new ticket of another daemon each time does a full
    handshake once the session's lifetime is over."""
    session, file = tmp_path / "session", secrets(ONE)
    nodes = [node(file, options=["listen.session_lifetime = 2s"])
             for _ in range(2)]
    assert not resumed(nodes[0], version, session, take=False)
    deadline, turn = time.monotonic() + sallyport.PATIENCE, 1
    while resumed(nodes[turn % 2], version, session):
        turn += 1
        assert time.monotonic() < deadline


@pytest.mark.parametrize("version", VERSIONS)
def test_session_opens_no_other_policy_of_the_fleet(node, secrets, tmp_path,
                                                    certs, version):
    """The same secret opens no service with another policy."""
    session, file = tmp_path / "session", secrets(ONE)
    assert not resumed(node(file), version, session, take=False)
    strict = node(file, options=["listen.verify = optional",
                                 f"listen.ca = {certs}/ca.pem"])
    assert not resumed(strict, version, session)


@pytest.mark.parametrize("how", ["watched", "reload"])
def test_secret_is_changed_without_losing_sessions(node, secrets, tmp_path,
                                                   how):
    """A second line opens tickets still: sessions go on over a change of the
    secret, and end when the old line is removed."""
    session, file = tmp_path / "session", secrets(ONE)
    one = node(file, *(["watch = no"] if how == "reload" else []))

    def change(*lines):
        count = len(one.matching("secret of session tickets is another"))
        secrets(*lines)
        if how == "reload":
            processes.reload(one)
        else:
            one.wait_log("secret of session tickets is another one now",
                         count=count + 1)
    assert not resumed(one, "-tls1_3", session, take=False)
    old = tmp_path / "old"
    old.write_bytes(session.read_bytes())
    change(OTHER, ONE)
    assert resumed(one, "-tls1_3", session)
    change(OTHER)
    sallyport.wait_until(lambda: not resumed(one, "-tls1_3", old),
                         "the old secret to be forgotten")
    assert resumed(one, "-tls1_3", session)


def test_sessions_outlive_reload_and_upgrade(node, secrets, tmp_path):
    """Sessions are resumed after a reload and after an upgrade, with a file of
    secrets."""
    session, file = tmp_path / "session", secrets(ONE)
    one = node(file)
    assert not resumed(one, "-tls1_3", session, take=False)
    processes.reload(one)
    assert resumed(one, "-tls1_3", session)
    assert processes.command(one, "upgrade").returncode == 0
    assert resumed(one, "-tls1_3", session)


FAULTS = {
    "missing": (None, "No such file or directory"),
    "empty": ("", "is empty; make it with: openssl rand -base64 48"),
    "short": ("secret\n", "line 1 has 6 bytes, and should have 32 to 1024"),
    "binary": ("\x01" * 40, "line 1 holds blanks or bytes that are not "
                            "printable"),
    "three-lines": (f"{ONE}\n{OTHER}\n{ONE}x\n", "has more than 2 lines"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_bad_secret_is_refused_and_keeps_the_old_one(node, secrets, tmp_path,
                                                     kind):
    """A file that is no secret is told with its line; a daemon that runs keeps
    the one that it has."""
    text, said = FAULTS[kind]
    session, file = tmp_path / "session", secrets(ONE)
    one = node(file)
    assert not resumed(one, "-tls1_3", session, take=False)
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    line = one.wait_log("error cannot take over the changed secret of session "
                        "tickets, keeping the previous one: ")
    assert f"[global] ticket_secret: {file}: " in line and said in line
    assert resumed(one, "-tls1_3", session)
    done = processes.command(one, "reload")
    assert done.returncode == 1 and said in done.stderr
    assert resumed(one, "-tls1_3", session)
    done = sallyport.sallyport("run", "-c", one.config)
    assert done.returncode == 78 and said in done.stderr
    done = processes.command(one, "check")
    assert done.returncode == 1 and said in done.stderr


def test_secret_that_every_user_can_read_is_warned_of(node, secrets):
    """A file of secrets that every user can read is warned of by a start and by
    `check`."""
    file = secrets(ONE)
    file.chmod(0o644)
    one = node(file)
    said = f"{file}: every user can read this secret"
    assert one.matching("warn .*" + said)
    done = processes.command(one, "check")
    assert done.returncode == 0 and said in done.stderr
    file.chmod(0o600)
    assert said not in processes.command(one, "check").stderr
