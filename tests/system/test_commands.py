"""The words on the command line: what each prints, and its exit code."""
import json
import os
import re
import shlex
import signal
import subprocess

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served
from sallyport import sallyport as command


COMMANDS = ["run", "check", "config show", "init", "tunnel", "demo", "status",
            "reload", "upgrade", "drain", "certs", "selftest sandbox", "completion",
            "version", "help"]


def test_no_command_shows_the_commands():
    """Without a word the commands are shown."""
    done = command()
    assert (done.returncode, done.stdout) == (2, "")
    for name in COMMANDS:
        assert f"\n  {name}" in done.stderr
    assert "sallyport COMMAND --help" in done.stderr


@pytest.mark.parametrize("words,said", [
    (["serve"], '"serve"; that is `sallyport run`'),
    (["chekc"], '"chekc"; did you mean "check"?'),
    (["nonsense"], '"nonsense"\n'), (["\x1b[2J"], '"\\x1b[2J"\n')])
def test_wrong_command_is_named(words, said):
    """An unknown command is told, with what it may mean, and `sallyport help`
    named."""
    done = command(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"sallyport: there is no command {said}" in done.stderr
    assert "sallyport help" in done.stderr


# What was typed, and the word that the message has to name.
WRONG = [
    ("run -c", "-c needs a FILE"), ("run a b", '"a" and "b"'),
    ("run -c a b", '"a" and "b"'), ("run --config", "-c needs a FILE"),
    ("check -c", "-c needs a FILE"), ("check x y", '"x" and "y"'),
    ("check --confgi x", '"--confgi"; did you mean --config?'),
    ("config", '"config show"'), ("config list", '"config list"'),
    ("config show -c", "-c needs a FILE"), ("version x", '"x"'),
    ("version --running x", '"x"'), ("version --running --json", "--json"),
    ("version -c x", "--running"), ("help a b", '"a b"'),
    ("help a b c", '"c"'), ("tunnel", "listen"),
    ("tunnel 127.0.0.1:1", "connect"), ("status x", '"x"'),
    ("status -c", "-c needs a FILE"), ("status -s", "-s needs a SOCKET"),
    ("status -x", '"-x"'), ("reload x", '"x"'), ("reload --json", "--json"),
    ("upgrade x", '"x"'), ("upgrade --json", "--json"),
    ("drain", "drain needs a SERVICE"), ("drain a b", '"b"'),
    ("drain --json a", "--json"), ("drain ''", "empty word"),
    ("init", "init needs a KIND behind it; write web, tunnel-client, "
             "tunnel-server or forward"),
    ("completion", "needs a SHELL behind it; write bash or zsh"), ("init wbe", 'did you mean "web"?'),
    ("completion fish", "bash or zsh"), ("selftest", '"selftest sandbox"'),
]


@pytest.mark.parametrize("typed,said", WRONG)
def test_wrong_word_is_named_with_the_usage(typed, said):
    """A word that a command does not take is named, and the usage follows, exit
    code 2."""
    words = shlex.split(typed)
    done = command(*words)
    assert (done.returncode, done.stdout) == (2, "")
    told, usage = done.stderr.splitlines()
    assert told.startswith("sallyport: ") and said in told
    assert usage.startswith(f"usage: sallyport {words[0]}")


def test_configuration_is_named_in_any_place(tmp_path):
    """-c, --config and a word alone name the file, before or after the
    command."""
    file = tmp_path / "x.ini"
    file.write_text(configs.plain(1, 2))
    for words in (["check", "-c", file], ["-c", file, "check"],
                  ["check", "--config", file], [f"--config={file}", "check"],
                  ["check", file], ["-t", file], ["-t", "-c", file],
                  ["run", "-t", "-c", file]):
        done = command(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
        assert f"{file}: ok" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name):
    """`COMMAND --help` and `help COMMAND` print the same text, with an
    example."""
    asked = command(*name.split(), "--help")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith(f"usage: sallyport {name}")
    assert "\nFor example:\n\n    sallyport " in asked.stdout or \
        "\nFor example:\n\n    source " in asked.stdout
    for words in (["help", *name.split()], ["-h", *name.split()],
                  [*name.split(), "-h"]):
        done = command(*words)
        assert (done.returncode, done.stdout, done.stderr) == \
            (0, asked.stdout, ""), words


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_lists_commands_and_options(word):
    """`help` lists every command and option."""
    done = command(word)
    assert (done.returncode, done.stderr) == (0, "")
    for name in COMMANDS:
        assert f"\n  {name}" in done.stdout
    for name in ("listen.cert", "timeout.idle", "max_connections"):
        assert name in done.stdout


def options():
    """Every option that the help names."""
    text = command("help").stdout
    names = re.findall(r"^ +([a-z_*]+(?:\.[a-z_]+)?) +\S",
                       text[text.index("\nOptions"):], re.M)
    return sorted({name.replace("*", leg) for name in names
                   for leg in ("listen", "connect")})


def test_help_explains_each_option():
    """`help OPTION` tells the value and the default of each option."""
    names = options()
    assert len(names) > 40, names
    for name in names:
        done = command("help", name)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert done.stdout.startswith(name)
        assert "\nValue:" in done.stdout and "\nDefault:" in done.stdout


def test_help_lists_the_counters(relay, free_port):
    """`help counters` names what `status --json` counts, for all services and
    for each."""
    listed = command("help", "counters").stdout.split("\n\n", 1)[1]
    names = re.findall(r"^  (\w+) ", listed, re.M)
    told = processes.status(relay(configs.plain(free_port(), free_port())))
    assert list(told["all"]) == names
    assert list(told["services"][0]) == ["name", *names]


def test_help_suggests_an_option():
    """`help` of a misspelt option suggests the right one."""
    done = command("help", "tiemout.idle")
    assert done.returncode == 1
    assert '"tiemout.idle"' in done.stderr and "timeout.idle" in done.stderr


@pytest.mark.parametrize("word", ["version", "--version", "-V"])
def test_version_names_the_libraries(word):
    """`version` names the program's version and those of its libraries."""
    done = command(word)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"sallyport \d+\.\d+\.\d+\n", done.stdout)
    for library in ("OpenSSL 3", "libevent 2", "c-ares 1", "jansson 2",
                    "features:"):
        assert library in done.stdout


