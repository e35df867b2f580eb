"""Compares what tshark says with what was sent. Arguments: the program of both ends, the
dissector, minirpcgen, mrpc, the interface, and the script that captures."""

import collections
import glob
import json
import os
import random
import struct
import subprocess
import sys
import time

import captures
from captures import Capture, message, segments

program, dissector, minirpcgen, mrpc, interface, live = sys.argv[1:]
passed = failed = 0
# Damaged payloads are not always text.
TEXT = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}


def check(good, what, *more):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("not ok", what, *more)


# ---- what is expected ----

def full(n):
    """The members of an `all`, as peers.c fills it: fields and values."""
    out = [("i", -n), ("u", 4000000000 + n), ("h", -9000000000000000000 + n),
           ("uh", 18000000000000000000 + n), ("sh", -300 - n), ("ch", n % 100), ("b", n % 2),
           ("c", 4 if n % 2 else 1), ("f", n + 0.5), ("d", n / 8), ("fixed", "00:01:02:03:04"),
           ("var", ":".join(["%02x" % n] * (n % 4))), ("text", "text \u00e9 %d" % n)]
    out += [("ints", i * n) for i in range(n % 5)]
    out += [("colors", 2), ("colors", 77)]
    out = [("wire.all." + name, value) for name, value in out]
    leaves = [(n, "")] + [(i, "leaf %d" % i) for i in range(n % 3)]
    for number, text in leaves:
        out += [("wire.leaf.n", number), ("wire.leaf.s", text)]
    out += [("wire.tree.v", n), ("wire.tree.v", n + 1)]
    out += [("wire.shape.c", 1), ("wire.shape.side", n), ("wire.shape.c", 4), ("wire.shape.c", 2)]
    return out + [("wire.all.maybe", 7)]


SERVER = {1: "echo", 2: "fail", 3: "ask", 4: "nothing", -1: "note"}
CLIENT = {1: "back", -1: "event"}


def fields(one):
    """What the dissector shows of a message, but for what it finds out of others."""
    reply = one.status != -1
    procedures = SERVER if one.from_client != reply else CLIENT
    out = [("wire.kind", "reply" if reply else "message" if one.cmd < 0 else "request")]
    if one.cmd in procedures:
        out += [("wire.procedure", procedures[one.cmd])]
    out += [("wire.sequence", one.sequence), ("wire.status", one.status), ("wire.cmd", one.cmd),
            ("wire.length", one.length)]
    payload = one.data[16:]
    if len(payload) == 4:
        out += [("wire.number", struct.unpack(">i", payload)[0])]
    elif payload:
        out += full(-struct.unpack(">i", payload[:4])[0])
    return out


# ---- what tshark says ----

def said(path, *options, two_passes=False):
    """Messages: frame number, fields in their order, and the texts of expert infos."""
    command = ["tshark", "-n", "-r", path, "-X", "lua_script:" + dissector, "-T", "json",
               "-J", "frame wire", "-o", "tcp.desegment_tcp_streams:TRUE", *options]
    if two_passes:
        command.append("-2")
    if not any(option == "-o" or option == "-d" for option in options):
        command += ["-d", "tcp.port==7777,wire"]
    done = subprocess.run(command, **TEXT)
    check(done.returncode == 0, path, "tshark:", done.stderr)
    check("Lua" not in done.stderr and "rror" not in done.stderr, path, done.stderr)
    found = []
    for packet in json.loads(done.stdout, object_pairs_hook=list):
        layers = dict(dict(packet)["_source"])["layers"]
        frame = int(dict(dict(layers)["frame"])["frame.number"])
        for name, layer in layers:
            if name.startswith("Lua Error"):
                check(False, path, name)
            if name == "wire":
                found.append((frame, *flat(layer)))
    return found


def flat(layer):
    out, experts = [], []

    def walk(pairs):
        for key, value in pairs:
            if isinstance(value, list):
                walk(value)
            elif key == "_ws.expert.message":
                experts.append(value)
            elif key.startswith("wire.") and not key.startswith("wire.expert"):
                out.append((key, value))

    walk(layer)
    return out, experts


FOUND_OUT = ("wire.request_in", "wire.reply_in", "wire.time")
NUMBERS = ("wire.all.f", "wire.all.d")


def plain(pairs):
    """Without containers and what is found out of others; numbers as numbers."""
    out = []
    for key, value in pairs:
        if key in FOUND_OUT or key in CONTAINERS:
            continue
        value = {"True": "1", "False": "0"}.get(value, value) if key == "wire.all.b" else value
        out.append((key, float(value) if key in NUMBERS else value))
    return out


