"""Burying a message that cannot be handled: into `<queue>.dead`, with its cause in the headers.

A rejection could not say why. So the message is published anew, and only after the broker has
confirmed it is the old one acknowledged: a crash in between leaves two, never none.
"""

import asyncio
import os
import socket
import sysconfig
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType
from aiormq.abc import DeliveredMessage
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import DBAPIError

from cinema_shared.http.fields import format_time
from cinema_shared.messaging.topology import DEAD_LETTERS, Queue

log = structlog.get_logger(__name__)

EXCEPTION: Final = "x-exception"
CAUSE: Final = "x-cause"
BURIED_AT: Final = "x-buried-at"
BURIED_BY: Final = "x-buried-by"
# What a burial, or RabbitMQ's own dead-lettering, adds to a message.
_ADDED: Final = (
    EXCEPTION,
    CAUSE,
    BURIED_AT,
    BURIED_BY,
    "x-death",
    "x-first-death-",
    "x-last-death-",
    "x-delivery-count",
    "x-acquired-count",
    "x-opt-",
)
_PUBLISH_TIMEOUT_S: Final = 5.0
_LONGEST_CAUSE: Final = 500
_LIBRARIES: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


async def bury(
    channel: AbstractChannel, message: AbstractIncomingMessage, queue: Queue, error: BaseException
) -> None:
    """Move the message to the dead letters of its queue; raises where that is not certain.

    The channel is one with publisher confirms. A message whose burial failed is not acknowledged.
    """
    cause = describe(error)
    exchange = await channel.get_exchange(DEAD_LETTERS, ensure=False)
    headers = {
        EXCEPTION: type(error).__qualname__,
        CAUSE: cause,
        BURIED_AT: format_time(datetime.now(UTC)),
        BURIED_BY: f"{socket.gethostname()}/{os.getpid()}",
    }
    async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
        result = await exchange.publish(
            copy(message, original_headers(message.headers) | headers), queue.name, mandatory=True
        )
    # A channel that does not raise for a message that no queue takes hands it back instead.
    if isinstance(result, DeliveredMessage):
        raise LookupError(f"no queue takes the dead letters of {queue.name}")
    await message.ack()
    log.error(
        "dead_lettered",
        queue=queue.name,
        event_id=message.message_id,
        type=message.type,
        subject=Subject.of(message.body),
        cause=cause,
        # The way to the error; not its own words, which may quote what no log may have.
        trace=[_place(frame, line) for frame, line in _frames(error)],
    )


def copy(message: AbstractIncomingMessage, headers: HeadersType) -> aio_pika.Message:
    """The same message, to be published anew: persistent, and without an end of its own."""
    return aio_pika.Message(
        message.body,
        headers=headers,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        priority=message.priority,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        # Not the user id: RabbitMQ lets nobody send in another's name.
        app_id=message.app_id,
    )


def original_headers(headers: HeadersType) -> dict[str, Any]:
    """Those that its publisher gave it."""
    return {name: value for name, value in headers.items() if not name.startswith(_ADDED)}


def describe(error: BaseException) -> str:
    """In one line: what kind of error, what it is about, and where in the code it was raised.

    By design without the error's own text, which may quote the message, and with it a person.
    """
    name, details = type(error).__qualname__, []
    if isinstance(error, ValidationError):
        details = [
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['type']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
    elif isinstance(error, DBAPIError):
        original = getattr(error.orig, "__cause__", None)
        named = ("sqlstate", "table_name", "column_name", "constraint_name")
        details = [str(getattr(original, n)) for n in named if getattr(original, n, None)]
    *_, innermost = [None, *_frames(error)]
    parts = [name, ", ".join(details), f"at {_place(*innermost)}" if innermost else ""]
    return " ".join(part for part in parts if part)[:_LONGEST_CAUSE]


class Subject(BaseModel):
    """Of an event that may be anything but well-formed: only what looks like one of ours."""

    subject: str = Field(pattern=r"^[a-z]{1,20}/[A-Za-z0-9_-]{1,100}$")

    @classmethod
    def of(cls, body: bytes) -> str | None:
        try:
            return cls.model_validate_json(body).subject
        except ValidationError:
            return None


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Of our own code: the libraries' say less. From the outermost to where it was raised."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if file.startswith("/") and not file.startswith(_LIBRARIES):
            yield frame, line


def _place(frame: FrameType, line: int) -> str:
    return f"{frame.f_globals.get('__name__')}:{line}"
