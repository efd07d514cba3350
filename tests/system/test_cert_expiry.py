"""Certificates that run out while they are served are announced in time; new
ones are told as what they are."""
import re
import subprocess
import time

import pytest

import configs
import processes
import sallyport

DAY = 24 * 60 * 60

CA = """[ca]
default_ca = one
[one]
dir = {folder}
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
"""


def make_pair(folder, name, left):
    """FOLDER/NAME.pem and .key; the certificate runs out in `left` seconds."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True,
                       capture_output=True)
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + left))
    (folder / "ca.cnf").write_text(CA.format(folder=folder))
    (folder / "index").write_text("")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder / f"{name}.key", "-out", folder / "request", "-subj",
            f"/CN={name}.test")
    openssl("ca", "-batch", "-notext", "-selfsign", "-config",
            folder / "ca.cnf", "-extensions", "names", "-keyfile",
            folder / f"{name}.key", "-in", folder / "request", "-startdate",
            "20200101000000Z", "-enddate", end, "-out", folder / f"{name}.pem")
    return end[:4] + "-" + end[4:6] + "-" + end[6:8]


@pytest.fixture
def live(tmp_path):
    """A folder for certificates."""
    folder = tmp_path / "live"
    folder.mkdir()
    return folder


def service(port, folder, name):
    return configs.service(f"tls://127.0.0.1:{port}", "127.0.0.1:9",
                           f"listen.cert = {folder}/{name}.pem",
                           f"listen.key = {folder}/{name}.key", name=name)


def status(one):
    return processes.status(one)["master"]["certificates_ending"]


@pytest.mark.parametrize("left,span", [
    (14 * DAY, "14 days"), (7 * DAY, "7 days"), (DAY, "24 hours")])
def test_end_is_announced_while_it_is_served(relay, free_port, live, left,
                                             span):
    """14, 7 and 1 days before a served certificate runs out, the log says so,
    once."""
    make_pair(live, "web", left + 8)
    one = relay(service(free_port(), live, "web"))
    said = rf"warn web: certificate CN=web.test runs out in {span}, on " \
        r"20\d\d-\d\d-\d\d: renew it$"
    assert not one.matching(said)
    one.wait_log(said)
    assert len(one.matching("CN=web.test runs out")) <= 2
    assert re.match(rf"web CN=web.test in {span} \(20", status(one))
    text = processes.command(one, "status").stdout
    assert re.search(r"^certificates   web CN=web.test in ", text, re.M)


def test_end_itself_is_announced(relay, free_port, live):
    """When a served certificate has run out, the log says so, as an error, and
    so does `status`."""
    make_pair(live, "web", 6)
    one = relay(service(free_port(), live, "web"))
    one.wait_log("error web: certificate CN=web.test has run out on 20.*: peers "
                 "refuse it; renew it$")
    assert re.match(r"web CN=web.test has run out \(20", status(one))


@pytest.mark.parametrize("left,said", [
    (13 * DAY, "runs out in 13 days, on {end}: renew it"),
    (30 * 60 * 60, "runs out in 30 hours, on {end}: renew it"),
    (-DAY, "has expired on {end}; peers will refuse it")])
def test_end_is_told_by_check_and_start(relay, free_port, live, left, said):
    """`check` and a start warn of a certificate that has run out or soon will,
    with its file and the day."""
    end = make_pair(live, "web", left)
    one = relay(service(free_port(), live, "web"))
    said = f"{live}/web.pem: certificate CN=web.test " + said.format(end=end)
    assert one.matching("warn web: .*" + re.escape(said))
    done = processes.command(one, "check")
    assert done.returncode == 0 and said in done.stderr
    assert "CN=web.test" in status(one)


def test_certificate_far_from_its_end_is_not_told(relay, free_port, live):
    """A certificate that is good for longer is not spoken of."""
    make_pair(live, "web", 15 * DAY)
    one = relay(service(free_port(), live, "web"))
    assert not one.matching("runs out")
    assert status(one) == ""
    assert "certificates  " not in processes.command(one, "status").stdout


@pytest.mark.parametrize("how", ["reload", "watched"])
def test_new_certificate_is_told_as_what_it_is(relay, free_port, live, how):
    """A new certificate is logged with its name and its last day, once, and no
    other is."""
    for name in ("web", "old"):
        make_pair(live, name, 90 * DAY)
    one = relay((configs.settings("watch = no") if how == "reload" else "") +
                service(free_port(), live, "web") +
                service(free_port(), live, "old"))
    assert not one.matching("new certificate")
    processes.reload(one)
    assert not one.matching("new certificate")
    end = make_pair(live, "web", 80 * DAY)
    if how == "reload":
        processes.reload(one)
    one.wait_log(f"info web: new certificate CN=web.test, valid until {end}$")
    processes.reload(one)
    assert len(one.matching("new certificate")) == 1


def test_announcement_goes_with_the_certificate(relay, free_port, live):
    """A certificate that is renewed in time is not announced any more."""
    make_pair(live, "web", 6 * DAY)
    one = relay(service(free_port(), live, "web"))
    assert "CN=web.test in 6 days" in status(one)
    make_pair(live, "web", 90 * DAY)
    one.wait_log("web: new certificate CN=web.test")
    sallyport.wait_until(lambda: status(one) == "", "nothing to be renewed")


def test_status_says_why_the_previous_ones_are_in_force(relay, free_port, live):
    """While changed files are no good, `status` says so, with their fault; when
    they are mended, or a reload succeeds, it does not any more."""
    make_pair(live, "web", 90 * DAY)
    one = relay(service(free_port(), live, "web"))
    good = (live / "web.pem").read_text()

    def fault():
        return processes.status(one)["master"]["certificates_fault"]
    assert fault() == ""
    (live / "web.pem").write_text("garbage\n")
    one.wait_log("cannot reload changed certificate files")
    assert f"{live}/web.pem" in fault()
    assert "certificates   the previous ones are in force: " in \
        processes.command(one, "status").stdout
    (live / "web.pem").write_text(good)
    sallyport.wait_until(lambda: fault() == "", "nothing to be told any more")
