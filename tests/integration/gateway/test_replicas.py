"""Several replicas of one service: who is asked, who is left out, and what is asked twice."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Send

from gateway import discovery
from tests.integration.gateway.conftest import Entrance, entrance
from tests.integration.gateway.double import Double, Sent, answer, dies, read
from tests.support import http
from tests.support.tokens import Issuer

SEATS = "/session/1/seats/"


@dataclass
class Pair:
    """A gateway before two replicas of ticketing."""

    door: Entrance
    replicas: list[Double]
    stops: list[AsyncExitStack]

    @property
    def counts(self) -> list[int]:
        return [len(replica.requests) for replica in self.replicas]

    async def ask(self, method: str = "GET", target: str = SEATS, **options: Any) -> int:
        headers = self.door.issuer.bearer(1) | options.pop("headers", {})
        async with self.door.ask(method, target, headers=headers, **options) as response:
            if response.status == 503:
                assert (await response.json())["code"] == "service_unavailable"
                assert int(response.headers["Retry-After"]) >= 1
            return response.status


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(discovery, "_PROBE_EVERY_S", 0.05)
    monkeypatch.setattr(discovery, "_PROBE_WITHIN_S", 0.2)
    replicas = [Double(), Double()]
    async with AsyncExitStack() as stack:
        stops = [await stack.enter_async_context(AsyncExitStack()) for _ in replicas]
        urls = [
            await stop.enter_async_context(http.serve(replica))
            for stop, replica in zip(stops, replicas, strict=True)
        ]
        door = await stack.enter_async_context(
            entrance(Double(), Issuer(), ticketing_url=",".join(urls))
        )
        yield Pair(door, replicas, stops)


async def test_requests_are_spread_by_how_many_are_pending(pair: Pair) -> None:
    release = asyncio.Event()

    async def wait(sent: Sent, receive: Receive, send: Send) -> None:
        await read(receive)
        await release.wait()
        await answer(send, 200)

    for replica in pair.replicas:
        replica.behaviour = wait
    asked = [asyncio.create_task(pair.ask()) for _ in range(20)]
    async with asyncio.timeout(3):
        while sum(pair.counts) < 20:
            await asyncio.sleep(0.01)
    release.set()

    assert set(await asyncio.gather(*asked)) == {200}
    assert pair.counts == [10, 10]


async def test_a_dead_one_is_not_noticed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not even be sent is sent to another, whatever it is."""

    async def not_yet(*_: object) -> None: ...

    # Before a readiness check has found out.
    monkeypatch.setattr(discovery.Discovery, "_probe_one", not_yet)
    await pair.stops[0].aclose()
    endpoints = [("POST", "/book/"), ("DELETE", "/ticket/1/")]

    assert {await pair.ask(*endpoint) for _ in range(10) for endpoint in endpoints} == {200}


async def test_all_dead_is_an_outage_at_once(pair: Pair) -> None:
    for stop in pair.stops:
        await stop.aclose()

    async with asyncio.timeout(1):
        assert await pair.ask() == 503
        assert await pair.ask("POST", "/book/", data=b"{}") == 503


@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/book/"), ("PATCH", "/pay/1/"), ("DELETE", "/ticket/1/")],
)
async def test_what_may_have_been_carried_out_is_not_sent_again(
    pair: Pair, method: str, target: str
) -> None:
    for replica in pair.replicas:
        replica.behaviour = dies

    assert await pair.ask(method, target, data=b"{}") == 503

    assert sum(pair.counts) == 1


async def test_unless_it_carries_a_key(pair: Pair) -> None:
    pair.replicas[0].behaviour = dies
    for number in range(10):
        headers = {"Idempotency-Key": f"key-{number}"}
        assert await pair.ask("POST", "/book/", data=b'{"a": 1}', headers=headers) == 200

    assert pair.replicas[0].requests
    for sent in pair.replicas[0].requests + pair.replicas[1].requests:
        assert sent.body == b'{"a": 1}'
    assert len(pair.replicas[1].requests) == 10


async def test_or_only_reads(pair: Pair) -> None:
    pair.replicas[0].behaviour = dies

    assert {await pair.ask(method) for _ in range(10) for method in ("GET", "HEAD")} == {200}
    assert pair.replicas[0].requests


async def test_once_again_and_no_more(pair: Pair) -> None:
    for replica in pair.replicas:
        replica.behaviour = dies

    assert await pair.ask() == 503
    assert pair.counts == [1, 1]


async def test_a_large_body_is_not_sent_again(pair: Pair) -> None:
    """Its beginning is gone: it was passed on as it came."""
    for replica in pair.replicas:
        replica.behaviour = dies
    headers = {"Idempotency-Key": "1"}

    assert await pair.ask("POST", "/book/", data=b"x" * 500_000, headers=headers) == 503
    assert sum(pair.counts) == 1


async def test_an_unready_one_is_left_out(pair: Pair) -> None:
    pair.replicas[0].ready = False
    await asyncio.sleep(0.3)

    for _ in range(20):
        assert await pair.ask() == 200

    assert pair.counts == [0, 20]

    pair.replicas[0].ready = True
    await asyncio.sleep(0.3)
    for _ in range(40):
        await pair.ask()
    assert pair.replicas[0].requests


async def test_unless_all_are(pair: Pair) -> None:
    for replica in pair.replicas:
        replica.ready = False
    await asyncio.sleep(0.3)

    assert await pair.ask() == 200


async def test_a_frozen_one_is_left_out(pair: Pair) -> None:
    pair.replicas[0].frozen = True
    await asyncio.sleep(0.6)

    async with asyncio.timeout(2):
        for _ in range(20):
            assert await pair.ask() == 200


async def test_a_name_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas come and go behind one name, as with `docker compose --scale`."""
    monkeypatch.setattr(discovery, "_RESOLVE_EVERY_S", 0.1)
    monkeypatch.setattr(discovery, "_PROBE_EVERY_S", 0.1)
    addresses = ["127.0.0.1"]
    genuine = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "ticketing.test":
            return genuine(host, port, *args, **options)
        if not addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    first, second = Double(), Double()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(http.serve(first))
        port = urlsplit(url).port or 0
        await stack.enter_async_context(http.serve(second, host="127.0.0.2", port=port))
        door = await stack.enter_async_context(
            entrance(Double(), Issuer(), ticketing_url=f"http://ticketing.test:{port}")
        )

        async def ask_often() -> None:
            for _ in range(30):
                async with door.ask("GET", SEATS) as response:
                    assert response.status == 200

        await ask_often()
        assert (len(first.requests), len(second.requests)) == (30, 0)

        addresses.append("127.0.0.2")
        await asyncio.sleep(0.5)
        await ask_often()
        assert second.requests

        # Names that cannot be resolved for a while take nobody away.
        genuine_addresses, addresses[:] = addresses[:], []
        await asyncio.sleep(0.5)
        await ask_often()
        addresses[:] = genuine_addresses

        addresses.remove("127.0.0.1")
        await asyncio.sleep(0.5)
        before = len(first.requests)
        await ask_often()
        assert len(first.requests) == before
