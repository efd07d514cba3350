"""Real servers to put behind the daemon, each on a loopback port of its own.

    with servers.Redis(tmp_path / "redis") as redis:
        ... redis.port ...

All are ended by process id, and their own words stand in FOLDER/log.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from sallyport import PATIENCE, free_port, wait_until


def run(*command, timeout=None, ok=True, **options):
    """Runs a client program to its end; the result has stdout and stderr as
    text.  `ok`: it must exit with 0."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          errors="backslashreplace",
                          timeout=timeout or 3 * PATIENCE, **options)
    assert done.returncode == 0 or not ok, \
        f"{command[0]} exited with {done.returncode}:\n{done.stdout}\n" \
        f"{done.stderr}"
    return done


def is_listening(port):
    with contextlib.suppress(OSError), \
            socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Server:
    """A server that runs in the foreground until it is stopped."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder, command, **options):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, **options)
        try:
            wait_until(self._ready, f"{command[0]} to be ready")
        except AssertionError as problem:
            self.stop()
            raise AssertionError(f"{problem}\n{self.text()}") from None

    def _ready(self):
        assert self.process.poll() is None, "it exited"
        return self.is_ready()

    def is_ready(self):
        return is_listening(self.port)

    def text(self):
        return self.log.read_text(errors="backslashreplace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Nginx(Server):
    """Serves FOLDER/files and takes uploads to /upload/, at `port` plain and
    at `tls_port` with TLS."""

    def __init__(self, folder, certs, name="server"):
        self.port, self.tls_port = free_port(), free_port()
        folder = pathlib.Path(folder)
        for part in ("files", "upload", "temporary"):
            (folder / part).mkdir(parents=True)
        self.files, self.uploads = folder / "files", folder / "upload"
        (folder / "nginx.conf").write_text(f"""
            user {pwd.getpwuid(os.getuid()).pw_name};
            daemon off;
            worker_processes 1;
            pid {folder}/pid;
            error_log stderr;
            events {{ worker_connections 4096; }}
            http {{
                access_log off;
                sendfile on;
                client_max_body_size 0;
                client_body_temp_path {folder}/temporary;
                client_body_buffer_size 1m;
                ssl_certificate {certs}/{name}.pem;
                ssl_certificate_key {certs}/{name}.key;
                server {{
                    listen 127.0.0.1:{self.port};
                    listen 127.0.0.1:{self.tls_port} ssl;
                    root {folder}/files;
                    location /upload/ {{
                        alias {folder}/upload/;
                        dav_methods PUT;
                    }}
                }}
            }}""")
        super().__init__(folder, ["nginx", "-e", "stderr", "-p", folder,
                                  "-c", folder / "nginx.conf"])


class Redis(Server):
    def __init__(self, folder):
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, [
            "redis-server", "--port", self.port, "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", folder,
            "--tcp-backlog", "1024"])


class Postgres(Server):
    """A fresh database cluster whose user `postgres` needs no password.  It
    refuses to run as root, so root runs it as the user of that name."""

    stop_signal = signal.SIGINT     # ends the sessions that are left

    def __init__(self):
        self.port = free_port()
        # Not below the test's own folder, which other users may not enter.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-postgres-"))
        as_user = {"cwd": folder}
        if os.getuid() == 0:
            as_user.update(user="postgres", group="postgres", extra_groups=[])
            shutil.chown(folder, "postgres", "postgres")
        try:
            programs = self._programs()
            run(programs / "initdb", "--pgdata", folder / "data",
                "--username=postgres", "--auth=trust", "--no-sync",
                "--encoding=UTF8", "--locale=C", **as_user)
            super().__init__(folder, [
                programs / "postgres", "-D", folder / "data",
                "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=", "-c", "fsync=off"],
                **as_user)
        except BaseException:
            shutil.rmtree(folder)
            raise

    @staticmethod
    def _programs():
        folders = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
        return max(folders, key=lambda folder: float(folder.parent.name))

    def is_ready(self):
        return "ready to accept connections" in self.text()

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sshd(Server):
    """Lets the user who runs the tests in, with the key `identity`."""

    def __init__(self, folder):
        self.port = free_port()
        folder.mkdir(parents=True)
        self.identity = folder / "identity"
        for name in ("identity", "host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                folder / name)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        (folder / "sshd_config").write_text(f"""
            ListenAddress 127.0.0.1:{self.port}
            HostKey {folder}/host_key
            AuthorizedKeysFile {folder}/identity.pub
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            PrintMotd no
            PrintLastLog no
            """)
        super().__init__(folder, ["/usr/sbin/sshd", "-D", "-e", "-f",
                                  folder / "sshd_config"])

    def ssh(self, port):
        """The words that start ssh to this server by way of `port`."""
        return ["ssh", "-F", "none", "-p", str(port), "-i",
                str(self.identity), "-o", "IdentitiesOnly=yes", "-o",
                "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
