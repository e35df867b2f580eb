"""What is run: workloads, placements, the rows of each table, and the goals."""

import os
from dataclasses import dataclass, field

_CPUS = sorted(os.sched_getaffinity(0))
# Server's and client's CPUs. "cross" is left out where there is only one.
PLACES = {"same": ({_CPUS[0]}, {_CPUS[0]}), "cross": ({_CPUS[-1]}, {_CPUS[0]}), "free": (None, None)}
PLACE_NAMES = {
    "same": "one core",
    "cross": "two cores",
    "free": "free placement",
}


@dataclass(frozen=True)
class Row:
    """One way to run a workload. `program` "lib" stands for each library, "lib-tls" for ours with
    TLS; with that, "raw" is a pair of OpenSSL programs."""

    variant: str  # "" for a table's main row
    program: str
    env: dict = field(default_factory=dict)
    workload: str = ""  # where it differs from the group's
    places: tuple = ()  # where only some placements make sense
    against: str = None  # raw's variant that it is compared with, if not the one of its name
    at: int = None  # of what scales: the place on the axis
    series: str = ""  # and the line, less the subject's name

    def runs_at(self, place):
        return not self.places or place in self.places


@dataclass(frozen=True)
class Group:
    """The rows that are compared with each other, in one interleaved run."""

    title: str
    metric: str
    unit: str
    places: tuple
    rows: tuple
    columns: tuple  # (heading, key)
    env: dict = field(default_factory=dict)
    peers: bool = False
    workload: str = ""  # where it is not named like the group
    less_is_better: bool = False
    axis: str = ""  # of what scales, which runs with --scale only


CPU_COLUMNS = (("CPU us/call", "cpu_us"), ("of raw", "cpu_ratio"), ("client", "cli_cpu_us"), ("server", "srv_cpu_us"))
RATE_COLUMNS = CPU_COLUMNS + (("sleeps/call client", "cli_sleeps"), ("server", "srv_sleeps"))
LATENCY_COLUMNS = (("p50 us", "p50"), ("p99", "p99"), ("p99.9", "p999")) + RATE_COLUMNS
NO_SPIN = {"MINIRPC_SPIN_US": "0"}
APART = {"BENCH_BLOB_AT": "1300"}
RAW = Row("", "raw")
LIB = Row("", "lib")
OPENSSL = Row("", "openssl")
TLS = Row("", "lib-tls")


def _dispatchers(n):
    name = f"{n} dispatcher" + "s" * (n > 1)
    return (
        Row(name, "raw", {"RAW_LOOPS": str(n)}, at=n, series="a loop each"),
        Row(name, "lib", {"BENCH_DISPATCHERS": str(n)}, at=n),
    )


def _connections(n):
    name = f"{n:,} connection" + "s" * (n > 1)
    env = {"BENCH_CONNECTIONS": str(n), "BENCH_CALLERS": str(min(n, 16))}
    return (
        Row(name, "raw", env, at=n, series="one epoll thread"),
        Row(name, "lib", env, at=n, series="1 dispatcher"),
        Row(f"{name}, 4 dispatchers", "lib", dict(env, BENCH_DISPATCHERS="4"), against=name, at=n,
            series="4 dispatchers"),
    )



