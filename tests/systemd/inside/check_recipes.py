"""The jobs of docs/recipes.md and the README, done as their text has it, with the
programs that it speaks of."""
import contextlib
import http.server
import os
import pathlib
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading

import daemon
import document
from checks import always, check

RECIPES = "docs/recipes.md"
MAKE = "/usr/share/sallyport/make-certs"
AUTHORITY = pathlib.Path("/root/authority")
ETC = pathlib.Path("/etc/sallyport")
LIVE = pathlib.Path("/etc/letsencrypt/live/www.example.net")
ARCHIVE = pathlib.Path("/etc/letsencrypt/archive/www.example.net")
PARTS = ("cert", "chain", "fullchain", "privkey")
NAMES = ("www.example.net", "db.example.net", "imap.example.net",
         "api.example.net", "git.example.net", "build2.example.net")


@check
@always
def package_is_installed_as_the_readme_says():
    """With the README's second command: the first has made this package."""
    tree = pathlib.Path("/root/tree")
    (tree / "build/package").mkdir(parents=True)
    shutil.copy("/checks/first.deb",
                tree / "build/package/sallyport_0_amd64.deb")
    # A package that is not installed has no documents to look at yet.
    text = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", "/checks/first.deb"],
        capture_output=True, check=True).stdout
    readme = subprocess.run(
        ["tar", "-xO", "./usr/share/doc/sallyport/README.md"], input=text,
        capture_output=True, check=True).stdout.decode()
    commands = [line.partition("#")[0].strip() for line in
                readme.partition("```sh\n")[2].partition("```")[0].splitlines()]
    assert commands[0] == "scripts/package" and len(commands) == 2, commands
    env = "export DEBIAN_FRONTEND=noninteractive; "
    document.shell(env + commands[1].replace("install", "install --yes", 1), tree)
    with open("/etc/hosts", "a", encoding="ascii") as hosts:
        hosts.write("127.0.0.1 " + " ".join(NAMES) + "\n"
                    "127.9.9.9 build1.example.net\n")
    return commands[1]


def trusted(name, folder):
    """A certificate for a name, of an authority that the system trusts: chain and
    key are FOLDER/web.pem and web.key."""
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    if AUTHORITY.exists():
        work.mkdir()
        for file in "ca.pem", "ca.key":
            shutil.copy(AUTHORITY / file, work)
    daemon.run(MAKE, work, name)
    if not AUTHORITY.exists():
        AUTHORITY.mkdir()
        for file in "ca.pem", "ca.key":
            shutil.copy(work / file, AUTHORITY)
        shutil.copy(work / "ca.pem",
                    "/usr/local/share/ca-certificates/check.crt")
        daemon.run("update-ca-certificates")
    (folder / "web.pem").write_text((work / "server.pem").read_text())
    shutil.copy(work / "server.key", folder / "web.key")
    shutil.rmtree(work)
    return folder


class _Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):                           # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"It works.\n")

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class _Greeting(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.server.words)


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


@contextlib.contextmanager
def serving(where, handler=_Page, words=b"", tls=None):
    """A server at a port of 127.0.0.1 or a path; with `tls`, the folder of its
    certificate."""
    if isinstance(where, int):
        server = _Tcp(("127.0.0.1", where), handler)
    else:
        os.makedirs(os.path.dirname(where), exist_ok=True)
        server = _Unix(where, handler)
        os.chmod(where, 0o666)
    server.words = words
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "web.pem", tls / "web.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        if not isinstance(where, int):
            os.unlink(where)


def job(title, cwd="/root"):
    """What its commands printed."""
    return document.follow(document.section(RECIPES, title), cwd)


@check
def readme_configuration_does_what_is_shown():
    """The configuration of the README, and the transcript under it."""
    with serving(8080):
        document.follow([block for block in document.section(
            "README.md", "Start") if block.kind != "sh"], "/root")


@check
def recipe_web_server():
    folder = trusted("www.example.net", pathlib.Path("/root/web"))
    with serving(8080):
        said = job("TLS in front of a web server", folder)
    assert "It works." in said[-1]


def lineage(number, mode, group):
    """As certbot's storage makes one: the fourth file is the key."""
    folder = trusted("www.example.net", pathlib.Path(f"/root/issued{number}"))
    leaf = (folder / "web.pem").read_text()
    chain = (AUTHORITY / "ca.pem").read_text()
    texts = {"cert": leaf, "chain": chain, "fullchain": leaf + chain,
             "privkey": (folder / "web.key").read_text()}
    for part, text in texts.items():
        file = ARCHIVE / f"{part}{number}.pem"
        file.touch(0o600 if part == "privkey" else 0o644)
        file.write_text(text)
    key = ARCHIVE / f"privkey{number}.pem"
    os.chown(key, 0, group)
    key.chmod(mode)


