"""Connections: both directions, timeouts, cancellation, many of them, TLS."""

from __future__ import annotations

import asyncio
import logging
import resource
import shutil
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from support import BUILT, c_peer, c_server

import minirpc
import peer
from minirpc import Status

#: For what has to come at all.
PATIENCE = 60


class Client(peer.Client):
    def __init__(self) -> None:
        self.notes: asyncio.Queue[int] = asyncio.Queue()
        self.never = asyncio.Event()
        self.begun = asyncio.Event()
        self.cancelled = False

    async def c_echo_int_alias(self, argument: int, /) -> int:
        return argument

    async def c_repeat(self, argument: int, /) -> int:
        done = 0
        for i in range(argument):
            done += await self.s_echo_int_alias(i) == i
        return done

    async def c_wait(self, argument: int, /) -> int:
        self.begun.set()
        try:
            await self.never.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return argument

    async def c_status(self, argument: int, /) -> int:
        raise minirpc.Error(argument)

    async def c_void(self) -> None:
        pass

    async def c_echo_text(self, argument: str, /) -> str:
        return argument

    async def c_note(self, argument: int, /) -> None:
        self.notes.put_nowait(argument)


class Server(peer.Server):
    def __init__(self, **options: Any) -> None:
        super().__init__("127.0.0.1", 0, **options)
        self.notes: asyncio.Queue[int] = asyncio.Queue()
        self.has_closed = asyncio.Event()
        self.calls = 0

    async def s_echo_int_alias(self, argument: int, /) -> int:
        self.calls += 1
        return argument

    async def s_echo_text(self, argument: str, /) -> str:
        return argument

    async def s_repeat(self, argument: int, /) -> int:
        done = 0
        for i in range(argument):
            done += await self.c_echo_int_alias(i) == i
        return done

    async def s_wait(self, argument: int, /) -> int:
        # So long as the client says.
        return await self.c_wait(argument)

    async def s_status(self, argument: int, /) -> int:
        raise minirpc.Error(argument)

    async def s_void(self) -> None:
        await self.close()
        self.has_closed.set()

    async def s_note(self, argument: int, /) -> None:
        self.notes.put_nowait(argument)
        await self.c_note(argument)


