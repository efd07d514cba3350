"""Certificates by the directory or the pattern: one line serves as many as there
are, as they come and go; a bad one is left out and stops nothing."""
import json
import os
import shutil

import pytest

import processes
import sallyport
from test_certs_by_name import Sites, asking, make

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a.pem, b.pem, c.pem, each with its key in it."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("a", "b", "c"):
        make(folder, name, f"DNS:{name}.test")
    return folder


@pytest.fixture
def sites(relay, server):
    return lambda *lines: Sites(relay, server, *lines)


def part(pem, cert, key):
    """Writes the certificate and the key of a file into two."""
    blocks = pem.read_text().split("-----BEGIN PRIVATE KEY-----")
    cert.write_text(blocks[0])
    key.write_text("-----BEGIN PRIVATE KEY-----" + blocks[1])
    key.chmod(0o600)


def is_shown(one, name, wanted):
    return one.ask(*asking(f"{name}.test"))[0] == wanted


def left_out(one):
    return processes.status(one.relay)["master"]["certificates_left_out"]


def test_directory_serves_every_certificate_in_it(sites, made, tmp_path):
    """A line that names a directory serves each .pem, .crt and .cer in it, with
    the key in the file or beside it."""
    folder = tmp_path / "sites"
    folder.mkdir()
    shutil.copy(made / "a.pem", folder / "a.pem")
    part(made / "b.pem", folder / "b.crt", folder / "b.key")
    part(made / "c.pem", folder / "c.cer", folder / "c.cer.key")
    (folder / "README").write_text("no certificate\n")
    one = sites(f"listen.cert = {folder}")
    for name in ("a", "b", "c"):
        assert is_shown(one, name, name)
    assert is_shown(one, "unknown", "a")
    assert left_out(one) == ""
    assert not one.relay.matching("warn")


def test_directory_is_watched(sites, made, tmp_path):
    """A certificate that is put into the directory is served without a reload,
    and one that is taken away no more."""
    folder = tmp_path / "sites"
    folder.mkdir()
    shutil.copy(made / "a.pem", folder / "a.pem")
    one = sites(f"listen.cert = {folder}/")
    assert is_shown(one, "b", "a")
    shutil.copy(made / "b.pem", folder / "b.new")
    os.rename(folder / "b.new", folder / "b.pem")
    one.relay.wait_log("generation 2")
    assert is_shown(one, "b", "b")
    (folder / "a.pem").unlink()
    one.relay.wait_log("generation 3")
    assert is_shown(one, "a", "b")


def test_pattern_is_watched(sites, made, tmp_path):
    """A pattern finds certbot's folders; a new one of them is served without a
    reload, and so is a renewed certificate."""
    def renew(name, source, number):
        archive, live = tmp_path / "archive" / name, tmp_path / "live" / name
        archive.mkdir(parents=True, exist_ok=True)
        live.mkdir(parents=True, exist_ok=True)
        part(source, archive / f"fullchain{number}.pem",
             archive / f"privkey{number}.pem")
        for kind in ("privkey", "fullchain"):
            link = live / f"{kind}.new"
            link.symlink_to(f"../../archive/{name}/{kind}{number}.pem")
            os.rename(link, live / f"{kind}.pem")
    renew("a.test", made / "a.pem", 1)
    (tmp_path / "live/README").write_text("see archive\n")
    one = sites(f"listen.cert = {tmp_path}/live/*/")
    assert is_shown(one, "b", "a")
    renew("b.test", made / "b.pem", 1)
    one.relay.wait_log("generation 2")
    assert is_shown(one, "b", "b")
    make(tmp_path, "again", "DNS:b.test")
    renew("b.test", tmp_path / "again.pem", 2)
    one.relay.wait_log("generation 3")
    assert is_shown(one, "b", "again")
    assert is_shown(one, "a", "a")


@pytest.mark.promise(8)
def test_kubernetes_secret_is_one_line(sites, certs, made, tmp_path):
    """One line that names a mounted secret gives a service its certificate, its
    key and the CA that clients are verified by; a swap of ..data is noticed."""
    folder = tmp_path / "secret"
    folder.mkdir()

    def swap(number, cert, key):
        data = folder / f"..{number}"
        data.mkdir()
        shutil.copy(cert, data / "tls.crt")
        shutil.copy(key, data / "tls.key")
        shutil.copy(certs / "ca.pem", data / "ca.crt")
        (folder / "..data_tmp").symlink_to(data.name)
        os.rename(folder / "..data_tmp", folder / "..data")
    swap(1, certs / "server.pem", certs / "server.key")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (folder / name).symlink_to(f"..data/{name}")
    one = sites(f"listen.cert = {folder}", "listen.verify = required")
    client = ["-cert", certs / "client.pem", "-key", certs / "client.key"]
    first = one.ask(*asking("localhost"), *client)
    assert first[0] and first[1]["reason"] == "client-closed"
    assert "did not return a certificate" in \
        one.ask(*asking("localhost"))[1]["detail"]
    part(made / "a.pem", tmp_path / "a.crt", tmp_path / "a.key")
    swap(2, tmp_path / "a.crt", tmp_path / "a.key")
    one.relay.wait_log("generation 2")
    assert one.ask(*asking("localhost"), *client)[0] == "a"


