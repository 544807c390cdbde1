"""Reading `cinema.events.log`, the stream of all events that are for the record.

Reading takes nothing away: each message has an offset, and one reads on from any of them.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from typing import Final

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from cinema_shared.messaging.topology import LOG

# An offset, "first" or "last" (the latest chunk of messages), or a time.
Start = int | str | datetime

_AT_ONCE: Final = 500
_ANSWER_S: Final = 5.0
# How long the broker may take to send the first of what it has. Nothing says that it has none.
_SILENCE_S: Final = 3.0


def offset(message: AbstractIncomingMessage) -> int:
    return int(str(message.headers["x-stream-offset"]))


async def last_offset(connection: AbstractConnection) -> int | None:
    """Of the latest message; None where there is none.

    RabbitMQ sends a chunk as a whole, and what is asked after its first message has come is
    answered after its last.
    """
    channel = await connection.channel()
    try:
        await channel.set_qos(prefetch_count=1)
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        queue = await channel.get_queue(LOG, ensure=False)
        await queue.consume(arrived.put, arguments={"x-stream-offset": "last"})
        latest: AbstractIncomingMessage | None = None
        with suppress(TimeoutError):
            latest = await asyncio.wait_for(arrived.get(), _SILENCE_S)
        async with asyncio.timeout(_ANSWER_S):
            await channel.declare_queue(LOG, passive=True)
            # aio-pika hands messages over by tasks, which run while it is asked once more.
            await channel.declare_queue(LOG, passive=True)
        while not arrived.empty():
            latest = arrived.get_nowait()
        return None if latest is None else offset(latest)
    finally:
        await channel.close()


async def read(
    connection: AbstractConnection,
    start: Start,
    end: int | None = None,
    *,
    silence: float | None = None,
) -> AsyncGenerator[AbstractIncomingMessage]:
    """From `start` on, in order; up to the offset `end`, or for ever.

    A time finds the chunk that was written then: some messages may be older. `TimeoutError` where
    nothing comes for `silence` seconds, `ConnectionError` where the connection is lost.
    """
    channel = await connection.channel()
    try:
        await channel.set_qos(prefetch_count=_AT_ONCE)
        # None: the channel was closed.
        arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        channel.close_callbacks.add(lambda *_: arrived.put_nowait(None))
        queue = await channel.get_queue(LOG, ensure=False)
        await queue.consume(arrived.put, arguments={"x-stream-offset": start})
        while True:
            async with asyncio.timeout(silence):
                message = await arrived.get()
            if message is None:
                raise ConnectionResetError("the connection to RabbitMQ was lost")
            at = offset(message)
            if end is not None and at > end:
                return
            yield message
            # Credit for more. It says nothing of what was read: a stream remembers no reader.
            await message.ack()
            if end is not None and at >= end:
                return
    finally:
        await channel.close()