CONTAINERS = {"wire.all", "wire.all.one", "wire.all.list", "wire.all.root", "wire.all.shapes",
              "wire.tree.left", "wire.shape.leaves"}


def wanted(one):
    return [(key, float(value) if key in NUMBERS else str(value)) for key, value in fields(one)]


def compare(what, messages, found):
    expected = [wanted(one) for one in messages]
    actual = [plain(pairs) for _, pairs, _ in found]
    check(len(expected) == len(actual), what, len(expected), "messages sent,", len(actual), "seen")
    for i, (sent, seen) in enumerate(zip(expected, actual)):
        if sent != seen:
            differ = [pair for pair in zip(sent + [None], seen + [None]) if pair[0] != pair[1]]
            check(False, what, "message %d: sent %s, seen %s" % (i, *differ[0]))
            return
    check(True, what)


def write(path, messages, most, before=True):
    capture = Capture(path)
    if before:
        capture.handshake()
    for from_client, data in segments(messages, most):
        capture.packet(from_client, 24, data)
    capture.close()
    return path


# ---- the tests ----

sent = captures.recorded(program)
check(len(sent) > 45, "messages were recorded")

for most in 1, 7, 100, 1460, 60000:
    path = write("segments-%d.pcap" % most, sent, most)
    compare("segments of %d bytes" % most, sent, said(path))

# Requests and replies point to each other.
found = said(write("both.pcap", sent, 60000), two_passes=True)
compare("in two passes", sent, found)
calls = {}
for (frame, pairs, experts), one in zip(found, sent):
    pairs = dict(pairs)
    key = one.sequence, one.from_client == (one.status == -1)
    if one.status != -1:
        request, reply_in = calls.pop(key)
        check(pairs.get("wire.request_in") == str(request), "a reply's request", pairs)
        check(reply_in == str(frame), "a request's reply", reply_in, frame)
        check(float(pairs["wire.time"]) >= 0, "time", pairs)
        check(bool(experts) == (one.status != 0), "a failed call is told of", experts)
    elif one.cmd > 0:
        calls[key] = frame, pairs.get("wire.reply_in")
check(not calls, "all requests have replies")

# The preference instead of Decode As.
compare("the preference", sent, said("both.pcap", "-o", "wire.port:7777"))
compare("a range of ports", sent, said("both.pcap", "-o", "wire.port:1-10,7000-8000"))
check(said("both.pcap", "-o", "wire.port:99") == [], "another port")

# A thousand messages in a segment.
many = [message(True, i, -1, 2, struct.pack(">i", i)) for i in range(1000)]
compare("a thousand messages in a segment", many, said(write("many.pcap", many, 60000)))


def after(messages, skip):
    """Those that begin when so many bytes of each side are past, and whether they are sure to be
    seen: replies of calls that failed are not believed until something else was found."""
    at, begun = collections.Counter(), set()
    for one in messages:
        if at[one.from_client] >= skip:
            if one.status in (0, -1):
                begun.add(one.from_client)
            yield one, one.from_client in begun
        at[one.from_client] += len(one.data)


def right(messages, found):
    """What is wrong of it, and what is missing; each message may be sure to be seen."""
    seen = collections.Counter(str(plain(pairs)) for _, pairs, _ in found if pairs)
    missing = []
    for one, is_sure in messages:
        text = str(wanted(one))
        if seen[text] > 0:
            seen[text] -= 1
        elif is_sure:
            missing.append(text)
    return list(seen.elements()), missing


# A capture that begins in the middle: all whole messages of the rest.
for skip in 1, 15, 16, 17, 333, 700, 1001:
    for most in 1, 50, 1460:
        capture = Capture("middle.pcap")
        past = collections.Counter()
        for from_client, data in segments(sent, most):
            piece = data[max(0, skip - past[from_client]):]
            past[from_client] += len(data)
            if piece:
                capture.packet(from_client, 24, piece)
        capture.close()
        wrong, missing = right(after(sent, skip), said("middle.pcap"))
        check(not wrong and not missing, "from byte %d on, segments of %d" % (skip, most), wrong,
              missing)

