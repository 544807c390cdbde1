"""Consumers: each event has its effect once, and what cannot be handled is kept, not lost."""

import asyncio

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import topology
from cinema_shared.messaging.consumer import make_broker, subscribe
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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


def an_event() -> bytes:
    return event("/test", "ticket.booked", "ticket/1", 1, Nothing()).model_dump_json().encode()


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
    broker = make_broker(rabbitmq_url, "test")
    subscribe(broker, database, QUEUE, record)
    async with broker:
        await broker.start()
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
    broker = make_broker(rabbitmq_url, "test")
    subscribe(broker, database, QUEUE, record)
    async with broker:
        await broker.start()
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

    broker = make_broker(rabbitmq_url, "test")
    subscribe(broker, database, QUEUE, fail)
    async with broker:
        await broker.start()
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

    broker = make_broker(rabbitmq_url, "test")
    subscribe(broker, database, QUEUE, away_at_first)
    async with broker:
        await broker.start()
        await send(channel, an_event())
        await until(database, 1)
    assert attempts == 4
    assert await depth(channel, QUEUE.dead) == 0
