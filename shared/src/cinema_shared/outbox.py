"""The outbox: an event is written in the transaction of its change, and so exists if that does.

The relay (`messaging/relay.py`) takes it from there. PostgreSQL tells the relay by NOTIFY, from a
trigger, when the transaction commits.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    insert,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from cinema_shared.events.envelope import Event

CHANNEL = "outbox"

# Part of each service's first migration.
DDL = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
"""

outbox = Table(
    "outbox",
    MetaData(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


async def publish(transaction: AsyncConnection, *events: Event) -> None:
    """Hand events over to be published if, and only if, this transaction commits.

    Call it after the change of the subject's own row: the lock on that row is what puts two
    events of one subject into the outbox in the order of their versions.
    """
    if not events:
        return
    await transaction.execute(
        insert(outbox),
        [
            {
                "event_id": event.id,
                "type": event.type,
                "subject": event.subject,
                "body": event.model_dump_json(exclude_none=True),
            }
            for event in events
        ],
    )
