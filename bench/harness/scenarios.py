"""What is measured, and the figures that are to be reached."""
import dataclasses
import typing

SUITE_256 = "TLS_AES_256_GCM_SHA384"
SUITE_128 = "TLS_AES_128_GCM_SHA256"
SUITE_CHACHA = "TLS_CHACHA20_POLY1305_SHA256"
CIPHER_ECDSA = "ECDHE-ECDSA-AES256-GCM-SHA384"
CIPHER_RSA = "ECDHE-RSA-AES256-GCM-SHA384"

MB = 1_000_000


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    group: str                  # bulk, handshake, scaling, latency, reload,
                                # many, memory
    kind: str                   # cost, first, reload, many, scaling, idle,
                                # after, slow
    unit: str                   # of the figure
    scale: float                # the figure = CPU-seconds / units * scale
    mode: str                   # of the load generator; of many: the figure
    connections: int
    count: int                  # units of one sample
    warm: int
    listen_tls: bool = False
    connect_tls: bool = False
    tls: str = "1.3"
    cipher: str = SUITE_256
    cert: str = "server"
    resume: bool = False
    nagle: bool = False         # on, at the load's sockets
    workers: int = 1            # two: relay and load have both cores
    both_cores: bool = False    # the same with one worker
    logs: bool = False          # a line for each connection, to a file
    ours_only: bool = False     # our own settings against each other
    services: str = ""          # more of them, a row of reloads.SERVICES
    every_us: int = 0           # of mode pace: a connection's exchanges
    goal_default: typing.Optional[float] = None
    goal_tuned: typing.Optional[float] = None
    goal: typing.Optional[float] = None     # of our own figure
    floor: typing.Optional[tuple] = None    # names in floors(), added up
    quick: bool = False

    @property
    def legs(self):
        return self.listen_tls, self.connect_tls


def _bulk(name, title, mode, connections, megabytes=600, **more):
    return Scenario(name, title, "bulk", "cost", "CPU-s per GB", 1e9, mode,
                    connections, megabytes * MB, 64 * MB, **more)


