"""One service as a rebuild sees it, and what happens to its copy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aio_pika.abc import AbstractChannel
from cinema_shared.copies import rebuild as rebuilding
from cinema_shared.copies.rebuild import Copy, Outcome, Row
from cinema_shared.database import Database
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from cinema_shared.messaging.worker import consume, make_broker
from sqlalchemy import text
from ticketing_service.tickets import booking

from tests.integration.cli.conftest import publish
from tests.support import databases
from tests.support.tasks import running


@dataclass(frozen=True)
class Side:
    """One service: its database, and whatever of its worker a test lets run."""

    url: str
    database: Database
    rabbitmq_url: str

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as transaction:
            result = await transaction.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    def relaying(self) -> Any:
        return running(Relay(self.database, self.url, self.rabbitmq_url).run())

    def answering(self, snapshots: Any) -> Any:
        broker = make_broker(self.rabbitmq_url, "test")
        snapshots.answer(broker, self.database)
        return running(consume(broker, self.rabbitmq_url))

    def hearing(self, queue: topology.Queue, effect: Any) -> Any:
        return running(Consumer(self.database, self.rabbitmq_url, queue, effect).run())

    async def rebuilt(self, copy: Copy, *, check: bool = False) -> Outcome:
        return await rebuilding.rebuild(copy, self.url, self.rabbitmq_url, check=check)


@asynccontextmanager
async def opened(service: str, postgres_url: str, rabbitmq_url: str) -> AsyncIterator[Side]:
    url = await databases.create(postgres_url, service)
    await databases.migrate(f"{service}_service", url)
    database = Database(url, application="test")
    yield Side(url, database, rabbitmq_url)
    await database.close()


async def book(ticketing: Side, seat: int, *, session: int = 1) -> int:
    async with ticketing.database.transaction() as transaction:
        [ticket] = await booking.book(
            transaction,
            screening_id=session,
            seats=[(1 + seat // 30, 1 + seat % 30)],
            user_id=1,
            valid_until=datetime.now(UTC) + timedelta(minutes=1),
            sales_end=timedelta(hours=2),
        )
        return int(ticket.id)


async def forget_log(channel: AbstractChannel) -> None:
    """It no longer reaches back. One that is quite empty would take seconds to find so."""
    await channel.queue_delete(topology.LOG)
    await topology.declare(channel)
    await publish(channel, b"{}", "movie.created.v1")


def slow(copy: Copy, arrived: asyncio.Event, go_on: asyncio.Event) -> Copy:
    """The same, whose owner takes its time with each page."""

    async def page_after(commands: CommandClient, after: int) -> Sequence[Row]:
        arrived.set()
        await go_on.wait()
        return await copy.page_after(commands, after)

    return replace(copy, page_after=page_after)


async def damage(side: Side, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        await side.sql(statement)
