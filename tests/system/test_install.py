"""`cmake --install` puts everything in its place, overwrites no configuration,
and makes the accounts, or says how; scripts/package works wherever it is run."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from sallyport import BINARY, PATIENCE, ROOT

UNITS = ("sallyport.service", "sallyport@.service")
DOCS = "usr/share/doc/sallyport"


def run(*words, cwd=None, env=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=6 * PATIENCE, check=False,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME": "/nonexistent", **(env or {})})
    assert done.returncode == 0, done.stdout
    return done.stdout


def configured(build, *options):
    """A build folder that has been built, with the binary that is tested."""
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DBUILD_TESTING=OFF",
        *options)
    (build / "src").mkdir(exist_ok=True)
    shutil.copy(BINARY, build / "src/sallyport")
    return build


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return configured(tmp_path_factory.mktemp("install") / "build",
                      "-DCMAKE_INSTALL_PREFIX=/usr")


def install(build, root):
    """Into a folder that stands for /; what was said."""
    return run("cmake", "--install", build, env={"DESTDIR": str(root)})


def installed(root):
    return {str(path.relative_to(root)) for path in root.rglob("*")
            if not path.is_dir() or path.is_symlink()}


def test_everything_is_installed_where_debian_has_it(build, tmp_path):
    """`cmake --install` puts each file where Debian has it, and `check`
    accepts the installed configuration."""
    install(build, tmp_path)
    documents = [path for path in ROOT.glob("docs/**/*.*")
                 if path.suffix in (".md", ".svg")]
    found = installed(tmp_path)
    assert found == {
        "usr/sbin/sallyport",
        "etc/sallyport/sallyport.ini",
        *(f"usr/lib/systemd/system/{unit}" for unit in UNITS),
        "usr/lib/sysusers.d/sallyport.conf",
        "usr/lib/tmpfiles.d/sallyport.conf",
        f"{DOCS}/examples/sallyport.socket",
        f"{DOCS}/examples/certs",
        "usr/share/sallyport/make-certs",
        "usr/share/bash-completion/completions/sallyport",
        "usr/share/zsh/vendor-completions/_sallyport",
        "usr/share/man/man8/sallyport.8",
        "usr/share/man/man5/sallyport.ini.5",
        f"{DOCS}/README.md",
        *(f"{DOCS}/{path.relative_to(ROOT)}" for path in documents),
        *(f"{DOCS}/examples/{path.name}"
          for path in ROOT.glob("conf/examples/*.ini")),
    }
    for path in found - {f"{DOCS}/examples/certs"}:
        mode = 0o755 if path.endswith(("sbin/sallyport", "make-certs")) else 0o644
        assert (tmp_path / path).stat().st_mode & 0o777 == mode, path
    run(tmp_path / "usr/sbin/sallyport", "check", "-c",
        tmp_path / "etc/sallyport/sallyport.ini")


def test_units_start_what_is_installed(build, tmp_path):
    """The installed units name the installed program and files, and nothing is
    left in them that was to be filled in."""
    install(build, tmp_path)
    for unit, file in zip(UNITS, ("sallyport", "%i")):
        text = (tmp_path / "usr/lib/systemd/system" / unit).read_text()
        assert "\nExecStart=/usr/sbin/sallyport run -c " \
            f"/etc/sallyport/{file}.ini\n" in text
        text = re.sub(r"(?<==)~?@[a-z-]+$|sallyport@web", "", text, flags=re.M)
        assert "@" not in text


def test_configuration_that_is_there_is_kept(build, tmp_path):
    """An installation leaves a configuration alone that is there, puts its own
    beside it, and says so; one that is the same is no matter for words."""
    file = tmp_path / "etc/sallyport/sallyport.ini"
    assert "sallyport.ini" not in re.findall(
        r"^\S+ is there and stays.*", install(build, tmp_path), re.M)
    assert "stays as it is" not in install(build, tmp_path)
    file.write_text("; the administrator's\n")
    said = install(build, tmp_path)
    assert file.read_text() == "; the administrator's\n"
    assert f"{file} is there and stays as it is" in said
    new = file.with_name("sallyport.ini.new")
    assert new.read_text() == (ROOT / "conf/sallyport.ini").read_text()
    assert "sallyport.ini.new" in said


def test_installation_elsewhere_says_how_accounts_are_made(build, tmp_path):
    """An installation with DESTDIR runs nothing of the system's, and says what
    is to be run there."""
    said = install(build, tmp_path)
    for words in ("systemd-sysusers /usr/lib/sysusers.d/sallyport.conf",
                  "systemd-tmpfiles --create /usr/lib/tmpfiles.d/sallyport.conf",
                  f"as root, in the system that {tmp_path} is for"):
        assert words in said


# Stand for the system's programs: each writes its words down.
FAKE = """#!/bin/sh
echo "${0##*/} $*" >>"$RECORD"
"""


@pytest.mark.parametrize("user", ["root", "another user"])
def test_installation_makes_accounts_and_folders(tmp_path, user):
    """An installation into the running system, by root, has the accounts, the
    folders and the examples' certificates made; another user is told how."""
    programs, prefix = tmp_path / "bin", tmp_path / "usr"
    programs.mkdir()
    for name in ("systemd-sysusers", "systemd-tmpfiles", "systemctl"):
        (programs / name).write_text(FAKE)
    (programs / "id").write_text(f"#!/bin/sh\necho {0 if user == 'root' else 1000}\n")
    for path in programs.iterdir():
        path.chmod(0o755)
    build = configured(
        tmp_path / "build", f"-DCMAKE_INSTALL_PREFIX={prefix}",
        f"-DCMAKE_INSTALL_SYSCONFDIR={tmp_path}/etc",
        f"-DCMAKE_INSTALL_LOCALSTATEDIR={tmp_path}/var")
    # There is no such group here: make-certs is left to be run.
    record = tmp_path / "record"
    record.touch()
    said = run("cmake", "--install", build, env={
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "RECORD": str(record)})
    ran = record.read_text()
    assert (tmp_path / "etc/sallyport/sallyport.ini").exists()
    sysusers = f"systemd-sysusers {prefix}/lib/sysusers.d/sallyport.conf"
    tmpfiles = f"systemd-tmpfiles --create {prefix}/lib/tmpfiles.d/sallyport.conf"
    if user == "root":
        assert ran.splitlines()[:2] == [sysusers, tmpfiles]
        assert f"Done: {sysusers}" in said
    else:
        assert ran == ""
        advice = said.partition("To make the accounts")[2]
        assert sysusers in advice and tmpfiles in advice
    link = prefix / "share/doc/sallyport/examples/certs"
    assert os.readlink(link) == f"{tmp_path}/var/lib/sallyport/example-certs"


