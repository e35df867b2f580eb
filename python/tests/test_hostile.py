"""Input that is meant to do harm: to the codecs, and to a connection."""

from __future__ import annotations

import asyncio
import logging
import random
import struct
import tracemalloc
import unittest
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support import SEED, codec, value_of

import minirpc
import peer
from minirpc import Status
from minirpc.xdr import MAX_DEPTH

MANY = 1_000_000
LONG_PAYLOAD = 8 << 20


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


class Claims(unittest.TestCase):
    """Counts that are not true."""

    COUNTS = [
        2**28, 2**29, 2**30, 0x3FFFFFFF, 0x40000001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8,
        0xFFFFFFFC, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF, 0x15555556, 0x2AAAAAAB, 100000, 20000,
    ]  # fmt: skip

    def refused(self, name: str, payload: bytes, most: int = 65536) -> None:
        tracemalloc.start()
        with self.assertRaises(minirpc.Error) as caught:
            codec(name).decode(payload)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertEqual(caught.exception.status, Status.ENCODING_ERR)
        self.assertLess(peak, most)

    def test_nothing_is_allocated_for_a_claim(self) -> None:
        for count in self.COUNTS:
            for name in ("int_list", "blob", "text", "int_few", "blob_few", "numbers_pointers"):
                with self.subTest(name, count=count):
                    self.refused(name, words(count, 0, 0))
                    if count > 8000:
                        self.refused(name, words(count, *[0] * 2000))
            self.refused("directory", words(0, count) * 100, 65536 + 100 * 8192)

    def test_bounds(self) -> None:
        self.assertEqual(codec("int_few").decode(words(5, 1, 2, 3, 4, 5)), [1, 2, 3, 4, 5])
        self.refused("int_few", words(6, *[0] * 6))
        self.assertEqual(codec("text_few").decode(words(7) + b"1234567\xff"), "1234567")
        self.refused("text_few", words(8) + b"12345678")
        self.refused("blob_few", words(9) + bytes(12))

    def test_all_or_nothing_wherever_it_ends(self) -> None:
        values = peer.numbers(
            c=-1, uc=200, s=-3, us=60000, i=-5, u=6, ui=7, l=-8, ul=9, h=-10, uh=11, f=1.5,
            d=-2.5, b=True, e=peer.color.GREEN, e2=peer.color.LAST, si=-1, li=-2, usi=3, uli=4,
        )  # fmt: skip
        whole = codec("numbers").encode(values)
        self.assertEqual(codec("numbers").decode(whole), values)
        for size in range(len(whole)):
            self.refused("numbers", whole[:size])
        self.refused("numbers", whole + b"\0\0\0\0")
        source = random.Random(SEED)
        for name in ("arrays", "optionals", "empties"):
            whole = codec(name).encode(value_of(codec(name), source))
            for size in range(len(whole)):
                with self.subTest(name, size=size, seed=SEED), self.assertRaises(minirpc.Error):
                    codec(name).decode(whole[:size])
        self.refused("blob", words(5) + b"abcde")

    def test_strings(self) -> None:
        self.refused("text", words(7) + b"AA\0AAAA\0")
        self.assertEqual(codec("text").decode(words(7) + b"AAAAAAA\xff"), "AAAAAAA")
        self.assertEqual(codec("text").decode(words(0)), "")
        odd = codec("text").decode(words(2) + b"\xff\xfe\0\0")
        self.assertEqual(codec("text").encode(odd), words(2) + b"\xff\xfe\0\0")

    def test_unions(self) -> None:
        self.refused("by_unsigned", words(3))
        self.assertEqual(codec("by_unsigned").decode(words(2)), peer.by_unsigned(2))
        self.assertEqual(codec("by_enum").decode(words(12345)).c, 12345)
        self.assertIs(codec("by_bool").decode(words(2**31) + bytes(92)).b, True)
        self.refused("by_int", words(5, 1, 5))


