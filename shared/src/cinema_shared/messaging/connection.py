"""A connection to RabbitMQ that says who it is and notices soon when the broker has frozen."""

import asyncio
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection
from yarl import URL

HEARTBEAT_S: Final = 5
_CONNECT_TIMEOUT_S: Final = 3


def with_heartbeat(url: str) -> str:
    """The address with a short heartbeat, unless the operator has named one."""
    parts = urlsplit(url)
    query = {"heartbeat": str(HEARTBEAT_S), **dict(parse_qsl(parts.query))}
    return parts._replace(query=urlencode(query)).geturl()


async def connect(url: str, name: str) -> AbstractConnection:
    """A plain connection: its owner decides when to open a new one."""
    connection = aio_pika.Connection(
        URL(with_heartbeat(url)), client_properties={"connection_name": name}
    )
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            await connection.connect()
    except BaseException:
        # One that was never opened is open to its destructor, which closes it at any odd time.
        await connection.close()
        raise
    return connection


def asked_to_end(error: BaseException) -> bool:
    """Whether it is for the present task to obey.

    aio-pika cancels whoever waits for a broker when its connection breaks, heartbeats included.
    """
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())
