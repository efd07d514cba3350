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
    group: str                  # bulk, handshake, scaling, latency, memory
    kind: str                   # cost, scaling, idle, after, slow
    unit: str                   # of the figure
    scale: float                # the figure = CPU-seconds / units * scale
    mode: str                   # of the load generator
    connections: int
    count: int                  # units of one sample
    warm: int
    listen_tls: bool = False
    connect_tls: bool = False
    tls: str = "1.3"
    cipher: str = SUITE_256
    cert: str = "server"
    resume: bool = False
    workers: int = 1            # two: relay and load have both cores
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


def _scaling(name, title, mode, connections, count, **more):
    return Scenario(name, title, "scaling", "scaling",
                    "× of one worker's time", 1, mode, connections, count,
                    count // 10, workers=2, goal=.56, **more)


def _ping(name, title, connections, count, **more):
    return Scenario(name, title, "latency", "cost", "CPU-µs per exchange",
                    1e6, "ping", connections, count, count // 10,
                    goal_default=1.00, **more)


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
