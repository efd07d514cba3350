"""What an operator may get wrong: a clear message that says where and what to
do, exit code 1, nothing half started; and `check` says what `run` says."""
import os
import re
import subprocess

import pytest

import configs
import processes
import sallyport

GOOD = """[service s]
listen = unix:{dir}/door
connect = 127.0.0.1:9
"""

TLS = """[service s]
listen = tls+unix:{dir}/door
connect = 127.0.0.1:9
listen.cert = {certs}/server.pem
listen.key = {certs}/server.key
"""

OUT = """[service s]
listen = unix:{dir}/door
connect = tls://localhost:9
"""

# After a fault of the configuration; a service manager does not try again.
CODES = {"run": os.EX_CONFIG, "check": 1}

# The text; then for each fault its line and what is said of it.
FAULTY = {
    "match-of-no-tls": (TLS + "listen.match = proto:ssh\n",
                        [(6, "do not speak TLS.*write listen = tcp://")]),
    # The language.
    "empty-file": ("", [(None, "no service")]),
    "comments-only": ("; nothing\n# at all\n", [(None, "no service")]),
    "binary": ("\x7fELF\2\1\1\0\0\0", [(1, "control byte|no '='")]),
    "html": ("<!DOCTYPE html>\n" + GOOD, [(1, "has no '='")]),
    "yaml": ("service:\n" + GOOD, [(1, "'='")]),
    "colon": (GOOD + "splice: never\n", [(4, "after '='.*not.*after ':'")]),
    "no-value": (GOOD + "splice =\n", [(4, "splice.*(empty|value|never)")]),
    "no-sign": (GOOD + "splice\n", [(4, "has no '='")]),
    "outside": ("listen = 127.0.0.1:1\n" + GOOD, [(1, "section")]),
    "unknown-section": (GOOD + "[servise x]\n", [(4, "servise.*service")]),
    "unclosed-section": (GOOD + "[service x\n", [(4, "']'")]),
    "nameless": (GOOD + "[service]\nlisten = *:1\nconnect = [::1]:1\n",
                 [(4, "name")]),
    "odd-name": (GOOD + "[service a/b]\n", [(4, "may hold letters")]),
    "long-name": (GOOD + f"[service {'x' * 200}]\n", [(4, "shorten")]),
    "twice": (GOOD + GOOD, [(4, "service s.*:1")]),
    "global-twice": ("[global]\nlog = stderr\n[global]\n" + GOOD,
                     [(3, ":1")]),
    "scalar-twice": (GOOD + "splice = auto\nsplice = never\n",
                     [(5, "splice.*:4")]),
    "indented": (GOOD + "  connect = 127.0.0.1:10\n",
                 [(4, "indented.*repeat the key")]),
    "tab": (GOOD + "splice\t= never\n", [(4, "tab")]),
    "crlf-inside": (GOOD + "splice = auto\rx\n", [(4, "control byte")]),
    "dos": (GOOD + "splice = auto\r\n", [(4, "carriage return.*sed")]),
    "control-byte": (GOOD + "splice = auto\x07\n",
                     [(4, "control byte.*0x07.*column 14")]),
    "escape": (GOOD + "\x1b[2Jsplice = auto\n", [(4, "0x1B")]),
    "not-utf8": (GOOD.encode() + b"splice = \xff\n",
                 [(4, "0xFF.*column 10.*UTF-8")]),
    "bom": ("\ufeff" + GOOD, [(1, "byte order mark")]),
    "utf16": ("[service s]".encode("utf-16"), [(1, "UTF-8")]),
    "long-line": (GOOD + f"connect = 127.0.0.1:10 ; {'x' * 5000}\n",
                  [(4, r"line is \d+ bytes long.*key repeated")]),
    "quotes": (GOOD + 'splice = "never"\n', [(4, "quotes")]),
    "hash-after": (GOOD + "splice = never # at all\n", [(4, "comment")]),

    # Names and values.
    "unknown-key": (GOOD + "tiemout.idle = 5m\n",
                    [(4, 'tiemout.idle.*timeout.idle')]),
    "leg-missing": (TLS + "verify = none\n", [(6, "listen.verify")]),
    "key-of-global": (GOOD + "log_level = debug\n", [(4, r"\[global\]")]),
    "wrong-word": (GOOD + "splice = nevr\n", [(4, "nevr.*never")]),
    "not-a-number": (GOOD + "max_connections = many\n", [(4, "many")]),
    "too-small": (configs.settings("max_connections = 0") + GOOD,
                  [(2, "max_connections.*0.*1")]),
    "too-large": (GOOD + "max_connections = 99999999999999999999\n",
                  [(4, "max_connections")]),
    "negative": (GOOD + "timeout.idle = -5s\n", [(4, "-5s")]),
    "no-unit": (GOOD + "timeout.idle = 5\n", [(4, "5.*(unit|5s)")]),
    "odd-unit": (GOOD + "timeout.idle = 5min\n", [(4, "5min.*m")]),
    "long-time": (GOOD + "timeout.connect = 1h\n", [(4, "1h.*10m")]),
    "overflow": (GOOD + "timeout.idle = 99999999999999999d\n", [(4, "9d")]),
    "size": (GOOD + "listen.send_buffer = 1x\n", [(4, "1x.*k")]),
    "keepalive": (GOOD + "listen.keepalive = 60s 10s\n",
                  [(4, "keepalive.*(COUNT|count)")]),
    "mode": (GOOD + "listen.mode = rw\n", [(4, "octal")]),
    "version-1.1": (TLS + "listen.min_version = 1.1\n", [(6, r"1\.1.*1\.2")]),
    "versions-crossed": (TLS + "listen.min_version = 1.3\n"
                         "listen.max_version = 1.2\n",
                         [(6, "least version.*above")]),
    "log-target": (configs.settings("log = /var/log/x") + GOOD,
                   [(2, "file:")]),

    # Endpoints.
    "no-listen": ("[service s]\nconnect = [::1]:1\n", [(1, "listen")]),
    "no-connect": ("[service s]\nlisten = [::1]:1\n", [(1, "connect")]),
    "no-port": (GOOD + "connect = 127.0.0.1\n", [(4, "port")]),
    "port-0": (GOOD + "connect = 127.0.0.1:0\n", [(4, "port.*65535")]),
    "port-65536": (GOOD + "connect = 127.0.0.1:65536\n",
                   [(4, "port.*65535")]),
    "port-name": (GOOD + "connect = 127.0.0.1:no-such\n",
                  [(4, "no-such.*port|port.*no-such")]),
    "connect-any": (GOOD + "connect = *:80\n", [(4, "host")]),
    "bare-ipv6": (GOOD + "connect = ::1:80\n", [(4, "bracket")]),
    "bad-ipv6": (GOOD + "connect = [::g]:80\n", [(4, "::g")]),
    "bad-ipv4": (GOOD + "connect = 300.1.1.1:80\n", [(4, "300")]),
    "odd-scheme": (GOOD + "connect = https://example.test:443\n",
                   [(4, "https.*tls://")]),
    "long-path": (GOOD + f"connect = unix:/{'x' * 120}\n", [(4, "path")]),
    "relative-path": (GOOD + "connect = unix:door\n", [(4, "/")]),
    "itself": ("[service s]\nlisten = 127.0.0.1:9\nconnect = 127.0.0.1:9\n",
               [(3, "itself")]),
    "same-door": (GOOD + "[service t]\nlisten = unix:{dir}/door\n"
                  "connect = [::1]:1\n", [(5, "taken by service s.*:2")]),

    # What does not go together.
    "tls-without-cert": ("[service s]\nlisten = tls://*:1\n"
                         "connect = [::1]:1\n", [(None, "listen.cert")]),
    "cert-without-tls": (GOOD + "listen.cert = {certs}/server.pem\n",
                         [(4, "TLS")]),
    "mode-without-path": ("[service s]\nlisten = *:1\nconnect = [::1]:1\n"
                          "listen.mode = 0600\n", [(4, "unix path")]),
    "verify-without-ca": (TLS + "listen.verify = required\n",
                          [(6, "listen.ca")]),
    "ca-without-verify": (TLS + "listen.ca = {certs}/ca.pem\n",
                          [(6, "listen.verify")]),
    "nameless-tls-path": (GOOD.replace("127.0.0.1:9", "tls+unix:/x"),
                          [(3, "connect.name")]),

    # Files.
    "no-cert": (TLS.replace("server.pem", "missing.pem"),
                [(4, "missing.pem.*No such file")]),
    "no-key": (TLS.replace("server.key", "missing.key"),
               [(5, "missing.key.*No such file")]),
    "cert-is-folder": (TLS.replace("{certs}/server.pem", "{dir}"),
                       [(4, "directory")]),
    "cert-is-device": (TLS.replace("{certs}/server.pem", "/dev/zero"),
                       [(4, "not a regular file")]),
    "cert-is-empty": (TLS.replace("{certs}/server.pem", "{dir}/empty"),
                      [(4, "is empty")]),
    "cert-is-key": (TLS.replace("server.pem", "server.key"),
                    [(4, "server.key.*certificate")]),
    "key-is-cert": (TLS.replace("server.key", "server.pem"),
                    [(5, "server.pem.*key")]),
    "cert-is-text": (TLS.replace("{certs}/server.pem", "/etc/passwd"),
                     [(4, "PEM")]),
    "mismatched": (TLS.replace("server.key", "mismatched.key"),
                   [(4, "mismatched.key does not belong")]),
    "no-passphrase": (TLS.replace("server.key", "server-encrypted.key"),
                      [(5, "passphrase_file")]),
    "wrong-passphrase": (TLS.replace("server.key", "server-encrypted.key") +
                         "listen.passphrase_file = {dir}/wrong\n",
                         [(5, "passphrase")]),
    "empty-passphrase": (TLS.replace("server.key", "server-encrypted.key") +
                         "listen.passphrase_file = {dir}/empty\n",
                         [(6, "empty")]),
    "no-ca": (OUT + "connect.ca = {certs}/missing.pem\n",
              [(4, "missing.pem.*No such file")]),
    "no-crl": (OUT + "connect.crl = {certs}/missing.pem\n",
               [(4, "missing.pem.*No such file")]),
    "crl-is-cert": (OUT + "connect.crl = {certs}/ca.pem\n",
                    [(4, "ca.pem.*CRL")]),
    "ciphers": (TLS + "listen.ciphers = ROT13\n", [(6, "ROT13")]),
    "ciphersuites": (TLS + "listen.ciphersuites = TLS_ROT13\n",
                     [(6, "TLS_ROT13")]),
    "groups": (TLS + "listen.groups = X25519:P-12\n", [(6, "P-12")]),
    "sigalgs": (TLS + "listen.sigalgs = RSA+ROT13\n", [(6, "ROT13")]),
    "include-missing": (configs.settings("include = {dir}/none.ini") + GOOD,
                        [(2, "none.ini.*No such file")]),

    # Each of several values has its line, and one file's fault hides no other's.
    "second-cert": (TLS + "listen.cert = {dir}/none.pem\n"
                    "listen.key = {certs}/server-rsa.key\n",
                    [(6, "none.pem.*No such file")]),
    "cert-and-key": (TLS.replace("{certs}/server.", "{dir}/none."),
                     [(4, "none.pem.*No such file"),
                      (5, "none.key.*No such file")]),
    "passphrase-and-cert": (
        TLS.replace("server.pem", "none.pem").replace(
            "server.key", "server-encrypted.key") +
        "listen.passphrase_file = {dir}/none\n",
        [(4, "none.pem.*No such file"), (6, "none.*No such file")]),
    "second-ca": (OUT + "connect.ca = {certs}/ca.pem\n"
                  "connect.ca = {dir}/none.pem\n",
                  [(5, "none.pem.*No such file")]),
    "second-cipher": (
        TLS + "listen.ciphers = ECDHE-RSA-AES128-GCM-SHA256\n"
        "listen.ciphers = ROT13:ECDHE-RSA-AES256-GCM-SHA384\n",
        [(7, 'OpenSSL knows no "ROT13"')]),
    "same-path-in-other-words": (
        GOOD + "[service t]\nlisten = unix:{dir}/.//door\n"
        "connect = [::1]:1\n", [(5, "taken by service s.*:2")]),
    "mapped-address": (GOOD.replace("unix:{dir}/door", "[::ffff:127.0.0.1]:9"),
                       [(2, "write 127.0.0.1:9")]),

    # What is no configuration.
    "pem": ("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBM\nSECRET\n"
            "-----END PRIVATE KEY-----\n",
            [(1, r"this is a PEM file \(PRIVATE KEY\), and not a configuration; "
                 r"a configuration names it with listen\.cert")]),
    "pem-inside": (GOOD + "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBM\nSECRET\n"
                   "-----END PRIVATE KEY-----\n",
                   [(4, "PEM block .*keep it in a file of its own")]),
    "long-word": (GOOD + "x" * 29 + "yzSECRET\n",
                  [(4, 'x{29}y\\.\\.\\." has no')]),

    # Accounts.
    "user-unknown": (configs.settings("user = no-such-user") + GOOD,
                     [(2, "there is no user \"no-such-user\"")]),
    "group-unknown": (configs.settings("group = no-such-group") + GOOD,
                      [(2, "there is no group \"no-such-group\"")]),
    "keeper-user-unknown": (
        configs.settings("keeper_user = no-such-user") + GOOD,
        [(2, "there is no user \"no-such-user\"")]),
    "owner-unknown": (GOOD + "listen.owner = no-such-user\n",
                      [(4, "there is no account \"no-such-user\"")]),
    "owner-group-unknown": (GOOD + "listen.owner = root:no-such-group\n",
                            [(4, "there is no account")]),

    # What other programs write.
    "port-alone": (GOOD.replace("127.0.0.1:9", "6379"),
                   [(3, "write 127.0.0.1:6379 ")]),
    "url": (GOOD.replace("127.0.0.1:9", "https://example.org/x"),
            [(3, "write tls://example.org:443")]),
    "comma-list": (GOOD.replace("127.0.0.1:9", "127.0.0.1:9,127.0.0.1:10"),
                   [(3, "on a line of its own.*connect = ")]),
    "nginx-listen": (GOOD.replace("unix:{dir}/door", "127.0.0.1:443 ssl"),
                     [(2, "write tls://127.0.0.1:443")]),
    "path": (GOOD.replace("127.0.0.1:9", "/run/x.sock"),
             [(3, "write unix:/run/x.sock")]),
    "no-break-space": (GOOD + "splice = \u00a0never\n", [(4, "no-break space")]),
    "curly-quotes": (GOOD + "splice = \u201cnever\u201d\n", [(4, "curly quote")]),
    "stunnel": (GOOD + "accept = 443\nCAfile = x\n",
                [(4, "write \"listen\""), (5, "\"connect.ca\"")]),
    "timeout": (GOOD + "timeout = 30\n",
                [(4, "write timeout.connect = 30s, timeout.handshake = 30s, "
                     ".*timeout.idle = 30s, timeout.half_close = 30s or "
                     "timeout.lifetime = 30s")]),
    "nginx": (GOOD + "ssl_certificate = x\n", [(4, "write \"listen.cert\"")]),
    "include-in-service": (GOOD + "include = {dir}/x\n", [(4, "global")]),
}


