"""Keeps a report of what each film has earned, in a file of SQLite, from the cinema's events.

    RABBITMQ_URL=amqp://… REPORT=report.db python listener.py

It may be killed at any moment and misses no sale, nor counts one twice:

* Its queue is its own and durable: what is published while it is away waits there.
* A message is acknowledged when its sale is stored. Killed before that, it gets the message again.
* The event's id is stored in the same transaction. What comes again is known, and not counted.
"""

import asyncio
import json
import os
import sqlite3
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

EXCHANGE, LOG, PAID = "cinema.events", "cinema.events.log", "ticket.paid.v1"
QUEUE, DEAD = "ticket-report", "ticket-report.dead"
QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}
# What cannot be read, or has been given to us too often, is kept for somebody to look at.
ARGUMENTS = QUORUM | {
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": DEAD,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    # Each of our own deaths counts as one delivery of whatever we had in hand.
    "x-delivery-limit": 1000,
}
TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sales (
    movie INTEGER, currency TEXT, name TEXT, tickets INTEGER, cents INTEGER,
    PRIMARY KEY (movie, currency)
);
CREATE TABLE IF NOT EXISTS past (next_offset INTEGER, is_known INTEGER);
INSERT INTO past SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM past);
"""


@dataclass(frozen=True)
class Sale:
    """What the report needs of an event. Fields that it does not know are none of its business."""

    event: str
    movie: int
    name: str
    currency: str
    cents: int


def read(message: AbstractIncomingMessage) -> Sale | None:
    """The sale that a message tells of; None if it tells of something else."""
    event = json.loads(message.body)
    if event["type"] != f"cinema.{PAID}":
        return None
    data = event["data"]
    cents = int(Decimal(data["price"]) * 100)
    return Sale(event["id"], data["movie"]["id"], data["movie"]["name"], data["currency"], cents)


class Report:
    """The file. Each method is one transaction."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path)
        self.db.executescript(TABLES)

    def add(self, sale: Sale, offset: int | None = None) -> None:
        """Count a sale, unless it has been counted; `offset` is where it stands in the log."""
        with self.db:
            if self._is_new(sale):
                self.db.execute(
                    "INSERT INTO sales VALUES (:movie, :currency, :name, 1, :cents)"
                    " ON CONFLICT DO UPDATE SET tickets = tickets + 1,"
                    " cents = cents + excluded.cents, name = excluded.name",
                    vars(sale),
                )
            if offset is not None:
                self.db.execute("UPDATE past SET next_offset = ?", (offset + 1,))

    def _is_new(self, sale: Sale) -> bool:
        added = self.db.execute("INSERT OR IGNORE INTO inbox VALUES (:event)", vars(sale))
        return added.rowcount == 1

    def past(self) -> tuple[int, bool]:
        """Where to read on in the log, and whether there is nothing left to read."""
        offset, is_known = self.db.execute("SELECT * FROM past").fetchone()
        return offset, bool(is_known)

    def past_is_known(self) -> None:
        with self.db:
            self.db.execute("UPDATE past SET is_known = 1")


async def listen(connection: AbstractConnection, report: Report) -> None:
    """Until the connection is lost."""
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=50)
    await channel.declare_queue(DEAD, durable=True, arguments=QUORUM)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=ARGUMENTS)
    await queue.bind(EXCHANGE, PAID)
    # From here on nothing is missed. What was before is in the log.
    async with asyncio.TaskGroup() as tasks:
        offset, is_known = report.past()
        if not is_known:
            tasks.create_task(read_past(connection, report, offset))
        tasks.create_task(read_queue(queue, report))


async def read_queue(queue: AbstractQueue, report: Report) -> None:
    async with queue.iterator() as messages:
        print("listening", flush=True)
        async for message in messages:
            try:
                sale = read(message)
            except (ValueError, KeyError, TypeError, InvalidOperation) as error:
                print(f"cannot read {message.message_id}: {error!r}", flush=True)
                await message.reject()
                continue
            if sale:
                report.add(sale)
            await message.ack()


async def read_past(connection: AbstractConnection, report: Report, offset: int) -> None:
    """The log up to the first message that came after our queue was bound: the queue has the rest.

    What comes by both ways has the same id. Until such a message comes, this goes on listening.
    """
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=50)
    log = await channel.get_queue(LOG, ensure=False)
    end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def note(message: AbstractIncomingMessage) -> None:
        if not end.done():
            end.set_result(offset_of(message))

    async def find_end() -> None:
        # What was on its way into the log when the queue was bound has arrived by then.
        await asyncio.sleep(2)
        await log.consume(note, arguments={"x-stream-offset": "next"})

    finding = asyncio.create_task(find_end())
    async with log.iterator(arguments={"x-stream-offset": offset}) as messages:
        async for message in messages:
            if end.done() and offset_of(message) >= end.result():
                report.past_is_known()
                break
            try:
                sale = read(message)
            except (ValueError, KeyError, TypeError, InvalidOperation):
                sale = None
            if sale:
                report.add(sale, offset_of(message))
            await message.ack()
    finding.cancel()
    await channel.close()


def offset_of(message: AbstractIncomingMessage) -> int:
    return int(str(message.headers["x-stream-offset"]))


async def main() -> None:
    report = Report(os.environ.get("REPORT", "report.db"))
    while True:
        try:
            async with await aio_pika.connect(os.environ["RABBITMQ_URL"], timeout=5) as connection:
                await listen(connection, report)
        except* (*CONNECTION_EXCEPTIONS, TimeoutError) as lost:
            print(f"no connection: {lost.exceptions[0]!r}", flush=True)
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main())