GROUPS = {
    "w1": Group(
        "W1 sync calls, 4 bytes each way", "rate", "calls/s", ("same", "cross", "free"),
        (
            RAW,
            Row("epoll", "raw", {"RAW_SERVER": "epoll"}, places=("same",)),
            Row("polling", "raw", {"RAW_SPIN": "1"}, places=("cross",)),
            LIB,
            Row("with a timeout", "lib", {"BENCH_TIMEOUT_MS": "1000"}, places=("same",)),
            Row("cancellable", "lib", {"BENCH_CANCELLABLE": "1"}, places=("same",)),
            Row("spin off", "lib", NO_SPIN, places=("cross", "free")),
        ),
        LATENCY_COLUMNS, peers=True,
    ),
    "w2": Group(
        "W2 async calls, 256 outstanding on one connection", "rate", "calls/s", ("same", "cross"),
        (
            RAW,
            Row("thread", "lib", {"BENCH_SHAPE": "thread"}),
            Row("callback", "lib", {"BENCH_SHAPE": "callback"}),
            Row("thread, traced", "lib", {"BENCH_SHAPE": "thread", "BENCH_TRACE": "1"}),
            Row("callback, traced", "lib", {"BENCH_SHAPE": "callback", "BENCH_TRACE": "1"}),
        ),
        RATE_COLUMNS + (("grew KB client", "cli_grew_kb"), ("server", "srv_grew_kb")), peers=True,
    ),
    "w3": Group(
        "W3 16 connections, 16 blocking callers; shared: 16 callers on one connection (W3s)",
        "rate", "calls/s", ("same", "free"),
        (
            RAW,
            Row("thread per connection", "raw", {"RAW_SERVER": "thread"}),
            Row("1 dispatcher", "lib"),
            Row("2 dispatchers", "lib", {"BENCH_DISPATCHERS": "2"}),
            Row("shared", "lib", workload="w3s"),
        ),
        LATENCY_COLUMNS + (("slowest caller's share", "even"),), peers=True,
    ),
    "w3x64": Group(
        "W3 with 64 connections, 64 blocking callers", "rate", "calls/s", ("same", "free"),
        (
            RAW,
            Row("thread per connection", "raw", {"RAW_SERVER": "thread"}),
            *(Row(f"{n} dispatchers", "lib", {"BENCH_DISPATCHERS": str(n)}) for n in (2, 4)),
        ),
        LATENCY_COLUMNS + (("slowest caller's share", "even"),),
        {"BENCH_CALLERS": "64"}, workload="w3",
    ),
    "w4": Group(
        "W4 sync calls with 1 MiB opaque; apart: elsewhere in its page than malloc puts it", "gbps", "GB/s",
        ("same", "cross"),
        (
            RAW,
            Row("apart", "raw", APART),
            LIB,
            Row("apart", "lib", APART),
        ),
        (("CPU s/GB", "cpu_s_per_gb"), *CPU_COLUMNS, ("server KB", "srv_rss_kb")), peers=True,
    ),
    "w4at": Group(
        "W4 at 32 places of the payload in its page: the slowest of the fastest", "spread", "x",
        ("same", "cross"), (RAW, LIB),
        (("us slowest", "slowest_us"), ("fastest", "fastest_us"), ("slowest at", "slowest_at"), *CPU_COLUMNS),
        less_is_better=True,
    ),
    "w5": Group(
        "W5 idle connections, each used once", "beside_p50", "us p50 beside 5,000", ("same",),
        (RAW, LIB),
        (
            ("connections", "idle"), ("bytes each server", "srv_bytes"), ("client", "cli_bytes"),
            ("p50 us alone", "alone_p50"), ("p99 alone", "alone_p99"), ("p99 beside", "beside_p99"),
            ("idle CPU ms/s client", "cli_idle_ms"), ("server", "srv_idle_ms"),
        ),
        {"BENCH_MS": "300"}, peers=True, less_is_better=True,
    ),
    "w6": Group(
        "W6 one-way messages, 4 bytes, all counted by the server", "rate", "messages/s",
        ("same", "cross"), (RAW, LIB),
        RATE_COLUMNS + (("grew KB client", "cli_grew_kb"), ("server", "srv_grew_kb")),
    ),
    "w1tls": Group(
        "W1 over TLS; raw: a pair of OpenSSL programs, TLS 1.3, the same cipher", "rate", "calls/s",
        ("same", "cross"), (OPENSSL, TLS, Row("spin off", "lib-tls", NO_SPIN, places=("cross",))),
        LATENCY_COLUMNS, workload="w1",
    ),
    "w2tls": Group(
        "W2 over TLS; raw: OpenSSL, call by call", "rate", "calls/s", ("same", "cross"),
        (OPENSSL, Row("thread", "lib-tls", {"BENCH_SHAPE": "thread"}),
         Row("callback", "lib-tls", {"BENCH_SHAPE": "callback"})),
        RATE_COLUMNS, workload="w2",
    ),
    "w4tls": Group(
        "W4 over TLS; raw: a pair of OpenSSL programs", "gbps", "GB/s", ("same", "cross"), (OPENSSL, TLS),
        (("CPU s/GB", "cpu_s_per_gb"), *CPU_COLUMNS, ("server KB", "srv_rss_kb")), workload="w4",
    ),
    "w5tls": Group(
        "W5 over TLS: idle connections", "beside_p50", "us p50 beside 1,000", ("same",), (OPENSSL, TLS),
        (
            ("connections", "idle"), ("bytes each server", "srv_bytes"), ("client", "cli_bytes"),
            ("p50 us alone", "alone_p50"), ("idle CPU ms/s client", "cli_idle_ms"), ("server", "srv_idle_ms"),
        ),
        {"BENCH_MS": "300", "BENCH_IDLE": "1000"}, less_is_better=True, workload="w5",
    ),
    "w7": Group(
        "W7 200 structs (string, unsigned hyper, two doubles) to the server and back", "rate",
        "pairs/s", ("same", "cross"), (RAW, LIB), RATE_COLUMNS,
    ),
    "w8": Group(
        "W8 an array of 10,000 ints in a call", "rate", "calls/s", ("same", "cross"),
        (RAW, LIB), RATE_COLUMNS,
    ),
    "fair": Group(
        "50 busy connections: the worst connection's p99 against the median of all", "unfair",
        "x", ("same", "free"),
        (
            RAW,
            Row("50 callers", "lib"),
            Row("50 callers, 2 dispatchers", "lib", {"BENCH_DISPATCHERS": "2"}),
            Row("callbacks", "lib", {"BENCH_SHAPE": "callback"}),
        ),
        (("calls/s", "rate"), ("p50 us", "p50"), ("p99", "p99"), ("worst p99", "worst_p99")),
        less_is_better=True,
    ),
    "early": Group(
        "calls whose time is up: 100,000 outstanding async ones with distinct timeouts, and sync ones",
        "async_p99", "us p99 late", ("same", "free"),
        (LIB,),
        (
            ("async p50 us late", "async_p50"), ("sync p50", "sync_p50"), ("sync p99", "sync_p99"),
            ("ns to make one", "add_ns"), ("bytes each, all told", "bytes_each"),
        ),
        less_is_better=True,
    ),
    "late": Group(
        "sync calls and attempts to connect whose time is up, where something is in the way", "p99", "us p99 late",
        ("same", "free"),
        (
            LIB,
            Row("no dispatcher", "lib", {"BENCH_CLIENT_DISPATCHERS": "0"}),
            Row("frozen peer", "lib", {"BENCH_LATE": "frozen"}),
            Row("full socket", "lib", {"BENCH_LATE": "full"}),
            Row("silent resolver", "lib", {"BENCH_LATE": "resolver"}),
        ),
        (("p50", "p50"), ("most", "max"), ("CPU us/call client", "cli_cpu_us")),
        less_is_better=True,
    ),
    "pause": Group(
        "sync calls with 2 ms between them", "p50", "us p50", ("same", "cross"),
        (RAW, LIB, Row("spin off", "lib", NO_SPIN)),
        (("p99", "p99"), *RATE_COLUMNS),
        {"BENCH_PAUSE_US": "2000"}, less_is_better=True,
    ),
    "dispatchers": Group(
        "16 connections, 16 blocking callers, against threads in the server", "rate", "calls/s",
        ("free",),
        (
            *(row for n in (1, 2, 3, 4) for row in _dispatchers(n)),
            Row("thread per connection", "raw", {"RAW_SERVER": "thread"}),
        ),
        LATENCY_COLUMNS, workload="w3", axis="dispatchers",
    ),
    "connections": Group(
        "up to 16 blocking callers, against the connections that they call on in turn", "rate",
        "calls/s", ("free",),
        tuple(row for n in (1, 10, 100, 1000, 10000) for row in _connections(n)),
        LATENCY_COLUMNS + (("server KB", "srv_rss_kb"),), workload="w3", axis="connections",
    ),
}
SCALING = tuple(name for name, group in GROUPS.items() if group.axis)


