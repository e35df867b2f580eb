"""What the tests share: the generated module, the program in C, random values."""

from __future__ import annotations

import asyncio
import os
import random
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

BUILT = Path(os.environ["MINIRPC_PYTHON_TESTS"])
sys.path.insert(0, str(BUILT))

import minirpc  # noqa: E402
import peer  # noqa: E402

#: How many random values of each type; SEED repeats a run.
VALUES = int(os.environ.get("VALUES", "300"))
SEED = int(os.environ.get("SEED", random.randrange(2**32)))

TYPES = (BUILT / "types").read_text().split()

T = TypeVar("T")


def codec(name: str) -> minirpc.Codec[Any]:
    found: minirpc.Codec[Any] = getattr(peer, f"xdr_{name}")
    return found


class Random(minirpc.Decoder):
    """Reads what nobody wrote: a codec makes a random value of it."""

    def __init__(self, random: random.Random) -> None:
        super().__init__(b"")
        self._random = random
        self._nested = 0

    def _word(self) -> int:
        edge = self._random.choice([0, 1, 2, 3, 5, 99, 2**31 - 1, 2**31, 2**32 - 1, None, None, None])
        return self._random.randrange(2**32) if edge is None else edge

    def int32(self) -> int:
        return (self._word() ^ 2**31) - 2**31

    def uint32(self) -> int:
        return self._word()

    def int64(self) -> int:
        return (self.uint64() ^ 2**63) - 2**63

    def uint64(self) -> int:
        return self._word() << 32 | self._word()

    def float32(self) -> float:
        return number(struct.unpack(">f", struct.pack(">I", self._word()))[0])

    def float64(self) -> float:
        return number(struct.unpack(">d", struct.pack(">Q", self.uint64()))[0])

    def boolean(self) -> bool:
        # Lists and trees come to an end.
        self._nested += 1
        return self._random.random() < (0.6 if self._nested < 40 else 0.05)

    def enumerated(self, kind: type[minirpc.Enum], strict: bool) -> Any:
        if self._random.random() < 0.3:
            return kind(self.int32())
        return self._random.choice(list(kind))

    def opaque(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def buffer(self, bound: int) -> bytes:
        return self._random.randbytes(min(bound, self._random.randrange(9)))

    def string(self, bound: int) -> str:
        size = min(bound, self._random.randrange(9))
        if self._random.random() < 0.1:
            data = bytes(self._random.randrange(1, 256) for _ in range(size))
            return data.decode("utf-8", "surrogateescape")
        return "".join(self._random.choice("aé€\x01 ") for _ in range(size // 3))

    def count(self, bound: int, size: int) -> int:
        self._nested += 1
        return min(bound, self._random.randrange(5 if self._nested < 40 else 2))

    def done(self) -> None:
        pass


def number(value: float) -> float:
    """Not-a-number has bits that a float in Python need not keep."""
    return 0.5 if value != value else value


def value_of(codec: minirpc.Codec[T], source: random.Random) -> T:
    while True:
        try:
            return codec._decode(Random(source))
        except minirpc.Error:
            # A union has no arm for this.
            continue


@asynccontextmanager
async def c_peer(
    *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program in C, which ends when its input does."""
    program = await asyncio.create_subprocess_exec(
        BUILT / "peer",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    assert program.stdin is not None
    try:
        yield program
    finally:
        program.stdin.close()
        await program.wait()
        assert program.returncode == 0, f"the program in C ended with {program.returncode}"


@asynccontextmanager
async def c_server(**environment: str) -> AsyncIterator[int]:
    """The port of a server in C."""
    async with c_peer("listen", **environment) as program:
        assert program.stdout is not None
        yield int(await asyncio.wait_for(program.stdout.readline(), 60))