def write(path, text, **values):
    if isinstance(text, str):
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", str(value))
        text = text.encode()
    path.write_bytes(text)
    return path


def errors_of(text):
    """The lines that tell an error: `run` logs what it warns of, and `check` tells
    it with a place of its own, and counts all."""
    return [line for line in text.splitlines()
            if line.startswith("sallyport: ") and ": warning: " not in line and
            not re.search(r"\.ini: \d+ (error|warning)s?\b", line)]


@pytest.mark.promise(37, 52)
@pytest.mark.parametrize("name", FAULTY)
def test_fault_is_told_with_its_place(certs, tmp_path, name):
    """`run` and `check` tell a fault alike, with file and line, and start
    nothing."""
    text, faults = FAULTY[name]
    config = write(tmp_path / "bad.ini", text, certs=certs, dir=tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "wrong").write_text("incorrect horse battery staple\n")
    run = sallyport.sallyport("run", "-c", config)
    check = sallyport.sallyport("check", "-c", config)
    assert (run.returncode, check.returncode) == \
        (CODES["run"], CODES["check"])
    assert errors_of(run.stderr) == errors_of(check.stderr)
    assert run.stdout == check.stdout == ""
    lines = run.stderr.splitlines()
    count = len(errors_of(check.stderr))
    assert re.search(rf"^sallyport: {config}: {count} error{'s' * (count > 1)}"
                     r"(, \d+ warnings?)?$", check.stderr, re.M), check.stderr
    for line, said in faults:
        place = f"{config}:{line}: " if line else f"{config}"
        at_place = [one for one in lines
                    if one.startswith(f"sallyport: {place}")]
        assert any(re.search(said, one[len(str(config)):])
                   for one in at_place), run.stderr
    assert all(re.fullmatch(r"[ -~]*", line) for line in lines)
    assert len(lines) <= 4, run.stderr
    assert "SECRET" not in run.stderr + check.stderr
    assert not (tmp_path / "door").exists()


