"""The inbox: which events have had their effect here, noted in the transaction of the effect."""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    MetaData,
    Table,
    Text,
    Uuid,
    delete,
    func,
    literal,
    select,
    text,
)
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


async def first_times(
    transaction: AsyncConnection, events: Sequence[Event], consumer: str
) -> list[Event]:
    """Those that this consumer sees for the first time, in their order.

    Decided by an insert, not by a look. The ids are sorted, so that two workers that were given
    the same events do not wait for each other.
    """
    query = insert(inbox).from_select(
        ["event_id", "consumer"],
        select(
            func.unnest(literal(sorted(event.id for event in events), ARRAY(Uuid))),
            literal(consumer),
        ),
    )
    inserted = await transaction.scalars(query.on_conflict_do_nothing().returning(inbox.c.event_id))
    new = set(inserted)
    first: list[Event] = []
    for event in events:
        if event.id in new:
            new.discard(event.id)  # it may be here twice
            first.append(event)
    return first


async def prune(database: Database) -> None:
    """Drop what no redelivery can bring back: nothing waits in a queue for longer than a week."""
    async with database.transaction() as transaction:
        await transaction.execute(
            delete(inbox).where(inbox.c.received_at < func.now() - text("interval '8 days'"))
        )
