"""Consumers: each event has its effect once, and what cannot be handled is kept, not lost."""

import asyncio
from contextlib import AbstractAsyncContextManager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import consumer, topology
from cinema_shared.messaging.consumer import Consumer, Effect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.tasks import running

QUEUE = topology.CATALOG_TICKETS


class Nothing(EventData):
    pass


async def record(transaction: AsyncConnection, event: Event) -> None:
    await transaction.execute(
        text("INSERT INTO effects VALUES (:subject, :version)"),
        {"subject": event.subject, "version": event.subjectversion},
    )


async def send(channel: AbstractChannel, body: bytes) -> None:
    exchange = await channel.get_exchange(topology.EVENTS)
    await exchange.publish(aio_pika.Message(body), "ticket.booked.v1")


def consuming(
    database: Database, rabbitmq_url: str, effect: Effect
) -> AbstractAsyncContextManager[None]:
    return running(Consumer(database, rabbitmq_url, QUEUE, effect).run())


def an_event(subject: str = "ticket/1", version: int = 1) -> bytes:
    return event("/test", "ticket.booked", subject, version, Nothing()).model_dump_json().encode()


async def effects(database: Database) -> int:
    async with database.transaction() as transaction:
        return int(await transaction.scalar(text("SELECT count(*) FROM effects")) or 0)


async def until(database: Database, count: int) -> None:
    async with asyncio.timeout(10):
        while await effects(database) < count:
            await asyncio.sleep(0.02)


async def depth(channel: AbstractChannel, name: str) -> int:
    queue = await channel.declare_queue(name, passive=True)
    return queue.declaration_result.message_count or 0


async def test_an_event_delivered_twice_has_its_effect_once(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    async with consuming(database, rabbitmq_url, record):
        body = an_event()
        for _ in range(5):
            await send(channel, body)
        await send(channel, an_event())
        await until(database, 2)
        await asyncio.sleep(0.3)
    assert await effects(database) == 2


@pytest.mark.parametrize("body", [b"rubbish", b"{}", b'{"type": "cinema.ticket.booked.v1"}'])
async def test_poison_goes_to_the_dead_letters_and_the_next_is_handled(
    database: Database, rabbitmq_url: str, channel: AbstractChannel, body: bytes
) -> None:
    async with consuming(database, rabbitmq_url, record):
        await send(channel, body)
        await send(channel, an_event())
        await until(database, 1)
    async with asyncio.timeout(10):
        while await depth(channel, QUEUE.dead) == 0:
            await asyncio.sleep(0.05)
    dead = await (await channel.get_queue(QUEUE.dead)).get(timeout=5)
    assert dead is not None
    assert dead.body == body
    await dead.ack()


async def test_an_effect_that_fails_leaves_no_inbox_row(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    async def fail(transaction: AsyncConnection, event: Event) -> None:
        await record(transaction, event)
        raise KeyError("a bug")

    async with consuming(database, rabbitmq_url, fail):
        await send(channel, an_event())
        async with asyncio.timeout(10):
            while await depth(channel, QUEUE.dead) == 0:
                await asyncio.sleep(0.05)
    assert await effects(database) == 0
    async with database.transaction() as transaction:
        assert await transaction.scalar(text("SELECT count(*) FROM inbox")) == 0


async def test_a_passing_fault_is_waited_for(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    """As often as the delivery limit and more: the message is kept in hand meanwhile."""
    attempts = 0

    async def away_at_first(transaction: AsyncConnection, event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 3:
            raise ConnectionResetError("the database is away")
        await record(transaction, event)

    async with consuming(database, rabbitmq_url, away_at_first):
        await send(channel, an_event())
        await until(database, 1)
    assert attempts == 4
    assert await depth(channel, QUEUE.dead) == 0


async def test_poison_among_many_takes_no_other_with_it(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    """They share a transaction at first."""

    async def fail_for_one(transaction: AsyncConnection, event: Event) -> None:
        await record(transaction, event)
        if event.subject == "ticket/13":
            raise KeyError("a bug")

    for number in range(30):
        await send(channel, an_event(f"ticket/{number}"))
        if number == 20:
            await send(channel, b"rubbish")
    async with consuming(database, rabbitmq_url, fail_for_one):
        await until(database, 29)
        async with asyncio.timeout(10):
            while await depth(channel, QUEUE.dead) < 2:
                await asyncio.sleep(0.05)
    assert await depth(channel, QUEUE.name) == 0
    async with database.transaction() as transaction:
        subjects = await transaction.scalars(text("SELECT subject FROM effects"))
        assert set(subjects) == {f"ticket/{n}" for n in range(30)} - {"ticket/13"}
        assert await transaction.scalar(text("SELECT count(*) FROM inbox")) == 29


async def test_one_subject_keeps_its_order(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    seen: list[int] = []

    async def note(_: AsyncConnection, event: Event) -> None:
        seen.append(event.subjectversion)

    for version in range(200):
        await send(channel, an_event(version=version))
    async with consuming(database, rabbitmq_url, note):
        async with asyncio.timeout(10):
            while len(seen) < 200:
                await asyncio.sleep(0.02)
    assert seen == list(range(200))


async def test_what_runs_when_the_process_stops_is_finished(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    started = asyncio.Event()

    async def slow(transaction: AsyncConnection, event: Event) -> None:
        started.set()
        await asyncio.sleep(1)
        await record(transaction, event)

    await send(channel, an_event())
    async with consuming(database, rabbitmq_url, slow):
        await started.wait()
    assert await effects(database) == 1
    assert await depth(channel, QUEUE.name) == 0, "acknowledged"


async def test_a_stop_does_not_wait_for_a_database_that_is_away(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    failed = asyncio.Event()

    async def away(transaction: AsyncConnection, event: Event) -> None:
        failed.set()
        raise ConnectionResetError("the database is away")

    await send(channel, an_event())
    async with asyncio.timeout(5):
        async with consuming(database, rabbitmq_url, away):
            await failed.wait()
    async with asyncio.timeout(5):
        while await depth(channel, QUEUE.name) == 0:
            await asyncio.sleep(0.05)


async def test_a_queue_that_was_deleted_is_declared_and_consumed_again(
    database: Database,
    rabbitmq_url: str,
    channel: AbstractChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer, "_LOOK_EVERY_S", 0.2)
    async with consuming(database, rabbitmq_url, record):
        await send(channel, an_event())
        await until(database, 1)
        await channel.queue_delete(QUEUE.name)
        await asyncio.sleep(1)
        await topology.declare(channel)
        await send(channel, an_event())
        await until(database, 2)