@pytest.mark.promise(37)
def test_faults_of_all_kinds_are_told_at_once(certs, tmp_path):
    """One run tells the faults of the language, of values, of files and of
    several services."""
    config = write(tmp_path / "bad.ini", """[global]
log_level = loud
max_connections = 0
[service a]
listen = tls://127.0.0.1:1
  connect = 127.0.0.1:2
connect = 127.0.0.1:99999
listen.cert = {certs}/missing.pem
tiemout.idle = 5m
[service b]
listen = 127.0.0.1:1
connect = tls://127.0.0.1:3
connect.ca = {certs}/missing.pem
splice = maybe
[servise c]
listen = 127.0.0.1:4
""", certs=certs)
    done = sallyport.sallyport("check", "-c", config)
    assert done.returncode == 1
    places = {int(found) for found in
              re.findall(r"bad\.ini:(\d+):", done.stderr)}
    assert {2, 3, 6, 7, 9, 14, 15} <= places, done.stderr


@pytest.mark.promise(37)
def test_faults_of_all_files_are_told_at_once(certs, tmp_path):
    """One run tells the faults of every file that the services name."""
    text = "".join(
        configs.service(f"tls://127.0.0.1:{port}", "tls://localhost:9",
                        f"listen.cert = {certs}/missing.pem",
                        "listen.ciphers = ROT13",
                        f"connect.ca = {certs}/missing.pem", name=f"s{port}")
        for port in (1, 2, 3))
    config = write(tmp_path / "bad.ini", text)
    done = sallyport.sallyport("check", "-c", config)
    assert done.returncode == 1
    lines = [1, 7, 13]
    for start in lines:
        for line in (start + 3, start + 4, start + 5):
            assert f"bad.ini:{line}: " in done.stderr, (line, done.stderr)


