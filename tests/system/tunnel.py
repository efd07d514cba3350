"""The two ends of a tunnel: plain in at one relay, mutual TLS to the other,
plain out to the server."""
import sallyport


class Tunnel:
    """`relay` is the fixture; clients connect to `port`, and what they send
    comes out to `target`, an endpoint."""

    def __init__(self, relay, certs, target, near_lines="", far_lines=""):
        self.port, between = sallyport.free_port(), sallyport.free_port()
        self.far = relay(f"""
[service far-end]
listen = tls://127.0.0.1:{between}
listen.cert = {certs}/server-both.pem
listen.verify = required
listen.ca = {certs}/ca.pem
connect = {target}
{far_lines}
""")
        self.near = relay(f"""
[service near-end]
listen = 127.0.0.1:{self.port}
connect = tls://localhost:{between}
connect.ca = {certs}/ca.pem
connect.cert = {certs}/client.pem
connect.key = {certs}/client.key
{near_lines}
""")

    def wait_ends(self, count=1):
        """The end lines of the near relay, and of the far one."""
        return self.near.wait_ends(count), self.far.wait_ends(count)
