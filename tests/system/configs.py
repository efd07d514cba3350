"""Configurations that many scenarios share."""


def service(listen, connect, *options, name="s"):
    """A [service] section; `connect` may be a port of 127.0.0.1, or several of
    either in a list."""
    connects = connect if isinstance(connect, list) else [connect]
    return "\n".join([
        f"[service {name}]",
        f"listen = {listen}",
        *(f"connect = 127.0.0.1:{one}" if isinstance(one, int)
          else f"connect = {one}" for one in connects),
        *options, ""])


def plain(port, connect, *options, **more):
    return service(f"127.0.0.1:{port}", connect, *options, **more)


def tls(port, connect, certs, *options, **more):
    """TLS towards clients."""
    return service(f"tls://127.0.0.1:{port}", connect,
                   f"listen.cert = {certs}/server.pem",
                   f"listen.key = {certs}/server.key", *options, **more)


def tls_out(port, server_port, certs, *options, **more):
    """Plain towards clients, TLS towards the server."""
    return service(f"127.0.0.1:{port}", f"tls://localhost:{server_port}",
                   f"connect.ca = {certs}/ca.pem", *options, **more)


def settings(*options):
    return "\n".join(["[global]", *options, ""])