def _churn(name, title, count, **more):
    return Scenario(name, title, "handshake", "cost",
                    "CPU-µs per connection", 1e6, "churn", 16, count,
                    max(100, count // 10), **more)


def _shut(name, title, **more):
    return dataclasses.replace(
        _churn(name, f"a server that closes at once, {title}", 6000, **more),
        mode="shut")


def _keeper(at_once, both):
    """Signatures that the keeper makes against those of `keeper = off`."""
    return dataclasses.replace(
        _churn(f"full-at-{at_once}" + ("-2c" if both else ""),
               f"full handshake, TLS 1.3, ECDSA P-256, {at_once} at once" +
               (", one worker on two cores" if both else ""), 1500,
               listen_tls=True, both_cores=both, ours_only=True),
        connections=at_once)


def _scaling(name, title, mode, connections, count, **more):
    return Scenario(name, title, "scaling", "scaling",
                    "× of one worker's time", 1, mode, connections, count,
                    count // 10, workers=2, goal=.56, **more)


def _ping(name, title, connections, count, **more):
    return Scenario(name, title, "latency", "cost", "CPU-µs per exchange",
                    1e6, "ping", connections, count, count // 10,
                    goal_default=1.00, **more)


def _first(name, title, **more):
    return Scenario(name, title, "latency", "first", "ms", 1, "churn", 1, 300,
                    30, nagle=True, goal=2, **more)


def _reload(name, title, services):
    """Exchanges of one plain service while all services are made anew."""
    return Scenario(name, title, "reload", "reload", "ms", 1, "pace", 64, 1,
                    500, services=services, every_us=100000, ours_only=True,
                    both_cores=True, goal=10)


def _many(name, title, services, mode, unit="s", **more):
    """A configuration by itself: no connection is made."""
    return Scenario(name, title, "many", "many", unit, 1, mode, 1, 1, 0,
                    services=services, ours_only=True, both_cores=True,
                    **more)


def _idle(name, title, **more):
    return Scenario(name, title, "memory", "idle", "KiB per connection", 1,
                    "hold", 5000, 1, 0, **more)


def _slow(name, title, **more):
    return Scenario(name, title, "memory", "slow", "MiB", 1, "slow", 1000, 1,
                    0, goal_default=1.00, goal_tuned=1.00, **more)


_TLS_IN, _TLS_OUT = {"listen_tls": True}, {"connect_tls": True}
_TWO = {"workers": 2}
_RSA_12 = {"tls": "1.2", "cipher": CIPHER_RSA, "cert": "server-rsa"}
_ECDSA_12 = {"tls": "1.2", "cipher": CIPHER_ECDSA}
_OUT_ENCRYPT = ("encrypt", "copy")
_OUT_DECRYPT = ("decrypt", "copy")

SCENARIOS = [
    _bulk("tls-down-16", "TLS in → plain out, bulk down, 16 connections",
          "down", 16, **_TLS_IN, goal_tuned=.75, goal_default=.60,
          floor=_OUT_ENCRYPT, quick=True),
    _bulk("tls-up-16", "TLS in → plain out, bulk up, 16 connections",
          "up", 16, **_TLS_IN, goal_tuned=.88, goal_default=.70,
          floor=_OUT_DECRYPT, quick=True),
    _bulk("to-tls-up-16", "plain in → TLS out, bulk up, 16 connections",
          "up", 16, **_TLS_OUT, goal_tuned=.80, goal_default=.65,
          floor=_OUT_ENCRYPT),
    _bulk("to-tls-down-16", "plain in → TLS out, bulk down, 16 connections",
          "down", 16, **_TLS_OUT, goal_tuned=.95, goal_default=.70,
          floor=_OUT_DECRYPT),
    _bulk("plain-down-16", "plain ↔ plain, bulk down, 16 connections",
          "down", 16, 2000, goal_tuned=1.00, goal_default=.50,
          floor=("splice",), quick=True),
    _bulk("plain-up-16", "plain ↔ plain, bulk up, 16 connections",
          "up", 16, 2000, goal_tuned=1.00, goal_default=.50,
          floor=("splice",)),
    _bulk("tls-down-1", "TLS in → plain out, bulk down, 1 connection",
          "down", 1, **_TLS_IN, floor=_OUT_ENCRYPT),
    _bulk("tls-up-1", "TLS in → plain out, bulk up, 1 connection",
          "up", 1, **_TLS_IN, floor=_OUT_DECRYPT),
    _bulk("plain-down-1", "plain ↔ plain, bulk down, 1 connection",
          "down", 1, 2000, floor=("splice",)),
    _bulk("tls-down-16-aes128", "the same as the first, AES-128-GCM",
          "down", 16, **_TLS_IN, cipher=SUITE_128,
          floor=("encrypt-aes128", "copy")),
    _bulk("tls-down-16-chacha", "the same, ChaCha20-Poly1305",
          "down", 16, **_TLS_IN, cipher=SUITE_CHACHA,
          floor=("encrypt-chacha", "copy")),
    _bulk("tls12-down-16", "the same, TLS 1.2 AES-256-GCM",
          "down", 16, **_TLS_IN, **_ECDSA_12, floor=_OUT_ENCRYPT),
    _bulk("tls12-up-16", "the same up, TLS 1.2 AES-256-GCM",
          "up", 16, **_TLS_IN, **_ECDSA_12, floor=_OUT_DECRYPT),

    _churn("full-1.3-ecdsa", "full handshake, TLS 1.3, ECDSA P-256", 1500,
           **_TLS_IN, goal_default=.90, floor=("full-1.3-ecdsa",),
           quick=True),
    _churn("full-1.3-rsa", "full handshake, TLS 1.3, RSA-2048", 1000,
           **_TLS_IN, cert="server-rsa", goal_default=.95,
           floor=("full-1.3-rsa",)),
    _churn("full-1.2-ecdsa", "full handshake, TLS 1.2, ECDSA P-256", 1500,
           **_TLS_IN, **_ECDSA_12, goal_default=.95,
           floor=("full-1.2-ecdsa",)),
    _churn("full-1.2-rsa", "full handshake, TLS 1.2, RSA-2048", 1000,
           **_TLS_IN, **_RSA_12, goal_default=.95, floor=("full-1.2-rsa",)),
    _churn("resumed-1.3", "resumed handshake, TLS 1.3", 2000, **_TLS_IN,
           resume=True, goal_default=.90, floor=("resumed-1.3",),
           quick=True),
    _churn("resumed-1.2", "resumed handshake, TLS 1.2", 3000, **_TLS_IN,
           **_ECDSA_12, resume=True, goal_default=1.00,
           floor=("resumed-1.2",)),
    _churn("to-tls-full", "a full TLS 1.3 leg towards the server", 1000,
           **_TLS_OUT, floor=("full-1.3-ecdsa-client",)),
    _churn("to-tls-resumed", "a resumed TLS 1.3 leg towards the server",
           2000, **_TLS_OUT, resume=True, goal_default=.95,
           floor=("resumed-1.3-client",), quick=True),
    _churn("plain-churn", "plain connection churn", 6000, goal_default=.90,
           quick=True),

    _shut("closes-at-once", "no log of connections", goal_default=1.00,
          quick=True),
    _shut("closes-at-once-logged", "a line in the log for each",
          goal_default=1.00, logs=True),

    _bulk("tls-down-16-2w", "two workers: TLS in → plain out, bulk down, 16 "
          "connections", "down", 16, **_TLS_IN, **_TWO, floor=_OUT_ENCRYPT),
    _bulk("plain-down-16-2w", "two workers: plain ↔ plain, bulk down, 16 "
          "connections", "down", 16, 2000, **_TWO, floor=("splice",)),
    _churn("full-1.3-ecdsa-2w", "two workers: full handshake, TLS 1.3, ECDSA "
           "P-256", 1500, **_TLS_IN, **_TWO, floor=("full-1.3-ecdsa",)),
    _churn("full-1.3-rsa-2w", "two workers: full handshake, TLS 1.3, "
           "RSA-2048", 1000, **_TLS_IN, **_TWO, cert="server-rsa",
           floor=("full-1.3-rsa",)),
    _churn("plain-churn-2w", "two workers: plain connection churn", 6000,
           **_TWO),

    *(_keeper(at_once, both) for both in (False, True)
      for at_once in (1, 8, 64, 256)),

    _scaling("scaling-down", "two workers against one, each with a fifth of a "
             "core: TLS in → plain out, bulk down, 16 connections", "down",
             16, 3000 * MB, **_TLS_IN),
    _scaling("scaling-full", "two workers against one, each with a fifth of a "
             "core: full handshake, TLS 1.3, ECDSA P-256", "churn", 64, 8000,
             **_TLS_IN),

    _ping("ping-tls-1", "64-byte ping-pong, TLS, 1 connection", 1, 15000,
          **_TLS_IN),
    _ping("ping-tls-32", "64-byte ping-pong, TLS, 32 connections", 32, 40000,
          **_TLS_IN, quick=True),
    _ping("ping-plain-1", "64-byte ping-pong, plain, 1 connection", 1,
          20000),
    _ping("ping-plain-32", "64-byte ping-pong, plain, 32 connections", 32,
          60000, quick=True),

    _first("first-tls", "connection's first answer with Nagle's algorithm on, "
           "TLS towards the client", **_TLS_IN, quick=True),
    _first("first-to-tls", "connection's first answer with Nagle's algorithm "
           "on, TLS towards the server", **_TLS_OUT),

    _reload("reload-latency-connect", "99th percentile of an exchange during "
            "a reload of 100 services towards TLS servers", "connect"),
    _reload("reload-latency-listen", "99th percentile of an exchange during "
            "a reload of 500 TLS services", "listen"),
    _reload("reload-latency-crl", "99th percentile of an exchange during a "
            "reload of eight CRLs of 100,000 entries", "crl"),

    _many("services-500-start", "500 services with TLS on both sides: start",
          "many", "start_seconds", goal=3),
    _many("services-500-memory", "500 services with TLS on both sides: memory "
          "of a worker", "many", "worker_mib", "MiB", goal=50),
    _many("services-500-reload", "500 services with TLS on both sides: reload "
          "with nothing changed", "many", "reload_seconds", goal=.3),
    _many("services-500-certs", "the same reload with 500 certificates",
          "many-certs", "reload_seconds"),
    _many("certs-10000-start", "a service with 10,000 certificates: start",
          "sites", "start_seconds"),
    _many("certs-10000-memory", "a service with 10,000 certificates: memory of "
          "a worker", "sites", "worker_mib", "MiB"),
    _many("certs-10000-reload", "a service with 10,000 certificates: reload "
          "with nothing changed", "sites", "reload_seconds"),
    _many("addresses-2000", "100 services with 2,000 addresses: start",
          "addresses", "start_seconds"),
    _many("crl-100000", "100 services that name a CRL of 100,000 entries: "
          "start", "one-crl", "start_seconds"),

    _idle("idle-tls", "memory per idle connection, TLS towards the client",
          **_TLS_IN, goal=15, floor=("ssl-object",), quick=True),
    _idle("idle-to-tls", "memory per idle connection, TLS towards the server",
          **_TLS_OUT, goal=17),
    _idle("idle-plain", "memory per idle connection, plain", goal=1),
    Scenario("memory-after", "memory after 5,000 TLS connections and bulk, "
             "as a multiple of that before", "memory", "after", "×", 1,
             "hold", 5000, 600 * MB, 0, **_TLS_IN, goal=1.3),
    _slow("slow-tls", "memory with 1,000 slow readers, TLS", **_TLS_IN),
    _slow("slow-plain", "memory with 1,000 slow readers, plain"),
]


def floor_commands(certs):
    """What bench/floor is asked for: name -> (arguments, field of the answer,
    factor to the scenarios' unit)."""
    commands = {
        "copy": (["copy"], "s_per_gb", 1),
        "splice": (["splice"], "s_per_gb", 1),
        "ssl-object": (["memory", certs / "server.pem", certs / "server.key"],
                       "bytes", 1 / 1024),
    }
    for suffix, suite in (("", SUITE_256), ("-aes128", SUITE_128),
                          ("-chacha", SUITE_CHACHA)):
        for what in ("encrypt", "decrypt"):
            commands[what + suffix] = (["records", suite],
                                       f"{what}_s_per_gb", 1)
    for tls in ("1.2", "1.3"):
        for cert, name in (("server", "ecdsa"), ("server-rsa", "rsa")):
            words = ["handshake", certs / f"{cert}.pem",
                     certs / f"{cert}.key", tls]
            commands[f"full-{tls}-{name}"] = (
                [*words, "full"], "server_us", 1)
            commands[f"full-{tls}-{name}-client"] = (
                [*words, "full"], "client_us", 1)
            if name == "ecdsa":
                commands[f"resumed-{tls}"] = (
                    [*words, "resumed"], "server_us", 1)
                commands[f"resumed-{tls}-client"] = (
                    [*words, "resumed"], "client_us", 1)
    return commands
