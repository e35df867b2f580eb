#!/usr/bin/env python3
"""tls-records ATTACK PORT THREADS PAUSE_US: hostile peers of a server with TLS on 127.0.0.1, behind
their handshake: requests in records of one byte, damaged records, ends that were not announced,
records that arrive a byte at a time. The certificates are in certs/ beside this program. Commands
come by the standard input, as those of attacker.c.
"""

import random
import socket
import ssl
import struct
import sys
import threading
import time
from pathlib import Path

CERTS = Path(__file__).resolve().parent / "certs"
PORT, THREADS, PAUSE = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) / 1e6
# hello, of WHO_IDLE
REQUEST = struct.pack(">IiiIQ", 0, -1, 1, 8, 3)

going = threading.Event()
steps = 0
busy = 0
lock = threading.Lock()


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(CERTS / "ca.pem")
    c.load_cert_chain(CERTS / "client.pem", CERTS / "client.key")
    return c


class Session:
    """A session whose records are ours to send, or to damage."""

    def __init__(self, settings):
        self.socket = socket.create_connection(("127.0.0.1", PORT), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(5)
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = settings.wrap_bio(self.inward, self.outward, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.send(self.outward.read())
                self.take()
        self.send(self.outward.read())

    def send(self, data):
        if data:
            self.socket.sendall(data)

    def take(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the end")
        self.inward.write(data)

    def record(self, data):
        """The record or records that carry the data."""
        self.tls.write(data)
        return self.outward.read()

    def throw_away(self):
        """What has come, if anything has."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(65536):
                pass
        except BlockingIOError:
            pass
        self.socket.settimeout(5)


def single_bytes(session):
    """A good request for each 24 records."""
    while going.is_set():
        batch = b"".join(session.record(REQUEST[i:i + 1]) for _ in range(20) for i in range(len(REQUEST)))
        session.send(batch)
        session.throw_away()
        step()


def damaged(session):
    record = bytearray(session.record(REQUEST))
    record[random.randrange(len(record))] ^= 1 << random.randrange(8)
    session.send(record)
    step()


def cut_off(session):
    record = session.record(REQUEST)
    session.send(record[:random.randrange(1, len(record))])
    step()


def trickle(session):
    for byte in session.record(REQUEST):
        session.send(bytes([byte]))
        time.sleep(0.001)
    step()


def step():
    global steps
    with lock:
        steps += 1
    if PAUSE:
        time.sleep(PAUSE)


def run():
    global busy
    settings = context()
    while True:
        going.wait()
        with lock:
            busy += 1
        while going.is_set():
            try:
                session = Session(settings)
                random.choice((single_bytes, damaged, cut_off, trickle))(session)
                session.socket.close()
            except OSError:
                pass  # the server has ended it, as it should
        with lock:
            busy -= 1


for _ in range(THREADS):
    threading.Thread(target=run, daemon=True).start()
for line in sys.stdin:
    if line == "go\n":
        going.set()
        print("going", flush=True)
    elif line == "rest\n":
        going.clear()
        while busy:
            time.sleep(0.001)
        print("resting", steps, flush=True)
    elif line == "port\n":
        print("port 0", flush=True)
