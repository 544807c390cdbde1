"""The inbox: which events have had their effect here, noted in the transaction of the effect."""

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cinema_shared.database import Database
from cinema_shared.events.envelope import Event

# Part of the first migration of each service that listens.
DDL = """
CREATE TABLE inbox (
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
"""

inbox = Table(
    "inbox",
    MetaData(),
    Column("event_id", Uuid, primary_key=True),
    Column("consumer", Text, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


async def first_time(transaction: AsyncConnection, event: Event, consumer: str) -> bool:
    """Whether this consumer sees the event for the first time. Decided by an insert, not a look."""
    result = await transaction.execute(
        insert(inbox).values(event_id=event.id, consumer=consumer).on_conflict_do_nothing()
    )
    return result.rowcount == 1


async def prune(database: Database) -> None:
    """Drop what no redelivery can bring back: nothing waits in a queue for longer than a week."""
    async with database.transaction() as transaction:
        await transaction.execute(
            delete(inbox).where(inbox.c.received_at < func.now() - text("interval '8 days'"))
        )
