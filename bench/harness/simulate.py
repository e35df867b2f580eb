"""What many shards would share: counted, since there are not the cores to time it.

A server or client of N shards runs under valgrind's lackey, which tells each instruction and each access to
memory; one thread runs at a time, and which one it is, valgrind tells, too. Each thread stands for
a core of its own whose cache holds everything: a line *passes* when a thread reads what another
has written, or writes what another holds. The server gets a call on each connection, one for each
shard, and again when all are answered; the client's threads call on a connection each.

The library is the one that is installed, before it is stripped, and believes that it has so many
CPUs. The kernel is not seen, and only dispatchers and callers count: the background goes by a
clock that is a hundred times too fast here. Nobody spins.
"""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import threading
from collections import Counter

from . import process
from .report import markdown, number

WARM, MARK = 10, -1
# What a line's way from core to core takes: 40 to 100 ns on current servers.
PASSING_NS = 60
KINDS = {"one": "server, one set", "many": "server, a set each", "calls": "client, one set"}
LOCKED = re.compile(r"^\s*([0-9a-f]+):\s+(lock\b|xchg .*\(|cas|swp|ld(add|set|clr|eor)|stl?xr)")
ACQUIRES = re.compile(r"(try_)?lock(<|$)")  # in a file of a mutex: its first attempt


class Record:
    """Reads what lackey tells. `locked`: addresses of instructions that lock the bus, known,
    like the mark, once the program runs."""

    def __init__(self):
        self.mark, self.own, self.locked, self.phase, self.broken = None, (), frozenset(), 0, None
        self.instructions, self.ran, self.passed = Counter(), Counter(), Counter()
        self.tid = 1
        self.holders = {}

    def mark_at(self, address):
        """A store there is a mark. Its line and the next are the program's, and do not count."""
        self.own = (address >> 6, (address >> 6) + 1)
        self.mark = re.compile(rb" [SM] 0*%x," % address)

    def read(self, stream):
        """To the end. A store to the mark begins: first to follow the lines, then to count; the
        third ends it."""
        try:
            for line in stream:
                if b"SCHED[" in line:
                    if b"acquired lock" in line:
                        self.tid = int(line[line.index(b"[") + 1:line.index(b"]")])
                elif self.mark and self.mark.match(line):
                    self.phase += 1
                elif self.phase in (1, 2) and line[:1] in b" I":
                    self.step(line)
        except (ValueError, IndexError) as e:
            self.broken = f"{e}: {line[:80]!r}"

    def step(self, line):
        kind, address = line[:3], int(line[3:line.index(b",")], 16)
        if kind == b"I  ":
            self.at = address
            if self.phase == 2:
                self.instructions[self.tid] += 1
                if address in self.locked:
                    self.ran[self.tid, address] += 1
            return
        place, me = address >> 6, 1 << self.tid
        held, written = self.holders.get(place, (0, False))
        if kind == b" L ":
            passes = written and not held & me
            self.holders[place] = (held | me, written)
        else:
            passes = held & ~me
            self.holders[place] = (me, True)
        if passes and self.phase == 2 and place not in self.own:
            self.passed[place, self.at, self.tid, held & ~me] += 1


class Modules:
    """The mapped files of a process, and what is at an address."""

    def __init__(self, pid):
        self.maps = []
        for line in open(f"/proc/{pid}/maps"):
            fields = line.split()
            if len(fields) == 6 and "x" in fields[1] and fields[5].startswith("/") and "valgrind" not in fields[5]:
                low, high = (int(x, 16) for x in fields[0].split("-"))
                self.maps.append((low, high, int(fields[2], 16), fields[5]))

    def biases(self):
        """(file, what its addresses differ by from the process's, its range)"""
        for low, high, offset, file in self.maps:
            said = subprocess.run(["readelf", "-lW", file], capture_output=True, text=True).stdout
            for m in re.finditer(r"LOAD\s+0x(\w+) 0x(\w+) \S+ 0x(\w+) \S+ R E", said):
                start, address, size = (int(x, 16) for x in m.groups())
                if start & -4096 <= offset < start + size:
                    yield file, low - offset + start - address, low, high

    def locked(self):
        found = set()
        for file, bias, *_ in self.biases():
            with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", file], text=True,
                                  stdout=subprocess.PIPE) as dump:
                found.update(int(m[1], 16) + bias for line in dump.stdout if (m := LOCKED.match(line)))
        return frozenset(found)

    def places(self, addresses):
        """{address: [(function, file:line), ...]}, the innermost first."""
        found = {}
        for file, bias, low, high in self.biases():
            mine = [a for a in addresses if low <= a < high]
            asked = "".join(f"{a - bias:#x}\n" for a in mine)
            said = subprocess.run(["addr2line", "-a", "-i", "-f", "-C", "-e", file], input=asked,
                                  capture_output=True, text=True).stdout
            for a, part in zip(mine, re.split(r"^0x[0-9a-f]+\n", said, flags=re.M)[1:]):
                lines = part.splitlines()
                found[a] = list(zip(lines[::2], lines[1::2])) or [("??", "??:0")]
                if found[a][0][0] == "??":
                    found[a] = [(os.path.basename(file), "??:0")]
        return found


def place_name(frames):
    """The innermost place in the library's own source, or the function."""
    for function, where in frames:
        if re.search(r"/src/.*\.rs:", where) and not re.match(r"/rustc/|.*/registry/src/", where):
            file = re.sub(r" \(.*", "", where.rsplit("/src/", 1)[1])
            return f"src/{file}, {re.sub('<.*', '', function) or function}"
    return frames[0][0]


def frame(value):
    return struct.pack(">5I", value & 0x7fffffff, 0xffffffff, 1, 4, value & 0xffffffff)


