"""What a removal and a purge leave behind: what users have made, no more."""
import os
import pathlib
import shutil

import check_package
import daemon
import steady
from checks import check

# The account stays, as Debian's do.
_STAYS = ("/var/lib/dpkg/", "/var/cache/", "/var/log/", "/var/backups/",
          "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
          "/etc/subuid", "/etc/subgid", "/etc/.pwd.lock", "/var/lib/systemd/",
          "/var/tmp/")


def dpkg(*words):
    """It has nothing to warn of."""
    said = daemon.run("dpkg", *words, patience=120)
    assert "warning" not in said.lower() and "error" not in said.lower(), said
    return said


def served():
    stream = steady.Stream()
    daemon.configure(daemon.service(
        "plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}"))
    daemon.start()
    return stream


@check
def removal_stops_it_and_keeps_the_configuration():
    with served():
        pid = daemon.main_pid()
        dpkg("--remove", "sallyport")
        assert not os.path.exists(f"/proc/{pid}")
        assert not daemon.accepts(7100)
        assert daemon.show("LoadState") == "not-found"
        assert daemon.CONFIG.exists() and not daemon.BINARY.exists()
        assert not os.path.exists("/run/sallyport")


@check
def package_comes_back_as_it_was():
    dpkg("-i", check_package.FIRST)
    assert daemon.show("UnitFileState") == "enabled"
    assert "7100" in daemon.CONFIG.read_text()
    assert daemon.show("ActiveState") == "inactive"


@check
def purge_leaves_no_empty_folder():
    shutil.rmtree("/etc/sallyport")
    dpkg("--purge", "sallyport")
    dpkg("-i", check_package.FIRST)
    dpkg("--purge", "sallyport")
    assert not os.path.exists("/etc/sallyport")
    dpkg("-i", check_package.FIRST)


@check
def purge_leaves_only_what_users_made():
    with served():
        theirs = pathlib.Path("/etc/sallyport/mine.ini")
        theirs.write_text("; mine\n")
        said = daemon.run("dpkg", "--purge", "sallyport", patience=120)
        warnings = [line for line in said.splitlines() if "warning" in line]
        assert ["'/etc/sallyport' not empty" in line
                for line in warnings] == [True], said
        assert theirs.exists()
        shutil.rmtree("/etc/sallyport")
        left = sorted(path for path in check_package.files() -
                      check_package.BEFORE if not path.startswith(_STAYS))
        assert not left, left
        for path in ("/run/sallyport", "/var/log/sallyport",
                     "/var/lib/sallyport"):
            assert not os.path.exists(path), path
        named = [path for path in check_package.files()
                 if "sallyport" in os.path.basename(path)
                 and not path.startswith("/var/lib/dpkg")]
        assert not named, named
