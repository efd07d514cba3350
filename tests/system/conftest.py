"""The fixtures of every test."""
import ipaddress
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import figures              # noqa: E402
import names                # noqa: E402
import pairs                # noqa: E402
import peers                # noqa: E402
import progress             # noqa: E402
import sallyport            # noqa: E402


DESCRIPTORS = 20000


def pytest_configure(config):
    config.addinivalue_line("markers",
                            "slow: takes long; left out by --quick")
    config.addinivalue_line("markers",
                            "promise(number, ...): shows these promises of "
                            "docs/promises.md")
    name = config.getoption("--progress")
    # Of several processes (pytest-xdist) only the first tells.
    if name and not hasattr(config, "workerinput"):
        config.pluginmanager.register(progress.Progress(name, 3))


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true",
                     help="leave out the tests that take long")
    parser.addoption("--progress", metavar="NAME",
                     help="tell on descriptor 3 how the run of that name is "
                     "getting on")
    parser.addoption("--soak", type=int, metavar="CONNECTIONS",
                     help="how many test_soak.py has, instead of a few")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--quick"):
        skip = pytest.mark.skip(reason="slow: left out by --quick")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


def pytest_sessionstart(session):
    # A login has 1024, and some scenarios hold thousands of connections.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (max(soft, min(hard, DESCRIPTORS)), hard))
    if not pathlib.Path(sallyport.BINARY).exists():
        pytest.exit(f"{sallyport.BINARY}: no such binary; build it, or name "
                    "another in SALLYPORT", 2)


def pytest_sessionfinish(session):
    """One of several processes (pytest-xdist) hands over what it measured."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = figures.lines()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    figures.add(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter):
    """What was measured, whether or not it passed."""
    if figures.lines():
        terminalreporter.section("figures")
        for line in figures.lines():
            terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of each daemon's log with a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for relay in getattr(item, "relays", []):
            report.sections.append((f"log of {relay.folder}", relay.tail()))


@pytest.fixture
def tmp_path(tmp_path):
    """A folder in which workers of the account "nobody" (see `user` in the
    manual) reach unix sockets."""
    top = pathlib.Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder in top.parents or folder == top:
            break
        if folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


@pytest.fixture
def owned_folder(tmp_path):
    """A folder that belongs to the account "nobody"."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, sallyport.NOBODY, sallyport.NOBODY)
    return folder


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    """The folder of example certificates: certs / "server.pem"."""
    folder = tmp_path_factory.mktemp("certs")
    subprocess.run([sallyport.ROOT / "certs-example/make-certs", folder],
                   check=True)
    return folder


@pytest.fixture(scope="session")
def load_program(tmp_path_factory):
    """The benchmark's load generator."""
    if "BENCH_PROGRAMS" in os.environ:
        return pathlib.Path(os.environ["BENCH_PROGRAMS"]) / "load"
    if not shutil.which("cmake"):
        pytest.skip("no cmake to build the load generator with")
    folder = tmp_path_factory.mktemp("bench")
    subprocess.run(["cmake", "-G", "Ninja", "-S", sallyport.ROOT / "bench",
                    "-B", folder], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--parallel", "--target",
                    "load"], check=True, stdout=subprocess.DEVNULL)
    return folder / "load"


@pytest.fixture
def relay(request, tmp_path):
    """relay(config_text, ...) starts a daemon and returns it when it is ready
    (see sallyport.Relay); at the end of the test it is stopped and checked."""
    started = request.node.relays = []

    def start(config, **options):
        folder = tmp_path / f"relay{len(started)}"
        one = sallyport.Relay(config, folder, **options)
        started.append(one)
        return one

    yield start
    problems = []
    for one in started:
        try:
            one.finish()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def server(request):
    """server(handler, ...) starts a peers.Server, closed with the test; what
    a handler raised fails the test."""
    started = []

    def start(handler, **options):
        one = peers.Server(handler, **options)
        started.append(one)
        return one

    yield start
    for one in started:
        one.close()
    for one in started:
        one.raise_problems()


@pytest.fixture
def client(request):
    """client(port, ...) is peers.connect(); closed with the test."""
    opened = []

    def connect(*arguments, **options):
        one = peers.connect(*arguments, **options)
        opened.append(one)
        return one

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def pair(relay, server, client, certs):
    """pair("1.3", "plain", ...) makes a pairs.Pair; see there."""
    opened = []

    def make(listen, connect, **options):
        one = pairs.Pair(relay, server, client, certs, listen, connect,
                         **options)
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.release()


@pytest.fixture
def free_port():
    """free_port() is a port that no program has."""
    return sallyport.free_port


@pytest.fixture
def two_workers(monkeypatch):
    """Daemons have two workers, unless their configuration says otherwise."""
    monkeypatch.setattr(sallyport, "WORKERS", "2")


@pytest.fixture
def children_may_die(monkeypatch):
    """For tests that end some of a daemon's children, or have them end."""
    monkeypatch.setattr(sallyport.Relay, "may_lose_children", True)


@pytest.fixture
def binary(tmp_path, monkeypatch):
    """A copy of the program, which all daemons run from then on, and which a
    test may replace."""
    path = tmp_path / "bin" / "sallyport"
    path.parent.mkdir()
    shutil.copy(sallyport.BINARY, path)
    monkeypatch.setattr(sallyport, "BINARY", str(path))
    return path


@pytest.fixture
def within(tmp_path):
    """within(hosts, nameserver) is what makes a program see these."""
    def make(hosts="", nameserver="127.0.53.53"):
        (tmp_path / "hosts").write_text(hosts)
        (tmp_path / "resolv.conf").write_text(f"nameserver {nameserver}\n")
        return names.seeing(tmp_path / "hosts", tmp_path / "resolv.conf")
    return make


@pytest.fixture
def dns(tmp_path):
    """dns(hosts) is a running names.Dnsmasq; dns.address is where it will
    be."""
    if os.geteuid() != 0:
        pytest.skip("the DNS has port 53")
    # An address for each run: tests may run side by side.
    address = ipaddress.ip_address("127.53.0.0") + os.getpid() % 65534 + 1
    started = []

    def start(hosts):
        started.append(names.Dnsmasq(tmp_path / f"dns{len(started)}", address,
                                     hosts))
        return started[-1]

    start.address = address
    yield start
    for one in started:
        one.stop()
