"""What is built: the calls that the binary makes, and the fuzz targets."""
import re
import shutil
import subprocess

import pytest

from sallyport import BINARY, PATIENCE, ROOT, SANITIZED

TARGETS = sorted(ROOT.glob("tests/fuzz/fuzz_*.c"))

# Deprecated since OpenSSL 3.0: engines, and keys and digests by algorithm.
DEPRECATED = re.compile(r"(ENGINE|RSA|DSA|DH|EC_KEY|ECDSA|HMAC|AES|MD5|SHA\d*)_|"
                        r"EVP_PKEY_[sg]et\d_(RSA|DSA|DH|EC_KEY)|SSL_CTX_set_tmp_")


@pytest.mark.promise(40)
@pytest.mark.skipif(SANITIZED, reason="a sanitizer has calls of its own")
def test_binary_calls_nothing_deprecated():
    """The binary needs no function that OpenSSL 3.0 deprecates, no ENGINE."""
    if not shutil.which("nm"):
        pytest.skip("no nm")
    listed = subprocess.run(["nm", "--dynamic", "--undefined-only", BINARY],
                            capture_output=True, text=True, check=True,
                            timeout=PATIENCE).stdout
    called = [line.split()[-1].partition("@")[0]
              for line in listed.splitlines()]
    assert "SSL_read" in " ".join(called)
    assert not list(filter(DEPRECATED.match, called))


@pytest.mark.promise(39)
@pytest.mark.parametrize("target", TARGETS, ids=lambda path: path.stem)
def test_fuzz_target_has_seeds(target):
    """Each fuzz target has a corpus to begin with, and CI runs it."""
    corpus = ROOT / "tests/fuzz/corpus" / target.stem.removeprefix("fuzz_")
    assert any(path.stat().st_size for path in corpus.iterdir())
    # CI fuzzes each source of this folder, some of them for longer.
    assert "for source in tests/fuzz/fuzz_*.c" in \
        (ROOT / ".ci/run").read_text()
