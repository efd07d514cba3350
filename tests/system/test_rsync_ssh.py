"""ssh and rsync, through a plain relay and through the ends of a tunnel."""
import filecmp
import random

import pytest

import peers
import servers
from tunnel import Tunnel


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    """A running servers.Sshd."""
    with servers.Sshd(tmp_path_factory.mktemp("ssh") / "sshd") as sshd:
        yield sshd


@pytest.fixture(params=["plain", "tunnel"])
def ssh_port(request, relay, certs, sshd, free_port):
    """The port of a relay, or of a tunnel, to the ssh server."""
    target = f"127.0.0.1:{sshd.port}"
    if request.param == "tunnel":
        return Tunnel(relay, certs, target).port
    port = free_port()
    relay(f"[service ssh]\nlisten = 127.0.0.1:{port}\nconnect = {target}\n")
    return port


def make_tree(folder):
    """Some hundred small files, some large ones, and odd names."""
    chance = random.Random(3)
    folder.mkdir()
    (folder / "deep" / "er").mkdir(parents=True)
    for index in range(300):
        place = chance.choice([folder, folder / "deep", folder / "deep/er"])
        (place / f"file {index}").write_bytes(
            chance.randbytes(chance.randrange(5000)))
    for index in range(3):
        (folder / f"large{index}").write_bytes(
            peers.payload(10_000_000 + index, seed=index))
    (folder / "empty").touch()


def assert_same(one, other):
    compared = filecmp.dircmp(one, other)
    pending = [compared]
    while pending:
        now = pending.pop()
        assert not now.left_only and not now.right_only
        _, differ, odd = filecmp.cmpfiles(now.left, now.right,
                                          now.common_files, shallow=False)
        assert not differ and not odd
        pending += now.subdirs.values()


@pytest.mark.promise(1)
def test_rsync_copies_a_tree_there_and_back(ssh_port, sshd, tmp_path):
    """rsync copies a tree there, back, and the delta of a changed file,
    without a difference."""
    make_tree(tmp_path / "from")
    rsync = ["rsync", "--archive", "--checksum", "-e", " ".join(
        sshd.ssh(ssh_port))]
    here, there, back = (f"{tmp_path}/{name}/"
                         for name in ("from", "there", "back"))
    servers.run(*rsync, here, f"127.0.0.1:{there}")
    assert_same(here, there)
    servers.run(*rsync, f"127.0.0.1:{there}", back)
    assert_same(here, back)
    # Once more: the delta of a changed file.
    with open(tmp_path / "from" / "large0", "r+b") as large:
        large.seek(5_000_000)
        large.write(b"changed")
    servers.run(*rsync, here, f"127.0.0.1:{there}")
    assert_same(here, there)


def test_ssh_carries_pipes_and_exit_codes(ssh_port, sshd, tmp_path):
    """ssh carries 5 MB into a remote program, and its exit code back."""
    data = peers.payload(5_000_000)
    (tmp_path / "data").write_bytes(data)
    ssh = [*sshd.ssh(ssh_port), "127.0.0.1"]
    with open(tmp_path / "data", "rb") as stdin:
        done = servers.run(*ssh, "sha256sum; exit 7", stdin=stdin, ok=False)
    assert done.returncode == 7
    assert done.stdout.split()[0] == peers.sha256(data)
