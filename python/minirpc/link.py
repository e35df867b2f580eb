"""One connection: frames, calls that wait, handlers that run."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .status import Error, Status, Timeout
from .xdr import Codec

if TYPE_CHECKING:
    from .peer import Peer

_HEADER = struct.Struct(">IiiI")
_MOST = 2**32

#: What is read at once of a payload that nobody wants.
_CHUNK = 65536

#: Bytes of replies that the peer does not take, above which nothing more is read from it.
_UNSENT = 4 << 20

#: Seconds in which a peer that sends no more is still answered, and after which one
#: that takes no replies is given up.
_LINGER = 60.0

#: Seconds for the last bytes, and for TLS to end in order.
_FAREWELL = 5.0

#: How far above its bound the number of handlers may go while a call of ours waits:
#: its reply may be behind the requests.
_HARD = 16

log = logging.getLogger("minirpc")

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Procedure:
    """What a number stands for: the method, and what goes along."""

    name: str
    argument: Codec[Any]
    result: Codec[Any]


@dataclass(frozen=True, slots=True)
class Options:
    """Of a connection."""

    timeout: float | None
    max_payload: int
    max_requests: int


@dataclass(slots=True)
class _Call:
    cmd: int
    codec: Codec[Any]
    # Cancelled when nobody waits any more.
    reply: asyncio.Future[Any]


class Link:
    """A connection that has been made. Everything of it runs in one event loop."""

    def __init__(
        self,
        peer: Peer,
        receives: Mapping[int, Procedure],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: Options,
    ) -> None:
        self._peer = peer
        self._receives = receives
        self._reader = reader
        self._writer = writer
        self._options = options
        self._sequence = 0
        self._calls: dict[int, _Call] = {}
        self._handlers: set[asyncio.Task[None]] = set()
        # What the reader waits for while too many handlers run.
        self._room: asyncio.Event = asyncio.Event()
        # Nothing more comes; nothing more goes.
        self._deaf = False
        self._ended = False
        self._closer: asyncio.Task[Any] | None = None
        # Bytes written so far, and where in them the replies end that may still wait.
        self._written = 0
        self._replies: deque[tuple[int, int]] = deque()
        self._unsent = 0
        self._reading = asyncio.ensure_future(self._run())

    # Calls.

    async def call(
        self, cmd: int, argument: Codec[A], value: A, result: Codec[R], timeout: float | None
    ) -> R:
        payload = argument.encode(value)
        if self._deaf:
            raise Error(Status.NETWORK_FAILURE)
        call = _Call(cmd, result, asyncio.get_running_loop().create_future())
        sequence = self._number()
        self._send(sequence, Status.PENDING, cmd, payload)
        self._calls[sequence] = call
        self._room.set()
        if timeout is None:
            timeout = self._options.timeout
        try:
            async with asyncio.timeout(timeout) as limit:
                await self._drain()
                reply: R = await call.reply
                return reply
        except TimeoutError:
            if limit.expired():
                raise Timeout() from None
            raise
        finally:
            # A reply that comes later is dropped; a failure that came has been seen.
            if not call.reply.cancel() and not call.reply.cancelled():
                call.reply.exception()

    async def send(self, cmd: int, argument: Codec[A], value: A) -> None:
        self._send(0, Status.PENDING, cmd, argument.encode(value))
        await self._drain()

    def _number(self) -> int:
        while self._sequence in self._calls:
            self._sequence = (self._sequence + 1) % _MOST
        sequence = self._sequence
        self._sequence = (sequence + 1) % _MOST
        return sequence

    def _send(self, sequence: int, status: int, cmd: int, payload: bytes) -> None:
        if self._ended or self._writer.is_closing():
            raise Error(Status.NETWORK_FAILURE)
        self._writer.write(_HEADER.pack(sequence, status, cmd, len(payload)) + payload)
        self._written += _HEADER.size + len(payload)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            raise Error(Status.NETWORK_FAILURE, str(error)) from error

    def _fail_calls(self, status: Status) -> None:
        for call in self._calls.values():
            if not call.reply.done():
                call.reply.set_exception(Error(status))

    # What arrives.

    async def _run(self) -> None:
        answer = False
        try:
            while True:
                await self._take_in()
        except asyncio.IncompleteReadError as error:
            # The peer sends no more; it may still read.
            answer = not error.partial
            if error.partial:
                log.warning("the stream ends within a message")
        except OSError as error:
            log.info("the connection has failed: %s", error)
        finally:
            self._deaf = True
            self._ended = not answer
            self._fail_calls(Status.NETWORK_FAILURE)
            try:
                await self._part(answer)
            finally:
                self._ended = True
                self._writer.close()

    async def _part(self, answer: bool) -> None:
        """Lets handlers finish that somebody still waits for, and ends the others."""
        try:
            if answer and self._handlers:
                await asyncio.wait(self._handlers, timeout=_LINGER)
        finally:
            for task in self._handlers:
                # A handler may be the one who closes.
                if task is not self._closer:
                    task.cancel()

    async def _take_in(self) -> None:
        head = await self._reader.readexactly(_HEADER.size)
        sequence, status, cmd, size = _HEADER.unpack(head)
        payload = None
        if size <= self._options.max_payload:
            payload = await self._payload(size)
        else:
            log.warning("a payload of %d bytes, where %d are the most", size, self._options.max_payload)
        if status == Status.PENDING:
            self._request(sequence, cmd, payload)
        else:
            self._reply(sequence, status, cmd, payload)
        if payload is None:
            while size > 0:
                await self._payload(min(size, _CHUNK))
                size -= min(size, _CHUNK)
        await self._until_room()

    async def _payload(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            # Also if nothing of it came.
            raise asyncio.IncompleteReadError(error.partial or b"\0", size) from None

    def _reply(self, sequence: int, status: int, cmd: int, payload: bytes | None) -> None:
        call = self._calls.pop(sequence, None)
        if call is None:
            log.warning("a reply to no call: number %d", sequence)
            return
        if call.reply.done():
            return
        try:
            if payload is None:
                raise Error(Status.ENCODING_ERR, "the reply is too long")
            if cmd != call.cmd:
                raise Error(Status.ENCODING_ERR, f"the reply to {call.cmd} says {cmd}")
            if status != Status.OK:
                if payload:
                    raise Error(Status.ENCODING_ERR, "an error reply with a payload")
                raise Error(status)
            call.reply.set_result(call.codec.decode(payload))
        except Error as error:
            if error.text and status == Status.OK:
                log.warning("%s", error.text)
            call.reply.set_exception(error)

    def _request(self, sequence: int, cmd: int, payload: bytes | None) -> None:
        procedure = self._receives.get(cmd)
        try:
            if procedure is None:
                raise Error(Status.PROCEDURE_UNAVAIL)
            if payload is None:
                raise Error(Status.ENCODING_ERR)
            argument = procedure.argument.decode(payload)
        except Error as error:
            if error.status == Status.ENCODING_ERR:
                log.warning("request %d: %s", cmd, error.text)
            self._answer(sequence, error.status, cmd, b"")
            return
        task = asyncio.ensure_future(self._handle(sequence, cmd, procedure, argument))
        self._handlers.add(task)
        task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._handlers.discard(task)
        self._room.set()

    async def _handle(
        self, sequence: int, cmd: int, procedure: Procedure, argument: Any
    ) -> None:
        method = getattr(self._peer, procedure.name)
        status, payload = int(Status.OK), b""
        try:
            result = await (method() if procedure.argument.is_void else method(argument))
            payload = procedure.result.encode(result)
        except Error as error:
            # Neither is an answer.
            unfit = error.status in (Status.OK, Status.PENDING)
            status = int(Status.ENCODING_ERR) if unfit else error.status
            if status == Status.ENCODING_ERR:
                log.warning("%s: %s", procedure.name, error)
        except Exception:
            log.exception("%s has failed", procedure.name)
            status = int(Status.ENCODING_ERR)
        self._answer(sequence, status, cmd, payload)

    def _answer(self, sequence: int, status: int, cmd: int, payload: bytes) -> None:
        # To a message there is no reply, ever.
        if cmd < 0:
            return
        try:
            self._send(sequence, status, cmd, payload)
        except Error:
            return
        size = _HEADER.size + len(payload)
        self._replies.append((self._written, size))
        self._unsent += size

    async def _until_room(self) -> None:
        bound = self._options.max_requests
        while len(self._handlers) >= bound:
            waiting = any(not call.reply.done() for call in self._calls.values())
            if waiting and len(self._handlers) < _HARD * bound:
                return
            # Handlers that call back come to an end like this.
            self._fail_calls(Status.BUSY)
            self._room.clear()
            await self._room.wait()
        # What takes no replies gets no further; calls of ours are none of this bound.
        if self._replies_unsent() > _UNSENT:
            async with asyncio.timeout(_LINGER):
                await self._writer.drain()

    def _replies_unsent(self) -> int:
        sent = self._written - self._writer.transport.get_write_buffer_size()
        while self._replies and self._replies[0][0] <= sent:
            self._unsent -= self._replies.popleft()[1]
        return self._unsent

    # The end.

    async def close(self) -> None:
        """What has been written is sent; calls fail, handlers are cancelled."""
        self._ended = True
        self._closer = asyncio.current_task()
        self._reading.cancel()
        await self.wait()

    async def wait(self) -> None:
        """Until the connection is gone."""
        me = asyncio.current_task()
        await asyncio.wait([self._reading])
        # A handler may be the one who closes.
        handlers = [task for task in self._handlers if task is not me]
        if handlers:
            await asyncio.wait(handlers)
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._writer.wait_closed()
        except OSError:
            self._writer.transport.abort()