def test_faults_are_told_in_the_order_of_lines(certs, tmp_path):
    """`check` tells errors and warnings together, in the order of lines and in one
    form, and counts them."""
    more = tmp_path / "more.ini"
    more.write_text(configs.tls(9, 9, certs, "splice = maybe", name="more"))
    config = write(tmp_path / "bad.ini", f"""[global]
include = {more}
[service a]
listen = tls://127.0.0.1:1
connect = tls://localhost:2
connect.verify = none
listen.cert = {{certs}}/server-expired.pem
listen.key = {{certs}}/server-expired.key
listen.cert = {{dir}}/none.pem
listen.key = {{dir}}/none.key
[service b]
listen = tls://127.0.0.1:3
listen.cert = {{dir}}/none.pem
connect = 127.0.0.1:4
""", certs=certs, dir=tmp_path)
    more.write_text(configs.tls(9, "tls://localhost:2", certs,
                                "connect.verify = none", name="more"))
    done = sallyport.sallyport("check", "-c", config)
    assert (done.returncode, done.stdout) == (1, "")
    told = re.findall(rf"^sallyport: {tmp_path}/(\w+\.ini:\d+: (?:warning: )?"
                      r"\[service \w+\] [\w.]+): ", done.stderr, re.M)
    assert told == [
        "bad.ini:6: warning: [service a] connect.verify",
        "bad.ini:7: warning: [service a] listen.cert",
        "bad.ini:9: [service a] listen.cert",
        "bad.ini:10: [service a] listen.key",
        "bad.ini:13: [service b] listen.cert",
        "more.ini:6: warning: [service more] connect.verify"]
    assert done.stderr.splitlines()[-1] == \
        f"sallyport: {config}: 3 errors, 3 warnings"


