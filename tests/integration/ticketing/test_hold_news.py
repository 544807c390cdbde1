"""`hold.*`: what live seat maps hear, and that no request ever waits for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from cinema_shared.messaging import topology
from cinema_shared.messaging.announcer import Announcer
from redis.asyncio import Redis
from ticketing_service.holds import ends, locks
from ticketing_service.holds.ends import HoldEnds
from ticketing_service.holds.news import tell_of_ended

from tests.integration.ticketing.conftest import Ticketing, running
from tests.support.tasks import running as at_work


class Listener:
    def __init__(self) -> None:
        self.heard: list[AbstractIncomingMessage] = []

    async def of(self, hold: str, count: int) -> list[str]:
        """The short types of the first news of a hold."""
        async with asyncio.timeout(10):
            while len(news := self.so_far(hold)) < count:
                await asyncio.sleep(0.05)
        return news

    def so_far(self, hold: str) -> list[str]:
        events = (json.loads(message.body) for message in self.heard)
        return [event["type"] for event in events if event["data"]["id"] == hold]


@pytest.fixture
async def listener(rabbitmq_url: str) -> AsyncIterator[Listener]:
    listener = Listener()

    async def hear(message: AbstractIncomingMessage) -> None:
        listener.heard.append(message)

    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        await topology.declare(channel)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topology.EVENTS, "hold.#")
        await queue.consume(hear, no_ack=True)
        yield listener


@pytest.fixture
def short_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (locks, ends):
        monkeypatch.setattr(module, "MARGIN", timedelta(seconds=0.5))


@pytest.fixture
async def service(
    ticketing: Ticketing, rabbitmq_url: str, short_margin: None
) -> AsyncIterator[Ticketing]:
    settings = ticketing.settings.model_copy(
        update={"rabbitmq_url": rabbitmq_url, "hold_duration_s": 1.0, "hold_longest_s": 3.0}
    )
    async with running(settings, ticketing.issuer, ticketing.database) as service:
        yield service


@asynccontextmanager
async def worker(service: Ticketing) -> AsyncIterator[None]:
    """As much of it as tells of ended holds."""
    announcer = Announcer(service.settings.rabbitmq_url, "test-worker")
    async with Redis.from_url(service.settings.redis_url, decode_responses=True) as redis:
        holds = HoldEnds(redis, service.settings.hold_secret)

        async def look() -> None:
            while True:
                await tell_of_ended(holds, announcer)
                await asyncio.sleep(0.1)

        async with at_work(look()), at_work(announcer.run()):
            yield


async def make(service: Ticketing, *seats: tuple[int, int], user: int) -> dict[str, Any]:
    status, hold = await service.hold(await service.put_on_sale(), *seats, user=user)
    assert status == 201
    assert isinstance(hold, dict)
    return hold


async def test_a_hold_is_announced_and_so_is_its_release(
    service: Ticketing, listener: Listener
) -> None:
    hold = await make(service, (1, 1), (1, 2), user=1)
    await listener.of(hold["id"], 1)
    await service.call("DELETE", f"/hold/{hold['id']}/", user=1)
    assert await listener.of(hold["id"], 2) == [
        "cinema.hold.created.v1",
        "cinema.hold.released.v1",
    ]
    created = listener.heard[0]
    event = json.loads(created.body)
    assert event["data"] == hold
    assert event["subject"] == f"hold/{hold['id']}"
    assert event["source"] == "/ticketing"
    assert "subjectversion" not in event
    assert created.delivery_mode == aio_pika.DeliveryMode.NOT_PERSISTENT
    assert created.routing_key == "hold.created.v1"


async def test_the_end_of_a_hold_is_told_once_by_whichever_worker(
    service: Ticketing, listener: Listener
) -> None:
    async with worker(service), worker(service):
        hold = await make(service, (2, 1), user=1)
        assert await listener.of(hold["id"], 2) == [
            "cinema.hold.created.v1",
            "cinema.hold.expired.v1",
        ]
        assert await service.taken(hold["session"]) == []
        await asyncio.sleep(0.5)
    assert len(listener.so_far(hold["id"])) == 2


async def test_what_was_extended_ends_later_and_what_was_booked_or_released_does_not_end(
    service: Ticketing, listener: Listener
) -> None:
    async with worker(service):
        booked = await make(service, (1, 1), user=1)
        assert (await service.call("POST", "/book/", user=1, json={"hold": booked["id"]}))[0] == 201
        released = await make(service, (1, 1), user=1)
        await service.call("DELETE", f"/hold/{released['id']}/", user=1)
        extended = await make(service, (1, 1), user=1)
        await asyncio.sleep(0.8)
        status, longer = await service.call("PATCH", f"/hold/{extended['id']}/", user=1)
        assert status == 200
        await listener.of(extended["id"], 2)
    last = json.loads(listener.heard[-1].body)
    assert last["type"] == "cinema.hold.expired.v1"
    assert last["data"] == longer
    assert listener.so_far(booked["id"]) == ["cinema.hold.created.v1"]
    assert listener.so_far(released["id"]) == [
        "cinema.hold.created.v1",
        "cinema.hold.released.v1",
    ]


async def test_what_a_worker_took_and_did_not_finish_comes_up_again(
    service: Ticketing, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_PATIENCE_MS", 500)
    hold = await make(service, (1, 1), user=1)
    async with Redis.from_url(service.settings.redis_url, decode_responses=True) as redis:
        died = HoldEnds(redis, service.settings.hold_secret)
        async with asyncio.timeout(10):
            while not await died.due():
                await asyncio.sleep(0.05)
    async with worker(service):
        assert (await listener.of(hold["id"], 2))[-1] == "cinema.hold.expired.v1"


async def test_without_rabbitmq_holds_are_made_and_released(ticketing: Ticketing) -> None:
    """Its address leads nowhere there."""
    session = await ticketing.put_on_sale()
    for _ in range(20):
        status, hold = await ticketing.hold(session, (1, 1), user=1)
        assert status == 201
        assert (await ticketing.call("DELETE", f"/hold/{hold['id']}/", user=1))[0] == 204
