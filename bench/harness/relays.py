"""The relays that are compared: how each is set up and started.

All have as many workers (or threads) as the scenario says, verify the server
where they speak TLS to it, and show the same certificates.  Sallyport logs to a
file, warnings and worse, and its peers log nothing about a connection either,
but where the scenario has them write a line for each.
"""
import dataclasses
import pathlib
import re
import subprocess
import tempfile
import typing

HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a relay has to do."""
    listen_tls: bool
    connect_tls: bool
    port: int
    backend: int
    folder: pathlib.Path        # for its files
    certs: pathlib.Path
    cert: str = "server"        # or server-rsa
    workers: int = 1
    more: tuple = ()            # lines of ours, behind its service
    logs: bool = False          # a line for each connection, to a file

    def pem(self, name=None):
        return self.certs / f"{name or self.cert}.pem"

    def key(self):
        return self.certs / f"{self.cert}.key"

    def both(self):
        """Certificate and key in one file."""
        path = self.folder / "both.pem"
        path.write_text(self.pem().read_text() + self.key().read_text())
        return path

    def write(self, name, lines):
        path = self.folder / name
        path.write_text("\n".join(line for line in lines if line) + "\n")
        return path


@dataclasses.dataclass(frozen=True)
class Relay:
    name: str
    group: str                  # ours, variant, default, tuned, baseline
    settings: str               # in words, for the report
    command: typing.Callable    # (relay, Setup) -> words
    version: typing.Callable    # () -> text
    legs: frozenset = frozenset({(False, False), (True, False),
                                 (False, True), (True, True)})
    few: bool = False           # a process for each connection: bulk only
    alone: bool = False         # cannot have two workers
    logs: bool = False          # can log each connection to a file
    options: tuple = ()
    only: tuple = ()            # names of scenarios; empty: all
    against: str = "sallyport"  # whom a variant is compared with


def _said(command, pattern):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return "not installed"
    match = re.search(pattern, done.stdout + done.stderr)
    return match.group(1) if match else "unknown"


def _sallyport_version(binary):
    return _said([binary, "version"], r"sallyport (\S+)")


def _sets(relay, option):
    return any(re.match(rf"{option}\s*=", line) for line in relay.options)


def _sallyport(binary):
    def command(relay, setup):
        tls_listen, tls_connect = setup.listen_tls, setup.connect_tls
        config = setup.write("sallyport.ini", [
            "[global]",
            f"log = file:{setup.folder}/sallyport.log",
            f"log_level = {'info' if setup.logs else 'warn'}",
            "" if _sets(relay, "workers") else f"workers = {setup.workers}",
            *relay.options,
            *setup.more,
            "[service bench]",
            f"listen = {'tls' if tls_listen else 'tcp'}://{HOST}:{setup.port}",
            f"listen.cert = {setup.pem()}" if tls_listen else "",
            f"listen.key = {setup.key()}" if tls_listen else "",
            f"connect = {'tls' if tls_connect else 'tcp'}://"
            f"{HOST}:{setup.backend}",
            f"connect.ca = {setup.pem('ca')}" if tls_connect else "",
            "connect.name = localhost" if tls_connect else "",
        ])
        return [binary, "run", "-c", config]
    return command


def _nginx(relay, setup):
    tls = " ssl" if setup.listen_tls else ""
    config = setup.write("nginx.conf", [
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;",
        f"daemon off; user root; worker_processes {setup.workers};",
        f"pid {setup.folder}/nginx.pid;",
        f"error_log {setup.folder}/error.log crit;",
        "worker_rlimit_nofile 20000;",
        "events { worker_connections 20000; }",
        "stream {",
        *([
            "log_format line '$remote_addr [$time_local] $protocol $status "
            "$bytes_sent $bytes_received $session_time \"$upstream_addr\"';",
            f"access_log {setup.folder}/access.log line;",
        ] if setup.logs else []),
        "server {",
        f"listen {HOST}:{setup.port}{tls} backlog=4096;",
        f"ssl_certificate {setup.pem()};" if tls else "",
        f"ssl_certificate_key {setup.key()};" if tls else "",
        "ssl_protocols TLSv1.2 TLSv1.3;" if tls else "",
        f"proxy_pass {HOST}:{setup.backend};",
        *([
            "proxy_ssl on; proxy_ssl_protocols TLSv1.2 TLSv1.3;",
            f"proxy_ssl_trusted_certificate {setup.pem('ca')};",
            "proxy_ssl_verify on; proxy_ssl_name localhost;",
        ] if setup.connect_tls else []),
        *relay.options,
        "}", "}",
    ])
    return ["/usr/sbin/nginx", "-p", setup.folder, "-c", config,
            "-e", f"{setup.folder}/error.log"]


def _haproxy(relay, setup):
    listen = f" ssl crt {setup.both()}" if setup.listen_tls else ""
    connect = f" ssl verify required ca-file {setup.pem('ca')} " \
        "verifyhost localhost" if setup.connect_tls else ""
    config = setup.write("haproxy.cfg", [
        "global",
        "  maxconn 6000",
        f"  nbthread {setup.workers}",
        *(f"  {one}" for one in relay.options if one.startswith("tune.")),
        "defaults",
        "  mode tcp",
        "  timeout connect 5s",
        "  timeout client 10m",
        "  timeout server 10m",
        *(f"  {one}" for one in relay.options if one.startswith("option ")),
        "frontend in",
        f"  bind {HOST}:{setup.port}{listen}",
        "  default_backend out",
        "backend out",
        f"  server one {HOST}:{setup.backend}{connect}",
    ])
    return ["/usr/sbin/haproxy", "-db", "-q", "-f", config]


def _stunnel(_relay, setup):
    config = setup.write("stunnel.conf", [
        "foreground = yes",
        "pid =",
        "syslog = no",
        "debug = 3",
        "[bench]",
        f"accept = {HOST}:{setup.port}",
        f"connect = {HOST}:{setup.backend}",
        *([f"cert = {setup.pem()}", f"key = {setup.key()}"]
          if setup.listen_tls else
          ["client = yes", f"CAfile = {setup.pem('ca')}",
           "verifyChain = yes", "checkHost = localhost"]),
    ])
    return ["/usr/bin/stunnel4", config]


def _hitch(_relay, setup):
    config = setup.write("hitch.conf", [
        f'frontend = {{ host = "{HOST}" port = "{setup.port}" }}',
        f'backend = "[{HOST}]:{setup.backend}"',
        f'pem-file = "{setup.both()}"',
        f"workers = {setup.workers}",
        "daemon = off",
        "quiet = on",
        'user = "root"',
    ])
    return ["/usr/sbin/hitch", f"--config={config}"]


def _socat(_relay, setup):
    listen = f"OPENSSL-LISTEN:{setup.port},cert={setup.both()},verify=0" \
        if setup.listen_tls else f"TCP-LISTEN:{setup.port}"
    connect = f"OPENSSL:{HOST}:{setup.backend},cafile={setup.pem('ca')}," \
        "commonname=localhost" if setup.connect_tls else \
        f"TCP:{HOST}:{setup.backend}"
    return ["/usr/bin/socat", f"{listen},bind={HOST},fork,reuseaddr",
            connect]


def _bufferevent(binary):
    def command(_relay, setup):
        words = [binary, setup.port, setup.backend]
        if setup.listen_tls:
            words += ["--cert", setup.pem(), "--key", setup.key()]
        if setup.connect_tls:
            words += ["--connect-ca", setup.pem("ca")]
        return words
    return command


BESIDE = "sallyport-beside"

# Our own relay with other settings: name, lines of [global], what it is
# compared with, scenarios.
VARIANTS = (
    ("sallyport-keeper-off", ("keeper = off",), "sallyport", ("full-*",)),
    ("sallyport-keeper-on", ("keeper = on",), "sallyport-keeper-off",
     ("full-*",)),
)


def _accepts(sallyport, lines):
    """Whether this binary knows the settings: an older one may not."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as config:
        config.write("\n".join(
            ["[global]", *lines, "[service bench]",
             f"listen = {HOST}:1024", f"connect = {HOST}:1025", ""]))
        config.flush()
        done = subprocess.run([sallyport, "check", "-c", config.name],
                              capture_output=True, check=False)
    return done.returncode == 0