@pytest.mark.promise(52)
def test_warnings_fail_a_strict_check(certs, tmp_path):
    """Warnings are counted, and `check --strict` fails for them."""
    config = write(tmp_path / "odd.ini", OUT + "connect.verify = none\n",
                   dir=tmp_path)
    done = sallyport.sallyport("check", config)
    assert done.returncode == 0
    assert done.stdout.endswith(f"\n{config}: ok, 1 service, 1 warning\n")
    warning = f"sallyport: {config}:4: warning: [service s] connect.verify: "
    assert done.stderr.startswith(warning) and done.stderr.count("\n") == 1
    strict = sallyport.sallyport("check", "--strict", config)
    assert (strict.returncode, strict.stdout) == (1, "")
    assert strict.stderr == done.stderr + f"sallyport: {config}: 1 warning, " \
        "which --strict takes for errors\n"
    good = write(tmp_path / "good.ini", GOOD, dir=tmp_path)
    assert sallyport.sallyport("check", "--strict", good).returncode == 0


def test_thousand_faults_are_bounded(tmp_path):
    """Of a file of nothing but faults of a kind ten are told, and how many more
    there are."""
    config = write(tmp_path / "bad.ini", GOOD + "nonsense\n" * 1000,
                   dir=tmp_path)
    for command in ("check", "run"):
        done = sallyport.sallyport(command, "-c", config)
        assert done.returncode == CODES[command]
        assert done.stderr.count('"nonsense" has no') == 10
        assert "\nsallyport: and 990 more like these\n" in done.stderr
    check = sallyport.sallyport("check", "-c", config)
    assert check.stderr.endswith(f"sallyport: {config}: 1000 errors\n")


