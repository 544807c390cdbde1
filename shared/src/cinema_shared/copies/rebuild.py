"""Making a service's copy of another's rows anew: from the log of events, and from their owner.

The log tells of the past days only, but also of what the owner no longer has; the owner tells of
all that there is. Of both the newest word counts. All happens in one transaction, so readers keep
the old rows until the end, and a crash changes nothing.

The consumer that usually writes the copy is locked out from before the owner is asked until the
commit. So nothing that it has written before can be newer than what the owner then says, and what
it is told later waits (a lock that does not come free counts as a passing fault) and finds the
rows as new as they are. The log is read before, so the lock is short.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg
from aio_pika.abc import AbstractConnection
from pydantic import ValidationError

from cinema_shared.database import plain_url
from cinema_shared.events.envelope import Event
from cinema_shared.messaging import event_log, topology
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.messaging.connection import connect
from cinema_shared.problems import ServiceUnavailable

_BATCH: Final = 1000
_SILENCE_S: Final = 10.0
_CONNECT_TIMEOUT_S: Final = 5.0
_ATTEMPTS: Final = 3
_SESSION: Final = {
    "application_name": "rebuild",
    # Writers of the copy have transactions of a moment.
    "lock_timeout": "10s",
    "statement_timeout": "10min",
    # Longer than the owner may take with a page. One that freezes here gives its lock back.
    "idle_in_transaction_session_timeout": "60s",
}

Row = tuple[Any, ...]


class NotMendedError(Exception):
    """The repair does not do what it should: a mistake in its statements."""


@dataclass(frozen=True)
class Copy:
    """A table of ours with the rows of another. The statements are run in the order given here.

    `heard` makes a temporary table for all that log and owner say, `truth` another one of what the
    rows should be. `compare` tells how the table differs, `repair` makes it the same.
    """

    table: str
    owner: str
    rows: str
    # Whose events tell of it: `ticket.`
    routing_keys: str
    heard: str
    truth: Sequence[str]
    compare: str
    repair: Sequence[str]
    of_event: Callable[[Event], Row]
    # The owner's next rows, by their ids, which come first in them.
    page_after: Callable[[CommandClient, int], Awaitable[Sequence[Row]]]


@dataclass(frozen=True)
class Outcome:
    """What was found, in numbers of rows; `after` is what is there now."""

    before: int
    after: int
    differing: int
    missing: int
    surplus: int
    # Those of which nothing can be said while their owner is changing them.
    left_alone: int
    events_read: int
    events_not_understood: int
    rows_of_owner: int

    @property
    def was_the_same(self) -> bool:
        return not (self.differing or self.missing or self.surplus or self.left_alone)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


async def rebuild(copy: Copy, database_url: str, rabbitmq_url: str, *, check: bool) -> Outcome:
    """Make the copy anew; with `check` only say how it differs."""
    rabbitmq = await connect(rabbitmq_url, "rebuild")
    commands = CommandClient(rabbitmq_url, "rebuild")
    try:
        database = await asyncpg.connect(
            plain_url(database_url), timeout=_CONNECT_TIMEOUT_S, server_settings=_SESSION
        )
        try:
            await topology.declare(await rabbitmq.channel())
            await database.execute(copy.heard)
            read, not_understood = await _hear_log(copy, database, rabbitmq)
            async with database.transaction():
                await database.execute(f"LOCK TABLE {copy.table} IN SHARE ROW EXCLUSIVE MODE")
                told = await _hear_owner(copy, database, commands)
                for statement in copy.truth:
                    await database.execute(statement)
                found = await database.fetchrow(copy.compare)
                after = found["rows"] if check else await _repair(copy, database)
        finally:
            database.terminate()
    finally:
        await commands.close()
        await rabbitmq.close()
    return Outcome(
        before=found["rows"],
        after=after,
        differing=found["differing"],
        missing=found["missing"],
        surplus=found["surplus"],
        left_alone=found["left_alone"],
        events_read=read,
        events_not_understood=not_understood,
        rows_of_owner=told,
    )


async def _hear_log(copy: Copy, database: Any, rabbitmq: AbstractConnection) -> tuple[int, int]:
    """How many events there were, and how many of them made no sense."""
    end = await event_log.last_offset(rabbitmq)
    if end is None:
        return 0, 0
    read, not_understood, batch = 0, 0, list[Row]()
    async with aclosing(event_log.read(rabbitmq, "first", end, silence=_SILENCE_S)) as messages:
        async for message in messages:
            if not (message.routing_key or "").startswith(copy.routing_keys):
                continue
            read += 1
            try:
                batch.append(copy.of_event(Event.model_validate_json(message.body)))
            except ValidationError:
                not_understood += 1
            if len(batch) == _BATCH:
                await _note(database, batch)
    await _note(database, batch)
    return read, not_understood


async def _hear_owner(copy: Copy, database: Any, commands: CommandClient) -> int:
    """How many rows it has."""
    told, last = 0, 0
    while rows := await _page(copy, commands, last):
        await _note(database, list(rows))
        told, last = told + len(rows), rows[-1][0]
    return told


async def _page(copy: Copy, commands: CommandClient, after: int) -> Sequence[Row]:
    """It is only read, so it may be asked again."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ServiceUnavailable):
            return await copy.page_after(commands, after)
    return await copy.page_after(commands, after)


async def _note(database: Any, rows: list[Row]) -> None:
    await database.copy_records_to_table("heard", records=rows)
    rows.clear()


async def _repair(copy: Copy, database: Any) -> int:
    """How many rows there are afterwards; they are compared once more before the commit."""
    for statement in copy.repair:
        await database.execute(statement)
    now = await database.fetchrow(copy.compare)
    if now["differing"] or now["missing"] or now["surplus"]:
        raise NotMendedError(dict(now))
    return int(now["rows"])
