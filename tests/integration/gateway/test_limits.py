"""Bounds on what a client may send, and on the time that it may take."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from io import BytesIO

import pytest
from starlette.types import Receive, Send

from gateway import body, protocol
from tests.integration.gateway.conftest import Entrance
from tests.integration.gateway.double import Sent, read

CHUNKED = b"POST /register/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_body_of_one_megabyte_passes(gateway: Entrance) -> None:
    async with gateway.ask("POST", "/register/", data=b"x" * 1_000_000) as response:
        assert response.status == 200
    assert len(gateway.service.last.body) == 1_000_000


@pytest.mark.parametrize("size", [1_000_001, 5_000_000])
async def test_a_larger_one_is_refused(gateway: Entrance, size: int) -> None:
    async with gateway.ask("POST", "/register/", data=BytesIO(b"x" * size)) as response:
        assert response.status == 413
        assert (await response.json())["code"] == "body_too_large"
    assert gateway.service.requests == []


async def test_even_to_a_client_that_listens_only_afterwards(gateway: Entrance) -> None:
    """Closing at once would reset the connection before the answer is read."""

    def send_all() -> int:
        connection = HTTPConnection(gateway.url.removeprefix("http://"))
        with closing(connection):
            connection.request("POST", "/register/", body=b"x" * 8_000_000)
            return connection.getresponse().status

    assert await asyncio.to_thread(send_all) == 413


async def test_before_it_is_sent(gateway: Entrance) -> None:
    answered = await gateway.raw(
        b"POST /register/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answered


async def test_a_larger_one_in_chunks_is_refused_on_the_way(gateway: Entrance) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 100_000_000:
            given += 50_000
            yield b"x" * 50_000

    async with gateway.ask("POST", "/register/", data=endless()) as response:
        assert response.status == 413
        assert (await response.json())["code"] == "body_too_large"

    assert given < 40_000_000


async def test_or_broken_off_where_the_answer_has_begun(gateway: Entrance) -> None:
    async def answer_first(sent: Sent, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await read(receive)

    gateway.service.behaviour = answer_first
    chunk = b"%x\r\n" % 100_000 + b"x" * 100_000 + b"\r\n"
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(CHUNKED + chunk)
    assert (await reader.readuntil(b"first\r\n")).startswith(b"HTTP/1.1 200 ")

    writer.write(chunk * 15)

    rest = b""
    async with asyncio.timeout(2):
        with suppress(ConnectionError):
            rest = await reader.read()
    writer.close()
    assert rest == b""


async def test_a_large_body_for_nobody_is_not_read_either(gateway: Entrance) -> None:
    async with gateway.ask("POST", "/nothing", data=b"x" * 900_000) as response:
        assert response.status == 404
        assert response.headers["Connection"] == "close"


async def test_a_body_for_nobody_is_not_asked_for(gateway: Entrance) -> None:
    answered = await gateway.raw(
        b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 404 ")


async def test_a_small_body_for_nobody_keeps_the_connection(gateway: Entrance) -> None:
    one = b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    last = b"GET /movie/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answered = await gateway.raw(one + last)

    assert answered.count(b"HTTP/1.1 404 ") == answered.count(b"HTTP/1.1 200 ") == 1


async def test_a_token_of_one_megabyte(gateway: Entrance) -> None:
    started = time.monotonic()
    answered = await gateway.raw(
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
        + b"x" * 1_000_000
        + b"\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 431 ")
    assert b"headers_too_large" in answered
    assert time.monotonic() - started < 3


async def test_headers_without_an_end(gateway: Entrance) -> None:
    answered = await gateway.raw(b"GET /movie/ HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 20_000)

    assert answered.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("endless", [b"X-A: " + b"b" * 500_000, b"X-A: b\r\n" * 50_000])
async def test_trailers_without_an_end(gateway: Entrance, endless: bytes) -> None:
    answered = await gateway.raw(CHUNKED + b"3\r\nabc\r\n0\r\n" + endless)

    assert answered.startswith(b"HTTP/1.1 431 ")
    assert gateway.service.requests == []


async def test_a_chunk_extension_without_an_end(gateway: Entrance) -> None:
    assert (await gateway.raw(CHUNKED + b"3;" + b"a" * 500_000)).startswith(b"HTTP/1.1 431 ")


async def test_many_small_headers(gateway: Entrance) -> None:
    answered = await gateway.raw(
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 120 + b"Connection: close\r\n\r\n"
    )

    assert answered.startswith(b"HTTP/1.1 431 ")


async def test_a_long_target(gateway: Entrance) -> None:
    async with gateway.ask("GET", "/movie/?search=" + "x" * 9000) as response:
        assert response.status == 414
    answered = await gateway.raw(b"GET /movie/?a=" + b"x" * 500_000 + b" HTTP/1.1\r\n\r\n")
    assert answered[9:12] in (b"414", b"431")


async def test_a_body_that_does_not_come(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "_READ_WITHIN_S", 0.3)

    started = time.monotonic()
    answered = await gateway.raw(
        b"POST /register/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
    )

    assert answered.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in answered
    assert time.monotonic() - started < 3
    assert gateway.service.requests == []


async def test_a_large_body_that_stops(gateway: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "_READ_WITHIN_S", 0.3)

    answered = await gateway.raw(
        b"POST /register/ HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + b"x" * 200_000
    )

    assert answered.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("beginning", [b"", b"GET /movie/ HTTP/1.1\r\nHost: a\r\n"])
async def test_headers_that_do_not_come(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(protocol, "_HEAD_WITHIN_S", 0.3)

    assert await gateway.raw(beginning, within_s=2) == b""


async def test_empty_lines_are_no_request(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not keep a connection that nothing is asked on."""
    monkeypatch.setattr(protocol, "_HEAD_WITHIN_S", 0.3)
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"}")

    writer.write(b"\r\n")

    async with asyncio.timeout(2):
        assert await reader.read() == b""
    writer.close()


async def test_headers_that_drip(gateway: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second request, byte by byte, has no more time than the first."""
    monkeypatch.setattr(protocol, "_HEAD_WITHIN_S", 0.3)
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"}")

    dripped = 0
    try:
        for byte in b"GET /movie/ HTTP/1.1\r\nHost: a\r\n" * 10:
            writer.write(bytes([byte]))
            await writer.drain()
            dripped += 1
            await asyncio.sleep(0.05)
    except ConnectionError:
        pass
    writer.close()

    assert dripped < 20


def test_nobody_keeps_a_connection_for_ten_seconds() -> None:
    assert protocol._HEAD_WITHIN_S + protocol._LINGER_S < 10
    assert body._READ_WITHIN_S + body._DISCARD_WITHIN_S < 10