@pytest.mark.promise(52)
@pytest.mark.parametrize("what,said", [
    ("missing", "No such file"), ("folder", "directory"),
    ("unreadable", "Permission denied")])
def test_unusable_file_is_told(tmp_path, what, said):
    """A configuration that is missing, a folder or unreadable is told by its
    path."""
    config = tmp_path / "bad.ini"
    within = ()
    if what == "folder":
        config.mkdir()
    if what == "unreadable":
        config.write_text(GOOD)
        config.chmod(0)
        if os.geteuid() == 0:   # root may read everything
            within = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    for command in ("run", "check"):
        done = sallyport.sallyport(command, "-c", config, within=within)
        assert done.returncode == CODES[command]
        assert re.search(rf"{config}.*{said}", done.stderr), done.stderr


@pytest.mark.promise(52)
def test_unreadable_key_is_told(certs, tmp_path):
    """A key that may not be read is told with its path and the line that names
    it."""
    key = tmp_path / "server.key"
    key.write_bytes((certs / "server.key").read_bytes())
    key.chmod(0)
    within = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] \
        if os.geteuid() == 0 else ()
    config = write(tmp_path / "bad.ini",
                   TLS.replace("{certs}/server.key", str(key)),
                   certs=certs, dir=tmp_path)
    for command in ("run", "check"):
        done = sallyport.sallyport(command, "-c", config, within=within)
        assert done.returncode == CODES[command]
        assert re.search(rf"bad.ini:5: .*{key}: cannot open: Permission denied",
                         done.stderr), done.stderr


# As root has shut them; the lines that name one, what keeps the user out, and of
# which file or folder it is said.
DENIED = {
    "configuration": ("", "0700", "read", "{dir}/s.ini"),
    "certificate-behind-a-link": (TLS.replace("{certs}/server.pem",
                                              "{dir}/live/cert.pem"),
                                  "", "enter", "{dir}/archive"),
    "key": (TLS.replace("{certs}/server.key", "{dir}/own.key"), "", "read",
            "{dir}/own.key"),
    "ca": (OUT + "connect.ca = {dir}/archive/ca.pem\n", "", "enter",
           "{dir}/archive"),
    "ca-folder": (OUT + "connect.ca = {dir}/archive\n", "", "read",
                  "{dir}/archive"),
    "crl": (OUT + "connect.crl = {dir}/archive/x.crl\n", "", "enter",
            "{dir}/archive"),
    "include": ("[global]\ninclude = {dir}/archive/x.ini\n" + GOOD, "",
                "enter", "{dir}/archive"),
    "include-of-many": ("[global]\ninclude = {dir}/archive/*.ini\n" + GOOD,
                        "", "read", "{dir}/archive"),
    "log": (configs.settings("log = file:{dir}/archive/log") + GOOD, "run",
            "enter", "{dir}/archive"),
}


@pytest.fixture
def denying_folder(owned_folder, certs):
    """A folder of nobody's with a folder and files of root's, which others may
    neither enter nor read."""
    archive, live = owned_folder / "archive", owned_folder / "live"
    live.mkdir()
    archive.mkdir(mode=0o700)
    for name in ("server.pem", "server.key"):
        (owned_folder / name).write_bytes((certs / name).read_bytes())
        (owned_folder / name).chmod(0o644)
    (archive / "cert.pem").write_bytes((certs / "server.pem").read_bytes())
    (live / "cert.pem").symlink_to("../archive/cert.pem")
    own = owned_folder / "own.key"
    own.write_bytes((certs / "server.key").read_bytes())
    own.chmod(0o600)
    return owned_folder