def test_version_of_the_daemon_that_runs(relay, free_port):
    """`version --running` prints what the daemon would print of itself, also
    while its first process is stuck."""
    one = relay(configs.plain(free_port(), free_port()))
    own = command("version").stdout
    processes.stop(one.pid)
    done = processes.command(one, "version", "--running")
    one.signal(signal.SIGCONT)
    assert (done.returncode, done.stdout, done.stderr) == (0, own, "")


@pytest.mark.parametrize("words", [["help"], ["version"],
                                   ["help", "listen"],
                                   ["help", "counters"]])
def test_output_that_cannot_be_written_is_an_error(words):
    """A command whose output meets a full disk fails."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([sallyport.BINARY, *words], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_check_counts_the_services(certs, tmp_path):
    """`check` of a good file says so, with the number of services."""
    config = tmp_path / "good.ini"
    config.write_text(configs.tls(1, 2, certs) +
                      configs.plain(3, 4, name="t"))
    done = command("check", "-c", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\n{config}: ok, 2 services\n")


def test_check_prints_what_each_service_does(certs, tmp_path):
    """`check` of a good file prints a line for each service: where it listens and
    connects, whose certificate it shows and until when, and by what it verifies
    peers. With --quiet it prints nothing."""
    config = tmp_path / "good.ini"
    config.write_text(
        configs.tls(443, 8080, certs, "connect = [::1]:8081", name="web") +
        configs.tls_out(5432, 5433, certs, f"connect.cert = {certs}/client.pem",
                        f"connect.key = {certs}/client.key", name="db") +
        configs.plain(1, 2, name="forward"))
    done = command("check", config)
    assert (done.returncode, done.stderr) == (0, "")
    day = r"20\d\d-\d\d-\d\d"
    web, out, forward, summary = done.stdout.splitlines()
    assert re.fullmatch(
        r"web      tls://127\.0\.0\.1:443 \(localhost(?: and \d more)?, until "
        rf"{day}, chain of 1\) -> 127\.0\.0\.1:8080, then \[::1\]:8081 plain", web)
    assert re.fullmatch(
        r"db       127\.0\.0\.1:5432 -> tls://localhost:5433 \(verified: ca\.pem, "
        rf"name localhost; shows client\.pem, until {day}\)", out)
    assert forward == "forward  127.0.0.1:1 -> 127.0.0.1:2 plain"
    assert summary == f"{config}: ok, 3 services"
    for flag in ("-q", "--quiet"):
        quiet = command("check", flag, config)
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    config.write_text("[service x]\n")
    quiet = command("check", "--quiet", config)
    assert (quiet.returncode, quiet.stdout) == (1, "")
    assert quiet.stderr.startswith(f"sallyport: {config}:1: ")


def test_check_changes_nothing(certs, tmp_path):
    """`check` makes no path, opens no log, binds no port and resolves no
    name."""
    with peers.FullListener() as taken:
        config = tmp_path / "good.ini"
        config.write_text(
            configs.settings(f"log = file:{tmp_path}/log") +
            configs.tls(taken.port, "no-such-host.invalid:80", certs) +
            configs.service(f"unix:{tmp_path}/door", "[::1]:1", name="t"))
        before = sorted(os.listdir(tmp_path))
        done = command("check", "-c", config, timeout=5)
        assert done.returncode == 0
        assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("words,code", [
    (["run"], os.EX_CONFIG), (["check"], 1), (["config", "show"], 1)])
def test_default_file_is_named_when_missing(words, code):
    """A command without -c that finds no file names the default one."""
    if os.path.exists("/etc/sallyport/sallyport.ini"):
        pytest.skip("there is a configuration on this machine")
    done = command(*words)
    assert done.returncode == code
    assert "/etc/sallyport/sallyport.ini" in done.stderr


EVERYTHING = """[global]
log = file:{dir}/log
log_level = debug
log_format = json
max_connections = 100
drain_timeout = 0s
include = {dir}/more/*.ini

[defaults]
timeout.idle = 90s
connect.keepalive = off
connect.ca = {certs}/ca.pem

[service a]
listen = tls://127.0.0.1:1001
listen = unix:{dir}/a path with blanks
connect = tls://localhost:2
connect = unix:@abstract
listen.cert = {certs}/server-encrypted.pem
listen.key = {certs}/server-encrypted.key
listen.passphrase_file = {certs}/server-encrypted.pass
listen.cert = {certs}/server-rsa.pem
listen.key = {certs}/server-rsa.key
listen.verify = optional
listen.ca = {certs}/ca.pem
listen.alpn = h2, http/1.1
listen.ciphers = ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
listen.ciphers = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
listen.ciphers = ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
listen.min_version = 1.2
listen.max_version = 1.3
listen.mode = 0600
listen.backlog = 10
listen.user_timeout = 1m
connect.sni = none
connect.name = localhost
connect.send_buffer = 64k
max_connections = 7
timeout.connect = 1500ms
timeout.lifetime = 30d
truncation = tolerate
splice = never
"""

MORE = """[service b]
listen = [::1]:postgresql
connect = 127.0.0.1:2
timeout.idle = off
connect.keepalive = 90s 7s 3
"""


def without_origins(text):
    """The effective options, and not where they come from."""
    return [re.sub(r" *= *", "=", re.sub(r" +;.*", "", line), count=1)
            for line in text.splitlines()
            if line and line[0] != ";"]


def test_config_show_can_be_loaded_again(certs, tmp_path):
    """What `config show` prints is a good file that means the same, with the
    origin of each value."""
    (tmp_path / "more").mkdir()
    config, shown = tmp_path / "all.ini", tmp_path / "shown.ini"
    config.write_text(EVERYTHING.replace("{dir}", str(tmp_path)).replace(
        "{certs}", str(certs)))
    (tmp_path / "more/b.ini").write_text(MORE)
    first = command("config", "show", "-c", config)
    assert (first.returncode, first.stderr) == (0, "")
    shown.write_text(first.stdout)
    second = command("config", "show", "-c", shown)
    assert (second.returncode, second.stderr) == (0, "")
    assert without_origins(second.stdout) == without_origins(first.stdout)
    assert command("check", "-c", shown).returncode == 0

    def said(option, value, origin):
        # Spaces are for the eye; the longest lines have none.
        return re.search(rf"^{re.escape(option)} *= *{re.escape(value)} *"
                         rf"(;.*{re.escape(origin)}.*)?$", first.stdout, re.M)

    assert said("timeout.idle", "90s", f"[defaults] {config}:10")
    assert said("timeout.idle", "off", f"{tmp_path}/more/b.ini:4")
    assert said("truncation", "tolerate", f"{config}")
    assert said("timeout.handshake", "10s", "default")
    assert said("listen.alpn", "http/1.1", f"{config}")
    assert first.stdout.count("[service ") == 2


def test_config_show_of_a_bad_file_tells_the_fault(tmp_path):
    """`config show` of a bad file prints its faults and nothing else."""
    config = tmp_path / "bad.ini"
    config.write_text("[service a]\nlisten = nowhere\n")
    done = command("config", "show", "-c", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{config}:2" in done.stderr


# init

KINDS = ["web", "tunnel-client", "tunnel-server", "forward"]


@pytest.mark.parametrize("kind", KINDS)
def test_init_prints_a_file_that_check_accepts(kind, tmp_path):
    """`init KIND` prints a commented file, good as it stands."""
    file = tmp_path / "x.ini"
    done = command("init", kind)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n; ") > 5
    file.write_text(done.stdout)
    checked = command("check", file)
    assert (checked.returncode, checked.stderr) == (0, "")


STAND_INS = {"listen.cert": "server.pem", "listen.key": "server.key",
             "listen.ca": "ca.pem", "connect.ca": "ca.pem",
             "connect.cert": "client.pem", "connect.key": "client.key"}


@pytest.mark.parametrize("kind", KINDS)
def test_init_is_good_with_the_files_it_names(kind, certs, tmp_path):
    """With the ';' taken from the lines that need a certificate, and the line for
    the time until then removed, the file is good as well."""
    text = re.sub(r"^listen .*; without TLS.*\n", "",
                  command("init", kind).stdout, flags=re.M)
    text = re.sub(r"^;(?=(listen|connect)\b)", "", text, flags=re.M)
    text, count = re.subn(
        r"^(\S+)( *= )/etc/sallyport/\S+",
        lambda found: f"{found[1]}{found[2]}{certs / STAND_INS[found[1]]}",
        text, flags=re.M)
    assert "; without TLS" not in text
    assert count == {"web": 2, "tunnel-client": 3, "tunnel-server": 3,
                     "forward": 0}[kind]
    file = tmp_path / "x.ini"
    file.write_text(text)
    checked = command("check", file)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert ("tls://" in text) == (kind != "forward")


# tunnel

def test_tunnel_relays(relay, server, client, free_port):
    """`tunnel` relays between two endpoints without a file."""
    port = free_port()
    far = server(peers.echo)
    one = relay(None, command=["tunnel", f"127.0.0.1:{port}",
                               f"127.0.0.1:{far.port}"])
    peer = client(port)
    assert is_served(peer)
    peer.half_close()
    [end] = one.wait_ends()
    assert (end["service"], end["reason"]) == ("tunnel", "client-closed")


def test_tunnel_relays_with_tls_on_both_legs(relay, certs, server, client,
                                             free_port):
    """`tunnel` takes every option of the legs as an argument."""
    port = free_port()
    far = server(peers.echo, tls=peers.server_context(
        certs, client_ca="ca.pem"))
    one = relay(None, command=[
        "tunnel", f"tls://127.0.0.1:{port}", f"tls://localhost:{far.port}",
        f"--listen.cert={certs}/server.pem",
        f"--listen.key={certs}/server.key", "--listen.verify=required",
        f"--listen.ca={certs}/ca.pem", f"--connect.cert={certs}/client.pem",
        f"--connect.key={certs}/client.key", f"--connect.ca={certs}/ca.pem",
        "--timeout.idle=1h", "--listen.alpn=h2", "--listen.alpn=http/1.1",
        "--log_level=debug"])
    peer = client(port, tls=peers.client_context(certs, "client",
                                                 alpn=["http/1.1"]))
    assert is_served(peer) and peer.alpn == "http/1.1"
    assert one.matching(" debug ")


@pytest.mark.parametrize("words,said", [
    (["127.0.0.1", "[::1]:1"], 'listen.*"127.0.0.1" has no port'),
    (["127.0.0.1:1", "http://x:1"], "connect.*http://"),
    (["127.0.0.1:1", "[::1]:1", "more"], '"more" is one word too many'),
    (["127.0.0.1:1", "[::1]:1", "--nonsense=1"], "nonsense: there is no such"),
    (["127.0.0.1:1", "[::1]:1", "--splice"], "splice"),
    (["127.0.0.1:1", "[::1]:1", "--splice=nevr"], "nevr.*never"),
    (["127.0.0.1:1", "[::1]:1", "--splice=auto", "--splice=never"], "splice"),
    (["127.0.0.1:1", "[::1]:1", "--include=x"], "include"),
    (["127.0.0.1:1", "[::1]:1", "--timeout.idle=1s\n"], "control byte"),
    (["tls://127.0.0.1:1", "[::1]:1"], "listen.cert"),
])
def test_tunnel_with_wrong_words_tells_the_fault(words, said):
    """`tunnel` tells what is wrong with its arguments, printable whatever they
    hold."""
    done = command("tunnel", *words)
    assert done.returncode in (1, 2)
    assert re.search(f"sallyport: command line: .*{said}", done.stderr), \
        done.stderr
    assert all(re.fullmatch("[ -~]*", line)
               for line in done.stderr.splitlines())


def test_tunnel_whose_port_is_taken_tells_the_fault():
    """`tunnel` says that its port is taken, without a line number."""
    with peers.FullListener() as taken:
        done = command("tunnel", f"127.0.0.1:{taken.port}", "[::1]:1")
    assert done.returncode == 1
    assert re.search("command line: .*Address already in use", done.stderr), \
        done.stderr
    assert ":0:" not in done.stderr     # a file has lines


def test_run_logs_what_it_does(relay, certs, server, free_port, tmp_path):
    """`run` logs its version and its file, where each service listens and connects,
    and at last that it is ready."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("log_format = json") +
                configs.tls(port, far.port, certs, f"listen = "
                            f"unix:{tmp_path}/door", "connect = 127.0.0.1:9"),
                ready='"ready: ')
    said = [json.loads(line) for line in one.log_lines()]
    version = command("version").stdout.split("\n")[0]
    servers = f"connecting to 127.0.0.1:{far.port}, then 127.0.0.1:9"
    assert [line["message"] for line in said] == [
        f"{version} starts with {one.config}: 1 service",
        f"listening on 127.0.0.1:{port} with TLS, {servers}",
        f"listening on unix:{tmp_path}/door, {servers}",
        f"ready: {version} serves 1 service of {one.config}"]
    one.signal(signal.SIGTERM)
    assert one.wait_exit() == 0
