"""Dead letters: looking at them, putting them back, throwing them away.

A look takes them from their queue and gives them back. They come back where they were only if one
consumer has taken them, and its channel is closed instead of handing them back one by one.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from cinema_shared.messaging import dead_letters
from cinema_shared.messaging.topology import Queue

# Of one queue: as many are looked at. Always the first, so that none is overtaken by a later one.
MOST: Final = 10_000
# A broker that has something sends it at once; but somebody else may be looking at it just now.
_SILENCE_S: Final = 5.0
_PUBLISH_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be handled, and why."""

    queue: str
    id: str
    type: str | None
    subject: str | None
    cause: str
    at: datetime | None
    by: str | None
    body: str
    headers: dict[str, Any]


def read(queue: Queue, message: AbstractIncomingMessage) -> DeadLetter:
    body = message.body.decode(errors="replace")
    event = _parsed(body)
    type_, subject = (event.get(name) for name in ("type", "subject"))
    headers = dict(message.headers)
    cause, at = _cause(headers)
    by = headers.get(dead_letters.BURIED_BY)
    return DeadLetter(
        queue=queue.name,
        id=identify(message),
        type=message.type or (str(type_) if type_ else None),
        subject=str(subject) if subject else None,
        cause=cause,
        at=at,
        by=None if by is None else str(by),
        body=body,
        headers=dead_letters.original_headers(headers),
    )


def identify(message: AbstractIncomingMessage) -> str:
    """Its id; of what has none, a name that is the same each time."""
    return message.message_id or hashlib.sha256(message.body).hexdigest()[:32]


async def look(connection: AbstractConnection, queue: Queue) -> tuple[int, list[DeadLetter]]:
    """How many there are, and the first of them."""
    async with _taken(connection, queue, at_most=MOST) as (count, messages):
        return count, [read(queue, message) async for message in messages]


async def replay(connection: AbstractConnection, queue: Queue, only: str | None) -> int:
    """Put them back into the queue where they came from, and into no other; how many there were.

    A dead letter is acknowledged when the broker has confirmed its copy. A crash in between leaves
    both; the inbox takes care of that.
    """
    publishing = await connection.channel(on_return_raises=True)
    done = 0
    async with _taken(connection, queue) as (_, messages):
        async for message in messages:
            if only in (None, identify(message)):
                copy = dead_letters.copy(message, dead_letters.original_headers(message.headers))
                async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
                    await publishing.default_exchange.publish(copy, queue.name, mandatory=True)
                await message.ack()
                done += 1
    return done


async def discard(connection: AbstractConnection, queue: Queue, only: str | None) -> int:
    """Throw them away; how many there were."""
    done = 0
    async with _taken(connection, queue) as (_, messages):
        async for message in messages:
            if only in (None, identify(message)):
                await message.ack()
                done += 1
    return done


@asynccontextmanager
async def _taken(
    connection: AbstractConnection, queue: Queue, *, at_most: int | None = None
) -> AsyncIterator[tuple[int, AsyncIterator[AbstractIncomingMessage]]]:
    """Those that are there now; what is not acknowledged goes back in the end."""
    channel = await connection.channel()
    try:
        await channel.set_qos(prefetch_count=MOST)
        dead = await channel.declare_queue(queue.dead, passive=True)
        count = dead.declaration_result.message_count or 0
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        if count:
            await dead.consume(arrived.put)

        async def messages() -> AsyncIterator[AbstractIncomingMessage]:
            for _ in range(count if at_most is None else min(count, at_most)):
                try:
                    yield await asyncio.wait_for(arrived.get(), _SILENCE_S)
                except TimeoutError:
                    if channel.is_closed:
                        raise
                    return

        yield count, messages()
        if count:
            # What was acknowledged is gone when this is answered.
            await channel.declare_queue(queue.dead, passive=True)
    finally:
        await channel.close()


def _cause(headers: dict[str, Any]) -> tuple[str, datetime | None]:
    """Ours says why. RabbitMQ's own says only what it did: delivered too often, as a rule."""
    if dead_letters.CAUSE in headers:
        return str(headers[dead_letters.CAUSE]), _moment(headers.get(dead_letters.BURIED_AT))
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return f"RabbitMQ: {deaths[0].get('reason')}", _moment(deaths[0].get("time"))
    return "unknown", None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _parsed(body: str) -> dict[str, Any]:
    """An event, or nothing: the message may be anything at all."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
