"""Nobody waits for ever, whoever has stopped."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Send

from gateway import client, proxy
from tests.integration.gateway.conftest import Entrance, entrance
from tests.integration.gateway.double import Double, Sent, gone, never, read
from tests.support.tokens import Issuer


def test_an_answer_comes_within_five_seconds() -> None:
    assert proxy._ANSWER_WITHIN_S + client.CONNECT_WITHIN_S <= 5


async def test_a_service_that_says_nothing(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_ANSWER_WITHIN_S", 0.3)
    gateway.service.behaviour = never

    for method, target in (("GET", "/movie/"), ("POST", "/register/")):
        started = time.monotonic()
        async with gateway.ask(method, target) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
            document = await response.json()
        assert time.monotonic() - started < 1
        assert document["code"] == "service_unavailable"
        assert document["request_id"] == response.headers["X-Request-ID"]
        assert "127.0.0.1" not in str(document)

    # One that was carried out, perhaps, is not repeated by us.
    assert len(gateway.service.requests) == 2


async def test_a_service_that_does_not_take_a_large_body(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_ANSWER_WITHIN_S", 0.3)

    async def ignore(sent: Sent, receive: Receive, send: Send) -> None:
        await asyncio.sleep(2)

    gateway.service.behaviour = ignore
    started = time.monotonic()
    async with gateway.ask("POST", "/register/", data=b"x" * 900_000) as response:
        assert response.status == 503
    assert time.monotonic() - started < 2


async def test_a_client_that_is_slow_is_not_the_service_s_fault(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_ANSWER_WITHIN_S", 0.3)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000
            await asyncio.sleep(0.5)

    async with gateway.ask("POST", "/register/", data=pieces()) as response:
        assert response.status == 200
    assert len(gateway.service.last.body) == 300_000


async def test_a_service_that_stops_in_its_answer(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_ANSWER_WITHIN_S", 0.3)

    async def stop(sent: Sent, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await gone(receive)

    gateway.service.behaviour = stop
    answered = await gateway.raw(b"GET /movie/ HTTP/1.1\r\nHost: a\r\n\r\n", within_s=2)

    assert answered.endswith(b"5\r\nfirst\r\n")


async def test_a_service_that_is_slow_but_goes_on(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is for each wait: a long answer may take longer in all."""
    monkeypatch.setattr(proxy, "_ANSWER_WITHIN_S", 0.3)

    async def drip(sent: Sent, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.15)
        await send({"type": "http.response.body", "body": b""})

    gateway.service.behaviour = drip
    async with gateway.ask("GET", "/movie/") as response:
        assert await response.read() == b"xxxxx"


async def test_a_client_that_does_not_read(
    gateway: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_READ_WITHIN_S", 0.3)
    released = asyncio.Event()

    async def pour(sent: Sent, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        end = asyncio.create_task(gone(receive))
        while not end.done():
            body = {"type": "http.response.body", "body": b"x" * 100_000, "more_body": True}
            await send(body)
            await asyncio.sleep(0)
        released.set()

    gateway.service.behaviour = pour
    port = int(gateway.url.rpartition(":")[2])
    # A small window, so that little is sent before the client's silence is felt.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        sock.send(b"GET /movie/ HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(3):
            await released.wait()
    finally:
        sock.close()


async def test_a_machine_that_does_not_take_connections() -> None:
    """Its queue is full, as that of a frozen one soon is."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.settimeout(0)
            sock.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with entrance(Double(), Issuer(), catalog_url=url) as gateway:
            started = time.monotonic()
            async with gateway.ask("GET", "/movie/") as response:
                assert response.status == 503
            assert time.monotonic() - started < 2
        for sock in waiting:
            sock.close()
