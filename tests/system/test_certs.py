"""`sallyport certs`: what is in force, until when, and who uses it."""
import json
import re

import configs
import processes
from test_cert_expiry import DAY, make_pair

DATE = r"20\d\d-\d\d-\d\d"


def listed(one):
    done = processes.command(one, "certs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_certificates_are_listed(relay, certs, free_port, tmp_path):
    """`certs` prints each certificate once, the first to end in front, with the
    services that show it, and the revocation lists; `--json` the same as an
    object."""
    make_pair(tmp_path, "short", 20 * DAY + 60)
    crl = [f"listen.verify = required\nlisten.ca = {certs}/ca.pem",
           f"listen.crl = {certs}/ca.crl"]
    one = relay(
        configs.tls(free_port(), 9, certs, *crl, name="web") +
        configs.tls(free_port(), 9, certs, name="api") +
        configs.tls_out(free_port(), 9, certs,
                        f"connect.cert = {certs}/client.pem",
                        f"connect.key = {certs}/client.key", name="db") +
        configs.service(f"tls://127.0.0.1:{free_port()}", 9,
                        f"listen.cert = {tmp_path}/short.pem",
                        f"listen.key = {tmp_path}/short.key", name="soon"))
    done = processes.command(one, "certs")
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = re.split(r"^(?=\S)", done.stdout, flags=re.M)[1:]
    assert re.fullmatch(
        rf"CN=short\.test: 20 days left, until {DATE}\n"
        r"  names     localhost\n  issuer    CN=short\.test\n"
        r"  serial    [0-9A-F]+\n  key       EC P-256, chain of 1\n"
        r"  listen    soon\n", first)
    assert {other.split(":")[0] for other in others[:2]} == \
        {"CN=server", "CN=client"}
    assert any("  listen    api, web\n" in other for other in others)
    assert any("  connect   db\n" in other for other in others)
    assert re.fullmatch(
        rf"CRL of CN=Example CA: dated {DATE}, .* ago; the next one is due on "
        rf"{DATE}\n  clients   web\n", others[2])
    found = processes.command(one, "certs", "--json")
    whole = json.loads(found.stdout)
    assert [c["days_left"] for c in whole["certificates"]][0] == 20
    server = [c for c in whole["certificates"] if c["subject"] == "CN=server"]
    assert len(server) == 1
    assert server[0]["services"] == [{"service": "api", "leg": "listen"},
                                     {"service": "web", "leg": "listen"}]
    assert "localhost" in server[0]["names"]
    assert len(server[0]["fingerprint"]) == 64
    [crl] = whole["crls"]
    assert (crl["issuer"], crl["age_days"]) == ("CN=Example CA", 0)
    assert whole["omitted"] == 0


def test_no_certificates(relay, free_port):
    """A daemon without TLS says that it has none."""
    one = relay(configs.plain(free_port(), 9))
    done = processes.command(one, "certs")
    assert (done.returncode, done.stdout) == \
        (0, "no service has a certificate or a revocation list\n")
    assert listed(one) == {"certificates": [], "crls": [],
                           "left_out": [], "omitted": 0}


def test_list_follows_a_reload(relay, free_port, tmp_path):
    """The list has the certificate that is in force: after a reload, the new
    one."""
    def service():
        return configs.service(f"tls://127.0.0.1:{port}", 9,
                               f"listen.cert = {tmp_path}/web.pem",
                               f"listen.key = {tmp_path}/web.key")

    port = free_port()
    make_pair(tmp_path, "web", 40 * DAY + 60)
    one = relay(configs.settings("watch = no") + service())
    [before] = listed(one)["certificates"]
    make_pair(tmp_path, "web", 80 * DAY + 60)
    assert listed(one)["certificates"] == [before]
    processes.reload(one)
    [after] = listed(one)["certificates"]
    assert (before["days_left"], after["days_left"]) == (40, 80)
    assert before["fingerprint"] != after["fingerprint"]


def test_many_certificates_are_listed(relay, free_port, certs, tmp_path):
    """A list that takes many messages comes whole, and is an object of JSON."""
    one = relay("".join(
        configs.tls(free_port(), 9, certs, name=f"service-of-a-long-name-{i:03}")
        for i in range(300)))
    done = processes.command(one, "certs", "--json")
    [only] = json.loads(done.stdout)["certificates"]
    assert len(done.stdout) > 20000
    assert [user["service"] for user in only["services"]] == \
        [f"service-of-a-long-name-{i:03}" for i in range(300)]
    text = processes.command(one, "certs").stdout
    assert "  listen    service-of-a-long-name-000, " in text
    assert ", 270 more\n" in text