BAD = {
    "no-pem": lambda path, made: path.write_text("nothing\n"),
    "empty": lambda path, made: path.write_text(""),
    "no-key": lambda path, made: path.write_text(
        (made / "b.pem").read_text().split("-----BEGIN PRIVATE")[0]),
    "wrong-key": lambda path, made: path.write_text(
        (made / "b.pem").read_text().split("-----BEGIN PRIVATE")[0]
        + "-----BEGIN PRIVATE"
        + (made / "c.pem").read_text().split("-----BEGIN PRIVATE")[1]),
    "cut": lambda path, made: path.write_text(
        (made / "b.pem").read_text()[:300]),
    "weak": lambda path, made: make(path.parent, path.stem, "DNS:b.test",
                                    "rsa:1024"),
}


@pytest.mark.parametrize("keeper", ["on", "off"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_file_is_left_out(sites, made, tmp_path, kind, keeper):
    """A bad file of a directory is named in the log, by `check` and in `status`;
    what it is for gets the default, and others are served. When it is mended it
    is served."""
    folder = tmp_path / "sites"
    folder.mkdir()
    shutil.copy(made / "a.pem", folder / "a.pem")
    bad = folder / "bad.pem"
    BAD[kind](bad, made)
    one = sites(f"listen.cert = {folder}", f"[global]\nkeeper = {keeper}")
    one.relay.wait_log(f"sites: listen.cert: left out: {bad}: ")
    assert left_out(one) == str(bad)
    told = processes.command(one.relay, "certs")
    assert f"\nLEFT OUT: {bad}: " in told.stdout
    [told] = json.loads(processes.command(
        one.relay, "certs", "--json").stdout)["left_out"]
    assert told["file"] == str(bad) and told["why"]
    assert is_shown(one, "a", "a") and is_shown(one, "b", "a")
    checked = sallyport.sallyport("check", "-c", one.relay.config)
    assert checked.returncode == 0 and f"left out: {bad}: " in checked.stderr
    strict = one.relay.config.read_text().replace(
        "listen.cert", "strict_certs = yes\nlisten.cert")
    other = tmp_path / "strict.ini"
    other.write_text(strict)
    checked = sallyport.sallyport("check", "-c", other)
    assert checked.returncode == 1 and f"{bad}: " in checked.stderr
    shutil.copy(made / "b.pem", folder / "new")
    os.rename(folder / "new", bad)
    one.relay.wait_log("generation 2")
    assert left_out(one) == ""
    assert is_shown(one, "b", "b") and is_shown(one, "a", "a")


def test_file_that_turns_bad_is_left_out(sites, made, tmp_path):
    """A file that is overwritten by a bad one while it is served takes its own
    name away, and no other."""
    folder = tmp_path / "sites"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(made / f"{name}.pem", folder)
    one = sites(f"listen.cert = {folder}/*.pem")
    assert is_shown(one, "b", "b")
    (folder / "b.pem").write_text("oops\n")
    one.relay.wait_log("generation 2")
    assert left_out(one) == f"{folder}/b.pem"
    assert is_shown(one, "b", "a") and is_shown(one, "a", "a")


REFUSED = {
    "empty-directory": ("", "no file in this directory ends with .pem, .crt or "
                        ".cer"),
    "no-match": ("/*.pem", "no file matches this pattern"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_to_serve_is_refused(tmp_path, case):
    """A directory without a certificate, or a pattern without a file, is an error
    where there is no other certificate."""
    end, words = REFUSED[case]
    folder = tmp_path / "sites"
    folder.mkdir()
    config = tmp_path / "sallyport.ini"
    config.write_text("[service web]\nlisten = tls://127.0.0.1:1\n"
                      f"listen.cert = {folder}{end}\nconnect = 127.0.0.1:2\n")
    checked = sallyport.sallyport("check", "-c", config)
    assert checked.returncode == 1
    assert f"{config}:3: " in checked.stderr and words in checked.stderr


def test_keys_of_a_directory_stand_beside(made, tmp_path):
    """listen.key together with a directory is refused, and the words say where
    the keys belong."""
    config = tmp_path / "sallyport.ini"
    config.write_text("[service web]\nlisten = tls://127.0.0.1:1\n"
                      f"listen.cert = {made}\nlisten.key = {made}/a.pem\n"
                      "connect = 127.0.0.1:2\n")
    checked = sallyport.sallyport("check", "-c", config)
    assert checked.returncode == 1
    assert "whose keys stand beside the certificates" in checked.stderr