def call_all(socks, value):
    for s in socks:
        s.sendall(frame(value))
    for s in socks:
        got = b""
        while len(got) < 20:
            part = s.recv(20 - len(got))
            if not part:
                raise OSError("the server has gone")
            got += part
        if struct.unpack(">5I", got)[4] != (value + 1) & 0xffffffff:
            raise OSError("a wrong reply")


@contextlib.contextmanager
def recorded(libdir, *args, **others):
    """Runs "shards ARGS" under lackey: (process, what it says first, its record)."""
    env = dict(os.environ, LD_LIBRARY_PATH=str(libdir), MINIRPC_SPIN_US="0",
               MALLOC_ARENA_MAX="512")  # as many arenas as on a machine with the cores
    out, told = os.pipe()
    child = subprocess.Popen(
        ["valgrind", "--tool=lackey", "--trace-mem=yes", "--basic-counts=no", "--trace-sched=yes",
         "--fair-sched=try", f"--log-fd={told}", str(process.OUT / "shards"), *map(str, args)],
        env=env, stdout=subprocess.PIPE, text=True, pass_fds=(told,), **others)
    os.close(told)
    record = Record()
    reader = threading.Thread(target=record.read, args=(os.fdopen(out, "rb", 1 << 20),))
    reader.start()
    try:
        words = child.stdout.readline().split()
        if words[:1] != ["READY"]:
            raise SystemExit(f"simulate: shards {args} did not start")
        record.mark_at(int(words[2], 16))
        yield child, words, record
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        reader.join()
    if record.broken or record.phase != 3:
        raise SystemExit(f"simulate: {record.broken or 'the marks were not seen'}")


def run_server(libdir, kind, shards, rounds):
    socks = []
    with recorded(libdir, kind, shards) as (_, words, record):
        ports = words[3:]
        for i in range(shards):
            socks.append(socket.create_connection(("127.0.0.1", int(ports[i % len(ports)]))))
            socks[-1].settimeout(120)
            socks[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call_all(socks, 1)
        modules = Modules(words[1])
        record.locked = modules.locked()
        for count in (WARM, rounds):
            call_all(socks[:1], MARK)
            for i in range(count):
                call_all(socks, i)
        call_all(socks[:1], MARK)
    for s in socks:
        s.close()
    return record, modules


def run_client(libdir, kind, shards, rounds):
    with subprocess.Popen([str(process.OUT / "raw"), "server", "w3"], text=True, stdout=subprocess.PIPE,
                          env=dict(os.environ, BENCH_ALARM="300")) as server:
        port = server.stdout.readline().split()[2]
        with recorded(libdir, kind, shards, port, stdin=subprocess.PIPE) as (child, words, record):
            def ask(calls):
                child.stdin.write(f"{calls}\n")
                child.stdin.flush()
                if child.stdout.readline() != "done\n":
                    raise SystemExit("simulate: the client has gone")

            ask(1)
            modules = Modules(words[1])
            record.locked = modules.locked()
            for calls in (0, WARM, 0, rounds, 0):
                ask(calls)
        server.kill()
    return record, modules


def run(libdir, kind, shards, rounds):
    """What was done between the marks, per call."""
    record, modules = (run_client if kind == "calls" else run_server)(libdir, kind, shards, rounds)
    return summary(record, modules, shards, rounds)


def summary(record, modules, shards, rounds):
    calls = shards * rounds
    busiest = dict(record.instructions.most_common(shards))
    own = sum(1 << tid for tid in busiest)
    ran, between = Counter(), Counter()
    for (tid, at), n in record.ran.items():
        if tid in busiest:
            ran[at] += n
    for (place, at, tid, others), n in record.passed.items():
        if own >> tid & 1 and others & own:
            between[place, at] += n
    lines, sites = Counter(), Counter()
    for (place, at), n in between.items():
        lines[place] += n
        sites[at] += n
    names = modules.places(set(sites) | set(ran))
    acquired = sum(n for at, n in ran.items() 
                   if any(ACQUIRES.match(f) and "mutex" in where for f, where in names.get(at, ())))
    by_name = Counter()
    for at, n in sites.items():
        by_name[place_name(names.get(at, [("??", "")]))] += n
    hottest = max(lines.values(), default=0) / calls
    return {
        "instructions": sum(busiest.values()) / calls,
        "locked": sum(ran.values()) / calls,
        "acquired": acquired / calls,
        "passed": sum(lines.values()) / calls,
        "lines": len(lines),
        "hottest": hottest,
        "sites": [(name, n / calls) for name, n in by_name.most_common(12)],
    }


COLUMNS = (
    ("instructions/call", "instructions"), ("locked instructions", "locked"), ("locks taken", "acquired"),
    ("lines shared", "lines"), ("passings/call", "passed"), ("of the hottest line", "hottest"),
)


def table(records):
    rows, text = [], []
    for r in records:
        bound = f"{1e9 / (PASSING_NS * r['hottest']) / 1e6:.1f}M" if r["hottest"] > 0.01 else "none"
        rows.append([f"{r['subject']}, {KINDS[r['kind']]}", r["shards"],
                     *(number(r[key]) if key != "lines" else r[key] for _, key in COLUMNS), bound])
    text.append(markdown(["", "shards", *(c[0] for c in COLUMNS), f"calls/s at {PASSING_NS} ns a passing"], rows))
    most = max(r["shards"] for r in records)
    for r in records:
        if r["shards"] == most and r["sites"]:
            head = f"Where lines pass between {most} shards ({r['subject']}, {KINDS[r['kind']]}), times per call:"
            text.append(head + "\n\n" + "\n".join(f"- {number(n)}: {name}" for name, n in r["sites"]))
    return "\n\n".join(text) + "\n"