@pytest.mark.promise(52)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize("kind", DENIED)
def test_denied_file_is_told_with_user_and_place(denying_folder, kind):
    """A file that may not be read is told with the user that may not, and the
    first folder or file on the way that keeps it out."""
    text, only, what, where = DENIED[kind]
    config = write(denying_folder / "s.ini",
                   (text or GOOD).replace("{certs}", "{dir}"),
                   dir=denying_folder)
    config.chmod(0o600 if only == "0700" else 0o644)
    where = where.format(dir=denying_folder)
    for command in ("run",) if only == "run" else ("run", "check"):
        done = sallyport.sallyport(command, "-c", config,
                                   within=sallyport.AS_NOBODY)
        assert done.returncode != 0
        assert re.search(rf"Permission denied: user nobody may not {what} "
                         rf"{re.escape(where)} \(mode 0[67]00, owner root, "
                         r"group root\)", done.stderr), done.stderr


# What only the start finds out.
START_FAULTY = {
    "no-folder-of-log": (configs.settings("log = file:{dir}/none/log") + GOOD,
                         "cannot open log file {dir}/none/log: No such file"),
}


@pytest.mark.parametrize("name", START_FAULTY)
def test_fault_of_the_start_is_told(tmp_path, name):
    """A start that cannot have its log says so, and makes no socket."""
    text, said = START_FAULTY[name]
    config = write(tmp_path / "bad.ini", text, dir=tmp_path)
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == 1
    assert re.search(said.replace("{dir}", str(tmp_path)), done.stderr)
    assert not (tmp_path / "door").exists()


@pytest.mark.promise(11, 52)
@pytest.mark.parametrize("command", ["check", "run"])
def test_warnings_do_not_stop_a_start(certs, relay, tmp_path, command):
    """An expired certificate and a check that is turned off are warned of."""
    text = TLS.replace("server.", "server-expired.") + \
        "connect = tls://localhost:9\nconnect.verify = none\n"
    config = write(tmp_path / "odd.ini", text, certs=certs, dir=tmp_path)
    if command == "check":
        done = sallyport.sallyport("check", "-c", config)
        assert done.returncode == 0
        said = done.stderr
    else:
        one = relay(config.read_text())
        said = one.text()
    assert re.search(r"warn.*server-expired.pem.*expired.*20\d\d-\d\d-\d\d",
                     said), said
    assert re.search(r"warn.*connect.verify: is none", said), said


def issue(certs, folder, *extensions):
    """A certificate for a server by the CA of the examples: folder/slip.pem, with
    its key."""
    (folder / "slip.ext").write_text("\n".join(extensions))
    ask = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "slip.key",
         "-subj", "/CN=slip"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-req", "-CA", certs / "ca.pem", "-CAkey",
         certs / "ca.key", "-set_serial", "78", "-days", "10", "-extfile",
         folder / "slip.ext", "-out", folder / "slip.pem"],
        input=ask.stdout, check=True, capture_output=True)
    with open(folder / "slip.pem", "a") as pem:
        pem.write((folder / "slip.key").read_text())
    (folder / "slip.pem").chmod(0o600)


# What is said of a listener's certificate that has these extensions.
SLIPS = {
    "no-name": (["basicConstraints = CA:FALSE"],
                "slip.pem: certificate CN=slip has no subjectAltName"),
    "no-issuer": (["subjectAltName = DNS:localhost", "authorityInfoAccess = "
                   "caIssuers;URI:http://ca.example/ca.cer"],
                  "slip.pem: certificate CN=slip comes without that of its "
                  "issuer CN=Example CA.*fullchain.pem"),
}


@pytest.mark.promise(52)
@pytest.mark.parametrize("name", SLIPS)
def test_slips_of_certificates_are_warned_of(certs, relay, tmp_path, free_port,
                                             name):
    """A certificate without a name, or without the intermediate that issued it, is
    warned of by check, start and reload alike."""
    extensions, warning = SLIPS[name]
    issue(certs, tmp_path, *extensions)
    one = relay(configs.service(f"tls://127.0.0.1:{free_port()}", 9,
                                f"listen.cert = {tmp_path}/slip.pem"))
    assert len(one.matching(f"warn.*{warning}")) == 1, one.text()
    done = sallyport.sallyport("check", "-c", one.config)
    assert done.returncode == 0
    assert len(re.findall(warning, done.stderr)) == 1, done.stderr
    done = processes.reload(one)
    assert re.search(warning, done.stdout + done.stderr)
    one.wait_log(f"warn.*{warning}", count=2)


