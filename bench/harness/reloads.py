"""Many services besides the one that is measured, and reloads of them."""
import shutil
import subprocess
import time

CRL_ENTRIES = 100_000
FIRST_PORT = 20000      # above those of the relays that are measured
SETTLE_SECONDS = .2     # for what the reload leaves behind to be freed

_OPENSSL_CA = """[ca]
default_ca = this
[this]
database = {folder}/index
crlnumber = {folder}/number
certificate = {certs}/ca.pem
private_key = {certs}/ca.key
default_md = sha256
default_crl_days = 825
"""


def _make_crl(certs, folder, number):
    """A CRL of the examples' authority; each has serials of its own."""
    folder.mkdir()
    (folder / "index").write_text("".join(
        f"R\t400101000000Z\t250101000000Z\t{number:02X}{one:08X}\tunknown\t"
        "/CN=revoked\n" for one in range(CRL_ENTRIES)))
    (folder / "index.attr").write_text("unique_subject = no\n")
    (folder / "number").write_text("01\n")
    (folder / "conf").write_text(_OPENSSL_CA.format(folder=folder, certs=certs))
    subprocess.run(["openssl", "ca", "-config", folder / "conf", "-gencrl",
                    "-out", folder / "crl.pem"], check=True,
                   capture_output=True)
    return folder / "crl.pem"


def _crls(bench):
    """Made once: it takes a while."""
    root = bench.scratch / "crls"
    if not root.exists():
        root.mkdir()
        for number in range(8):
            _make_crl(bench.certs, root / str(number), number)
    return [root / str(number) / "crl.pem" for number in range(8)]


def _service(number, *lines):
    return (f"[service more-{number}]", *lines)


def _connect(_bench):
    """The system's store, as a service has it that names none."""
    return [_service(one, f"listen = unix:@bench-{one}",
                     f"connect = tls://127.0.0.1:{1 + one}",
                     "connect.name = localhost") for one in range(100)]


def _listen(bench):
    return [_service(one, f"listen = tls+unix:@bench-{one}",
                     f"listen.cert = {bench.certs}/server.pem",
                     f"listen.key = {bench.certs}/server.key",
                     f"connect = 127.0.0.1:{1 + one}") for one in range(500)]


def _crl(bench):
    return [_service(one, f"listen = unix:@bench-{one}",
                     f"connect = tls://127.0.0.1:{1 + one}",
                     "connect.name = localhost",
                     f"connect.ca = {bench.certs}/ca.pem",
                     f"connect.crl = {path}")
            for one, path in enumerate(_crls(bench))]


def _both(cert_of):
    """TLS on both sides, verified with the system's store."""
    return [_service(one, f"listen = tls://127.0.0.1:{FIRST_PORT + one}",
                     *cert_of(one),
                     f"connect = tls://127.0.0.1:{1 + one}",
                     "connect.name = localhost") for one in range(500)]


def _many(bench):
    return _both(lambda _: (f"listen.cert = {bench.certs}/server.pem",
                            f"listen.key = {bench.certs}/server.key"))


def _many_certs(bench):
    """Files of their own: what is in them makes no difference."""
    root = bench.scratch / "copies"
    if not root.exists():
        root.mkdir()
        for one in range(500):
            shutil.copy(bench.certs / "server-both.pem", root / f"{one}.pem")
    return _both(lambda one: (f"listen.cert = {root}/{one}.pem",))


def _sites(bench):
    """One service of 10,000 certificates: the files are alike, and each is
    read, tried and kept for itself."""
    root = bench.scratch / "sites"
    if not root.exists():
        root.mkdir()
        for one in range(10_000):
            shutil.copy(bench.certs / "server-both.pem", root / f"{one}.pem")
    return [_service("sites", "listen = tls+unix:@bench-sites",
                     f"listen.cert = {root}", "connect = 127.0.0.1:1")]


def _addresses(_bench):
    """Few connections, for machines that allow few descriptors."""
    first = FIRST_PORT
    return [("max_connections = 1000",),
            *(_service(one, *(f"listen = 127.0.0.1:{first + 20 * one + each}"
                              for each in range(20)),
                       f"connect = 127.0.0.1:{1 + one}")
              for one in range(100))]


def _one_crl(bench):
    path = _crls(bench)[0]
    return [_service(one, f"listen = tls://127.0.0.1:{FIRST_PORT + one}",
                     f"listen.cert = {bench.certs}/server-both.pem",
                     "listen.verify = required",
                     f"listen.ca = {bench.certs}/ca.pem",
                     f"listen.crl = {path}",
                     f"connect = 127.0.0.1:{1 + one}") for one in range(100)]


SERVICES = {"connect": _connect, "listen": _listen, "crl": _crl,
            "many": _many, "many-certs": _many_certs, "sites": _sites,
            "addresses": _addresses, "one-crl": _one_crl}


def lines(bench, services):
    """Behind those of [global], to which they may add some."""
    if not services:
        return ()
    return tuple(line for one in SERVICES[services](bench) for line in one)


def reload(binary, config):
    """Returns the seconds that it takes."""
    begin = time.monotonic()
    subprocess.run([binary, "reload", "-c", config], check=True,
                   capture_output=True, text=True)
    taken = time.monotonic() - begin
    time.sleep(SETTLE_SECONDS)
    return taken


def reload_all(binary, config):
    """Every service is another one than before.  Returns the seconds that it
    takes until all processes have the new ones."""
    config.write_text(config.read_text() + "[defaults]\ntimeout.idle = 7m\n")
    return reload(binary, config)
