"""The processes that are killed. Each is forked, does one thing, and never ends by itself."""

import logging
import random
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import uvloop
from cinema_shared import logs, outbox
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event, EventData, event
from cinema_shared.messaging import consumer, topology
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.faults.events.tables import SUBJECTS

QUEUE: Final = topology.CATALOG_TICKETS
_ROLLED_BACK: Final = 0.2
_ATTEMPTED: Final = "INSERT INTO attempted SELECT unnest($1::uuid[])"
_COMMITTED: Final = text("INSERT INTO committed VALUES (:id, :subject, :version)")
_EFFECT: Final = text("INSERT INTO effects VALUES (:id)")


class Change(EventData):
    number: int


class _RolledBackError(Exception):
    pass


def start(role: str, database_url: str, rabbitmq_url: str, without: str = "") -> None:
    """Be a writer, a relay or a consumer; `without` the outbox or the inbox."""
    logs.configure(role, "json", "ERROR")
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    work = _ROLES[role](
        Database(database_url, application=role), database_url, rabbitmq_url, without
    )
    uvloop.run(work)


def source_of(database_url: str) -> str:
    """Of a run, which has a database of its own."""
    return f"/proof/{urlsplit(database_url).path.strip('/')}"


async def write(database: Database, database_url: str, rabbitmq_url: str, without: str) -> None:
    """Change a few subjects at a time. One transaction of five is rolled back."""
    chance = random.Random()
    diary = await asyncpg.connect(database_url)
    publish = await _without_outbox(rabbitmq_url) if without == "outbox" else outbox.publish
    while True:
        subjects = sorted(chance.sample(range(1, SUBJECTS + 1), chance.randint(1, 5)))
        ids = [uuid.uuid4() for _ in subjects]
        await diary.execute(_ATTEMPTED, ids)
        try:
            async with database.transaction() as transaction:
                events = await _change(transaction, source_of(database_url), subjects, ids)
                await publish(transaction, *events)
                if chance.random() < _ROLLED_BACK:
                    raise _RolledBackError  # noqa: TRY301  (it is the way out of the transaction)
        except _RolledBackError:
            pass


async def relay(database: Database, database_url: str, rabbitmq_url: str, _: str) -> None:
    await Relay(database, database_url, rabbitmq_url).run()


async def consume(database: Database, _: str, rabbitmq_url: str, without: str) -> None:
    if without == "inbox":
        consumer.first_times = _all  # type: ignore[assignment,attr-defined]

    async def effect(transaction: AsyncConnection, event: Event) -> None:
        await transaction.execute(_EFFECT, {"id": event.id})

    await Consumer(database, rabbitmq_url, QUEUE, effect).run()


async def _change(
    transaction: AsyncConnection, source: str, subjects: Sequence[int], ids: Sequence[uuid.UUID]
) -> list[Event]:
    events = []
    for subject, identifier in zip(subjects, ids, strict=True):
        version = await transaction.scalar(
            text("UPDATE subjects SET version = version + 1 WHERE id = :id RETURNING version"),
            {"id": subject},
        )
        assert version
        change = event(source, "ticket.booked", f"ticket/{subject}", version, Change(number=1))
        events.append(change.model_copy(update={"id": identifier}))
    await transaction.execute(
        _COMMITTED,
        [{"id": e.id, "subject": e.subject, "version": e.subjectversion} for e in events],
    )
    return events


async def _without_outbox(rabbitmq_url: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """What most projects do: publish, and then commit."""
    connection = await aio_pika.connect(rabbitmq_url)
    exchange = await (await connection.channel()).get_exchange(topology.EVENTS)

    async def publish(_: AsyncConnection, *events: Event) -> None:
        for one in events:
            body = one.model_dump_json().encode()
            await exchange.publish(aio_pika.Message(body, delivery_mode=2), one.routing_key)

    return publish


async def _all(_: AsyncConnection, events: Sequence[Event], __: str) -> list[Event]:
    return list(events)


_ROLES: Final = {"writer": write, "relay": relay, "consumer": consume}