def certbot_issues():
    """certbot's folders and modes, as its first certificate finds them."""
    os.umask(0o022)
    for folder in LIVE.parent, ARCHIVE.parent:
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    LIVE.mkdir()
    ARCHIVE.mkdir()
    lineage(1, 0o600, 0)
    for part in PARTS:
        (LIVE / f"{part}.pem").symlink_to(
            f"../../archive/www.example.net/{part}1.pem")


def certbot_renews(number):
    """As RenewableCert.save_successor does, and update_all_links_to: a new key has
    the group, and the group's rights, of the one before; a link is removed and
    made anew."""
    before = (ARCHIVE / f"privkey{number - 1}.pem").stat()
    lineage(number, 0o600 | before.st_mode & 0o074, before.st_gid)
    for part in PARTS:
        link = LIVE / f"{part}.pem"
        link.unlink()
        link.symlink_to(f"../../archive/www.example.net/{part}{number}.pem")


def shown_certificate():
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", 443), 20) as sock, \
            context.wrap_socket(sock, server_hostname="www.example.net") as leg:
        return ssl.DER_cert_to_PEM_cert(leg.getpeercert(True))


@check
def recipe_lets_encrypt_needs_nothing_at_a_renewal():
    """Under the unit, twice: what certbot does is all that is done."""
    certbot_issues()
    with serving(8080):
        job("Let's Encrypt")
        pid = daemon.main_pid()
        for number in 1, 2, 3:
            if number > 1:
                certbot_renews(number)
            wanted = (ARCHIVE / f"cert{number}.pem").read_text().split()
            daemon.wait(f"certificate {number}",
                        lambda: shown_certificate().split() == wanted)
        assert daemon.main_pid() == pid
        for folder, names in (LIVE, 0), (ARCHIVE, 0):
            assert folder.stat().st_gid == names, "only the key is the group's"


@check
def lets_encrypt_without_the_recipe_is_told_of():
    """The account cannot enter certbot's folder, and the message says which."""
    for folder in LIVE.parent, ARCHIVE.parent:
        folder.chmod(0o700)
    [config] = [block for block in document.section(RECIPES, "Let's Encrypt")
                if block.kind == "ini"]
    daemon.CONFIG.write_text(config.text)
    daemon.fails("systemctl", "start", daemon.SERVICE)
    said = daemon.show("StatusText")
    assert "/etc/letsencrypt/live" in said, said
    return said


@check
def recipe_tunnel_for_postgresql():
    """With PostgreSQL itself at its end."""
    password = "correct horse"
    sql = (f"create role app login password '{password}'", "create database app")
    daemon.wait("PostgreSQL", lambda: daemon.accepts(5432))
    for words in sql:
        daemon.run("setpriv", "--reuid=postgres", "--regid=postgres",
                   "--init-groups", "psql", "-c", words)
    os.environ["PGPASSWORD"] = password
    said = job("A tunnel for PostgreSQL")
    assert "42" in said[-1], said
    # And without a certificate nothing is reached.
    context = ssl.create_default_context(cafile="/etc/sallyport/ca.pem")
    with socket.create_connection(("127.0.0.1", 5434), 20) as sock, \
            context.wrap_socket(sock, server_hostname="db.example.net") as leg:
        try:
            leg.sendall(b"x")
            assert leg.recv(1) == b""
        except OSError as problem:
            return str(problem)
    raise AssertionError("a client without a certificate was let in")


@check
def recipe_stunnel_client():
    folder = trusted("imap.example.net", pathlib.Path("/root/imap"))
    with serving(993, _Greeting, b"* OK ready\r\n", tls=folder):
        said = job("An stunnel client replaced")
    assert "* OK ready" in said[-1]


@check
def recipe_plain_forwards():
    """The first of the two build servers is not there."""
    with serving(22, _Greeting, b"SSH-2.0-check\r\n"), serving(8080):
        said = job("Plain forwards")
    assert "SSH-2.0-check" in said[0] and "It works." in said[0], said


@check
def recipe_unix_sockets():
    folder = trusted("api.example.net", pathlib.Path("/root/api"))
    with serving(8443, tls=folder), serving("/run/app/app.sock"):
        said = job("Unix sockets")
    assert said[-1].count("It works.") == 2, said
    path = pathlib.Path("/run/sallyport/api.sock")
    assert path.group() == "api-clients"
    assert path.stat().st_mode & 0o777 == 0o660
