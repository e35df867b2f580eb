"""Values of all types, against generated code in C and by way of the library."""

from __future__ import annotations

import asyncio
import random
import struct
import subprocess
import unittest
from typing import Any

from support import BUILT, SEED, TYPES, VALUES, c_peer, c_server, codec, value_of

import minirpc
import peer

#: Calls that are under way at a time.
TOGETHER = 32

LANGUAGE = [
    line.removeprefix("TYPE(").removesuffix(")")
    for line in (BUILT / "list.h").read_text().split()
]


class C:
    """Generated code in C: decodes, and encodes what came of it."""

    def __enter__(self) -> C:
        self._program = subprocess.Popen(
            [BUILT / "codec"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.close()
        self._program.stdout.close()
        assert self._program.wait() == 0

    def again(self, kind: int, payload: bytes) -> bytes | None:
        """None for what is refused."""
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.write(struct.pack("=ii", kind, len(payload)) + payload)
        self._program.stdin.flush()
        (size,) = struct.unpack("=i", self._program.stdout.read(4))
        return None if size < 0 else self._program.stdout.read(size)


class Codecs(unittest.TestCase):
    def test_values_are_the_same_bytes_in_c(self) -> None:
        source = random.Random(SEED)
        with C() as c:
            for kind, name in enumerate(LANGUAGE):
                with self.subTest(name, seed=SEED):
                    for _ in range(VALUES):
                        value = value_of(codec(name), source)
                        payload = codec(name).encode(value)
                        self.assertEqual(c.again(kind, payload), payload)
                        # And back: what C has made is the value that it was.
                        back = codec(name).decode(payload)
                        self.assertEqual(codec(name).encode(back), payload)
                        self.assertEqual(back, value)

    def test_c_refuses_the_same_payloads(self) -> None:
        source = random.Random(SEED + 1)
        refused = accepted = 0
        with C() as c:
            for kind, name in enumerate(LANGUAGE):
                with self.subTest(name, seed=SEED):
                    for _ in range(VALUES):
                        payload = damaged(codec(name).encode(value_of(codec(name), source)), source)
                        try:
                            mine = codec(name).encode(codec(name).decode(payload))
                            accepted += 1
                        except minirpc.Error as error:
                            self.assertEqual(error.status, minirpc.Status.ENCODING_ERR)
                            mine = None
                            refused += 1
                        theirs = c.again(kind, payload)
                        if not has_nan(mine, theirs):
                            self.assertEqual(mine, theirs, payload.hex())
        self.assertGreater(refused, VALUES)
        self.assertGreater(accepted, VALUES)


def has_nan(mine: bytes | None, theirs: bytes | None) -> bool:
    """Whether the two differ in the bits of a not-a-number alone."""
    if mine is None or theirs is None or len(mine) != len(theirs) or mine == theirs:
        return False
    return all(
        a == b or (a | 0x00400000) == (b | 0x00400000)
        for (a,), (b,) in zip(struct.iter_unpack(">I", mine), struct.iter_unpack(">I", theirs))
    )


def damaged(payload: bytes, source: random.Random) -> bytes:
    data = bytearray(payload)
    for _ in range(source.randrange(4)):
        way = source.randrange(4)
        if way == 0 or not data:
            at = 4 * source.randrange(len(data) // 4 + 1)
            data[at:at] = struct.pack(">I", source.choice([0, 1, 2, 5, 2**28, 2**31, 2**32 - 1]))
        elif way == 1:
            at = 4 * source.randrange((len(data) + 3) // 4)
            data[at : at + 4] = struct.pack(">I", source.choice([0, 1, 2, 2**28, 2**32 - 1]))
        elif way == 2:
            data[source.randrange(len(data))] = source.randrange(256)
        else:
            del data[source.randrange(len(data)) :]
    return bytes(data)


class ByTheLibrary(unittest.IsolatedAsyncioTestCase):
    """Each value goes to C, which gives it back by calling Python."""

    async def asyncSetUp(self) -> None:
        # Debugging, which unittest turns on, notes where each task was made.
        asyncio.get_running_loop().set_debug(False)

    async def bounce(self, connection: Any, letter: str) -> None:
        source = random.Random(SEED + 2)
        for name in TYPES:
            with self.subTest(name, seed=SEED):
                method = getattr(connection, f"{letter}_bounce_{name}")
                for _ in range(0, VALUES, TOGETHER):
                    values = [value_of(codec(name), source) for _ in range(TOGETHER)]
                    replies = await asyncio.gather(*(method(value) for value in values))
                    self.assertEqual(
                        [codec(name).encode(reply) for reply in replies],
                        [codec(name).encode(value) for value in values],
                    )

    async def test_a_server_in_c(self) -> None:
        async with c_server() as port, await Client.connect("127.0.0.1", port) as client:
            await self.bounce(client, "s")

    async def test_a_client_in_c(self) -> None:
        async with await Server("127.0.0.1", 0).start() as server:
            async with c_peer("connect", str(server.port)):
                while not server.connections:
                    await asyncio.sleep(0.01)
                (connection,) = server.connections
                await self.bounce(connection, "c")


def echoes(letter: str) -> dict[str, Any]:
    async def echo(self: Any, value: Any) -> Any:
        return value

    return {f"{letter}_echo_{name}": echo for name in TYPES}


Client = type("Client", (peer.Client,), echoes("c"))
Server = type("Server", (peer.Server,), echoes("s"))
