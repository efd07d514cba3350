"""Other relays, each as a TLS end towards clients or towards a server: what
docs/differences.md says of them is what they do here."""
import pathlib
import shutil

import servers
from sallyport import free_port

HOST = "127.0.0.1"
PROGRAMS = {"stunnel": "stunnel4", "hitch": "hitch", "haproxy": "haproxy",
            "nginx": "nginx"}


def is_installed(name):
    return shutil.which(PROGRAMS[name], path="/usr/sbin:/usr/bin") is not None


class Rival(servers.Server):
    """`name` relays from `port` to 127.0.0.1:TO.

    With `cert`, a PEM file of certificate and key, it is TLS towards clients;
    else towards the server.  `tls`: {what: value} of that end, of "ca", "crl",
    "alpn", "host" (to verify); `bind`: the host that it listens on."""

    def __init__(self, folder, name, to, cert=None, bind=HOST, **tls):
        self.port, self.host = free_port(), bind
        self.to, self.cert, self.tls = to, cert, tls
        folder.mkdir()
        self.config = folder / f"{name}.conf"
        lines = getattr(self, f"_{name}")(folder)
        self.config.write_text("\n".join(lines) + "\n")
        words = {"stunnel": [self.config],
                 "hitch": [f"--config={self.config}"],
                 "haproxy": ["-db", "-f", self.config],
                 "nginx": ["-e", "stderr", "-p", folder, "-c", self.config]}
        program = shutil.which(PROGRAMS[name], path="/usr/sbin:/usr/bin")
        super().__init__(folder, [program, *words[name]])

    def is_ready(self):
        """Without a connection, which it would relay."""
        tables = (pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]
                  for name in ("tcp", "tcp6"))
        sockets = [line.split() for table in tables for line in table]
        return any(words[1].endswith(f":{self.port:04X}") and words[3] == "0A"
                   for words in sockets)

    def _stunnel(self, _folder):
        yield from ("foreground = yes", "pid =", "syslog = no", "[one]",
                    f"accept = {self.host}:{self.port}",
                    f"connect = {HOST}:{self.to}")
        if self.cert:
            yield f"cert = {self.cert}"
        else:
            yield "client = yes"
        words = {"ca": "CAfile", "crl": "CRLfile", "host": "checkHost"}
        for what, value in self.tls.items():
            yield f"{words[what]} = {value}"
        if "ca" in self.tls:
            yield "verifyChain = yes"

    def _hitch(self, _folder):
        yield from (f'frontend = "[{self.host}]:{self.port}"',
                    f'backend = "[{HOST}]:{self.to}"',
                    f'pem-file = "{self.cert}"', "workers = 1",
                    "daemon = off", 'user = "root"', "log-level = 0")
        if "alpn" in self.tls:
            yield f'alpn-protos = "{self.tls["alpn"]}"'

    def _haproxy(self, _folder):
        words = {"ca": "verify required ca-file", "crl": "crl-file",
                 "alpn": "alpn", "host": "verifyhost"}
        tls = " ".join(f"{words[what]} {value}"
                       for what, value in self.tls.items())
        listen = f"ssl crt {self.cert} {tls}" if self.cert else ""
        connect = "" if self.cert else f"ssl {tls}"
        return ["defaults", "  mode tcp", "  timeout connect 5s",
                "  timeout client 1m", "  timeout server 1m", "frontend in",
                f"  bind {self.host}:{self.port} {listen}",
                "  default_backend out", "backend out",
                f"  server one {HOST}:{self.to} {connect}"]

    def _nginx(self, folder):
        words = {"crl": "ssl_crl", "alpn": "ssl_alpn"}
        side = "" if self.cert else "proxy_"
        tls = [f"{side}{words[what]} {value};"
               for what, value in self.tls.items() if what in words]
        if self.cert:
            tls += [f"ssl_certificate {self.cert};",
                    f"ssl_certificate_key {self.cert};"]
            if "ca" in self.tls:
                tls += ["ssl_verify_client on; ssl_verify_depth 3;",
                        f"ssl_client_certificate {self.tls['ca']};"]
        else:
            tls += ["proxy_ssl on;"]
            if "ca" in self.tls:
                tls += ["proxy_ssl_verify on; proxy_ssl_verify_depth 3;",
                        f"proxy_ssl_trusted_certificate {self.tls['ca']};"]
            if "host" in self.tls:
                tls += [f"proxy_ssl_name {self.tls['host']};"]
        module = "/usr/lib/nginx/modules/ngx_stream_module.so"
        return [f"load_module {module};", "daemon off;", "user root;",
                "worker_processes 1;", f"pid {folder}/pid;",
                "error_log stderr info;",
                "events { worker_connections 100; }", "stream { server {",
                f"listen {self.host}:{self.port}{' ssl' if self.cert else ''};",
                "ssl_protocols TLSv1.2 TLSv1.3;",
                f"proxy_pass {HOST}:{self.to};", *tls, "} }"]