# Bytes of one side are lost.
for lost in 3, 8, 13:
    capture = Capture("lost.pcap")
    capture.handshake()
    whole, at, count, gap = [], 0, 0, None
    for from_client, data in segments(sent, 200):
        if from_client:
            count += 1
            if count == lost:
                gap = at, at + len(data)
            at += len(data)
        capture.packet(from_client, 24, data, lost=from_client and count == lost)
    capture.close()
    at = 0
    for one in sent:
        end = at + len(one.data) if one.from_client else at
        if not one.from_client or end <= gap[0] or at >= gap[1]:
            whole.append(one)
        at = end
    # As far as is known, nothing is sure before the next that is no failure.
    failed_before = lambda one: one.from_client and one.status not in (0, -1)
    wrong, missing = right(((one, not failed_before(one)) for one in whole), said("lost.pcap"))
    check(not wrong and not missing, "segment %d is lost" % lost, wrong, missing)

# Only one side is there.
one_side = [one for one in sent if not one.from_client]
compare("one side", one_side, said(write("side.pcap", one_side, 1460)))

# Lengths that no memory has: the header is shown, and what comes later.
for length in 2**32 - 1, 2**32 - 16, 2**32 - 15, 2**31, 2**31 - 1, 2**26 + 1:
    capture = Capture("long.pcap")
    capture.handshake()
    long = message(True, 5, -1, 1, b"\0" * 40, length)
    capture.packet(True, 24, long.data)
    last = message(True, 6, -1, 2, struct.pack(">i", 3))
    capture.packet(True, 24, last.data)
    capture.close()
    found = said("long.pcap")
    check(len(found) == 2 and ("wire.length", str(length)) in found[0][1]
          and "Longer than what is dissected" in found[0][2], "length %d" % length, found)
    compare("after length %d" % length, [last], found[1:])

# What does not decode is told of, and what follows is shown.
good = message(True, 9, -1, 2, struct.pack(">i", 3))
echo = next(one for one in sent if one.from_client and one.cmd == 1)
for what, bad, says in (
        ("cut", message(True, 1, -1, 1, echo.data[16:-4]), "the payload ends here"),
        ("too long", message(True, 1, -1, 1, echo.data[16:] + b"\0" * 4), "left over"),
        ("none expected", message(True, 1, -1, 4, b"\0" * 4), "4 bytes are left over"),
        ("a claim", message(True, 1, -1, 1, echo.data[16:84] + b"\xff" * 4), "ends here"),
        ("unknown", message(True, 1, -1, 99, b"\0" * 4), "No such procedure")):
    found = said(write("bad.pcap", [good, bad, good], 60000))
    check(len(found) == 3 and says in " ".join(found[1][2]), what, found)
    compare("after: " + what, [good], found[2:])

# Trees and chains that nest as deep as may be, and deeper.
for levels, fits in (512, True), (513, False):
    tree = struct.pack(">iI", 1, 1) * (levels - 1) + struct.pack(">iII", 1, 0, 0)
    tree += b"\0" * 4 * (levels - 1)
    # All else is empty.
    payload = b"\0" * 96 + struct.pack(">I", 1) + tree + b"\0" * 12
    found = said(write("deep.pcap", [message(True, 1, -1, 1, payload)], 1460))
    values = [value for key, value in found[0][1] if key == "wire.tree.v"]
    told = "nested too deep" in " ".join(found[0][2])
    check((told, len(values)) == (not fits, 512), "%d levels" % levels, found[0][2], len(values))

# A list as long as may arrive.
leaves = struct.pack(">III", 1, 5, 0) * 100000 + b"\0" * 20
found = said(write("list.pcap", [message(True, 1, -1, 1, b"\0" * 92 + leaves)], 1460))
leaves = sum(key == "wire.leaf.n" for key, _ in found[0][1])
check(90000 < leaves and (leaves == 100001 or "More values" in " ".join(found[0][2])),
      "a long list", leaves, found[0][2])

# In words, as people read it.
done = subprocess.run(["tshark", "-n", "-r", "both.pcap", "-X", "lua_script:" + dissector, "-V",
                       "-d", "tcp.port==7777,wire"], **TEXT)
for text in ("Status: MINIRPC_PROCEDURE_UNAVAIL (-3)", "Cmd: 3 (ask)", "c: BLUE (4)", "b: True",
             "colors: Unknown (77)", "wire (miniRPC), echo request #0",
             "wire (miniRPC), fail reply #2: 1000"):
    check(text in done.stdout, "tshark -V says", text)
done = subprocess.run(["tshark", "-n", "-r", "both.pcap", "-X", "lua_script:" + dissector,
                       "-d", "tcp.port==7777,wire"], **TEXT)
check("WIRE" in done.stdout and "event message #0, back request #1" in done.stdout,
      "the list of packets", done.stdout)

