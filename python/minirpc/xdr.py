"""XDR (RFC 4506) for generated code.

Numbers are checked against their range: nothing is cut. Nothing is allocated because a
count claims it, types that contain themselves nest :data:`MAX_DEPTH` deep at most, and
what C's decoders refuse is refused here.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from .status import Error, Status

#: As deep as C's generated code goes.
MAX_DEPTH = 512

#: The bound of what is written as ``<>``.
UNBOUNDED = 2**32 - 1

_INT32 = struct.Struct(">i")
_UINT32 = struct.Struct(">I")
_INT64 = struct.Struct(">q")
_UINT64 = struct.Struct(">Q")
_FLOAT = struct.Struct(">f")
_DOUBLE = struct.Struct(">d")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")

T = TypeVar("T")


def refused(text: str) -> Error:
    """A value that cannot be encoded or decoded."""
    return Error(Status.ENCODING_ERR, text)


class Enum(enum.IntEnum):
    """An XDR enum. A number without a name is a value, too, as it is in C.

    >>> class color(Enum):
    ...     RED = 1
    >>> color(1), color(7), color(7) == 7
    (<color.RED: 1>, <color.7: 7>, True)
    """

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, int) or not -(2**31) <= value < 2**31:
            return None
        member = int.__new__(cls, value)
        member._name_ = str(value)
        member._value_ = int(value)
        return member


E_ = TypeVar("E_", bound=Enum)


class Encoder:
    """Values to bytes."""

    __slots__ = ("data", "_depth")

    def __init__(self) -> None:
        self.data = bytearray()
        self._depth = 0

    def _pack(self, form: struct.Struct, value: float, what: str) -> None:
        try:
            self.data += form.pack(value)
        except (struct.error, OverflowError):
            raise refused(f"{value!r} is not {what}") from None

    def _narrow(self, value: int, low: int, high: int) -> None:
        if not isinstance(value, int) or not low <= value <= high:
            raise refused(f"{value!r} is not a number from {low} to {high}")
        self.data += _INT32.pack(value)

    def int8(self, value: int) -> None:
        self._narrow(value, -0x80, 0x7F)

    def uint8(self, value: int) -> None:
        self._narrow(value, 0, 0xFF)

    def int16(self, value: int) -> None:
        self._narrow(value, -0x8000, 0x7FFF)

    def uint16(self, value: int) -> None:
        self._narrow(value, 0, 0xFFFF)

    def int32(self, value: int) -> None:
        self._pack(_INT32, value, "a number of 32 bits")

    def uint32(self, value: int) -> None:
        self._pack(_UINT32, value, "a number of 32 bits without a sign")

    def int64(self, value: int) -> None:
        self._pack(_INT64, value, "a number of 64 bits")

    def uint64(self, value: int) -> None:
        self._pack(_UINT64, value, "a number of 64 bits without a sign")

    def float32(self, value: float) -> None:
        self._pack(_FLOAT, value, "a number that a float can hold")

    def float64(self, value: float) -> None:
        self._pack(_DOUBLE, value, "a number")

    def boolean(self, value: bool) -> None:
        self.data += b"\0\0\0\1" if value else b"\0\0\0\0"

    def opaque(self, value: bytes, size: int) -> None:
        """As many bytes."""
        value = _bytes(value)
        if len(value) != size:
            raise refused(f"{len(value)} bytes where there are {size}")
        self.data += value
        self.data += _PADDING[size % 4]

    def buffer(self, value: bytes, bound: int) -> None:
        """Up to as many bytes."""
        value = _bytes(value)
        if len(value) > bound:
            raise refused(f"{len(value)} bytes where {bound} are the most")
        self.data += _UINT32.pack(len(value))
        self.data += value
        self.data += _PADDING[len(value) % 4]

    def string(self, value: str, bound: int) -> None:
        """UTF-8 without a zero byte; the bound is in bytes."""
        if not isinstance(value, str):
            raise refused(f"{value!r} is not a string")
        try:
            encoded = value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise refused(f"{value!r} has half of a character") from None
        if 0 in encoded:
            raise refused(f"{value!r} has a zero byte")
        self.buffer(encoded, bound)

    def array(self, value: Sequence[T], size: int) -> Sequence[T]:
        """The elements that are to be encoded, as many."""
        if len(value) != size:
            raise refused(f"{len(value)} elements where there are {size}")
        return value

    def sequence(self, value: Sequence[T], bound: int) -> Sequence[T]:
        """The elements that are to be encoded, up to as many."""
        if len(value) > bound:
            raise refused(f"{len(value)} elements where {bound} are the most")
        self.data += _UINT32.pack(len(value))
        return value

    def unused(self, *arms: object) -> None:
        """The arms of a union that its discriminant does not choose."""
        for arm in arms:
            if arm is not None:
                raise refused(f"{arm!r} is in an arm that the discriminant does not choose")

    def enter(self) -> None:
        """Into a type that can contain itself."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refused(f"nested more than {MAX_DEPTH} deep")

    def leave(self) -> None:
        self._depth -= 1


