"""Clients and servers that do exactly what a test says, plain or TLS.

A `Peer` speaks plain TCP (or a unix socket); a `TlsPeer` speaks TLS over it
through memory, so that close_notify, FIN and RST can be sent, and told apart
when received, one by one:

    half_close()    the proper end of sending: FIN; on TLS close_notify and FIN
    close_notify()  TLS only: close_notify, and no FIN
    fin()           FIN, and on TLS no close_notify
    reset()         RST

What was received until the end is a `Received`; its `end` is one of
"fin", "close_notify", "reset", "alert: ..." or "timeout".
"""
import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import random
import socket
import ssl
import struct
import termios
import threading
import time

from sallyport import PATIENCE

CHUNK = 256 << 10
TCP_CLOSE = 7       # include/net/tcp_states.h


# Bytes.

def payload(size, seed=1):
    """`size` random bytes, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def blocks(size, seed=1, block=1 << 20):
    """Yields `size` bytes in blocks that differ from each other; for more than
    one wants to hold in memory."""
    base = payload(block, seed)
    for index in range((size + block - 1) // block):
        part = struct.pack(">Q", index) + base[8:]
        yield part[:min(block, size - index * block)]


def sha256(data):
    """Hex digest of bytes, or of an iterable of them."""
    digest = hashlib.sha256()
    for part in [data] if isinstance(data, (bytes, bytearray)) else data:
        digest.update(part)
    return digest.hexdigest()


class Received:
    """What came, and how it ended."""

    def __init__(self, keep=True):
        self.size = 0
        self.end = None
        self.error = None       # the exception behind an alert
        self._digest = hashlib.sha256()
        self._parts = [] if keep else None

    def add(self, data):
        self.size += len(data)
        self._digest.update(data)
        if self._parts is not None:
            self._parts.append(data)

    @property
    def data(self):
        return b"".join(self._parts)

    @property
    def sha256(self):
        return self._digest.hexdigest()

    def __repr__(self):
        return f"<{self.size} bytes, then {self.end}>"


# TLS contexts.

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _context(protocol, version, alpn, ciphers):
    context = ssl.SSLContext(protocol)
    # Python hides the difference between FIN and close_notify unless told.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if version:
        context.minimum_version = VERSIONS[version]
        context.maximum_version = VERSIONS[version]
    if alpn:
        context.set_alpn_protocols(alpn)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def server_context(certs, name="server", version=None, client_ca=None,
                   alpn=None, ciphers=None):
    """Of a server that shows certificate `name` and, with `client_ca`, asks
    for one."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, version, alpn, ciphers)
    context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
    if client_ca:
        context.load_verify_locations(certs / client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(certs, name=None, version=None, ca="ca.pem", alpn=None,
                   ciphers=None):
    """Of a client that trusts `ca` (None: any server) and may show certificate
    `name`."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, version, alpn, ciphers)
    if ca:
        context.load_verify_locations(certs / ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if name:
        context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
    return context


# Peers.

class Peer:
    """One end of a plain connection."""

    clean_end = "fin"
    tls = False

    def __init__(self, sock, timeout=None):
        self.socket = sock
        self.socket.settimeout(timeout or PATIENCE)

    def handshake(self):
        return self

    def send(self, data, chunk=None, pause=0):
        """Sends all of `data` (bytes, or an iterable of them), at most `chunk`
        bytes at a time."""
        for part in [data] if isinstance(data, (bytes, bytearray)) else data:
            view = memoryview(part)
            step = chunk or CHUNK
            for start in range(0, len(view), step):
                self._send(view[start:start + step])
                if pause:
                    time.sleep(pause)

    def _send(self, data):
        self.socket.sendall(data)

    def _recv(self, size):
        """Some bytes, or b"" and self._ended at the end."""
        data = self.socket.recv(size)
        if not data:
            self._ended = self._raw_end()
        return data

    def _raw_end(self):
        """What an end of input is: the kernel tells of a reset once only, and
        a thread that sends may have been told.  A connection that ended by FIN
        is not over before this side has sent its own."""
        over = not self._finished and self.acknowledged()[0] == TCP_CLOSE
        return "reset" if over else "fin"

    def acknowledged(self):
        """The state of the connection, and how many bytes the other side's
        kernel has said that it has (TCP_INFO, tcp(7))."""
        if self.socket.family == socket.AF_UNIX:
            return None, None
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        return info[0], struct.unpack_from("Q", info, 120)[0]

    def unsent(self):
        """Bytes that the other side's kernel does not have yet."""
        return struct.unpack("i", fcntl.ioctl(
            self.socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0]

    def recv(self, size=CHUNK):
        """Some bytes; b"" at a clean or an unclean end (then see `end`)."""
        return self._step(size, None)

    end = None
    _ended = None
    _finished = False       # FIN was sent

    def _step(self, size, received):
        try:
            data = self._recv(size)
            if data:
                return data
            self.end = self._ended
        except socket.timeout:
            self.end = "timeout"
        except (ConnectionResetError, BrokenPipeError):
            self.end = "reset"
        except ssl.SSLError as error:
            self.end = f"alert: {error.reason}"
            if received is not None:
                received.error = error
        return b""

    def recv_exactly(self, size):
        """`size` bytes, or an error."""
        parts, missing = [], size
        while missing:
            data = self.recv(min(missing, CHUNK))
            if not data:
                raise EOFError(f"{self.end} with {missing} of {size} bytes "
                               "missing")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def receive(self, keep=True, pace=None, chunk=CHUNK):
        """Reads to the end; `pace` is a bound in bytes per second."""
        received = Received(keep)
        start = time.monotonic()
        while data := self._step(chunk, received):
            received.add(data)
            if pace:
                ahead = received.size / pace - (time.monotonic() - start)
                time.sleep(max(0, ahead))
        received.end = self.end
        return received

    def receive_later(self, **options):
        """receive() in a thread; .result() waits for it."""
        return in_background(self.receive, **options)

    def half_close(self):
        self.fin()

    def fin(self):
        self._finished = True
        self.socket.shutdown(socket.SHUT_WR)

    @contextlib.contextmanager
    def at_once(self):
        """What is sent in this context leaves together: in as few segments as
        there can be, and with the FIN if that is sent, too."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        yield
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ResetPeer(Peer):
    """One end of a connection that has been reset before it was used."""

    def __init__(self):
        super().__init__(socket.socket(), None)

    def _send(self, data):
        """It leads nowhere, as it does on a socket that has not heard yet."""

    def _recv(self, size):
        raise ConnectionResetError("reset before it was used")

    def fin(self):
        pass


class TlsPeer(Peer):
    """One end of a TLS connection.  One thread may send while another
    receives."""

    clean_end = "close_notify"
    tls = True

    def __init__(self, sock, context, hostname=None, server_side=False,
                 session=None, timeout=None):
        super().__init__(sock, timeout)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(
            self._in, self._out, server_side=server_side,
            server_hostname=hostname, session=session)
        self._lock = threading.Lock()       # around self.ssl, never blocks
        self._sending = threading.Lock()    # keeps records in order
        self._plain = bytearray()           # decrypted, not read yet
        self._failure = None
        self._shaken = False

    def _flush(self):
        # The holder of the lock sends what other threads leave behind.
        while self._out.pending and self._sending.acquire(blocking=False):
            try:
                while True:
                    with self._lock:
                        data = self._out.read()
                    if not data:
                        break
                    self.socket.sendall(data)
            finally:
                self._sending.release()

    def _fill(self, use):
        """Reads from the network, and has `use` look at it."""
        data = self.socket.recv(CHUNK)
        with self._lock:
            if data:
                self._in.write(data)
            else:
                self._in.write_eof()
            use()

    def _decrypt(self):
        # All at once, so that close_notify() never finds input undecrypted:
        # OpenSSL would take it for data after the end.
        try:
            while data := self.ssl.read(CHUNK):
                self._plain += data
            self._ended = "close_notify"
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = "close_notify"
        except ssl.SSLEOFError:
            self._ended = self._raw_end()
        except ssl.SSLError as error:
            if error.reason == "UNEXPECTED_EOF_WHILE_READING":
                self._ended = self._raw_end()
            else:
                self._failure = error

    def handshake(self):
        try:
            with self._lock:
                self._shake()
            self._flush()
            while not self._shaken:
                self._fill(self._shake)
                self._flush()
            return self
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._flush()       # the alert
            raise

    def _shake(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.ssl.do_handshake()
            self._shaken = True
            self._decrypt()

    def _send(self, data):
        with self._lock:
            self.ssl.write(data)
        # Several may wait here: the records go out in the order they were made.
        with self._sending:
            while True:
                with self._lock:
                    records = self._out.read()
                if not records:
                    break
                self.socket.sendall(records)

    def _recv(self, size):
        while True:
            with self._lock:
                if self._plain:
                    data = bytes(self._plain[:size])
                    del self._plain[:size]
                    return data
                if self._failure:
                    raise self._failure
                if self._ended:
                    return b""
            self._flush()
            self._fill(self._decrypt)

    def close_notify(self):
        with self._lock, contextlib.suppress(ssl.SSLWantReadError,
                                             ssl.SSLZeroReturnError):
            self.ssl.unwrap()
        self._send_rest()

    def _send_rest(self):
        with self._sending:
            with self._lock:
                records = self._out.read()
            self.socket.sendall(records)

    def half_close(self):
        self.close_notify()
        self.fin()

    def receive_raw_end(self):
        """After close_notify: what the transport does next, "fin", "reset" or
        "data"."""
        try:
            return "data" if self.socket.recv(1) else "fin"
        except ConnectionResetError:
            return "reset"

    @property
    def version(self):
        return self.ssl.version()

    @property
    def cipher(self):
        return self.ssl.cipher()[0]

    @property
    def alpn(self):
        return self.ssl.selected_alpn_protocol()

    @property
    def session(self):
        return self.ssl.session

    @property
    def resumed(self):
        return self.ssl.session_reused


def open_socket(address, receive_buffer=None, send_buffer=None, timeout=None):
    """A connected socket.  `address`: a port of 127.0.0.1, (host, port), or
    the path of a unix socket."""
    if isinstance(address, int):
        address = ("127.0.0.1", address)
    if isinstance(address, tuple):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    else:
        family, address = socket.AF_UNIX, _unix_path(address)
    sock = socket.socket(family)
    sock.settimeout(timeout or PATIENCE)
    _set_buffers(sock, receive_buffer, send_buffer)
    if family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def is_refused(address):
    """True if no socket listens there."""
    try:
        open_socket(address).close()
        return False
    except (ConnectionRefusedError, FileNotFoundError):
        return True


def _set_buffers(sock, receive_buffer, send_buffer):
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)


def _unix_path(path):
    path = str(path)
    return "\0" + path[1:] if path.startswith("@") else path


def _bind_for_all(sock, path):
    """Workers of any account may connect."""
    sock.bind(_unix_path(path))
    if not str(path).startswith("@"):
        os.chmod(path, 0o666)


def connect(address, tls=None, hostname="localhost", session=None,
            timeout=None, **buffers):
    """A connected Peer, or with `tls` (a context) a TlsPeer after its
    handshake."""
    if tls is None:
        return _connect_plain(address, timeout, buffers)
    sock = open_socket(address, timeout=timeout, **buffers)
    try:
        return TlsPeer(sock, tls, hostname, session=session,
                       timeout=timeout).handshake()
    except Exception:
        sock.close()
        raise


def _connect_plain(address, timeout, buffers):
    """A connection that is reset at once may be so before connect(2) returns,
    which tells of it then, and nothing else will."""
    try:
        return Peer(open_socket(address, timeout=timeout, **buffers), timeout)
    except ConnectionResetError:
        return ResetPeer()


class Server:
    """Accepts connections; each gets a thread that runs handler(peer).

    `results` holds what the handlers returned, one future for each connection
    in the order of accepting; the peer is closed when its handler returns."""

    def __init__(self, handler, tls=None, path=None, host="127.0.0.1", port=0,
                 backlog=1024, timeout=None, receive_buffer=None,
                 send_buffer=None):
        self.handler, self.tls, self.timeout = handler, tls, timeout
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            _bind_for_all(self.socket, path)
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((host, port))
            self.port = self.socket.getsockname()[1]
        _set_buffers(self.socket, receive_buffer, send_buffer)
        self.socket.listen(backlog)
        self.results = []
        self._changed = threading.Condition()
        self._peers = set()
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self._changed:
                if self._closing:
                    sock.close()
                    return
                self._peers.add(sock)
                self.results.append(in_background(self._serve, sock))
                self._changed.notify_all()

    def _serve(self, sock):
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, self.timeout) if self.tls is None else TlsPeer(
                sock, self.tls, server_side=True, timeout=self.timeout)
            with peer:
                return self.handler(peer.handshake())
        finally:
            with self._changed:
                self._peers.discard(sock)
            sock.close()

    def result(self, index=0, timeout=None):
        """What the handler of connection `index` returned (or raised)."""
        timeout = timeout or PATIENCE
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self.results) > index, timeout), \
                f"connection {index} never came"
            future = self.results[index]
        future.asked = True
        return future.result(timeout)

    def raise_problems(self):
        """Raises what a handler raised, unless result() was asked for it."""
        for future in self.results:
            if future.done() and not getattr(future, "asked", False):
                future.result()

    def close(self):
        with self._changed:
            self._closing = True
            peers = list(self._peers)
        # shutdown() is what wakes the accepting thread.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(PATIENCE)
        waiting = [f for f in self.results if not f.done()]
        for future in waiting:
            future.asked = True
        for sock in peers:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class FullListener:
    """A listening socket that accepts no client and whose queue is full: one
    that connects waits without an answer."""

    def __init__(self, path=None):
        if path:
            self.socket, address = socket.socket(socket.AF_UNIX), str(path)
            _bind_for_all(self.socket, path)
        else:
            self.socket = socket.socket()
            self.socket.bind(("127.0.0.1", 0))
            address = self.socket.getsockname()
            self.port = address[1]
        self.socket.listen(0)
        self._queue = []
        # The kernel may take one more than it says.
        for _ in range(4):
            sock = socket.socket(self.socket.family)
            sock.setblocking(False)
            sock.connect_ex(address)
            self._queue.append(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.socket, *self._queue]:
            sock.close()


def in_background(function, *arguments, **options):
    """Runs the function in a thread of its own; returns a future."""
    future = concurrent.futures.Future()

    def run():
        try:
            future.set_result(function(*arguments, **options))
        except BaseException as problem:    # the future carries it on
            future.set_exception(problem)

    threading.Thread(target=run, daemon=True).start()
    return future


# What a client of an echo sees.

def is_served(peer, question=b"served?"):
    """True if what this peer sends comes back."""
    peer.send(question)
    return peer.recv_exactly(len(question)) == question


def serves(address, **options):
    """True if a new connection, which connect() opens, is served."""
    with connect(address, **options) as peer:
        return is_served(peer)


# Handlers.

def shakes(context):
    """A handler that does the handshake of a server and returns how it ended: the
    words of the alert that came, or "" if it went well."""
    def handler(peer):
        try:
            with context.wrap_socket(peer.socket, server_side=True) as tls:
                tls.recv(1)
                return ""
        except ssl.SSLError as error:
            return str(error)
        except OSError as error:
            return type(error).__name__
    return handler


def echo(peer):
    """Sends everything back, and ends when the other side has ended."""
    while data := peer.recv():
        peer.send(data)
    if peer.end == peer.clean_end:
        peer.half_close()
    return peer.end


def sink(peer):
    """Reads to the end and keeps a digest."""
    received = peer.receive(keep=False)
    if received.end == peer.clean_end:
        peer.half_close()
    return received


def source(data):
    """A handler that sends `data`, ends, and reads to the end."""
    def handler(peer):
        peer.send(data)
        peer.half_close()
        return peer.receive()
    return handler


def answer(data):
    """A handler that reads to the end and then sends `data` and ends."""
    def handler(peer):
        received = peer.receive()
        peer.send(data)
        peer.half_close()
        return received
    return handler