# Damaged payloads: what mrpc's codec refuses, which is compared with C's, the dissector refuses.
seed = int(os.environ.get("SEED") or time.time_ns() % 2**32)
chance = random.Random(seed)
damaged = []
for number in range(600):
    data = bytearray(chance.choice([one for one in sent if one.cmd in (1, -1)]).data[16:])
    for _ in range(chance.randrange(3)):
        if data:
            data[chance.randrange(len(data))] = chance.choice((0, 1, 2, 4, 255))
    if chance.randrange(4) == 0:
        data = data[:chance.randrange(0, len(data) + 1, 4)]
    damaged.append(message(True, number, -1, 1, bytes(data)))
capture = Capture("damaged.pcap")
capture.handshake()
for one in damaged:
    capture.packet(True, 24, one.data)
capture.close()
refused = [" ".join(experts).count("Does not decode") > 0 for _, _, experts in said("damaged.pcap")]
done = subprocess.run([mrpc, "decode", interface, "damaged.pcap", "--port", "7777"],
                      **TEXT)
expected = ["error" in json.loads(line) for line in done.stdout.splitlines()]
check(refused == expected and len(expected) == 600 and 50 < sum(refused) < 550,
      "the same refusals; SEED=%d" % seed, sum(refused), sum(expected), len(refused),
      [n for n, pair in enumerate(zip(refused, expected)) if pair[0] != pair[1]][:5])

# Those of all interfaces load.
for path in sorted(glob.glob(os.path.join(os.path.dirname(interface), "../golden/*.mx"))):
    subprocess.run([minirpcgen, "--lua", "-o", "golden", path], check=True)
    done = subprocess.run(["tshark", "-n", "-r", "both.pcap", "-X", "lua_script:golden.lua",
                           "-d", "tcp.port==7777,golden", "-V"], **TEXT)
    said_wrong = [line for line in (done.stderr + done.stdout).splitlines() if "Lua" in line]
    check(done.returncode == 0 and not said_wrong, path, said_wrong[:3])

# Names with capitals, and one that Wireshark has already.
for base, protocol in ("Wire", "wire"), ("tcp", "tcp_minirpc"):
    subprocess.run([minirpcgen, "--lua", "-o", base, interface], check=True)
    done = subprocess.run(["tshark", "-n", "-r", "both.pcap", "-X", "lua_script:%s.lua" % base,
                           "-d", "tcp.port==7777," + protocol, "-T", "fields", "-e",
                           base.lower() + ".all.u"], **TEXT)
    check("4000000001" in done.stdout and done.returncode == 0, base + ".lua", done.stderr)

# Really captured, where that is allowed.
for options, links in ((["-i", "lo"], "Ethernet"), (["-i", "any"], "cooked"),
                       (["-i", "any", "-y", "LINUX_SLL"], "cooked 1")):
    done = subprocess.run(["unshare", "-n", "bash", live, program, *options],
                          **TEXT)
    if done.returncode == 77:
        print("NOTE: no captures of this machine's own: %s" % done.stderr.strip())
        break
    check(done.returncode == 0, "capture", links, done.stderr)
    port = done.stdout.strip()
    found = said("live.pcapng", "-d", "tcp.port==%s,wire" % port)
    order = lambda texts: sorted(map(str, texts))
    # Who gets a word in first differs from run to run.
    check(len(found) == len(sent), links, len(found))
    kinds = lambda pairs: dict(pairs)["wire.kind"]
    check(order(kinds(pairs) for _, pairs, _ in found) == order(kinds(fields(one)) for one in sent),
          links)
    check(not any("Does not decode" in " ".join(experts) for _, _, experts in found), links)
    done = subprocess.run([mrpc, "decode", interface, "live.pcapng", "--port", port],
                          **TEXT)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(order(line["kind"] for line in lines) == order(kinds(fields(one)) for one in sent),
          "mrpc decode", links, done.stderr, len(lines))
    check(not any("error" in line for line in lines), "mrpc decode", links)

# The same in mrpc decode.
for path in "segments-1.pcap", "segments-1460.pcap", "many.pcap":
    done = subprocess.run([mrpc, "decode", interface, path, "--port", "7777"],
                          **TEXT)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    messages = many if path == "many.pcap" else sent
    seen = [(line["sequence"], line["kind"], line["name"]) for line in lines]
    expected = []
    for one in messages:
        one = dict(fields(one))
        expected.append((one["wire.sequence"], one["wire.kind"], one["wire.procedure"]))
    check(seen == expected, "mrpc decode", path, done.stderr, len(seen), len(expected))

print("%d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
