"""A process that holds many connections, both ends of each: it is a crowd of
clients of the daemon and the server behind it.

usage: crowd.py PORT COUNT BACKEND-PORT [CA-FILE]

BACKEND-PORT 0: the clients say nothing, and no server is expected to hear of
them.  A CA-FILE makes them speak TLS.  It prints "held" when all are there;
then for each "talk" that it reads a byte goes through every connection and
back, and it prints "talked".  It ends when its input ends.
"""
import socket
import ssl
import sys


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    listener.settimeout(60)
    return listener


def connect(port, context):
    sock = socket.create_connection(("127.0.0.1", port), 60)
    if context is None:
        return sock
    return context.wrap_socket(sock, server_hostname="localhost")


def talk(clients, servers):
    for index, (client, server) in enumerate(zip(clients, servers)):
        byte = bytes([index % 256])
        client.sendall(byte)
        assert server.recv(1) == byte
        server.sendall(byte)
        assert client.recv(1) == byte


def main(port, count, backend_port, ca=None):
    context = ssl.create_default_context(cafile=ca) if ca else None
    listener = listen(backend_port) if backend_port else None
    clients, servers = [], []
    # One after the other, so that each client is known to belong to the
    # server's end that comes next.
    for _ in range(count):
        clients.append(connect(port, context))
        if listener:
            servers.append(listener.accept()[0])
    print("held", flush=True)
    for _ in sys.stdin:
        talk(clients, servers)
        print("talked", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:])
