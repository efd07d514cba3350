"""The package comes in clean: an account, a unit, and nothing that runs yet."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import daemon
from checks import always, check, promise

FIRST = "/checks/first.deb"

# What is not of the package's making.
_ELSEWHERE = ("proc", "sys", "dev", "run", "tmp", "checks", "var/log/journal",
              "var/lib/systemd/catalog", "root")


def files():
    """Every path in this system but those that change by themselves."""
    found = set()
    for folder, folders, names in os.walk("/"):
        inside = folder.lstrip("/")
        folders[:] = [name for name in folders
                      if os.path.join(inside, name) not in _ELSEWHERE]
        found.update(os.path.join(folder, name) for name in names + folders)
    return found


BEFORE = files()


@check
@always
def package_installs():
    said = daemon.run("dpkg", "-i", FIRST, patience=120)
    for path in daemon.CERTS.iterdir():
        shutil.chown(path, "root", "sallyport")
        path.chmod(0o640)
    assert "rror" not in said and "arning" not in said, said
    return daemon.run("sallyport", "version").strip()


@check
def package_has_made_the_accounts():
    for name in ("sallyport", "sallyport-keeper"):
        account = pwd.getpwnam(name)
        assert account.pw_uid != 0 and account.pw_uid < 1000, account
        assert account.pw_shell.endswith("nologin"), account
    keys = os.stat("/etc/sallyport/keys")
    assert (keys.st_mode & 0o7777, keys.st_uid) == (0o700, 0), keys


@check
def package_starts_nothing_unasked():
    assert daemon.show("ActiveState") == "inactive"
    assert daemon.show("UnitFileState") == "disabled"


@check
def package_files_are_whole_and_closed():
    assert daemon.run("dpkg", "--verify", "sallyport") == ""
    listed = daemon.run("dpkg", "-L", "sallyport").split()
    for page in ("man8/sallyport.8.gz", "man5/sallyport.ini.5.gz"):
        assert f"/usr/share/man/{page}" in listed, page
    writable = [path for path in listed if not os.path.islink(path)
                and os.path.exists(path) and os.stat(path).st_mode & 0o022]
    assert not writable, writable
    return f"{len(listed)} paths"


@check
def package_carries_its_documents():
    listed = daemon.run("dpkg", "-L", "sallyport").split()
    for path in ("README.md", "docs/configuration.md", "docs/operating.md",
                 "copyright", "changelog.gz", "changelog.Debian.gz"):
        assert f"/usr/share/doc/sallyport/{path}" in listed, path


@check
def package_examples_are_good_where_they_lie():
    """As root, and as the account that would serve them; no key among them is
    another machine's, or open to all."""
    examples = sorted(daemon.EXAMPLE.parent.glob("*.ini"))
    assert len(examples) >= 6, examples
    for path in examples:
        for words in (), ("setpriv", "--reuid=sallyport", "--regid=sallyport",
                          "--clear-groups"):
            said = daemon.run(*words, "sallyport", "check", "-c", path)
            assert "ok" in said and "warning" not in said, said
    keys = sorted(daemon.EXAMPLE.parent.glob("certs/*.key"))
    assert [path.name for path in keys] == ["ca.key", "client.key", "server.key"]
    for path in keys:
        assert path.owner() == "root" and not path.stat().st_mode & 0o007
    before = keys[0].read_bytes()
    daemon.run("/var/lib/dpkg/info/sallyport.postinst", "configure", "0.1.0-1")
    assert keys[0].read_bytes() == before
    return f"{len(examples)} examples"


@check
def package_configuration_is_good():
    """As it comes: the first start is not a failure."""
    daemon.run("sallyport", "check")
    daemon.start()
    assert daemon.show("ActiveState") == "active"


def units():
    return sorted([*daemon.UNITS.glob("sallyport*"), daemon.EXAMPLE])


@promise(27)
@check
def units_are_verified_without_a_word():
    words = []
    for path in units():
        # A template is looked at as an instance of it.
        name = str(path).replace("@.", "@check.")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", name],
                              capture_output=True, text=True, timeout=60,
                              check=False)
        words.append(done.stdout + done.stderr)
        assert done.returncode == 0, words
    assert not "".join(words), words
    names = {path.name for path in units()}
    assert names == {"sallyport.service", "sallyport@.service",
                     "sallyport.socket"}, names
    return " ".join(sorted(names))


@promise(27)
@check
def units_are_confined_by_figures():
    """Promised: an exposure of 1.6 at the most."""
    scores = {}
    for path in units():
        if path.suffix != ".service":
            continue
        said = daemon.run("systemd-analyze", "security", "--offline=true",
                          "--no-pager", path, code=None)
        scores[path.name] = float(re.search(
            r"exposure level for \S+ ([\d.]+)", said).group(1))
    assert max(scores.values()) <= 1.6, scores
    return str(scores)


@check
@always
def enabling_makes_what_a_boot_starts():
    daemon.systemctl("enable", daemon.SERVICE)
    assert pathlib.Path("/etc/systemd/system/multi-user.target.wants/"
                        "sallyport.service").is_symlink()
    # It stays so for what follows: a removal has to clear it away.
    assert daemon.show("UnitFileState") == "enabled"