class Depth(unittest.TestCase):
    def test_a_long_list(self) -> None:
        payload = words(1) + words(7, 0, 1) * (MANY - 1) + words(7, 0, 0)
        first = codec("node_list").decode(payload)
        count, node = 0, first
        while node is not None:
            count += node.value == 7
            node = node.next
        self.assertEqual(count, MANY)
        self.assertEqual(codec("node_list").encode(first), payload)

    def test_a_list_without_an_end(self) -> None:
        with self.assertRaises(minirpc.Error):
            codec("typed_next").decode(words(1) * (LONG_PAYLOAD // 4))

    def tree(self, levels: int) -> bytes:
        return words(5, 1) * (levels - 1) + words(5, 0) + words(0) * levels

    def test_a_tree_as_deep_as_in_c(self) -> None:
        payload = self.tree(MAX_DEPTH)
        tree = codec("tree").decode(payload)
        self.assertEqual(codec("tree").encode(tree), payload)
        with self.assertRaises(minirpc.Error):
            codec("tree").encode(peer.tree(1, tree, None))
        with self.assertRaises(minirpc.Error):
            codec("tree").decode(self.tree(MAX_DEPTH + 1))

    def test_what_nests_without_an_end(self) -> None:
        for name in ("tree", "ping", "pong"):
            with self.assertRaises(minirpc.Error):
                codec(name).decode(words(1) * (LONG_PAYLOAD // 4))
        with self.assertRaises(minirpc.Error):
            codec("directory").decode(words(0, 1) * (LONG_PAYLOAD // 8))

    def test_a_deep_stack_is_no_end_of_the_program(self) -> None:
        def deeper(levels: int) -> None:
            if levels:
                return deeper(levels - 1)
            with self.assertRaises(minirpc.Error):
                codec("tree").decode(self.tree(MAX_DEPTH))

        deeper(800)


class Ranges(unittest.TestCase):
    """Nothing is cut: what does not fit is refused."""

    def refused(self, name: str, value: Any) -> None:
        with self.assertRaises(minirpc.Error) as caught:
            codec(name).encode(value)
        self.assertEqual(caught.exception.status, Status.ENCODING_ERR)

    def test_members(self) -> None:
        zero = {field: 0 for field in peer.numbers.__dataclass_fields__}
        edges = {
            "c": (-0x80, 0x7F), "uc": (0, 0xFF), "s": (-0x8000, 0x7FFF), "us": (0, 0xFFFF),
            "i": (-(2**31), 2**31 - 1), "u": (0, 2**32 - 1), "l": (-(2**31), 2**31 - 1),
            "ul": (0, 2**32 - 1), "h": (-(2**63), 2**63 - 1), "uh": (0, 2**64 - 1),
            "e": (-(2**31), 2**31 - 1),
        }  # fmt: skip
        for field, (low, high) in edges.items():
            with self.subTest(field):
                for value in (low, high):
                    made = codec("numbers").encode(peer.numbers(**zero | {field: value}))
                    self.assertEqual(getattr(codec("numbers").decode(made), field), value)
                for value in (low - 1, high + 1, "1", None, 0.5):
                    self.refused("numbers", peer.numbers(**zero | {field: value}))
        self.refused("numbers", peer.numbers(**zero | {"f": 1e39}))

    def test_others(self) -> None:
        self.refused("int_row", [1, 2, 3, 4])
        self.refused("int_few", [0] * 6)
        self.refused("digest", bytes(15))
        self.refused("blob", 5)
        self.refused("text", b"bytes")
        self.refused("text", "zero\0")
        self.refused("text", "\ud800")
        self.refused("text_few", "ééééé")
        self.refused("by_unsigned", peer.by_unsigned(3))
        self.refused("by_int", peer.by_int(-1))
        self.refused("by_int", peer.by_int(-1, s="", h=1))


class Server(peer.Server):
    async def s_echo_text(self, argument: str, /) -> str:
        return argument

    async def s_echo_int_alias(self, argument: int, /) -> int:
        return argument

    async def s_echo_directory(self, argument: peer.directory, /) -> peer.directory:
        return peer.directory("\0", [])

    async def s_status(self, argument: int, /) -> int:
        if argument == 1000:
            raise RuntimeError("a handler with an error")
        raise minirpc.Error(argument)


NUMBERS = {p.name: number for number, p in peer.Server.__minirpc_receives__.items()}
ECHO = NUMBERS["s_echo_int_alias"]
TEXT = NUMBERS["s_echo_text"]


def frame(sequence: int, status: int, cmd: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IiiI", sequence, status, cmd, len(payload)) + payload


class Frames(unittest.IsolatedAsyncioTestCase):
    """The table of what a receiver does with each message (docs/wire.md)."""

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    @asynccontextmanager
    async def server(self, **options: Any) -> AsyncIterator[Any]:
        async with await Server("127.0.0.1", 0, **options).start() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

            async def exchange(data: bytes, replies: int = 1) -> list[tuple[int, int, int, bytes]]:
                writer.write(data)
                got = []
                async with asyncio.timeout(60):
                    for _ in range(replies):
                        head = await reader.readexactly(16)
                        sequence, status, cmd, size = struct.unpack(">IiiI", head)
                        got.append((sequence, status, cmd, await reader.readexactly(size)))
                return got

            try:
                yield exchange, reader, writer
            finally:
                writer.close()

    async def test_requests(self) -> None:
        async with self.server(max_payload=1000) as (exchange, reader, writer):
            fine = frame(7, -1, ECHO, words(5))
            reply = (7, 0, ECHO, words(5))
            self.assertEqual(await exchange(fine), [reply])
            for cmd in (0, 999, 2**31 - 1):
                self.assertEqual(await exchange(frame(9, -1, cmd, b"abc")), [(9, -3, cmd, b"")])
            missing = NUMBERS["s_missing"]
            self.assertEqual(
                await exchange(frame(9, -1, missing, words(1))), [(9, -3, missing, b"")]
            )
            for payload in (b"", b"abc", words(1, 2)):
                self.assertEqual(
                    await exchange(frame(1, -1, ECHO, payload)), [(1, -2, ECHO, b"")]
                )
            # Over the maximum: thrown away, and what follows is found.
            self.assertEqual(
                await exchange(frame(2, -1, TEXT, bytes(200000)) + fine, 2),
                [(2, -2, TEXT, b""), reply],
            )
            self.assertEqual(
                await exchange(frame(2, -1, 999, bytes(200000)) + fine, 2),
                [(2, -3, 999, b""), reply],
            )
            # One-way: no reply, ever; and replies to nothing.
            dropped = frame(3, -1, -5, b"abc") + frame(3, -1, -1, b"abc") + frame(3, -1, -999)
            dropped += frame(77, 0, ECHO, words(1)) + frame(78, -3, ECHO) + frame(0, 0, 0)
            self.assertEqual(await exchange(dropped + fine), [reply])
            # A result that does not encode; a handler's status, whatever it is.
            directory = NUMBERS["s_echo_directory"]
            self.assertEqual(
                await exchange(frame(4, -1, directory, words(0, 0))), [(4, -2, directory, b"")]
            )
            status = NUMBERS["s_status"]
            for raised, sent in ((5, 5), (-9, -9), (0, -2), (-1, -2), (1000, -2), (2**31, -2)):
                self.assertEqual(
                    await exchange(frame(6, -1, status, words(raised % 2**32))),
                    [(6, sent if raised < 2**31 else -(2**31), status, b"")],
                )

    async def test_a_stream_in_pieces(self) -> None:
        async with self.server() as (exchange, reader, writer):
            whole = frame(1, -1, TEXT, words(6) + b"pieces\0\0")
            for byte in whole[:-1]:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            self.assertEqual(
                await exchange(whole[-1:]), [(1, 0, TEXT, words(6) + b"pieces\0\0")]
            )

    async def test_an_end_within_a_message(self) -> None:
        for data in (b"GET ", frame(1, -1, ECHO, words(5))[:-1], frame(1, -1, ECHO, words(5))[:16]):
            async with self.server() as (exchange, reader, writer):
                writer.write(data)
                writer.write_eof()
                self.assertEqual(await asyncio.wait_for(reader.read(), 60), b"")

    async def test_a_peer_that_sends_no_more_is_answered(self) -> None:
        async with self.server() as (exchange, reader, writer):
            writer.write(frame(1, -1, ECHO, words(5)))
            writer.write_eof()
            reply = await asyncio.wait_for(reader.read(), 60)
            self.assertEqual(reply, frame(1, 0, ECHO, words(5)))

    async def test_a_claim_of_4_gib_takes_no_memory(self) -> None:
        async with self.server() as (exchange, reader, writer):
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            head = struct.pack(">IiiI", 1, -1, TEXT, 2**32 - 1)
            self.assertEqual(await exchange(head + bytes(1 << 20)), [(1, -2, TEXT, b"")])
            self.assertLess(tracemalloc.get_traced_memory()[1], 8 << 20)

    async def test_one_who_takes_no_replies_gets_no_further(self) -> None:
        async with self.server() as (exchange, reader, writer):
            request = frame(1, -1, TEXT, words(60000) + bytes(b"x" * 60000))
            sent = 0
            # More than the server's bound and what lies in sockets on the way.
            while sent < 2000:
                writer.write(request)
                sent += 1
                try:
                    await asyncio.wait_for(writer.drain(), 1)
                except TimeoutError:
                    break
            self.assertLess(sent, 2000)
            # Nothing is lost: as soon as they are taken, it goes on.
            async with asyncio.timeout(60):
                _, replies = await asyncio.gather(
                    writer.drain(), reader.readexactly(sent * len(request))
                )
            self.assertEqual(replies, frame(1, 0, TEXT, request[16:]) * sent)

    async def test_replies(self) -> None:
        """What a client makes of them."""
        answers: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while answers:
                await reader.readexactly(20)
                writer.write(answers.pop(0))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        bad = [
            frame(0, 0, ECHO + 1, words(1)),
            frame(1, 5, ECHO, words(1)),
            frame(2, 0, ECHO, words(1, 2)),
            frame(3, 0, ECHO),
            frame(4, 0, ECHO, bytes(2000)),
        ]
        answers += [*bad, frame(99, 0, ECHO, words(8)) + frame(5, 0, ECHO, words(9))]
        answers += [frame(6, 42, ECHO)]
        async with server, await peer.Client.connect(
            "127.0.0.1", port, timeout=60, max_payload=1000
        ) as client:
            for _ in bad:
                with self.assertRaises(minirpc.Error) as caught:
                    await client.s_echo_int_alias(1)
                self.assertEqual(caught.exception.status, Status.ENCODING_ERR)
            self.assertEqual(await client.s_echo_int_alias(1), 9)
            with self.assertRaises(minirpc.Error) as caught:
                await client.s_echo_int_alias(1)
            self.assertEqual(caught.exception.status, 42)
            await client.wait_closed()
            with self.assertRaises(minirpc.Error) as caught:
                await client.s_echo_int_alias(1)
            self.assertEqual(caught.exception.status, Status.NETWORK_FAILURE)


if __name__ == "__main__":
    unittest.main()