def no_value(union: str, arm: str) -> Error:
    """The arm that the discriminant chooses holds nothing."""
    return refused(f"{union}.{arm} is chosen, and None")


def no_arm(union: str, discriminant: int) -> Error:
    return refused(f"{union} has no arm for {discriminant}")


def _bytes(value: bytes) -> bytes:
    # bytes(5) would be five zeros.
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise refused(f"{value!r} is not bytes")
    return bytes(value)


class Decoder:
    """Bytes to values."""

    __slots__ = ("_data", "_at", "_depth")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._depth = 0

    def _take(self, size: int) -> int:
        at = self._at
        if size > len(self._data) - at:
            raise refused(f"the data ends {size - (len(self._data) - at)} bytes too early")
        self._at = at + size
        return at

    def done(self) -> None:
        """All has been used."""
        if self._at != len(self._data):
            raise refused(f"{len(self._data) - self._at} bytes too many")

    # Of narrow numbers, C takes the low bits of the word.
    def int8(self) -> int:
        return ((self.uint32() & 0xFF) ^ 0x80) - 0x80

    def uint8(self) -> int:
        return self.uint32() & 0xFF

    def int16(self) -> int:
        return ((self.uint32() & 0xFFFF) ^ 0x8000) - 0x8000

    def uint16(self) -> int:
        return self.uint32() & 0xFFFF

    def int32(self) -> int:
        value: int = _INT32.unpack_from(self._data, self._take(4))[0]
        return value

    def uint32(self) -> int:
        value: int = _UINT32.unpack_from(self._data, self._take(4))[0]
        return value

    def int64(self) -> int:
        value: int = _INT64.unpack_from(self._data, self._take(8))[0]
        return value

    def uint64(self) -> int:
        value: int = _UINT64.unpack_from(self._data, self._take(8))[0]
        return value

    def float32(self) -> float:
        value: float = _FLOAT.unpack_from(self._data, self._take(4))[0]
        return value

    def float64(self) -> float:
        value: float = _DOUBLE.unpack_from(self._data, self._take(8))[0]
        return value

    def boolean(self) -> bool:
        return self.uint32() != 0

    def enumerated(self, kind: type[E_], strict: bool) -> E_:
        value = kind(self.int32())
        if strict and value.name not in kind.__members__:
            raise refused(f"{int(value)} is not a {kind.__name__}")
        return value

    def opaque(self, size: int) -> bytes:
        at = self._take(size)
        value = self._data[at : at + size]
        self._take(-size % 4)
        return value

    def buffer(self, bound: int) -> bytes:
        size = self.uint32()
        if size > bound:
            raise refused(f"{size} bytes where {bound} are the most")
        return self.opaque(size)

    def string(self, bound: int) -> str:
        """Bytes that are not UTF-8 become lone surrogates, which are encoded as they were."""
        value = self.buffer(bound)
        if 0 in value:
            raise refused("a zero byte in a string")
        return value.decode("utf-8", "surrogateescape")

    def count(self, bound: int, size: int) -> int:
        """How many elements follow, of ``size`` bytes each at the least."""
        count = self.uint32()
        if count > bound:
            raise refused(f"{count} elements where {bound} are the most")
        if count * size > len(self._data) - self._at:
            raise refused(f"{count} elements, for which there is no data")
        return count

    def enter(self) -> None:
        """Into a type that can contain itself."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refused(f"nested more than {MAX_DEPTH} deep")

    def leave(self) -> None:
        self._depth -= 1


class Codec(Generic[T]):
    """How values of one type are written and read."""

    __slots__ = ("_encode", "_decode")

    def __init__(
        self, encode: Callable[[Encoder, T], None], decode: Callable[[Decoder], T]
    ) -> None:
        self._encode = encode
        self._decode = decode

    @property
    def is_void(self) -> bool:
        return self._encode is _encode_void

    def encode(self, value: T) -> bytes:
        out = Encoder()
        try:
            self._encode(out, value)
        except RecursionError:
            raise refused("nested too deep for the stack") from None
        return bytes(out.data)

    def decode(self, data: bytes) -> T:
        """Of all the bytes, no more and no less."""
        decoder = Decoder(data)
        try:
            value = self._decode(decoder)
        except RecursionError:
            raise refused("nested too deep for the stack") from None
        decoder.done()
        return value


def _encode_void(_out: Encoder, _value: None) -> None:
    pass


def _decode_void(_data: Decoder) -> None:
    pass


#: No argument, or no result.
void: Codec[None] = Codec(_encode_void, _decode_void)