class Base(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        # Debugging, which unittest turns on, notes where each task was made.
        asyncio.get_running_loop().set_debug(False)

    async def fails(self, status: int, call: Any) -> None:
        with self.assertRaises(minirpc.Error) as caught:
            await asyncio.wait_for(call, PATIENCE)
        self.assertEqual(caught.exception.status, status)


class WithC(Base):
    async def exercise(self, connection: Any, mine: str) -> None:
        """A connection to C, and the letter of what C has."""

        async def call(name: str, *arguments: int) -> Any:
            return await getattr(connection, f"{mine}_{name}")(*arguments, timeout=PATIENCE)

        for status in (1, 77, 2**31 - 1, -2, -3, -4, -9, -1000):
            await self.fails(status, call("status", status))
        await self.fails(Status.PROCEDURE_UNAVAIL, call("missing", 1))
        self.assertIsNone(await call("void"))
        # Both ends call at once: C's three threads, and as many calls of ours beside.
        results = await asyncio.gather(
            *(call("repeat", 200) for _ in range(3)),
            *(call("echo_int_alias", i) for i in range(2000)),
        )
        self.assertEqual(results, [200] * 3 + list(range(2000)))
        # A message, and one that comes of it.
        for i in range(100):
            await getattr(connection, f"{mine}_note")(i)
        notes = [await asyncio.wait_for(connection.notes.get(), PATIENCE) for _ in range(100)]
        self.assertEqual(sorted(notes), list(range(100)))
        # A call that is late; its reply is dropped, and the connection goes on.
        wait = getattr(connection, f"{mine}_wait")
        with self.assertRaises(TimeoutError) as caught:
            await wait(300, timeout=0.01)
        assert isinstance(caught.exception, minirpc.Error)
        self.assertEqual(caught.exception.status, Status.TIMEDOUT)
        task = asyncio.ensure_future(wait(300))
        await asyncio.sleep(0)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(await call("wait", 1), 1)

    async def test_a_server_in_c(self) -> None:
        async with c_server() as port, await Client.connect("127.0.0.1", port) as client:
            await self.exercise(client, "s")

    async def test_a_client_in_c(self) -> None:
        async with await Server().start() as server, c_peer("connect", str(server.port)):
            while not server.connections:
                await asyncio.sleep(0.01)
            (connection,) = server.connections
            await self.exercise(connection, "c")
            self.assertEqual(connection.calls, 600)
            self.assertEqual(server.calls, 0)

    async def test_a_server_in_c_that_dies(self) -> None:
        async with c_peer("listen") as program:
            assert program.stdout is not None and program.stdin is not None
            port = int(await program.stdout.readline())
            async with await Client.connect("127.0.0.1", port) as client:
                call = asyncio.ensure_future(client.s_wait(600000))
                await client.s_void(timeout=PATIENCE)
                program.stdin.close()
                await self.fails(Status.NETWORK_FAILURE, call)
                await asyncio.wait_for(client.wait_closed(), PATIENCE)

    async def test_a_thousand_connections_to_c(self) -> None:
        many = enough_descriptors()
        async with c_server() as port:
            clients = await asyncio.gather(
                *(Client.connect("127.0.0.1", port, timeout=PATIENCE) for _ in range(many))
            )
            for _ in range(3):
                replies = await asyncio.gather(
                    *(client.s_bounce_int_alias(i) for i, client in enumerate(clients))
                )
                self.assertEqual(replies, list(range(many)))
            await asyncio.gather(*(client.close() for client in clients))


def enough_descriptors() -> int:
    """How many connections there can be: a thousand, for which the program in C needs as
    many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    return 1000


class InPython(Base):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.server = await Server().start()
        self.addAsyncCleanup(self.server.close)
        self.client = await Client.connect("127.0.0.1", self.server.port)
        self.addAsyncCleanup(self.client.close)

    async def test_both_ends_call_at_once(self) -> None:
        # Each handler calls the other side, whose handler calls back.
        results = await asyncio.wait_for(
            asyncio.gather(*(self.client.s_repeat(50) for _ in range(50))), PATIENCE
        )
        self.assertEqual(results, [50] * 50)
        (connection,) = self.server.connections
        results = await asyncio.wait_for(
            asyncio.gather(
                *(self.client.s_repeat(20) for _ in range(20)),
                *(connection.c_repeat(20) for _ in range(20)),
            ),
            PATIENCE,
        )
        self.assertEqual(results, [20] * 40)

    async def test_more_handlers_than_there_may_be(self) -> None:
        async with await Server(max_requests=2).start() as server:
            async with await Client.connect("127.0.0.1", server.port, max_requests=2) as client:
                # They call back, so reading goes on above the bound.
                calls = [client.s_repeat(3) for _ in range(20)]
                results = await asyncio.wait_for(asyncio.gather(*calls), PATIENCE)
                self.assertEqual(results, [3] * 20)
                # Above the hard one, too much waits: whoever calls back is told so, and
                # all come to an end.
                waits = [client.s_wait(1) for _ in range(100)]
                outcome = asyncio.gather(*waits, return_exceptions=True)
                await asyncio.wait_for(client.begun.wait(), PATIENCE)
                client.never.set()
                for result in await asyncio.wait_for(outcome, PATIENCE):
                    if isinstance(result, minirpc.Error):
                        self.assertEqual(result.status, Status.BUSY)
                    else:
                        self.assertEqual(result, 1)

    async def test_a_timeout(self) -> None:
        with self.assertRaises(minirpc.Timeout):
            await self.client.s_wait(1, timeout=0.02)
        with self.assertRaises(TimeoutError):
            async with asyncio.timeout(0.02):
                await self.client.s_wait(1)
        # Their replies come after all, and are dropped without a word.
        with self.assertNoLogs("minirpc", logging.WARNING):
            self.client.never.set()
            self.assertEqual(await self.client.s_wait(5), 5)

    async def test_a_timeout_of_the_connection(self) -> None:
        async with await Client.connect("127.0.0.1", self.server.port, timeout=0.2) as client:
            with self.assertRaises(minirpc.Timeout):
                await client.s_wait(1)
            self.assertEqual(await client.s_echo_int_alias(5, timeout=PATIENCE), 5)

    async def test_connecting_in_time(self) -> None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        # Nobody says anything, as TLS would need.
        with self.assertRaises(minirpc.Timeout):
            await Client.connect("127.0.0.1", port, timeout=0.05, ssl=ssl.create_default_context())
        listener.close()
        await listener.wait_closed()
        with self.assertRaises(OSError):
            await Client.connect("127.0.0.1", port, timeout=PATIENCE)

    async def test_cancelling_a_task_ends_its_call_alone(self) -> None:
        tasks = [asyncio.ensure_future(self.client.s_wait(i)) for i in range(10)]
        await asyncio.wait_for(self.client.begun.wait(), PATIENCE)
        for task in tasks[::2]:
            task.cancel()
        results = asyncio.gather(*tasks, return_exceptions=True)
        self.client.never.set()
        for i, result in enumerate(await asyncio.wait_for(results, PATIENCE)):
            if i % 2:
                self.assertEqual(result, i)
            else:
                self.assertIsInstance(result, asyncio.CancelledError)

    async def test_numbers_that_are_still_out_are_skipped(self) -> None:
        link: Any = self.client.__minirpc_link__
        waits = [asyncio.ensure_future(self.client.s_wait(i)) for i in range(3)]
        await asyncio.wait_for(self.client.begun.wait(), PATIENCE)
        link._sequence = 2**32 - 1
        self.assertEqual([await self.client.s_echo_int_alias(i) for i in range(5)], list(range(5)))
        self.client.never.set()
        self.assertEqual(await asyncio.wait_for(asyncio.gather(*waits), PATIENCE), [0, 1, 2])

    async def test_the_end_of_a_client(self) -> None:
        call = asyncio.ensure_future(self.client.s_wait(1))
        await asyncio.wait_for(self.client.begun.wait(), PATIENCE)
        await asyncio.wait_for(self.client.close(), PATIENCE)
        await self.fails(Status.NETWORK_FAILURE, call)
        await self.fails(Status.NETWORK_FAILURE, self.client.s_echo_int_alias(1))
        self.assertTrue(self.client.cancelled)
        while self.server.connections:
            await asyncio.sleep(0.01)

    async def test_the_end_of_a_server(self) -> None:
        call = asyncio.ensure_future(self.client.s_wait(1))
        await asyncio.wait_for(self.client.begun.wait(), PATIENCE)
        await asyncio.wait_for(self.server.close(), PATIENCE)
        await self.fails(Status.NETWORK_FAILURE, call)
        # A server that only sends no more would still get the answer.
        self.assertFalse(self.client.cancelled)
        self.client.never.set()
        await asyncio.wait_for(self.client.wait_closed(), PATIENCE)
        await asyncio.wait_for(self.server.wait_closed(), PATIENCE)
        with self.assertRaises(OSError):
            await Client.connect("127.0.0.1", self.server.port)

    async def test_a_handler_that_closes(self) -> None:
        await self.fails(Status.NETWORK_FAILURE, self.client.s_void())
        await asyncio.wait_for(self.client.wait_closed(), PATIENCE)
        # The handler goes on after that.
        await asyncio.wait_for(self.server.has_closed.wait(), PATIENCE)
        # The server is still there.
        async with await Client.connect("127.0.0.1", self.server.port) as client:
            self.assertEqual(await client.s_echo_int_alias(3), 3)

    async def test_what_is_no_connection_says_so(self) -> None:
        await self.fails(Status.INVALID_ARGUMENT, self.server.c_void())
        await self.fails(Status.INVALID_ARGUMENT, Client().s_void())
        await self.fails(Status.INVALID_ARGUMENT, self.server.start())
        with self.assertRaises(minirpc.Error):
            Server().port

    async def test_a_handlers_error_is_noted(self) -> None:
        class Broken(Server):
            async def s_echo_int_alias(self, argument: int, /) -> int:
                raise RuntimeError("broken")

        async with await Broken().start() as server:
            async with await Client.connect("127.0.0.1", server.port) as client:
                with self.assertLogs("minirpc", logging.ERROR) as logs:
                    await self.fails(Status.ENCODING_ERR, client.s_echo_int_alias(1))
        self.assertIn("RuntimeError: broken", logs.output[0])

    async def test_a_thousand_connections_in_one_loop(self) -> None:
        many = enough_descriptors()
        clients = await asyncio.gather(
            *(Client.connect("127.0.0.1", self.server.port, timeout=PATIENCE) for _ in range(many))
        )
        for _ in range(3):
            replies = await asyncio.gather(*(client.s_repeat(2) for client in clients))
            self.assertEqual(replies, [2] * many)
        self.assertEqual(len(self.server.connections), many + 1)
        await asyncio.gather(*(client.close() for client in clients))
        while len(self.server.connections) > 1:
            await asyncio.sleep(0.01)


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl")
class Tls(Base):
    """Both roles, with contexts that the caller makes."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.made = make_certificates(Path(directory.name))
        self.own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.own.load_cert_chain(self.made["PEER_CERT"], self.made["PEER_KEY"])
        self.trusting = ssl.create_default_context(cafile=self.made["PEER_CA"])
        for context in (self.own, self.trusting):
            context.set_alpn_protocols(["minirpc"])

    async def test_in_python(self) -> None:
        async with await Server(ssl=self.own).start() as server:
            async with await Client.connect(
                "127.0.0.1", server.port, ssl=self.trusting, server_hostname="localhost"
            ) as client:
                results = await asyncio.gather(*(client.s_repeat(20) for _ in range(20)))
                self.assertEqual(results, [20] * 20)
            # What asyncio says of handshakes that fail.
            logging.disable(logging.CRITICAL)
            self.addCleanup(logging.disable, logging.NOTSET)
            for context, name in (
                (self.trusting, "elsewhere"),
                (ssl.create_default_context(), "localhost"),
            ):
                with self.assertRaises(ssl.SSLCertVerificationError):
                    await Client.connect(
                        "127.0.0.1", server.port, ssl=context, server_hostname=name
                    )

    @unittest.skipUnless((BUILT / "with-tls").exists(), "there is no libminirpc-tls")
    async def test_a_server_in_c(self) -> None:
        async with c_server(**self.made) as port:
            async with await Client.connect("localhost", port, ssl=self.trusting) as client:
                results = await asyncio.gather(*(client.s_repeat(20) for _ in range(20)))
                self.assertEqual(results, [20] * 20)
                self.assertEqual(await client.s_bounce_text("x" * 1_000_000), "x" * 1_000_000)
            with self.assertRaises(ssl.SSLCertVerificationError):
                await Client.connect("localhost", port, ssl=ssl.create_default_context())

    @unittest.skipUnless((BUILT / "with-tls").exists(), "there is no libminirpc-tls")
    async def test_a_client_in_c(self) -> None:
        async with await Server(ssl=self.own).start() as server:
            async with c_peer("connect", str(server.port), **self.made):
                while not server.connections:
                    await asyncio.sleep(0.01)
                (connection,) = server.connections
                results = await asyncio.gather(*(connection.c_repeat(20) for _ in range(20)))
                self.assertEqual(results, [20] * 20)
                self.assertEqual(await connection.c_bounce_text("x" * 1_000_000), "x" * 1_000_000)


def make_certificates(directory: Path) -> dict[str, str]:
    """An authority, and one certificate of this machine for both sides."""
    names = {"PEER_CA": "ca.pem", "PEER_CERT": "cert.pem", "PEER_KEY": "key.pem"}
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for command in (
        f"req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        f"req {key} -keyout key.pem -out request.pem -subj /CN=localhost",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
        " -extfile names -out cert.pem",
    ):
        subprocess.run(
            ["openssl", *command.split()], cwd=directory, check=True, stderr=subprocess.DEVNULL
        )
    return {name: str(directory / file) for name, file in names.items()}


if __name__ == "__main__":
    unittest.main()
