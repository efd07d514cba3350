"""The accounts of a daemon's processes, and how many workers there are."""
import contextlib
import grp
import os
import pwd
import signal
import socket

import pytest

import configs
import peers
import processes
import sallyport
from peers import is_served, serves

as_root = pytest.mark.skipif(os.getuid() != 0,
                             reason="only root may change its user")


def credentials(pid):
    """{"Uid": {0}, "Groups": set(), "CapEff": {0}, ...}"""
    fields = processes.status_fields(pid)
    return {key: {int(word, 16 if key.startswith("Cap") else 10)
                  for word in fields[key]}
            for key in ("Uid", "Gid", "Groups", "NoNewPrivs", "CapInh",
                        "CapPrm", "CapEff", "CapAmb")}


def account_of(user):
    """The entry of passwd(5) that the option `user` names; None: its default,
    "sallyport" or, where there is no such account, "nobody"."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user or "sallyport")
    return pwd.getpwnam("nobody")


def settings_for(user, group):
    return [f"{key} = {value}" for key, value in
            (("user", user), ("group", group)) if value]


@pytest.mark.promise(25)
@as_root
@pytest.mark.parametrize("user,group", [
    (None, None), ("daemon", None), ("daemon", "mail"), ("12345", "54321")])
def test_children_have_no_rights_of_root(relay, server, client, free_port,
                                         user, group):
    """Every child has the configured user and group and no capability, also
    one that was replaced; a reload keeps them."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 2", *settings_for(user, group)) +
                configs.service(f"127.0.0.1:{port}", f"localhost:{far.port}"))
    one.may_lose_children = True
    account = account_of(user)
    uid = int(user) if user and user.isdigit() else account.pw_uid
    gid = account.pw_gid
    if group:
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    names = {"w0", "w1", "scout", "admin"}
    sallyport.wait_until(lambda: set(one.children().values()) == names,
                         "all of them")
    first = one.workers()[0]
    os.kill(first, signal.SIGKILL)
    one.wait_worker(0, other_than=first)
    assert is_served(client(port))
    sallyport.wait_until(lambda: set(one.children().values()) == names,
                         "all of them, again")
    for pid in one.children():
        assert credentials(pid) == {
            "Uid": {uid}, "Gid": {gid}, "Groups": set(), "NoNewPrivs": {1},
            "CapInh": {0}, "CapPrm": {0}, "CapEff": {0}, "CapAmb": {0}}
    assert credentials(one.pid)["Uid"] == {0}
    assert processes.command(one, "status").returncode == 0
    found = processes.roles(one.pid)
    processes.reload(one)
    assert processes.roles(one.pid).items() >= found.items()


@as_root
@pytest.mark.parametrize("what", ["socket", "folder"])
def test_unix_server_that_workers_may_not_reach_is_reported(relay, free_port,
                                                            tmp_path, what):
    """A unix socket that only root may reach is out of a worker's reach; the
    log says why."""
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


@pytest.mark.parametrize("start,changed,processors", [
    ("auto", 2, 1), (2, "auto", 1), (3, "auto", None)])
def test_number_of_workers_is_as_configured(relay, server, free_port, start,
                                            changed, processors):
    """`workers = auto` starts one for each processor that the daemon may use,
    of fewer than the machine has too; a reload changes the number."""
    port = free_port()
    far = server(peers.echo)

    def text(workers):
        return configs.settings(f"workers = {workers}") + \
            configs.plain(port, far.port)
    allowed = sorted(os.sched_getaffinity(0))[:processors]
    one = relay(text(start), within=[
        "taskset", "--cpu-list", ",".join(map(str, allowed))])

    def check(workers):
        wanted = len(allowed) if workers == "auto" else workers
        processes.wait_roles(one.pid, {"admin"} | {
            f"w{number}" for number in range(wanted)})
        assert processes.status(one)["master"]["workers_wanted"] == wanted
        assert serves(port)
    check(start)
    for workers in (start, changed):
        one.reload_config(text(workers))
        processes.reload(one)
        check(workers)


def test_connections_are_shared_out_evenly(relay, server, client, free_port):
    """Connections are shared out among four workers, whatever the kernel does: none
    has less than half of its part, even if it was late for some turns."""
    port = free_port()
    far = server(peers.echo)
    one = relay(configs.settings("workers = 4") + configs.plain(port, far.port))
    held = [client(port) for _ in range(64)]
    assert all(is_served(peer) for peer in held)
    holders = [one.wait_holder(peer.socket.getsockname()[1]) for peer in held]
    shares = [holders.count(pid) for pid in one.workers().values()]
    assert sum(shares) == 64 and min(shares) >= 8, shares