# scripts/package.

def tree(tmp_path):
    """A copy of what scripts/package itself needs, in which building and packing
    are stand-ins that say where they are."""
    root, programs = tmp_path / "tree", tmp_path / "bin"
    (root / "scripts").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / "scripts/package", root / "scripts")
    fakes = {
        root / "scripts/install-deps": 'echo "install-deps $*" >>"$RECORD"',
        programs / "cmake": 'echo "cmake $*" >>"$RECORD"',
        programs / "cpack": 'touch "$PWD/sallyport_1_amd64.deb"',
    }
    for path, text in fakes.items():
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return root, {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path),
                  "RECORD": str(tmp_path / "record")}


def package(root, env, *words):
    """Its last line."""
    return run(root / "scripts/package", *words, env=env).splitlines()[-1]


def test_package_installs_what_building_takes(tmp_path):
    """scripts/package installs what is missing for building and packing, and
    prints the path of the package last."""
    root, env = tree(tmp_path)
    assert package(root, env) == f"{root}/build/package/sallyport_1_amd64.deb"
    record = (tmp_path / "record").read_text()
    assert record.startswith("install-deps build package\n")


def test_package_goes_on_after_another_generator(tmp_path):
    """scripts/package does not stumble over what another generator, or another
    place of the tree, has left in its folder."""
    root, env = tree(tmp_path)
    folder = root / "build/package"
    folder.mkdir(parents=True)
    for cache in ("CMAKE_GENERATOR:INTERNAL=Unix Makefiles\n"
                  f"CMAKE_HOME_DIRECTORY:INTERNAL={root}\n",
                  "CMAKE_GENERATOR:INTERNAL=Ninja\n"
                  "CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n"):
        (folder / "CMakeCache.txt").write_text(cache)
        package(root, env)
        assert not (folder / "CMakeCache.txt").exists()
    good = ("CMAKE_GENERATOR:INTERNAL=Ninja\n"
            f"CMAKE_HOME_DIRECTORY:INTERNAL={root}\n")
    (folder / "CMakeCache.txt").write_text(good)
    package(root, env)
    assert (folder / "CMakeCache.txt").read_text() == good


