"""An authority, and certificates of it by subject, names and purpose."""
import base64
import hashlib
import ssl
import subprocess


def command(*words, **options):
    return subprocess.run(["openssl", *map(str, words)], check=True,
                          capture_output=True, **options).stdout


def digest(path):
    """The pin of a certificate's public key, RFC 7469."""
    key = command("x509", "-in", path, "-noout", "-pubkey")
    der = command("pkey", "-pubin", "-outform", "DER", input=key)
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Pki:
    """An authority; certificates of it are made by subject and names."""

    def __init__(self, folder, name="Fleet CA"):
        self.folder = folder
        command("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                folder / "ca.key", "-out", folder / "ca.pem", "-days", 100,
                "-subj", f"/CN={name}")
        self.make("server", "/CN=server", "DNS:localhost")

    def make(self, name, subject, names, usage="clientAuth,serverAuth"):
        command("req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-CA",
                self.folder / "ca.pem", "-CAkey", self.folder / "ca.key",
                "-keyout", self.folder / f"{name}.key", "-out",
                self.folder / f"{name}.pem", "-days", 50, "-subj", subject,
                "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                f"extendedKeyUsage={usage}",
                *(["-addext", f"subjectAltName={names}"] if names else []))
        return name

    def context(self, name=None, version=None):
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem",
                                    self.folder / f"{name}.key")
        if version:
            context.maximum_version = version
        return context
