"""Streams of messages, and captures of them in whatever segments."""

import socket
import struct
import subprocess
import threading

CLIENT, SERVER = 40000, 7777


class Message:
    """One message, whole: from the client (True) or the server."""

    def __init__(self, from_client, data):
        self.from_client, self.data = from_client, data
        self.sequence, self.status, self.cmd, self.length = struct.unpack(">IiiI", data[:16])


def message(from_client, sequence, status, cmd, payload=b"", length=None):
    length = len(payload) if length is None else length
    return Message(from_client, struct.pack(">IiiI", sequence, status, cmd, length) + payload)


def recorded(program):
    """What the program's two ends send, in the order in which it came by."""
    peers = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    there = int(peers.stdout.readline())
    listener = socket.create_server(("127.0.0.1", 0))
    peers.stdin.write("%d\n" % listener.getsockname()[1])
    peers.stdin.flush()
    client = listener.accept()[0]
    server = socket.create_connection(("127.0.0.1", there))
    lock, found = threading.Lock(), []

    def relay(source, target, from_client):
        waiting = b""
        while data := source.recv(65536):
            waiting += data
            with lock:
                while len(waiting) >= 16:
                    size = 16 + struct.unpack(">I", waiting[12:16])[0]
                    if len(waiting) < size:
                        break
                    found.append(Message(from_client, waiting[:size]))
                    waiting = waiting[size:]
                # Before what answers it can come by.
                target.sendall(data)
        assert not waiting
        target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=relay, args=(server, client, False))
    back.start()
    relay(client, server, True)
    back.join()
    assert peers.wait() == 0
    for end in client, server, listener:
        end.close()
    return found


class Capture:
    """A pcap file of raw IP packets."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
        self.packets = 0
        self.next = {True: 1000, False: 5000}

    def packet(self, from_client, flags, payload=b"", lost=False):
        ports = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
        sequence = self.next[from_client]
        self.next[from_client] += len(payload) + (1 if flags & 3 else 0)
        if lost:
            return
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence % 2**32,
                          self.next[not from_client] % 2**32, 0x50, flags, 65535, 0, 0)
        hosts = (b"\x0a\0\0\1", b"\x0a\0\0\2")
        if not from_client:
            hosts = hosts[::-1]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), self.packets % 65536, 0x4000,
                         64, 6, 0) + hosts[0] + hosts[1]
        data = ip + tcp + payload
        self.packets += 1
        time = 1700000000 + self.packets // 1000, self.packets % 1000 * 1000
        self.file.write(struct.pack("<IIII", *time, len(data), len(data)) + data)

    def handshake(self):
        self.packet(True, 2)
        self.packet(False, 18)
        self.packet(True, 16)

    def close(self):
        self.file.close()


def segments(messages, most):
    """Pieces of up to so many bytes; what one side sends without a word of the other is
    together."""
    pieces = []
    for one in messages:
        if pieces and pieces[-1][0] == one.from_client:
            pieces[-1][1] += one.data
        else:
            pieces.append([one.from_client, one.data])
    for from_client, data in pieces:
        for at in range(0, len(data), most):
            yield from_client, data[at:at + most]
