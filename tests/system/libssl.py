"""TLS clients that do what Python's ssl refuses to: names and protocols of any
bytes, and records that carry no data, without end.  They speak to OpenSSL's
library itself, through memory.
"""
import ctypes
import ctypes.util
import hashlib
import hmac
import struct

import peers

_ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
_crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))

# From <openssl/ssl.h>.
_SET_TLSEXT_HOSTNAME = 55
_SET_MIN_VERSION, _SET_MAX_VERSION = 123, 124
_VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
_WANT_READ, _ZERO_RETURN = 2, 6

# From <openssl/evp.h>.
_GCM_SET_IV_LENGTH, _GCM_GET_TAG = 0x9, 0x10

HANDSHAKE, APPLICATION_DATA = 22, 23


def _declare(library, returns, *names):
    for name in names:
        getattr(library, name).restype = returns


_declare(_ssl, ctypes.c_void_p, "TLS_client_method", "TLS_server_method",
         "SSL_CTX_new", "SSL_new", "SSL_get_session")
_declare(_ssl, ctypes.c_size_t, "SSL_get_client_random",
         "SSL_get_server_random", "SSL_SESSION_get_master_key")
_declare(_ssl, None, "SSL_CTX_free", "SSL_free", "SSL_set_bio",
         "SSL_set_connect_state", "SSL_set_accept_state")
_declare(_crypto, ctypes.c_void_p, "BIO_new", "BIO_s_mem",
         "EVP_CIPHER_CTX_new", "EVP_aes_128_gcm")
_declare(_crypto, ctypes.c_size_t, "BIO_ctrl_pending")
_declare(_crypto, ctypes.c_ulong, "ERR_get_error")


def _pointer(value):
    return ctypes.c_void_p(value)


_SELECT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_ubyte), ctypes.c_void_p, ctypes.c_uint,
    ctypes.c_void_p)


def _choosing(name):
    """A server's callback that chooses protocol `name`."""
    kept = ctypes.create_string_buffer(name, len(name))

    def choose(_ssl, out, out_length, _offered, _length, _arg):
        out[0] = ctypes.addressof(kept)
        out_length[0] = len(name)
        return 0

    return _SELECT(choose)