def workload(group, row):
    """What the programs call it."""
    return row.workload or GROUPS[group].workload or group


PEERS = {
    "rawhop": "raw, I/O thread + dispatcher",
    "tirpc": "libtirpc",
    "thrift": "Thrift threaded",
    "thrift-nb": "Thrift nonblocking",
    "zmq": "ZeroMQ",
    "nng": "nng",
    "capnp": "Cap'n Proto",
    "grpc": "gRPC",
    "grpc-cb": "gRPC callback server",
    "tarpc": "tarpc",
}
WITHOUT_ASYNC = {"tirpc"}


@dataclass(frozen=True)
class Goal:
    group: str
    place: str
    variant: str
    key: str
    least: float = None
    most: float = None
    text: str = ""
    speed: str = ""  # the group whose raw figure tells how fast this machine is


# What raw sockets did on one core when the goals that are no ratios were set: a
# machine half as fast cannot be asked for the same figures.
REFERENCE = {"w1": ("", "rate", 198e3), "w4": ("apart", "cpu_s_per_gb", 0.13)}

GOALS = (
    Goal("w1", "same", "", "ratio", least=0.93, text="of raw"),
    Goal("w1", "same", "", "thrift_ratio", least=1.0, text="of Thrift threaded"),
    Goal("w1", "same", "", "p99_ratio", most=1.2, text="of raw's p99"),
    Goal("w1", "same", "with a timeout", "plain_ratio", least=0.97, text="of calls without"),
    Goal("w1", "same", "cancellable", "plain_ratio", least=0.85, text="of calls that are not"),
    Goal("w1", "cross", "", "ratio", least=9, text="x blocking raw"),
    Goal("w1", "cross", "", "cpu_ratio", most=0.40, text="of raw's CPU per call"),
    Goal("w1", "cross", "spin off", "ratio", least=1.0, text="of raw"),
    Goal("w1", "free", "", "ratio", least=0.85, text="of raw (spinning does no harm)"),
    Goal("w2", "same", "thread", "shape_ratio", least=0.7, text="of raw, I/O thread + dispatcher"),
    Goal("w2", "same", "callback", "shape_ratio", least=1.0, text="of raw, I/O thread + dispatcher"),
    Goal("w2", "same", "thread", "rate", least=3e6, text="calls/s", speed="w1"),
    Goal("w2", "same", "callback", "rate", least=3e6, text="calls/s", speed="w1"),
    Goal("w2", "cross", "thread", "rate", least=2e6, text="calls/s", speed="w1"),
    Goal("w2", "cross", "callback", "rate", least=2e6, text="calls/s", speed="w1"),
    Goal("w1tls", "same", "", "ratio", least=0.9, text="of OpenSSL, blocking"),
    Goal("w2tls", "same", "thread", "ratio", least=3, text="x OpenSSL, call by call"),
    Goal("w4tls", "same", "", "ratio", least=0.9, text="of OpenSSL"),
    Goal("w5tls", "same", "", "srv_bytes", most=24576, text="bytes each idle connection"),
    Goal("w3", "same", "1 dispatcher", "ratio", least=0.9, text="of the epoll thread"),
    Goal("w3", "free", "1 dispatcher", "ratio", least=0.9, text="of the epoll thread"),
    Goal("w3", "same", "2 dispatchers", "ratio", least=0.70, text="of the epoll thread (Thrift's)"),
    Goal("w3", "free", "2 dispatchers", "ratio", least=1.35, text="of the epoll thread"),
    Goal("w3", "free", "2 dispatchers", "thrift_ratio", least=1.15, text="of Thrift threaded"),
    Goal("w3", "free", "2 dispatchers", "thrift_p999", most=1.0, text="of Thrift threaded's p99.9"),
    Goal("w3", "same", "shared", "shared_ratio", least=1.0, text="of W3"),
    Goal("w3", "free", "shared", "shared_ratio", least=1.0, text="of W3"),
    Goal("w3x64", "free", "4 dispatchers", "two_ratio", least=1.0, text="of 2 dispatchers"),
    Goal("w4", "same", "", "cpu_s_per_gb", most=0.20, text="CPU s/GB", speed="w4"),
    Goal("w4", "same", "apart", "cpu_s_per_gb", most=0.20, text="CPU s/GB", speed="w4"),
    Goal("w4", "same", "", "ratio", least=1.9, text="of raw GB/s"),
    Goal("w4", "same", "apart", "ratio", least=0.95, text="of raw GB/s"),
    Goal("w4", "cross", "", "ratio", least=1.05, text="of raw GB/s"),
    Goal("w4at", "same", "", "spread", most=1.2, text="x the fastest place's time"),
    Goal("w5", "same", "", "srv_bytes", most=600, text="bytes per idle connection"),
    Goal("w5", "same", "", "beside_ratio", most=1.1, text="of the latency alone"),
    Goal("w6", "same", "", "rate", least=5e6, text="messages/s", speed="w1"),
    Goal("w6", "cross", "", "rate", least=5e6, text="messages/s", speed="w1"),
    Goal("w7", "same", "", "rate", least=27.9e3, text="pairs/s (3 x legacy)", speed="w1"),
    Goal("w7", "cross", "", "rate", least=11.4e3, text="pairs/s (3 x legacy)", speed="w1"),
    Goal("w8", "same", "", "rate", least=33.2e3, text="calls/s (4 x legacy)", speed="w1"),
    Goal("w8", "cross", "", "rate", least=19.2e3, text="calls/s (4 x legacy)", speed="w1"),
    *(Goal(group, "same", "", "before_ratio", least=least, text="of the library before")
      for group, least in (("w6", 0.97), ("w7", 1.3), ("w8", 0.97))),
    Goal("fair", "same", "50 callers", "unfair", most=5, text="x the median"),
    Goal("fair", "free", "50 callers", "unfair", most=5, text="x the median"),
    Goal("early", "same", "", "sync_p99", most=2000, text="us late"),
    Goal("early", "free", "", "sync_p99", most=2000, text="us late"),
    *(Goal("early", place, "", "async_p99", most=2000, text="us late, async") for place in ("same", "free")),
    *(Goal("late", place, variant, "p99", most=2000, text="us late") for place in ("same", "free")
      for variant in ("", "no dispatcher", "frozen peer", "full socket", "silent resolver")),
    Goal("fair", "same", "callbacks", "unfair", most=5, text="x the median"),
    Goal("fair", "free", "callbacks", "unfair", most=5, text="x the median"),
)

# Counting system calls: workload -> row variants, two numbers of calls (per
# caller), and callers. The difference leaves out the start.
STRACE = {
    "w1": (("",), 500, 2500, 1),
    "w2": (("", "thread", "callback"), 5000, 25000, 1),
    "w3": (("", "1 dispatcher", "shared"), 100, 400, 16),
    "w6": (("",), 5000, 45000, 1),
}
# (workload, variant) -> most calls per call and side. The background wakes up some
# 60 times a second while there are calls, which strace makes few: no exact zeros.
STRACE_GOALS = {
    ("w1", ""): {"send": 1.01, "read": 1.01, "wait": 1.01, "futex": 0.06},
    ("w3", "1 dispatcher"): {"futex wake": 0.1},
}
