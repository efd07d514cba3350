"""The processes of one daemon: who they are, what they may, how they end."""
import grp
import os
import pathlib
import pwd
import re
import signal
import socket

import pytest

import configs
import peers
import processes
import sallyport

as_root = pytest.mark.skipif(os.getuid() != 0,
                             reason="only root may change its user")


def asks(peer, question=b"question"):
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def credentials(pid):
    """{"Uid": {0}, "Groups": set(), "CapEff": {0}, ...}"""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: {int(word, 16 if key.startswith("Cap") else 10)
                  for word in words.split()}
            for key, words in re.findall(
                r"^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs):"
                r"(.*)$", text, re.M)}


def settings_for(user, group):
    return [f"{key} = {value}" for key, value in
            (("user", user), ("group", group)) if value]


@as_root
@pytest.mark.parametrize("user,group", [
    (None, None), ("daemon", None), ("daemon", "mail"), ("12345", "54321")])
def test_children_have_given_up_what_root_has(relay, server, client, free_port,
                                              user, group):
    """Each of them, those that a name and a control socket need as well; and
    those that come later."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2", *settings_for(user, group)) +
                configs.service(f"127.0.0.1:{port}", f"localhost:{far.port}"))
    one.may_lose_children = True
    account = pwd.getpwnam(user) if user and not user.isdigit() else \
        pwd.getpwnam("nobody")
    uid = int(user) if user and user.isdigit() else account.pw_uid
    gid = account.pw_gid
    if group:
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    names = {"w0", "w1", "scout", "obser"}
    sallyport.wait_until(lambda: set(one.children().values()) == names,
                         "all of them")
    first = one.workers()[0]
    os.kill(first, signal.SIGKILL)
    one.wait_worker(0, other_than=first)
    assert asks(client(port))
    sallyport.wait_until(lambda: set(one.children().values()) == names,
                         "all of them, again")
    for pid in one.children():
        assert credentials(pid) == {
            "Uid": {uid}, "Gid": {gid}, "Groups": set(), "NoNewPrivs": {1},
            "CapInh": {0}, "CapPrm": {0}, "CapEff": {0}, "CapAmb": {0}}
    assert credentials(one.pid)["Uid"] == {0}


@pytest.mark.parametrize("line,told", [
    ("user = there-is-none", "user there-is-none"),
    ("group = there-is-none", "group there-is-none")])
def test_unknown_account_is_refused(tmp_path, free_port, line, told):
    config = tmp_path / "sallyport.ini"
    config.write_text(configs.settings(line) +
                      configs.plain(free_port(), free_port()))
    done = sallyport.sallyport("run", "-c", config)
    assert done.returncode == 1
    assert told in done.stderr
    if os.getuid() == 0:
        assert f"there is no {told}" in done.stderr
    assert "ready" not in done.stderr


@as_root
@pytest.mark.parametrize("what", ["socket", "folder"])
def test_unix_socket_without_rights(relay, free_port, tmp_path, what):
    """What root could reach its workers cannot, and the log says why."""
    port, folder = free_port(), tmp_path / "closed"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        (folder / "socket").chmod(0o600 if what == "socket" else 0o666)
        folder.chmod(0o700 if what == "folder" else 0o711)
        one = relay(configs.service(f"127.0.0.1:{port}",
                                    f"unix:{folder}/socket"))
        assert peers.connect(port).receive().end == "reset"
    [end] = one.wait_ends()
    assert end["reason"] == "connect-unreachable"
    assert end["server"] == f"unix:{folder}/socket"
    assert end["detail"].startswith("permission denied: the account that "
                                    "`user` names")


def test_there_are_as_many_workers_as_asked_for(relay, server, free_port):
    far = server(peers.echo)
    one = relay(configs.settings("workers = 3") +
                configs.plain(free_port(), far.port))
    assert sorted(one.workers()) == [0, 1, 2]
    auto = relay(configs.settings("workers = auto") +
                 configs.plain(free_port(), far.port))
    assert len(auto.workers()) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("start,changed", [
    ("auto", 2), (2, "auto")])
def test_automatic_number_is_of_the_processors_it_may_use(
        relay, server, free_port, start, changed):
    """Not of those that the machine has; so too after a reload."""
    port = free_port()
    far = server(peers.echo)

    def text(workers):
        return configs.settings(f"workers = {workers}") + \
            configs.plain(port, far.port)
    one = relay(text(start), within=[
        "taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))])
    for workers in (start, changed):
        one.reload_config(text(workers))
        processes.reload(one)
        wanted = 1 if workers == "auto" else workers
        processes.wait_roles(one.pid, {"obser"} | {
            f"w{number}" for number in range(wanted)})
        assert processes.status(one)["master"]["workers_wanted"] == wanted
        with peers.connect(port) as peer:
            assert asks(peer)


def test_every_worker_serves(relay, server, client, free_port):
    """Few connections are shared out evenly, whatever the kernel does."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 4") + configs.plain(port, far.port))
    held = [client(port) for _ in range(16)]
    assert all(asks(peer) for peer in held)
    holders = [one.wait_holder(peer.socket.getsockname()[1]) for peer in held]
    shares = [holders.count(pid) for pid in one.workers().values()]
    assert sum(shares) == 16 and min(shares) >= 2, shares


def test_a_lost_worker_takes_only_its_own_along(relay, server, client,
                                                free_port):
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2") + configs.plain(port, far.port))
    one.may_lose_children = True
    held = [client(port) for _ in range(8)]
    assert all(asks(peer) for peer in held)
    number, lost = next(iter(one.workers().items()))
    gone = [peer for peer in held
            if one.wait_holder(peer.socket.getsockname()[1]) == lost]
    assert gone and len(gone) < len(held)
    os.kill(lost, signal.SIGKILL)
    assert all(peer.receive().end in ("reset", "fin") for peer in gone)
    assert all(asks(peer) for peer in held if peer not in gone)
    one.wait_worker(number, other_than=lost)
    assert all(asks(client(port)) for _ in range(8))
    assert one.matching(rf"error worker {number} \(pid {lost}\) died by "
                        r"signal 9")


def test_children_do_not_outlive_the_master(relay, server, client, free_port):
    """They finish what they have; and nobody is let in any more."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.plain(port, far.port))
    peer = client(port)
    assert asks(peer)
    children = one.children()
    os.kill(one.pid, signal.SIGKILL)
    one.wait_exit()
    assert asks(peer)
    peer.half_close()
    assert peer.receive().end == "fin"
    sallyport.wait_until(
        lambda: not any(pathlib.Path(f"/proc/{pid}").exists()
                        for pid in children), "the end of all")
    with pytest.raises(ConnectionRefusedError):
        peers.open_socket(port)
    one.check()
