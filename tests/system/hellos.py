"""ClientHellos, made by hand (RFC 8446 4.1.2): what a client says first."""
import os
import struct


def _vector(data, size):
    return len(data).to_bytes(size, "big") + data


def extension(number, data):
    return struct.pack(">H", number) + _vector(data, 2)


def server_name(name):
    return extension(0, _vector(b"\0" + _vector(name.encode(), 2), 2))


def alpn(*names):
    listed = b"".join(_vector(name.encode(), 1) for name in names)
    return extension(16, _vector(listed, 2))


def message(*extensions):
    """A handshake message that no server could go on with, but that every
    server reads."""
    body = b"\3\3" + os.urandom(32) + b"\0" + \
        _vector(b"\x13\x01\x13\x02\xc0\x2b", 2) + b"\1\0" + \
        _vector(b"".join(extensions), 2)
    return b"\1" + _vector(body, 3)


def records(hello, most=1 << 14):
    """The message in records of no more than so many bytes."""
    return b"".join(b"\x16\3\1" + _vector(hello[at:at + most], 2)
                    for at in range(0, len(hello), most))


def hello(name=None, protocols=(), padding=0, most=1 << 14):
    """A whole ClientHello; `padding`: bytes of it (RFC 7685)."""
    extensions = []
    if name:
        extensions.append(server_name(name))
    if protocols:
        extensions.append(alpn(*protocols))
    extensions.append(extension(43, b"\4\3\4\3\3"))
    if padding:
        extensions.append(extension(21, bytes(padding)))
    return records(message(*extensions), most)
