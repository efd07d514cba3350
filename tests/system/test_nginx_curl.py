"""The web through all four combinations of plain and TLS legs: curl on one
side, nginx on the other, every byte compared."""
import concurrent.futures
import hashlib
import itertools
import subprocess

import pytest

import peers
import sallyport
import servers

# Sanitized code moves bytes at a fraction of the speed.
BIG = (256 << 20) if sallyport.SANITIZED else (1 << 30)
PART = 20 << 20
PARTS = 50
SLOW = 10

# A blocked direction holds what one read took, as TLS records.
BLOCKED_KIB = 300
# What the allocator and OpenSSL need for a connection that moves.
CONNECTION_KIB = 100

LEGS = list(itertools.product(["tcp", "tls"], repeat=2))


def digest_of(stream):
    digest, size = hashlib.sha256(), 0
    while data := stream.read(1 << 20):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def digest_of_file(path):
    with open(path, "rb") as stream:
        return digest_of(stream)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, certs):
    folder = tmp_path_factory.mktemp("nginx")
    with servers.Nginx(folder / "nginx", certs) as nginx:
        with open(nginx.files / "big", "wb") as big:
            big.writelines(peers.blocks(BIG))
        nginx.big = digest_of_file(nginx.files / "big")
        yield nginx


@pytest.fixture(params=LEGS, ids="-".join)
def way(request, relay, nginx, certs, free_port):
    """A relay to nginx: way.url leads through it, way.curl are the words that
    start curl."""
    listen, connect = request.param
    port = free_port()
    way = relay(f"""
[service web]
listen = {listen}://127.0.0.1:{port}
connect = {connect}://localhost:{nginx.tls_port if connect == "tls"
                                  else nginx.port}
""" + (f"listen.cert = {certs}/server-both.pem\n" if listen == "tls" else "")
        + (f"connect.ca = {certs}/ca.pem\n" if connect == "tls" else "")
        # nginx answers close_notify with a mere FIN.
        + ("truncation = tolerate\n" if connect == "tls" else ""))
    scheme = "https" if listen == "tls" else "http"
    way.url = f"{scheme}://localhost:{port}"
    way.curl = ["curl", "--silent", "--show-error", "--fail", "--ipv4",
                "--noproxy", "*", "--cacert", str(certs / "ca.pem")]
    return way


@pytest.mark.slow
def test_carries_a_big_file_down(way, nginx):
    with subprocess.Popen([*way.curl, f"{way.url}/big"],
                          stdout=subprocess.PIPE) as curl:
        assert digest_of(curl.stdout) == nginx.big
    assert curl.returncode == 0
    end, = way.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["down"] > BIG
    print(f"RSS after {BIG >> 20} MiB down: {way.memory_kib()} KiB")


@pytest.mark.slow
def test_carries_a_big_file_up(way, nginx):
    servers.run(*way.curl, "--upload-file", nginx.files / "big",
                f"{way.url}/upload/big", timeout=15 * sallyport.PATIENCE)
    uploaded = nginx.uploads / "big"
    try:
        assert digest_of_file(uploaded) == nginx.big
    finally:
        uploaded.unlink()
    end, = way.wait_ends()
    assert end["reason"] == "client-closed"
    assert end["up"] > BIG
    print(f"RSS after {BIG >> 20} MiB up: {way.memory_kib()} KiB")


def expected_parts(nginx):
    """The offset of each part in the big file, and its digest; a file that is
    smaller than all parts together has them overlap."""
    offsets = [index * PART % (BIG - PART) for index in range(PARTS)]
    with open(nginx.files / "big", "rb") as big:
        for offset in offsets:
            big.seek(offset)
            yield offset, hashlib.sha256(big.read(PART)).hexdigest()


def start_part(way, offset):
    return subprocess.Popen(
        [*way.curl, "--range", f"{offset}-{offset + PART - 1}",
         f"{way.url}/big"], stdout=subprocess.PIPE)


@pytest.mark.slow
def test_many_at_once_and_some_that_do_not_read(way, nginx):
    """Slow readers have begun, and then take nothing until the others are
    through: what they cost is counted while they hang."""
    parts = list(expected_parts(nginx))
    before = way.memory_kib()
    curls = [start_part(way, offset) for offset, _ in parts]
    try:
        slow, quick = curls[:SLOW], curls[SLOW:]
        heads = [curl.stdout.read(1) for curl in slow]
        with concurrent.futures.ThreadPoolExecutor(PARTS) as pool:
            digests = list(pool.map(digest_of, (c.stdout for c in quick)))
        way.wait_ends(PARTS - SLOW)
        during = way.memory_kib()
        assert len(way.ends()) == PARTS - SLOW
        with concurrent.futures.ThreadPoolExecutor(SLOW) as pool:
            rest = list(pool.map(lambda curl: curl.stdout.read(), slow))
    finally:
        for curl in curls:
            curl.stdout.close()
            curl.wait()
    digests[:0] = [(peers.sha256(head + data), 1 + len(data))
                   for head, data in zip(heads, rest)]
    assert digests == [(digest, PART) for _, digest in parts]
    assert {curl.returncode for curl in curls} == {0}
    assert {end["reason"] for end in way.wait_ends(PARTS)} == {"client-closed"}
    bound = SLOW * BLOCKED_KIB + PARTS * CONNECTION_KIB
    print(f"RSS: {before} KiB before, {during} KiB with {SLOW} blocked "
          f"transfers (bound: {bound} KiB more)")
    # The sanitizer keeps freed memory, to notice its use.
    assert during - before <= bound or sallyport.SANITIZED
