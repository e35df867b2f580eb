"""Runs one server and one client, and reads what the client reports."""

import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .plan import PLACES

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "bench"
CLIENT_TIMEOUT = 90  # libtirpc opens 5,000 connections in 20 s


def _cpu_now():
    """Seconds that the CPUs were busy, and those of our own children."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    busy = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return busy - sum((children.ru_utime, children.ru_stime, own.ru_utime, own.ru_stime))


def _pin(cpus):
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def _tail(text):
    return " / ".join(text.strip().splitlines()[-3:])[:300]


def _stop(server, pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    server.stdout.close()


def run_pair(program, workload, place, env, libdir=None, trace=None):
    """The client's report as a dict; with "error" if there is none.

    `trace`: files for strace's records of the server and of the client.
    """
    full = dict(os.environ, BENCH_ALARM=str(CLIENT_TIMEOUT + 10), **env)
    if libdir:
        full["LD_LIBRARY_PATH"] = str(libdir)
    server_cpus, client_cpus = PLACES[place]
    prefix = [["strace", "-f", "-qq", "-o", str(f)] for f in trace] if trace else [[], []]
    result, started, others = {}, time.monotonic(), _cpu_now()
    with tempfile.TemporaryFile("w+") as errors:
        server = subprocess.Popen(
            [*prefix[0], program, "server", workload], env=full, text=True,
            stdout=subprocess.PIPE, stderr=errors, preexec_fn=_pin(server_cpus))
        pid, said = server.pid, ""
        try:
            ready = server.stdout.readline().split()
            if len(ready) == 3 and ready[0] == "READY":
                pid = int(ready[1])
                client = subprocess.Popen(
                    [*prefix[1], program, "client", workload, ready[2], ready[1]], env=full,
                    text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    preexec_fn=_pin(client_cpus))
                try:
                    said, complaint = client.communicate(timeout=CLIENT_TIMEOUT)
                except subprocess.TimeoutExpired:
                    client.kill()
                    complaint = "no end after %d s; %s" % (CLIENT_TIMEOUT, client.communicate()[1])
            else:
                complaint = "the server did not start"
        finally:
            _stop(server, pid, signal.SIGTERM if trace else signal.SIGKILL)
        result = {k: float(v) for k, v in re.findall(r"(\w+)=(-?[\d.]+)", said)}
        if "rate" not in result:
            errors.seek(0)
            result["error"] = _tail(complaint) + " | server: " + _tail(errors.read())
    elapsed = time.monotonic() - started
    result["others_cpu"] = round(max(0.0, (_cpu_now() - others) / elapsed), 3)
    return result
