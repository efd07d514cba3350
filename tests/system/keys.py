"""The secret numbers of private keys, and the search for them in the memory of
processes."""
import base64
import os
import re
import subprocess

# What is secret in what `openssl pkey -text` prints.
_SECRETS = ("priv", "privateExponent", "prime1", "prime2", "exponent1",
            "exponent2", "coefficient")
_LEAST = 16     # bytes; less could be found anywhere by chance
_STEP = 1 << 20
_MOST = 1 << 32     # bytes of a mapping; a sanitizer's shadow is larger


def _numbers(path, passphrase):
    """{name: bytes, most significant first} of a PEM file's key."""
    text = subprocess.run(
        ["openssl", "pkey", "-in", path, "-noout", "-text",
         *(["-passin", f"pass:{passphrase}"] if passphrase else [])],
        check=True, capture_output=True, text=True).stdout
    found = {}
    for name, digits in re.findall(r"^(\w+):\s*\n((?: +[0-9a-f:]+\n)+)", text,
                                   re.M):
        found[name] = bytes.fromhex(re.sub(r"[\s:]", "", digits))
    return found


def needles(path, passphrase=None):
    """What would betray the key of a PEM file: each secret number, in both
    orders of bytes, and the lines that hold it in the file itself."""
    secrets = [number.lstrip(b"\0") for name, number in
               _numbers(path, passphrase).items() if name in _SECRETS]
    secrets = [number for number in secrets if len(number) >= _LEAST]
    assert secrets, f"{path}: no secret in it?"
    found = secrets + [number[::-1] for number in secrets]
    for line in path.read_text().splitlines():
        if len(line) == 64:
            data = base64.b64decode(line)
            # Other lines hold what the certificate says too.
            if any(data in number for number in secrets):
                found += [line.encode(), data]
    return found


def _regions(pid):
    for line in open(f"/proc/{pid}/maps"):
        span, rights, *_ = line.split()
        start, end = [int(word, 16) for word in span.split("-")]
        if rights[0] == "r" and "[v" not in line and end - start < _MOST:
            yield start, end


def found_in(pid, wanted):
    """How many of the byte strings are somewhere in the process's memory."""
    missing = set(wanted)
    overlap = max(map(len, wanted))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in _regions(pid):
            for at in range(start, end, _STEP):
                size = min(_STEP + overlap, end - at)
                try:
                    data = os.pread(memory.fileno(), size, at)
                except OSError:
                    continue
                missing -= {one for one in missing if one in data}
    return len(set(wanted)) - len(missing)
