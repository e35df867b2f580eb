"""System calls per call: the difference of two runs of different length."""

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from . import process
from .plan import STRACE, STRACE_GOALS, workload
from .report import markdown, number

KINDS = {
    "send": ("sendto", "sendmsg", "write", "writev"),
    "read": ("recvfrom", "recvmsg", "read", "readv"),
    "wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll"),
    "epoll_ctl": ("epoll_ctl",),
    "futex": ("futex",),
    "futex wake": (),
    "timed": (),  # sleeps with a limit: of the clock, not of the calls
    "other": (),
}
CALL = re.compile(r"^\d+\s+(\w+)\(([^)]*)")


def count(path):
    """strace's lines by kind; a call's second, "resumed" line does not match."""
    kinds = Counter()
    for line in path.read_text(errors="replace").splitlines():
        m = CALL.match(line)
        if not m:
            continue
        name, args = m.groups()
        if name == "futex" and "tv_sec" in args:
            kinds["timed"] += 1
            continue
        kinds[next((k for k, names in KINDS.items() if name in names), "other")] += 1
        if name == "futex" and "FUTEX_WAKE" in args:
            kinds["futex wake"] += 1
    return kinds


def per_call(program, row, group, place, env, libdir):
    """(server's, client's) Counters of system calls per call."""
    _, low, high, callers = STRACE[group]
    totals = []
    with tempfile.TemporaryDirectory() as d:
        files = (Path(d) / "server", Path(d) / "client")
        for calls in (low, high):
            result = process.run_pair(
                program, workload(group, row), place, dict(env, BENCH_CALLS=str(calls)), libdir, files)
            if "error" in result:
                return None, result["error"]
            totals.append([count(f) for f in files])
    n = (high - low) * callers
    return [{k: (totals[1][side][k] - totals[0][side][k]) / n for k in KINDS} for side in (0, 1)], None


def run(entries, place):
    """`entries`: (group, row, subject, label, program, env, libdir). Prints the table."""
    if not shutil.which("strace"):
        raise SystemExit("strace is not installed")
    rows, bad = [], []
    for group, row, subject, label, program, env, libdir in entries:
        counts, error = per_call(program, row, group, place, env, libdir)
        if error:
            bad.append(f"{group} {label}: {error}")
            continue
        goals = STRACE_GOALS.get((group, row.variant), {}) if subject == "minirpc" else {}
        for side, figures in zip(("server", "client"), counts):
            over = [k for k, most in goals.items() if figures[k] > most]
            verdict = "" if not goals else "met" if not over else "**over: " + ", ".join(over) + "**"
            rows.append([group, label, side, *(number(max(0, figures[k])) for k in KINDS), verdict])
        print(f"strace {group} {label}", flush=True)
    print()
    print(markdown(["", "", "side", *KINDS, "goal"], rows))
    for line in bad:
        print("FAILED", line)
    return 1 if bad else 0