class Tls:
    """One end of TLS over `sock`, a connected socket; a client unless it has
    a certificate `server` (a path without .pem and .key).  A client offers
    the protocols `alpn`, a server chooses `choice` whatever it is offered."""

    def __init__(self, sock, version=None, sni=None, alpn=(), ciphers=None,
                 server=None, certificate=None, choice=None):
        self.socket = sock
        method = "TLS_server_method" if server else "TLS_client_method"
        self._ctx = _pointer(_ssl.SSL_CTX_new(_pointer(
            getattr(_ssl, method)())))
        shown = server or certificate
        if shown:
            assert _ssl.SSL_CTX_use_certificate_chain_file(
                self._ctx, f"{shown}.pem".encode()) == 1
            assert _ssl.SSL_CTX_use_PrivateKey_file(
                self._ctx, f"{shown}.key".encode(), 1) == 1
        for word in (_SET_MIN_VERSION, _SET_MAX_VERSION):
            _ssl.SSL_CTX_ctrl(self._ctx, word, ctypes.c_long(
                _VERSIONS.get(version, 0)), None)
        if ciphers:
            assert _ssl.SSL_CTX_set_cipher_list(self._ctx, ciphers) == 1
        if choice:
            self._choose = _choosing(choice)    # kept while it may be called
            _ssl.SSL_CTX_set_alpn_select_cb(self._ctx, self._choose, None)
        self._ssl = _pointer(_ssl.SSL_new(self._ctx))
        if sni:
            assert _ssl.SSL_ctrl(self._ssl, _SET_TLSEXT_HOSTNAME,
                                 ctypes.c_long(0), sni) == 1
        if alpn:
            wire = b"".join(bytes([len(name)]) + name for name in alpn)
            assert _ssl.SSL_set_alpn_protos(self._ssl, wire, len(wire)) == 0
        self._in = _pointer(_crypto.BIO_new(_pointer(_crypto.BIO_s_mem())))
        self._out = _pointer(_crypto.BIO_new(_pointer(_crypto.BIO_s_mem())))
        _ssl.SSL_set_bio(self._ssl, self._in, self._out)
        if server:
            _ssl.SSL_set_accept_state(self._ssl)
        else:
            _ssl.SSL_set_connect_state(self._ssl)

    def close(self):
        if self._ssl:
            _ssl.SSL_free(self._ssl)
            _ssl.SSL_CTX_free(self._ctx)
            self._ssl = None
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Records, made and not sent.

    def take(self):
        """The records made so far."""
        size = _crypto.BIO_ctrl_pending(self._out)
        data = ctypes.create_string_buffer(size)
        if size:
            assert _crypto.BIO_read(self._out, data, size) == size
        return data.raw

    def feed(self, data):
        """Records that came."""
        assert _crypto.BIO_write(self._in, data, len(data)) == len(data)

    def step(self):
        """One step of the handshake; true when it is done."""
        result = _ssl.SSL_do_handshake(self._ssl)
        if result != 1 and _ssl.SSL_get_error(self._ssl, result) != _WANT_READ:
            code = _crypto.ERR_get_error()
            text = ctypes.create_string_buffer(256)
            _crypto.ERR_error_string_n(ctypes.c_ulong(code), text, 256)
            raise ConnectionError(text.value.decode())
        return result == 1

    def data(self, data):
        """`data` in one record."""
        assert _ssl.SSL_write(self._ssl, data, len(data)) == len(data)
        return self.take()

    def key_update(self, answer=False):
        """A KeyUpdate, which asks for an `answer` or not (TLS 1.3)."""
        assert _ssl.SSL_key_update(self._ssl, int(answer)) == 1
        assert _ssl.SSL_do_handshake(self._ssl) == 1
        return self.take()

    def hello_request(self):
        """A server's wish to renegotiate (TLS 1.2)."""
        assert _ssl.SSL_renegotiate(self._ssl) == 1
        assert _ssl.SSL_do_handshake(self._ssl) == 1
        return self.take()

    def close_notify(self):
        _ssl.SSL_shutdown(self._ssl)
        return self.take()

    # The same, sent.

    def handshake(self):
        try:
            while not self.step():
                self.socket.sendall(self.take())
                data = self.socket.recv(peers.CHUNK)
                if not data:
                    raise ConnectionError("closed in the handshake")
                self.feed(data)
        finally:
            self.socket.sendall(self.take())
        return self

    def send(self, data):
        self.socket.sendall(self.data(data))

    def recv_exactly(self, size):
        """`size` bytes of data."""
        buffer, got = ctypes.create_string_buffer(peers.CHUNK), b""
        while len(got) < size:
            n = _ssl.SSL_read(self._ssl, buffer, size - len(got))
            if n > 0:
                got += buffer.raw[:n]
                continue
            if _ssl.SSL_get_error(self._ssl, n) != _WANT_READ:
                raise ConnectionError("TLS ended")
            data = self.socket.recv(peers.CHUNK)
            if not data:
                raise ConnectionError("closed")
            self.feed(data)
        return got

    # TLS 1.2 by hand.

    def _random(self, whose):
        data = ctypes.create_string_buffer(32)
        getattr(_ssl, f"SSL_get_{whose}_random")(
            self._ssl, data, ctypes.c_size_t(32))
        return data.raw

    def _client_keys(self):
        master = ctypes.create_string_buffer(48)
        _ssl.SSL_SESSION_get_master_key(
            _pointer(_ssl.SSL_get_session(self._ssl)), master,
            ctypes.c_size_t(48))
        seed = b"key expansion" + self._random("server") + \
            self._random("client")

        def digest(data):
            return hmac.digest(master.raw, data, hashlib.sha256)

        block, a = b"", seed
        while len(block) < 40:          # RFC 5246 5 and 6.3
            a = digest(a)
            block += digest(a + seed)
        return block[:16], block[32:36]

    def sealed(self, kind, contents, first=1):
        """Yields one record of type `kind` for each of `contents`: for what
        OpenSSL itself would not send.  A client's, of TLS 1.2 with cipher
        ECDHE-ECDSA-AES128-GCM-SHA256; `first` is the number of the first."""
        key, salt = self._client_keys()
        context = _pointer(_crypto.EVP_CIPHER_CTX_new())
        cipher = _pointer(_crypto.EVP_aes_128_gcm())
        for number, content in enumerate(contents, first):
            explicit = struct.pack(">Q", number)
            extra = explicit + struct.pack(">BHH", kind, 0x0303, len(content))
            out = ctypes.create_string_buffer(len(content))
            tag = ctypes.create_string_buffer(16)
            n = ctypes.c_int()
            step = ctypes.byref(n)
            _crypto.EVP_EncryptInit_ex(context, cipher, None, key,
                                       salt + explicit)
            _crypto.EVP_EncryptUpdate(context, None, step, extra, len(extra))
            _crypto.EVP_EncryptUpdate(context, out, step, content,
                                      len(content))
            _crypto.EVP_EncryptFinal_ex(context, None, step)
            _crypto.EVP_CIPHER_CTX_ctrl(context, _GCM_GET_TAG, 16, tag)
            body = explicit + out.raw + tag.raw
            yield struct.pack(">BHH", kind, 0x0303, len(body)) + body
        _crypto.EVP_CIPHER_CTX_free(context)