def _variant(name, binary, settings, **more):
    return Relay(name, "variant", settings, _sallyport(binary),
                 lambda: _sallyport_version(binary), logs=True, **more)


def variants(sallyport, asked=(), beside=None):
    """Those of the table that the binary knows, those that are `asked` for
    (name, lines), and another build."""
    known = [one for one in VARIANTS if _accepts(sallyport, one[1])]
    known += [(name, lines, "sallyport", ()) for name, lines in asked]
    found = [_variant(name, sallyport, "; ".join(lines), options=lines,
                      against=against, only=only)
             for name, lines, against, only in known]
    if beside:
        found.append(_variant(BESIDE, beside, "another build"))
    return found


_PLAIN = frozenset({(False, False)})
_TLS_IN = frozenset({(True, False)})
_ONE_TLS = frozenset({(True, False), (False, True)})


def all_relays(sallyport, bufferevent_relay):
    """Every relay, ours first."""
    def nginx():
        return _said(["/usr/sbin/nginx", "-v"], r"nginx/(\S+)")

    def haproxy():
        return _said(["/usr/sbin/haproxy", "-v"], r"version (\S+)")

    return [
        Relay("sallyport", "ours", "defaults; log to a file, level warn",
              _sallyport(sallyport),
              lambda: _sallyport_version(sallyport), logs=True),
        Relay("nginx", "default", "stream, defaults; TLS 1.2 and 1.3",
              _nginx, nginx, logs=True),
        Relay("nginx-256k", "tuned", "stream, proxy_buffer_size 256k",
              _nginx, nginx, options=("proxy_buffer_size 256k;",)),
        Relay("haproxy", "default", "mode tcp, defaults, nbthread",
              _haproxy, haproxy),
        Relay("haproxy-256k", "tuned", "tune.bufsize 262144",
              _haproxy, haproxy, options=("tune.bufsize 262144",)),
        Relay("haproxy-splice", "tuned",
              "option splice-request and splice-response, tune.pipesize "
              "1048576 (splice-auto hardly splices here)", _haproxy, haproxy,
              legs=_PLAIN,
              options=("tune.pipesize 1048576", "option splice-request",
                       "option splice-response")),
        Relay("stunnel", "default", "defaults (a thread for each client)",
              _stunnel,
              lambda: _said(["/usr/bin/stunnel4", "-version"],
                            r"stunnel (\S+)"), legs=_ONE_TLS),
        Relay("hitch", "default", "defaults", _hitch,
              lambda: _said(["/usr/sbin/hitch", "--version"],
                            r"hitch (\S+)"), legs=_TLS_IN),
        Relay("socat", "default", "defaults, fork; bulk only", _socat,
              lambda: _said(["/usr/bin/socat", "-V"],
                            r"socat version (\S+)"), few=True),
        Relay("bufferevent", "baseline",
              "bench/bufferevent_relay.c, libevent's bufferevents alone",
              _bufferevent(bufferevent_relay),
              lambda: _said(["pkg-config", "--modversion", "libevent"],
                            r"(\S+)"), alone=True),
    ]
