"""The web through all four combinations of plain and TLS legs: curl on one
side, nginx on the other, every byte compared."""
import concurrent.futures
import hashlib
import itertools
import re
import subprocess
import threading

import pytest

import figures
import peers
import sallyport
import servers

# Sanitized code moves bytes at a fraction of the speed.
BIG = (256 << 20) if sallyport.SANITIZED else (1 << 30)
PART = 20 << 20
UPLOAD = (5 << 20) if sallyport.SANITIZED else PART
PARTS = 50
# So many of them take nothing for a while, but for one that drips.
SLOW = 10
DRIP = 4 << 10

# A blocked direction holds what one read took, as TLS records.
BLOCKED_KIB = 300
# What the allocator and OpenSSL need for a connection that moves.
CONNECTION_KIB = 100
# What one connection leaves behind, however much went through it: the loop's
# scratch memory, and what a heap that has grown keeps (worker_memory.c).
LEFT_KIB = 3 << 10

LEGS = list(itertools.product(["tcp", "tls"], repeat=2))


def digest_of(read, hurry=None, drip=0):
    """The digest and the size of all that read(size) returns.  Until the event
    `hurry`, if there is one, `drip` bytes are read in a hundredth of a
    second."""
    digest, size = hashlib.sha256(), 0
    while hurry and not hurry.wait(0.01):
        data = read(drip) if drip else b""
        digest.update(data)
        size += len(data)
    while data := read(1 << 20):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def digest_of_file(path):
    with open(path, "rb") as stream:
        return digest_of(stream.read)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, certs):
    """A running servers.Nginx with the file "big"; nginx.big is its digest and
    size."""
    folder = tmp_path_factory.mktemp("nginx")
    with servers.Nginx(folder / "nginx", certs) as nginx:
        with open(nginx.files / "big", "wb") as big:
            big.writelines(peers.blocks(BIG))
        nginx.big = digest_of_file(nginx.files / "big")
        yield nginx


def service(legs, name, port, plain_port, tls_port, certs):
    """A service from `port` to one of a server's two."""
    listen, connect = legs
    tls = connect == "tls"
    return "\n".join([
        f"[service {name}]",
        f"listen = {listen}://127.0.0.1:{port}",
        f"connect = {connect}://localhost:{tls_port if tls else plain_port}",
        f"listen.cert = {certs}/server-both.pem" if listen == "tls" else "",
        f"connect.ca = {certs}/ca.pem" if tls else "",
        # nginx answers close_notify with a mere FIN.
        "truncation = tolerate" if tls else "", ""])


def curl_to(legs, port, certs):
    """The words that start curl, and the URL of that port."""
    scheme = "https" if legs[0] == "tls" else "http"
    return (["curl", "--silent", "--show-error", "--fail", "--ipv4",
             "--noproxy", "*", "--cacert", str(certs / "ca.pem")],
            f"{scheme}://localhost:{port}")


@pytest.fixture(params=LEGS, ids="-".join)
def legs(request):
    """The legs towards the client and the server, such as ("tcp", "tls")."""
    return request.param


@pytest.fixture
def web(legs, relay, nginx, certs, free_port):
    """A relay to nginx: web.url leads through it, web.curl are the words that
    start curl."""
    port = free_port()
    web = relay(service(legs, "web", port, nginx.port, nginx.tls_port, certs))
    web.splices = legs == ("tcp", "tcp")
    web.curl, web.url = curl_to(legs, port, certs)
    return web


@pytest.fixture
def check_memory(web):
    """check_memory(what) bounds what it has cost since the test began."""
    before = web.memory_kib()

    def check(what):
        now = web.memory_kib()
        figures.tell(f"{before} KiB before, {now} KiB after {what}")
        # The sanitizer keeps freed memory, to notice its use.
        assert sallyport.SANITIZED or now - before <= LEFT_KIB
    return check


@pytest.mark.promise(1)
@pytest.mark.slow
def test_big_download_arrives_whole(web, nginx, check_memory):
    """A download of a big file arrives whole, and leaves no memory behind."""
    with subprocess.Popen([*web.curl, f"{web.url}/big"],
                          stdout=subprocess.PIPE) as curl:
        got = digest_of(curl.stdout.read)
    assert (curl.returncode, *got) == (0, *nginx.big)
    end, = web.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["down"] > BIG
    assert web.has_spliced() == web.splices
    check_memory(f"{BIG >> 20} MiB down")


@pytest.mark.promise(1)
@pytest.mark.slow
def test_big_upload_arrives_whole(web, nginx, check_memory):
    """An upload of a big file arrives whole, and leaves no memory behind."""
    servers.run(*web.curl, "--upload-file", nginx.files / "big",
                f"{web.url}/upload/big", timeout=15 * sallyport.PATIENCE)
    uploaded = nginx.uploads / "big"
    try:
        assert digest_of_file(uploaded) == nginx.big
    finally:
        uploaded.unlink()
    end, = web.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["up"] > BIG
    assert web.has_spliced() == web.splices
    check_memory(f"{BIG >> 20} MiB up")


