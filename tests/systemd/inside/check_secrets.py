"""Keys that only root may read reach the daemon as credentials alone."""
import os
import pathlib
import pwd
import shutil

import daemon
import steady
from checks import check, promise
from daemon import echoes

KEYS = pathlib.Path("/etc/sallyport/keys")
AS_ROOT = """[Service]
User=root
Group=root
AmbientCapabilities=
AmbientCapabilities=CAP_SETUID
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL CAP_SYS_RESOURCE
"""
HANDED = "/run/credentials/sallyport.service"


def secret(name):
    path = KEYS / name
    shutil.copy(daemon.CERTS / name, path)
    path.chmod(0o600)
    os.chown(path, 0, 0)
    return path


def encrypted(stream, key, passphrase):
    return daemon.service(
        "secure", "tls://127.0.0.1:7101", f"127.0.0.1:{stream.port}",
        f"listen.cert = {daemon.CERTS}/server-encrypted.pem\n"
        f"listen.key = {key}\nlisten.passphrase_file = {passphrase}\n")


@check
def keys_for_root_alone_are_not_the_daemons():
    """Which says so, with the name of the file."""
    with steady.Stream() as stream:
        daemon.configure(encrypted(stream, secret("server-encrypted.key"),
                                   secret("server-encrypted.pass")))
        journal = daemon.Journal()
        daemon.fails("systemctl", "start", daemon.SERVICE)
        said = journal.text("-u", daemon.SERVICE)
        assert "/keys/server-encrypted" in said, said


@promise(47)
@check
def keys_for_root_alone_are_served_by_root():
    """With the drop-in of the manual; then the keeper has an account of its
    own, which holds the keys, and nobody but the master is root."""
    with steady.Stream() as stream:
        daemon.drop_in(daemon.SERVICE, AS_ROOT)
        daemon.configure(encrypted(stream, secret("server-encrypted.key"),
                                   secret("server-encrypted.pass")),
                         globals_="keeper_user = sallyport-keeper\n")
        daemon.start()
        for _ in range(2):
            assert echoes(7101, secure=True)
            found = {name: daemon.status_of(pid)
                     for pid, name in daemon.children().items()}
            assert {"k0", "w0", "w1"} <= set(found), found
            for name, status in found.items():
                account = "sallyport-keeper" if name == "k0" else "sallyport"
                uid = str(pwd.getpwnam(account).pw_uid)
                assert set(status["Uid"].split()) == {uid}, (name, status)
                assert status["Groups"] == "", (name, status["Groups"])
                for which in ("CapPrm", "CapInh", "CapAmb"):
                    assert int(status[which], 16) == 0, (name, which)
            pid = daemon.main_pid()
            daemon.run("sallyport", "upgrade")
            daemon.wait("the old one's end",
                        lambda old=pid: not os.path.exists(f"/proc/{old}"))


@check
def credentials_are_served():
    with steady.Stream() as stream:
        key, word = (secret(f"server-encrypted.{end}")
                     for end in ("key", "pass"))
        daemon.drop_in(daemon.SERVICE, f"[Service]\n"
                       f"LoadCredential=web.key:{key}\n"
                       f"LoadCredential=web.pass:{word}\n")
        daemon.configure(encrypted(stream, f"{HANDED}/web.key",
                                   f"{HANDED}/web.pass"))
        daemon.start()
        assert echoes(7101, secure=True)
        daemon.systemctl("reload", daemon.SERVICE)
        daemon.systemctl("restart", daemon.SERVICE)
        assert echoes(7101, secure=True)
        daemon.run("sallyport", "upgrade")
        assert echoes(7101, secure=True)


def served(stream, key):
    daemon.configure(daemon.service(
        "secure", "tls://127.0.0.1:7101", f"127.0.0.1:{stream.port}",
        f"listen.cert = {daemon.CERTS}/server.pem\nlisten.key = {key}\n"))


@check
def reload_names_credentials_that_have_changed():
    """A credential is a copy, made at the start: a reload, and `check`, name one
    whose file has changed since, with what to do; before that they do not, if
    the file may be looked at."""
    with steady.Stream() as stream:
        key = secret("server.key")
        daemon.drop_in(daemon.SERVICE,
                       f"[Service]\nLoadCredential=web.key:{key}\n")
        served(stream, f"{HANDED}/web.key")
        daemon.start()
        said = f"{HANDED}/web.key is the copy of {key} that was made when " \
            "the unit started"
        told = daemon.run("sallyport", "reload")
        assert f"{said}; this user may not see" in told, told
        KEYS.chmod(0o711)
        try:
            assert "warning" not in daemon.run("sallyport", "reload")
            assert "warn" not in daemon.run("sallyport", "check")
            with open(key, "a", encoding="ascii") as file:
                file.write("\n")
            for word in ("reload", "check"):
                told = daemon.run("sallyport", word)
                assert f"{said}, and the file has changed since: systemctl " \
                    "restart sallyport.service" in told, told
            daemon.systemctl("restart", daemon.SERVICE)
            assert "warning" not in daemon.run("sallyport", "reload")
        finally:
            KEYS.chmod(0o700)


@check
def check_asks_as_the_units_user():
    """`check` by root finds what the unit will: a key that only root may read is
    told with the user that may not, and one that comes as a credential is found
    where its copy will be."""
    with steady.Stream() as stream:
        key = secret("server.key")
        served(stream, key)
        told = daemon.run("sallyport", "check", code=1)
        assert "user sallyport may not enter /etc/sallyport/keys (mode " \
            "0700, owner root" in told, told
        assert "asked as user sallyport, as sallyport.service will" in told, told
        assert "ok" in daemon.run("sallyport", "check", "--user", "root")
        served(stream, f"{HANDED}/web.key")
        daemon.run("sallyport", "check", code=1)
        daemon.drop_in(daemon.SERVICE,
                       f"[Service]\nLoadCredential=web.key:{key}\n")
        assert "ok" in daemon.run("sallyport", "check")
        daemon.start()
        assert echoes(7101, secure=True)
        assert "ok" in daemon.run("sallyport", "check")
