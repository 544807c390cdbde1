"""A connection to RabbitMQ for as long as a command takes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar
from urllib.parse import urlsplit

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, AuthenticationError, ChannelNotFoundEntity
from cinema_shared.messaging.connection import connect
from cinema_shared.settings import Settings

from cinema.refusals import NotThere, Unreachable
from cinema.surroundings import settings

_FAREWELL_S: Final = 1.0

Result = TypeVar("Result")


class RabbitMQSettings(Settings):
    rabbitmq_url: str


def with_rabbitmq(work: Callable[[AbstractConnection], Awaitable[Result]]) -> Result:
    """What `work` returns; a `Refusal` where the broker is away."""
    url = settings(RabbitMQSettings).rabbitmq_url

    async def session() -> Result:
        connection = await connect(url, "cinema")
        try:
            return await work(connection)
        finally:
            # A frozen broker does not answer the farewell either.
            with suppress(Exception):
                async with asyncio.timeout(_FAREWELL_S):
                    await connection.close()

    try:
        return asyncio.run(session())
    except ChannelNotFoundEntity as error:
        raise NotThere(
            f"RabbitMQ says: {error}. The workers declare what there is when they start;"
            " see that they run (make ps)."
        ) from error
    except AuthenticationError as error:
        raise Unreachable(
            f"RabbitMQ at {_where(url)} does not take RABBITMQ_URL's account."
        ) from error
    # aio-pika cancels whoever waits when a connection breaks.
    except (OSError, AMQPError, asyncio.CancelledError) as error:
        raise Unreachable(
            f"RabbitMQ at {_where(url)} cannot be reached ({type(error).__name__})."
            " See that it runs (make ps), or name another in RABBITMQ_URL."
        ) from error


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5672}"