def expected_parts(nginx):
    """The offset of each part in the big file, and its digest; a file that is
    smaller than all parts together has them overlap."""
    offsets = [index * PART % (BIG - PART) for index in range(PARTS)]
    with open(nginx.files / "big", "rb") as big:
        for offset in offsets:
            big.seek(offset)
            yield offset, hashlib.sha256(big.read(PART)).hexdigest()


def start_part(web, offset):
    return subprocess.Popen(
        [*web.curl, "--range", f"{offset}-{offset + PART - 1}",
         f"{web.url}/big"], stdout=subprocess.PIPE)


def check_many(web, before, during, what):
    """What the slow ones cost while they hang is bounded."""
    bound = SLOW * BLOCKED_KIB + PARTS * CONNECTION_KIB
    figures.tell(f"{before} KiB before, {during} KiB with {SLOW} {what} "
                 f"(bound: {bound} KiB more)")
    # The sanitizer keeps freed memory, to notice its use.
    assert during - before <= bound or sallyport.SANITIZED
    assert {end["reason"] for end in web.wait_ends(PARTS)} == {"client-closed"}


@pytest.mark.promise(1)
@pytest.mark.slow
def test_slow_readers_delay_no_other_download(web, nginx):
    """Fifty downloads at once arrive whole, although some clients read next to
    nothing until the others are through."""
    parts = list(expected_parts(nginx))
    before = web.memory_kib()
    hurry = threading.Event()
    curls = [start_part(web, offset) for offset, _ in parts]
    try:
        with concurrent.futures.ThreadPoolExecutor(PARTS) as pool:
            try:
                digests = [pool.submit(digest_of, curl.stdout.read,
                                       hurry if index < SLOW else None,
                                       DRIP if index == 0 else 0)
                           for index, curl in enumerate(curls)]
                for digest in digests[SLOW:]:
                    digest.result()
                web.wait_ends(PARTS - SLOW)
                during = web.memory_kib()
                assert len(web.ends()) == PARTS - SLOW
            finally:
                hurry.set()
            assert [digest.result() for digest in digests] == \
                [(digest, PART) for _, digest in parts]
    finally:
        for curl in curls:
            curl.stdout.close()
            curl.wait()
    assert {curl.returncode for curl in curls} == {0}
    check_many(web, before, during, "blocked downloads")


class SlowServer:
    """Takes an upload on each connection, and next to nothing of it before
    `hurry`."""

    def __init__(self, server, certs):
        self.hurry = threading.Event()
        self._first = itertools.count()
        self.plain = server(self._take)
        self.tls = server(self._take, tls=peers.server_context(certs))

    def _take(self, peer):
        drip = DRIP if next(self._first) == 0 else 0
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv_exactly(1)
        missing = int(re.search(rb"content-length: (\d+)", head, re.I)[1])

        def read(size):
            nonlocal missing
            data = peer.recv_exactly(min(size, missing))
            missing -= len(data)
            return data
        taken = digest_of(read, self.hurry, drip)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                  b"Connection: close\r\n\r\n")
        peer.receive()
        return taken

    def digests(self):
        return [(self.plain if self.plain.results else self.tls).result(index)
                for index in range(SLOW)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Files to upload, each with its digest."""
    folder = tmp_path_factory.mktemp("parts")
    made = []
    for index in range(PARTS):
        with open(folder / str(index), "wb") as part:
            part.writelines(peers.blocks(UPLOAD, seed=index))
        made.append((folder / str(index), digest_of_file(part.name)))
    return made


@pytest.mark.promise(1)
@pytest.mark.slow
def test_slow_servers_delay_no_other_upload(legs, relay, nginx, server, parts,
                                            certs, free_port):
    """Fifty uploads at once arrive whole, although some servers read next to
    nothing until the others are through."""
    port, slow_port = free_port(), free_port()
    slow = SlowServer(server, certs)
    web = relay(service(legs, "web", port, nginx.port, nginx.tls_port, certs) +
                service(legs, "slow", slow_port, slow.plain.port,
                        slow.tls.port, certs))
    before = web.memory_kib()
    curls = []
    try:
        for index, (path, _) in enumerate(parts):
            words, url = curl_to(legs, slow_port if index < SLOW else port,
                                 certs)
            curls.append(subprocess.Popen(
                [*words, "--header", "Expect:", "--upload-file", path,
                 f"{url}/upload/{path.name}"], stdout=subprocess.DEVNULL))
        for curl in curls[SLOW:]:
            curl.wait(15 * sallyport.PATIENCE)
        web.wait_ends(PARTS - SLOW)
        during = web.memory_kib()
        assert len(web.ends()) == PARTS - SLOW
        slow.hurry.set()
        taken = slow.digests()
    finally:
        slow.hurry.set()
        for curl in curls:
            curl.wait(15 * sallyport.PATIENCE)
    assert {curl.returncode for curl in curls} == {0}
    for path, _ in parts[SLOW:]:
        uploaded = nginx.uploads / path.name
        taken.append(digest_of_file(uploaded))
        uploaded.unlink()
    assert sorted(taken) == sorted(digest for _, digest in parts)
    check_many(web, before, during, "blocked uploads")