# Lines of a TLS service, and what is warned of them; "": nothing.
ODD_NAMES = {
    "alpn-http1.1": ("listen.alpn = h2, http1.1", 'listen.alpn: "http1.1" is not '
                     'the name of a registered protocol; did you mean '
                     '"http/1.1"\\?'),
    "alpn-http2": ("listen.alpn = http/2", 'did you mean "h2"'),
    "alpn-h1": ("listen.alpn = h1", 'did you mean "http/1.1"'),
    "alpn-of-a-match": ("listen.match = alpn:http/2",
                        'listen.match: "http/2" is .*did you mean "h2"'),
    "alpn-private": ("listen.alpn = x-mine", ""),
    "sni-not-certified": ("listen.match = sni:other.example",
                          "listen.match: no certificate of this service is for "
                          "other.example.*name one with listen.cert"),
    "sni-of-a-domain": ("listen.match = sni:*.other.example",
                        r"is for \*.other.example"),
    "sni-certified": ("listen.match = sni:localhost", ""),
}


@pytest.mark.promise(52)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_name_that_no_client_will_ask_for_is_warned_of(certs, relay, tmp_path,
                                                       free_port, name):
    """A protocol that looks like a registered one, and a name that no certificate
    has, are warned of by check and start alike, with the line."""
    line, warning = ODD_NAMES[name]
    one = relay(configs.tls(free_port(), 9, certs, line))
    number = one.config.read_text().splitlines().index(line) + 1
    done = sallyport.sallyport("check", "-c", one.config)
    assert done.returncode == 0, done.stderr
    if not warning:
        assert "warning" not in done.stderr and not one.matching(" warn ")
        return
    assert re.search(rf":{number}: warning: \[service \w+\] {'.*' + warning}",
                     done.stderr), done.stderr
    assert one.matching(f"warn.*{warning}"), one.text()


@pytest.mark.promise(52)
def test_configuration_that_any_user_may_change_is_warned_of(relay, tmp_path,
                                                             free_port):
    """A file that any user may write to decides what the daemon does: check,
    start and reload warn of it."""
    text = configs.plain(free_port(), 9)
    more = tmp_path / "more.ini"
    more.write_text(configs.plain(free_port(), 9, name="more"))
    one = relay(configs.settings(f"include = {more}") + text)
    warning = f"{more} may be changed by any user .mode 0666."
    assert not one.matching(warning)
    more.chmod(0o666)
    done = sallyport.sallyport("check", "-c", one.config)
    assert done.returncode == 0
    assert re.search(f"{more}: warning: {warning}", done.stderr), done.stderr
    processes.reload(one)
    assert one.matching(f"warn {warning}")


def test_odd_but_good_file_is_accepted(tmp_path):
    """Comments, missing blanks and a last line without an end are no
    faults."""
    text = ("\n; a comment\n# another\n\n[global]\nlog_level=debug\n"
            "[service a.b-c_9]  ; named\nlisten=unix:{dir}/door\n"
            "connect   =   127.0.0.1:9   ; nine\nsplice = never")
    config = write(tmp_path / "odd.ini", text, dir=tmp_path)
    done = sallyport.sallyport("check", "-c", config)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another")
def test_check_asks_as_another_user(denying_folder):
    """`check --user` by root tells what that user may not read, and who was
    asked; a user that is not there is told."""
    config = write(denying_folder / "s.ini",
                   TLS.replace("{certs}/server.key", "{dir}/own.key").replace(
                       "{certs}", "{dir}"), dir=denying_folder)
    config.chmod(0o644)
    done = sallyport.sallyport("check", "--user", "nobody", config)
    assert done.returncode == 1
    assert f"user nobody may not read {denying_folder}/own.key" in done.stderr
    assert "asked as user nobody" in done.stderr
    done = sallyport.sallyport("check", "--user", "root", config)
    assert done.returncode == 0, done.stderr
    done = sallyport.sallyport("check", "--user", "no-such-user", config)
    assert done.returncode == 1 and "no user no-such-user" in done.stderr
    assert "asked as" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_check_as_another_user_takes_root(tmp_path):
    """Only root can check as another user."""
    done = sallyport.sallyport("check", "--user", "root", "-c",
                               tmp_path / "s.ini",
                               within=sallyport.AS_NOBODY)
    assert done.returncode == 1
    assert "only root can check as another user" in done.stderr
