"""What many services cost that trust the same."""
import subprocess

import pytest

import processes
import sallyport

REVOKED = 20_000
MANY = 30
# A list takes 5 MiB: with one for each service it would be 145 MiB.
BOUND_KIB = 24 << 10


def revocations(certs, path, count):
    """A list by the example authority with `count` entries."""
    folder = path.parent / f"{path.name}-ca"
    folder.mkdir(exist_ok=True)
    (folder / "index.txt").write_text("".join(
        f"R\t400101000000Z\t240101000000Z\t{2 ** 63 + number:X}\tunknown\t"
        f"/CN=client {number}\n" for number in range(count)))
    (folder / "conf").write_text(
        f"[ca]\ndefault_ca = one\n[one]\ndatabase = {folder}/index.txt\n"
        "default_md = sha256\ndefault_crl_days = 30\n")
    subprocess.run(["openssl", "ca", "-config", folder / "conf", "-cert",
                    certs / "ca.pem", "-keyfile", certs / "ca.key", "-gencrl",
                    "-out", folder / "list"], check=True, capture_output=True)
    (folder / "list").replace(path)


def configuration(certs, crl, ports):
    return "[global]\nworkers = 1\nwatch = no\n" + "".join(f"""
[service s{port}]
listen = tls://127.0.0.1:{port}
listen.cert = {certs}/server-both.pem
listen.verify = required
listen.ca = {certs}/ca.pem
listen.crl = {crl}
connect = 127.0.0.1:9
""" for port in ports)


def worker_kib(relay):
    worker, = processes.workers(relay.pid)
    return processes.own_kib(worker)


def test_services_share_one_revocation_list(relay, certs, tmp_path, free_port):
    """Thirty services that name the same large list of revoked certificates
    take the memory of one."""
    crl = tmp_path / "list.pem"
    revocations(certs, crl, REVOKED)
    ports = [free_port() for _ in range(MANY)]
    one = relay(configuration(certs, crl, ports[:1]))
    alone = worker_kib(one)
    one.stop()
    many = relay(configuration(certs, crl, ports))
    assert worker_kib(many) < alone + BOUND_KIB


@pytest.mark.skipif(sallyport.SANITIZED,
                    reason="the sanitizers keep what was freed")
def test_reload_frees_a_replaced_revocation_list(relay, certs, tmp_path,
                                                 free_port):
    """Reloads with ever new lists of revoked certificates do not make a worker
    grow."""
    crl = tmp_path / "list.pem"
    revocations(certs, crl, REVOKED)
    one = relay(configuration(certs, crl, [free_port() for _ in range(3)]))
    revocations(certs, crl, REVOKED + 1)
    processes.reload(one)
    before = worker_kib(one)
    for number in range(2, 8):
        revocations(certs, crl, REVOKED + number)
        processes.reload(one)
    assert worker_kib(one) < before + (8 << 10)
