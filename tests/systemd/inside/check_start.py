"""Ready means ready, a reload tells how it went, and so does a bad start."""
import os
import pathlib
import signal
import socket
import time

import daemon
import steady
from checks import check, promise
from daemon import echoes, service, systemctl


@promise(36)
@check
def start_returns_when_clients_are_accepted():
    """Not once out of several starts is a client refused."""
    assert daemon.show("Type") in ("notify", "notify-reload")
    with steady.Stream() as stream:
        daemon.configure(
            service("plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}"),
            daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"),
            daemon.tls("rsa", 7102, f"127.0.0.1:{stream.port}", "server-rsa"))
        for _ in range(5):
            daemon.start()
            assert daemon.accepts(7100) and daemon.accepts(7102)
            assert echoes(7101, secure=True) and echoes(7102, secure=True)
            systemctl("stop", daemon.SERVICE)


@check
def start_says_what_it_does():
    with steady.Stream() as stream:
        daemon.configure(service("plain", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        daemon.start()
        text = daemon.show("StatusText")
        assert text, "no STATUS= was sent"
        return text


@check
def start_with_a_fault_fails_at_once():
    daemon.CONFIG.write_text("[service broken]\nlisten = 127.0.0.1:7100\n"
                             "conect = 127.0.0.1:1\n")
    journal = daemon.Journal()
    systemctl("reset-failed")
    daemon.fails("systemctl", "start", daemon.SERVICE)
    assert "sallyport.ini:3" in journal.text(), journal.text()


@promise(34)
@check
def stop_lets_connections_finish():
    with steady.Stream() as stream:
        daemon.configure(service("plain", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        daemon.start()
        with daemon.connected(7100) as sock:
            sock.sendall(b"before")
            assert sock.recv(100) == b"before"
            systemctl("stop", "--no-block", daemon.SERVICE)
            daemon.wait("deactivating",
                        lambda: daemon.show("ActiveState") == "deactivating")
            sock.sendall(b"after")
            assert sock.recv(100) == b"after"
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b""
        daemon.wait("inactive",
                    lambda: daemon.show("ActiveState") == "inactive")
        assert daemon.show("Result") == "success"


@check
def reload_returns_when_the_new_service_answers():
    with steady.Stream() as stream:
        old = service("old", "127.0.0.1:7100", f"127.0.0.1:{stream.port}")
        daemon.configure(old)
        daemon.start()
        pid = daemon.main_pid()
        for port in range(7110, 7115):
            daemon.configure(old, service("new", f"127.0.0.1:{port}",
                                          f"127.0.0.1:{stream.port}"))
            systemctl("reload", daemon.SERVICE)
            assert daemon.accepts(port) and echoes(port) and echoes(7100)
        assert daemon.main_pid() == pid
        assert daemon.show("ActiveState") == "active"


@promise(30)
@check
def reload_with_a_fault_fails_and_changes_nothing():
    with steady.Stream() as stream:
        daemon.configure(service("old", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        daemon.start()
        pid, workers = daemon.main_pid(), daemon.children()
        text = daemon.CONFIG.read_text()
        lines = len(text.splitlines())
        daemon.CONFIG.write_text(text + "lissten = 127.0.0.1:7101\n")
        journal = daemon.Journal()
        daemon.fails("systemctl", "reload", daemon.SERVICE)
        assert echoes(7100) and not daemon.accepts(7101)
        assert daemon.show("ActiveState") == "active"
        assert daemon.main_pid() == pid and daemon.children() == workers
        place = f"sallyport.ini:{lines + 1}"
        assert place in journal.text(), journal.text()
        # What has been mended can be reloaded.
        daemon.CONFIG.write_text(text)
        systemctl("reload", daemon.SERVICE)
        return place


@promise(30)
@check
def reload_with_a_missing_key_fails():
    with steady.Stream() as stream:
        old = service("old", "127.0.0.1:7100", f"127.0.0.1:{stream.port}")
        daemon.configure(old)
        daemon.start()
        daemon.configure(old, service(
            "new", "tls://127.0.0.1:7101", f"127.0.0.1:{stream.port}",
            "listen.cert = /etc/sallyport/none.pem\n"))
        journal = daemon.Journal()
        daemon.fails("systemctl", "reload", daemon.SERVICE)
        assert "none.pem" in journal.text(), journal.text()
        assert echoes(7100)


@check
def instance_serves_a_file_of_its_own():
    with steady.Stream() as stream:
        daemon.configure(service("one", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"))
        other = pathlib.Path("/etc/sallyport/other.ini")
        daemon.configure(service("two", "127.0.0.1:7101",
                                 f"127.0.0.1:{stream.port}"), path=other)
        daemon.start(daemon.SERVICE, "sallyport@other.service")
        assert echoes(7100) and echoes(7101)
        systemctl("reload", "sallyport@other.service")
        # The end of one is not the end of the other, nor of its socket.
        systemctl("stop", "sallyport@other.service")
        assert echoes(7100) and not daemon.accepts(7101)
        systemctl("reload", daemon.SERVICE)
        other.unlink()


@check
def log_lines_have_fields_in_the_journal():
    with steady.Stream() as stream:
        daemon.configure(service("plain", "127.0.0.1:7100",
                                 f"127.0.0.1:{stream.port}"),
                         globals_="log = journal\n")
        daemon.start()
        journal = daemon.Journal()
        assert echoes(7100)

        def ended():
            return [entry for entry in journal.entries("-u", daemon.SERVICE)
                    if "client-closed" in str(entry)]
        entry = daemon.wait("the connection's line", ended)[0]
        ours = {key: value for key, value in entry.items()
                if value in ("plain", "client-closed")}
        assert len(ours) == 2, entry
        return str(ours)


@promise(52)
@check
def corrected_file_starts_at_once():
    """A fault of the configuration is not tried again, however often somebody
    does, and the corrected file starts."""
    with steady.Stream() as stream:
        good = service("plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}")
        faults = (good + "lissten = 127.0.0.1:7101\n",
                  good + "listen.owner = no-such-user\n",
                  daemon.tls("tls", 7101, "127.0.0.1:1", cert="none"))
        for text in faults:
            daemon.configure(text)
            systemctl("reset-failed")
            daemon.fails("systemctl", "start", daemon.SERVICE)
            assert daemon.show("ActiveState") == "failed"
            assert daemon.show("ExecMainStatus") == "78"
            assert int(daemon.show("NRestarts")) == 0
            assert "sallyport.ini:" in daemon.show("StatusText")
        daemon.configure(good)
        systemctl("start", daemon.SERVICE)
        assert echoes(7100)
        assert "sallyport.ini:" not in daemon.show("StatusText")


@promise(52)
@check
def reload_to_an_unknown_account_fails():
    """The confined first process looks accounts up, and goes on."""
    with steady.Stream() as stream:
        good = service("plain", "127.0.0.1:7100", f"127.0.0.1:{stream.port}")
        daemon.configure(good)
        daemon.start()
        pid = daemon.main_pid()
        for fault in "user = no-such-user\n", "group = no-such-group\n":
            daemon.configure(good, globals_=fault)
            daemon.fails("systemctl", "reload", daemon.SERVICE)
            assert daemon.main_pid() == pid and echoes(7100)
            assert "no-such-" in daemon.show("StatusText")
        daemon.configure(good)
        systemctl("reload", daemon.SERVICE)
        assert "no-such-" not in daemon.show("StatusText")


def _fed(stream):
    """Starts a daemon that has to feed the watchdog, and sees that it does."""
    daemon.configure(
        daemon.tls("tls", 7101, f"127.0.0.1:{stream.port}"),
        # So that there is a scout, which looks names up.
        service("named", "127.0.0.1:7103", "localhost:9"))
    daemon.drop_in(daemon.SERVICE, "[Service]\nWatchdogSec=2s\n")
    daemon.start()
    assert daemon.show("WatchdogUSec") == "2s"
    before = int(daemon.show("NRestarts"))
    time.sleep(3)
    assert int(daemon.show("NRestarts")) == before, "it was not fed"
    return before


@promise(36)
@check
def watchdog_notices_a_stopped_master():
    """A stopped master has systemd start the service anew."""
    with steady.Stream() as stream:
        before = _fed(stream)
        journal = daemon.Journal()
        os.kill(daemon.main_pid(), signal.SIGSTOP)
        daemon.wait("a restart", lambda: int(
            daemon.show("NRestarts")) > before and
            daemon.show("ActiveState") == "active", patience=60)
        assert "atchdog" in journal.text(), journal.text()
        assert echoes(7101, secure=True)


def _answers():
    """What a child that has just been replaced had in hand is cut short."""
    try:
        return echoes(7101, secure=True)
    except OSError:
        return False


def _replaced(role):
    """A stopped child of that role is replaced, and the service goes on."""
    with steady.Stream() as stream:
        before = _fed(stream)
        journal, master = daemon.Journal(), daemon.main_pid()
        pid = daemon.the(role)
        os.kill(pid, signal.SIGSTOP)
        daemon.wait(f"another {role}", lambda: any(
            name.startswith(role) and child != pid
            for child, name in daemon.children().items()) and
            pid not in daemon.children(), patience=60)
        assert f"(pid {pid}) has sent no heartbeat" in journal.text(), \
            journal.text()
        daemon.wait("an answer", _answers)
        assert daemon.main_pid() == master
        assert int(daemon.show("NRestarts")) == before


@promise(46)
@check
def stopped_worker_is_replaced():
    _replaced("w1")


@promise(46)
@check
def stopped_keeper_is_replaced():
    _replaced("k0")


@promise(46)
@check
def stopped_scout_is_replaced():
    _replaced("scout")

