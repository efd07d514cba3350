"""`check` finds what a start could not make: log files and unix sockets."""
import os

import pytest

import configs
import sallyport
from sallyport import sallyport as call


def check(config, *words, **options):
    return call("check", config, *words, **options)


PLACES = {
    "no-folder": ("{top}/none/x", "there is no directory {top}/none"),
    "a-file": ("{top}/file/x", "Not a directory"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", ["log", "socket"])
def test_place_that_a_start_refuses_is_an_error(tmp_path, place, what):
    """A log file or a unix socket in a directory that is none is an error of
    `check`, with the line, as it is one of `run`."""
    (tmp_path / "file").write_text("")
    path, said = (text.format(top=tmp_path) for text in PLACES[place])
    config = tmp_path / "x.ini"
    if what == "log":
        config.write_text(configs.settings(f"log = file:{path}") +
                          configs.plain(sallyport.free_port(), 9))
        line = f"{config}:2: [global] log: "
    else:
        config.write_text(configs.service(f"unix:{path}", 9))
        line = f"{config}:2: [service s] listen: "
    done = check(config)
    assert done.returncode == 1
    assert line in done.stderr and said in done.stderr
    assert call("run", "-c", config).returncode != 0


def test_places_that_are_there_are_good(tmp_path):
    """A log file that is there, or that can be made, and a socket beside it are
    nothing to say a word of."""
    config = tmp_path / "x.ini"
    (tmp_path / "there.log").write_text("")
    for name in ("there.log", "new.log"):
        config.write_text(configs.settings(f"log = file:{tmp_path}/{name}") +
                          configs.service(f"unix:{tmp_path}/s", 9))
        done = check(config, "--strict")
        assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "new.log").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks as another user")
def test_place_of_another_user_is_named(tmp_path):
    """Asked as a user that may not write there, `check` names the user and the
    directory."""
    config = tmp_path / "x.ini"
    config.write_text(configs.service(f"unix:{tmp_path}/s", 9))
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    done = check(config, "--user", "nobody")
    assert done.returncode == 1
    assert f"user nobody may not make a file in {tmp_path}" in done.stderr


def test_directories_of_the_package_are_made_by_its_units(tmp_path):
    """A file that is meant for the packaged unit is good although that has not
    made its directories yet."""
    if os.path.exists("/run/sallyport"):
        pytest.skip("the directory is there")
    config = tmp_path / "x.ini"
    config.write_text(configs.service("unix:/run/sallyport/s.sock", 9))
    assert check(config).returncode == 0
