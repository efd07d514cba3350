"""Has a daemon see an /etc/hosts and a DNS of its own (mount_namespaces(7))."""
import os
import socket
import subprocess

import servers

WITHIN = ["unshare", "--mount"] if os.geteuid() == 0 else \
    ["unshare", "--map-root-user", "--mount"]


def mounts_are_allowed():
    return subprocess.run([*WITHIN, "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def seeing(hosts, resolv_conf):
    """The words in front of a program that has it see these two files."""
    return [*WITHIN, "sh", "-ec",
            'mount --bind "$1" /etc/hosts\n'
            'mount --bind "$2" /etc/resolv.conf\n'
            'shift 2; exec "$@"', "sh", hosts, resolv_conf]


class Dnsmasq(servers.Server):
    """Answers for the names in `hosts` and for no others."""

    def __init__(self, folder, address, hosts):
        folder.mkdir(exist_ok=True)
        self.address = address
        (folder / "hosts").write_text(hosts)
        super().__init__(folder, [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
            "--no-resolv", "--no-hosts", f"--addn-hosts={folder}/hosts",
            "--log-facility=-", "--user=root", "--pid-file=", "--local-ttl=1",
            "--local=/#/", f"--listen-address={address}", "--bind-interfaces"])

    def is_ready(self):
        return "started" in self.text()


class Silence:
    """A DNS that hears questions, and answers none."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((str(address), 53))
        self.socket.setblocking(False)

    def was_asked(self):
        try:
            return self.socket.recv(4096)
        except BlockingIOError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
