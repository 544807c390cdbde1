"""How a replica is spoken to, by one whose every byte is written down here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from gateway.client import Client
from gateway.connection import Answer, Unreachable
from gateway.settings import Address

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Replica:
    """Plays each connection as it is told, and counts them."""

    address: Address = field(init=False)
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


@asynccontextmanager
async def playing(*answers: bytes, close: bool = False) -> AsyncIterator[Replica]:
    """Each request on a connection gets the next of the answers, the last one over and over."""
    replica = Replica()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica.connections += 1
        waiting = list(answers)
        try:
            while True:
                await replica.head(reader)
                writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
                if close:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(play, "127.0.0.1", 0) as server:
        replica.address = Address(*server.sockets[0].getsockname()[:2])
        yield replica


async def whole(answer: Answer) -> bytes:
    body = b""
    while piece := await answer.read():
        body += piece
    answer.close()
    return body


async def get(client: Client, replica: Replica, method: str = "GET") -> tuple[int, bytes]:
    answer = await client.ask(replica.address, method, "/", [(b"host", b"replica")])
    return answer.status, await whole(answer)


async def test_a_connection_is_used_again(client: Client) -> None:
    async with playing(OK) as replica:
        for _ in range(5):
            assert await get(client, replica) == (200, b"ok")
    assert replica.connections == 1


async def test_as_many_connections_as_requests_at_once(client: Client) -> None:
    async with playing(OK) as replica:
        for _ in range(2):
            answers = await asyncio.gather(*(get(client, replica) for _ in range(20)))
            assert answers == [(200, b"ok")] * 20
    assert replica.connections <= 20


async def test_interim_answers_are_passed_over(client: Client) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with playing(early + OK) as replica:
        for _ in range(2):
            answer = await client.ask(replica.address, "GET", "/", [])
            assert (answer.status, await whole(answer)) == (200, b"ok")
            assert answer.headers == [(b"content-length", b"2")]


async def test_an_answer_to_head_has_no_body(client: Client) -> None:
    async with playing(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n") as replica:
        answer = await client.ask(replica.address, "HEAD", "/", [])
        assert (answer.length, await whole(answer)) == (1000, b"")
        answer = await client.ask(replica.address, "HEAD", "/", [])
        assert (answer.length, await whole(answer)) == (1000, b"")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_leaves_the_connection(
    client: Client, status: bytes
) -> None:
    async with playing(b"HTTP/1.1 " + status + b"\r\n\r\n", OK) as replica:
        assert await get(client, replica) == (int(status[:3]), b"")
        assert await get(client, replica) == (200, b"ok")
    assert replica.connections == 1


async def test_a_body_that_ends_with_the_connection(client: Client) -> None:
    async with playing(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True) as replica:
        for _ in range(2):
            assert await get(client, replica) == (200, b"all of it")
    assert replica.connections == 2


async def test_a_body_in_chunks(client: Client) -> None:
    chunks = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nay!\r\n0\r\n\r\n"
    )
    async with playing(chunks) as replica:
        for _ in range(2):
            assert await get(client, replica) == (200, b"okay!")
    assert replica.connections == 1


async def test_a_connection_that_the_replica_closes_is_not_used_again(client: Client) -> None:
    closing = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    async with playing(closing) as replica:
        for _ in range(3):
            assert await get(client, replica) == (200, b"ok")
    assert replica.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"x-pad: " + b"x" * 70_000,
    ],
    ids=["rubbish", "upgrade", "two-lengths", "length-and-chunks", "endless-head"],
)
async def test_what_is_no_answer(client: Client, answer: bytes) -> None:
    async with playing(answer) as replica:
        with pytest.raises(Unreachable) as raised:
            async with asyncio.timeout(5):
                await get(client, replica)
        assert raised.value.sent
        assert not client._open


async def test_a_body_that_breaks_off(client: Client) -> None:
    async with playing(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", close=True) as replica:
        answer = await client.ask(replica.address, "GET", "/", [])
        assert await answer.read() == b"ok"
        with pytest.raises(Unreachable):
            await answer.read()


async def test_what_comes_unasked_is_no_answer_to_the_next(client: Client) -> None:
    """As a replica would send it that took one request for two."""
    forged = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    async with playing(OK + forged, OK) as replica:
        for _ in range(3):
            assert await get(client, replica) == (200, b"ok")
            await asyncio.sleep(0.05)
    assert replica.connections == 3


async def test_nobody_there(client: Client) -> None:
    async with playing(OK) as replica:
        pass
    with pytest.raises(Unreachable) as raised:
        await get(client, replica)
    assert not raised.value.sent


async def test_a_connection_of_which_the_answer_is_not_read_ends(client: Client) -> None:
    async with playing(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok") as replica:
        answer = await client.ask(replica.address, "GET", "/", [])
        answer.close()
        await asyncio.sleep(0.05)
        assert not client._open


async def test_whoever_stops_waiting_ends_the_connection(client: Client) -> None:
    async with playing(b"") as replica:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.ask(replica.address, "GET", "/", [])
        assert not client._open


async def test_a_large_answer_waits_for_its_reader(client: Client) -> None:
    size, sent = 20_000_000, 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 50_000)
            await writer.drain()
            sent += 50_000
        writer.close()

    async with await asyncio.start_server(play, "127.0.0.1", 0) as server:
        address = Address(*server.sockets[0].getsockname()[:2])
        answer = await client.ask(address, "GET", "/", [])
        await asyncio.sleep(0.5)
        assert sent < size / 2
        assert len(await whole(answer)) == size


async def test_an_answer_before_the_end_of_the_request(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    async with playing(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno") as replica:
        answer = await client.ask(replica.address, "POST", "/", [], endless())
        assert (answer.status, await whole(answer)) == (413, b"no")
        assert not client._open, "what was left of the body would pass for the next request"
    assert b"transfer-encoding: chunked" in replica.heads[0]


async def test_a_request_body_that_fails_ends_the_request(client: Client) -> None:
    async def fails() -> AsyncIterator[bytes]:
        yield b"x"
        raise RuntimeError("the client has gone")

    async with playing(b"") as replica:
        with pytest.raises(Unreachable):
            async with asyncio.timeout(5):
                await client.ask(replica.address, "POST", "/", [], fails())
        assert not client._open


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nx-evil: 1", b"a\rb"])
async def test_no_header_splits(client: Client, value: bytes) -> None:
    async with playing(OK) as replica:
        with pytest.raises(ValueError, match="line break"):
            await client.ask(replica.address, "GET", "/", [(b"x", value)])
    assert not replica.heads