# The words of a daemon, and the configuration that they name.
COMMAND_LINES = {
    "flag": ("run -c /etc/a.ini", "/etc/a.ini"),
    "flag-first": ("-c /etc/a.ini run", "/etc/a.ini"),
    "long-flag": ("run --config /etc/a.ini", "/etc/a.ini"),
    "long-flag-with-sign": ("run --config=/etc/a.ini", "/etc/a.ini"),
    "file-alone": ("run /etc/a.ini", "/etc/a.ini"),
    "relative": ("run a.ini", "a.ini"),
    "none": ("run", ""),
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_package_finds_the_configuration_of_a_daemon(tmp_path, name):
    """An upgrade of the package asks the daemon that runs, however its
    configuration was named."""
    words, file = COMMAND_LINES[name]
    script = (ROOT / "packaging/postinst").read_text()
    function = re.search(r"^config_of\(\) \{.*?^\}", script, re.M | re.S).group()
    (tmp_path / "cmdline").write_bytes(
        b"".join(word.encode() + b"\0"
                 for word in ["/usr/sbin/sallyport", *words.split()]))
    assert run("sh", "-ec", f"{function}\nconfig_of {tmp_path}/cmdline") == \
        (f"{file}\n" if file else "")


@pytest.mark.parametrize("unit", UNITS)
def test_unit_never_gives_up_on_an_address_that_is_late(unit):
    """A start that fails for the machine's state, not the configuration's, is
    tried again each second for as long as it takes."""
    text = (ROOT / f"systemd/{unit}.in").read_text()
    assert "\nStartLimitIntervalSec=0\n" in text
    assert "\nRestart=on-failure\n" in text and "\nRestartSec=1s\n" in text
    assert "\nRestartPreventExitStatus=78\n" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of root's")
def test_package_builds_elsewhere_where_root_has_built(tmp_path):
    """A user whose build folder is root's gets the package from a folder of the
    user's own, and is told which."""
    root, env = tree(tmp_path)
    (root / "build/package").mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    (tmp_path / "record").touch(0o666)
    (tmp_path / "record").chmod(0o666)
    for folder in [tmp_path, *pathlib.Path(tmp_path).parents]:
        if folder.owner() == "root" and folder.stat().st_mode & 0o77 == 0:
            folder.chmod(0o711)
    said = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
               root / "scripts/package", env={**env, "HOME": str(home)})
    assert "build/package is another user's" in said
    assert said.splitlines()[-1] == \
        f"{home}/.cache/sallyport/package/sallyport_1_amd64.deb"


# make-certs.

def certificate(path, *words):
    return run("openssl", "x509", "-in", path, "-noout", *words)


def test_certificates_are_made_for_both_ends(tmp_path):
    """make-certs makes an authority, a server's certificate for the names that
    it is given, and a client's; keys are their owner's alone."""
    folder = tmp_path / "new/certs"
    run(ROOT / "conf/make-certs", folder, "db.example.net", "192.0.2.1", "::1")
    names = certificate(folder / "server.pem", "-ext", "subjectAltName")
    assert re.findall(r"(?:DNS|IP Address):(\S+?)(?:,|$)", names, re.M) == [
        "db.example.net", "192.0.2.1", "0:0:0:0:0:0:0:1"]
    for name in ("server", "client"):
        run("openssl", "verify", "-purpose", f"ssl{name}", "-CAfile",
            folder / "ca.pem", folder / f"{name}.pem")
        certificate(folder / f"{name}.pem", "-checkend", str(3600 * 86400))
    for path in folder.glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    # Nothing else is left there.
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{end}" for name in ("ca", "server", "client")
        for end in ("pem", "key")}


def test_certificates_that_are_there_are_kept(tmp_path):
    """make-certs overwrites nothing; with an authority alone in the folder it
    signs what is missing."""
    make = [ROOT / "conf/make-certs", tmp_path]
    run(*make)
    again = subprocess.run(make, capture_output=True, text=True,
                           timeout=PATIENCE)
    assert again.returncode == 1 and "server.pem is there" in again.stderr
    authority = (tmp_path / "ca.pem").read_bytes()
    for name in ("server", "client"):
        (tmp_path / f"{name}.pem").unlink()
    run(*make)
    assert (tmp_path / "ca.pem").read_bytes() == authority
    run("openssl", "verify", "-CAfile", tmp_path / "ca.pem",
        tmp_path / "client.pem")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_group_of_the_daemon_reads_the_keys(tmp_path):
    """make-certs -g lets a group read the two keys, and not the authority's."""
    folder = tmp_path / "certs"
    run(ROOT / "conf/make-certs", "-g", "nogroup", folder)
    shown = {path.name: (path.group(), path.stat().st_mode & 0o777)
             for path in folder.glob("*.key")}
    assert shown == {"ca.key": ("root", 0o600),
                     "server.key": ("nogroup", 0o640),
                     "client.key": ("nogroup", 0o640)}
