"""What the generated ``Client`` and ``Server`` inherit."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Set
from ssl import SSLContext
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from .link import Link, Options, Procedure
from .status import Error, Status, Timeout
from .xdr import Codec

#: The longest payload that is taken, unless told otherwise.
MAX_PAYLOAD = 16 << 20

#: Handlers of one connection that run at a time, unless told otherwise.
MAX_REQUESTS = 1024

_BACKLOG = 4096

A = TypeVar("A")
R = TypeVar("R")


class Peer:
    """One end of a connection. What the peer calls are the methods of a subclass."""

    # With these names, as a procedure may have any other.
    __minirpc_receives__: ClassVar[Mapping[int, Procedure]] = {}
    __minirpc_link__: Link | None = None

    def __init_subclass__(
        cls, receives: Mapping[int, Procedure] | None = None, **rest: Any
    ) -> None:
        super().__init_subclass__(**rest)
        if receives is not None:
            cls.__minirpc_receives__ = receives

    async def close(self) -> None:
        """Ends the connection: what has been written is sent, calls under way raise
        :class:`minirpc.Error`, handlers are cancelled."""
        if self.__minirpc_link__ is not None:
            await self.__minirpc_link__.close()

    async def wait_closed(self) -> None:
        """Returns when the connection has ended, whoever ended it."""
        if self.__minirpc_link__ is not None:
            await self.__minirpc_link__.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Client(Peer):
    """The side that connects."""

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        *,
        timeout: float | None = None,
        ssl: SSLContext | None = None,
        server_hostname: str | None = None,
        max_payload: int = MAX_PAYLOAD,
        max_requests: int = MAX_REQUESTS,
    ) -> Self:
        """A connection. ``timeout`` is in seconds, for connecting and, unless it is told
        its own, for each call. With ``ssl``, by TLS; ``server_hostname`` is the name
        that the server must prove, if that is not ``host``."""
        client = cls()
        try:
            async with asyncio.timeout(timeout) as limit:
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=ssl, server_hostname=server_hostname
                )
        except TimeoutError:
            if limit.expired():
                raise Timeout(f"no connection to {host} in time") from None
            raise
        options = Options(timeout, max_payload, max_requests)
        client.__minirpc_link__ = Link(
            client, cls.__minirpc_receives__, reader, writer, options
        )
        return client


class Server(Peer):
    """The side that listens. Each connection has its own copy of this object: in a
    handler, ``self`` is the connection's."""

    def __init__(
        self,
        host: str | None,
        port: int,
        *,
        timeout: float | None = None,
        ssl: SSLContext | None = None,
        max_payload: int = MAX_PAYLOAD,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        """``timeout`` is in seconds, for calls to clients that are not told their own.
        With ``host`` None, on all addresses; with ``port`` 0, on one that is free."""
        self.__minirpc_listener__ = _Listener(
            host, port, ssl, Options(timeout, max_payload, max_requests)
        )

    async def start(self) -> Self:
        """Listens, and returns the server itself."""
        await self.__minirpc_listener__.start(self)
        return self

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.__minirpc_listener__.port

    @property
    def connections(self) -> Set[Self]:
        """The connections that there are."""
        connections: set[Self] = self.__minirpc_listener__.connections
        return frozenset(connections)

    async def close(self) -> None:
        """In a handler, ends the connection; otherwise ends the server and all of them."""
        if self.__minirpc_link__ is not None:
            await super().close()
        else:
            await self.__minirpc_listener__.close()

    async def wait_closed(self) -> None:
        """Returns when the connection, or the server and all connections, have ended."""
        if self.__minirpc_link__ is not None:
            await super().wait_closed()
        else:
            await self.__minirpc_listener__.ended.wait()


class _Listener:
    def __init__(
        self, host: str | None, port: int, ssl: SSLContext | None, options: Options
    ) -> None:
        self._address = (host, port)
        self._ssl = ssl
        self._options = options
        self._listener: asyncio.Server | None = None
        self._port: int | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self.connections: set[Any] = set()
        self.ended = asyncio.Event()

    @property
    def port(self) -> int:
        if self._port is None:
            raise Error(Status.INVALID_ARGUMENT, "the server has not been started")
        return self._port

    async def start(self, server: Server) -> None:
        if self._listener is not None:
            raise Error(Status.INVALID_ARGUMENT, "the server has been started")

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = copy.copy(server)
            link = Link(
                connection, server.__minirpc_receives__, reader, writer, self._options
            )
            connection.__minirpc_link__ = link
            self.connections.add(connection)
            watcher = asyncio.ensure_future(self._watch(connection, link))
            self._watchers.add(watcher)
            watcher.add_done_callback(self._watchers.discard)

        host, port = self._address
        self._listener = await asyncio.start_server(
            accepted, host, port, ssl=self._ssl, backlog=_BACKLOG
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _watch(self, connection: Server, link: Link) -> None:
        await link.wait()
        self.connections.discard(connection)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            await asyncio.gather(*(connection.close() for connection in self.connections))
            if self._watchers:
                await asyncio.wait(self._watchers)
            await self._listener.wait_closed()
        self.ended.set()


def _link(peer: Peer) -> Link:
    link = peer.__minirpc_link__
    if link is None:
        raise Error(Status.INVALID_ARGUMENT, "this is no connection")
    return link


async def call(
    peer: Peer,
    cmd: int,
    argument: Codec[A],
    value: A,
    result: Codec[R],
    timeout: float | None,
) -> R:
    """For generated code: a call of the peer's procedure."""
    return await _link(peer).call(cmd, argument, value, result, timeout)


async def send(peer: Peer, cmd: int, argument: Codec[A], value: A) -> None:
    """For generated code: a message to the peer."""
    await _link(peer).send(cmd, argument, value)


def unavailable() -> Error:
    """For generated code: a procedure that no subclass has."""
    return Error(Status.PROCEDURE_UNAVAIL)
