"""What becomes of a call."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """The library's own statuses. Positive numbers are the application's."""

    OK = 0
    PENDING = -1
    ENCODING_ERR = -2
    PROCEDURE_UNAVAIL = -3
    INVALID_ARGUMENT = -4
    INVALID_PROTOCOL = -5
    NETWORK_FAILURE = -6
    TIMEDOUT = -7
    CANCELLED = -8
    BUSY = -9


_TEXTS = {
    Status.ENCODING_ERR: "a value cannot be encoded or decoded",
    Status.PROCEDURE_UNAVAIL: "the peer has no such procedure",
    Status.INVALID_ARGUMENT: "invalid argument",
    Status.INVALID_PROTOCOL: "the wrong side's protocol",
    Status.NETWORK_FAILURE: "the connection has ended",
    Status.TIMEDOUT: "no reply in time",
    Status.CANCELLED: "the call was cancelled",
    Status.BUSY: "too much waits already",
}


class Error(Exception):
    """A call that failed. Raised in a handler, its status is the answer.

    ``status`` is one of :class:`Status`, or a positive number of the application's.
    """

    def __init__(self, status: int, text: str | None = None) -> None:
        if not -(2**31) <= status < 2**31:
            raise ValueError(f"{status} is no status: it does not fit into 32 bits")
        if text is None:
            text = _TEXTS.get(Status(status)) if status in _KNOWN else None
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        return f"status {int(self.status)}" + (f": {self.text}" if self.text else "")


_KNOWN = frozenset(Status)


class Timeout(Error, TimeoutError):
    """No reply in time, :attr:`Status.TIMEDOUT`; a ``TimeoutError``, too."""

    def __init__(self, text: str | None = None) -> None:
        super().__init__(Status.TIMEDOUT, text)
