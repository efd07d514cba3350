"""Keys that only root may read, and such as systemd hands over."""
import os
import pathlib
import shutil

import daemon
import steady
from checks import check
from daemon import echoes

KEYS = pathlib.Path("/etc/sallyport/keys")
HANDED = "/run/credentials/sallyport.service"


def secret(name):
    KEYS.mkdir(mode=0o700, exist_ok=True)
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
def keys_for_root_alone_are_served():
    with steady.Stream() as stream:
        daemon.configure(encrypted(stream, secret("server-encrypted.key"),
                                   secret("server-encrypted.pass")))
        daemon.start()
        assert echoes(7101, secure=True)
        daemon.systemctl("reload", daemon.SERVICE)
        assert echoes(7101, secure=True)


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


@check
def credentials_folder_of_the_unit_is_handed_over():
    """The unit as shipped hands over whatever is in its folder."""
    listed = daemon.run("systemctl", "cat", daemon.SERVICE)
    words = [line.partition("=")[2].partition(":") for line
             in listed.splitlines() if line.startswith("LoadCredential=")]
    assert words, "the unit has no LoadCredential="
    name, _, folder = words[0]
    with steady.Stream() as stream:
        folder = pathlib.Path(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for end in ("key", "pass"):
            shutil.copy(secret(f"server-encrypted.{end}"),
                        folder / f"web.{end}")
        # Files of a folder are named after both.
        daemon.configure(encrypted(stream, f"{HANDED}/{name}_web.key",
                                   f"{HANDED}/{name}_web.pass"))
        daemon.start()
        assert echoes(7101, secure=True)
        shutil.rmtree(folder)
        return ":".join(words[0])
