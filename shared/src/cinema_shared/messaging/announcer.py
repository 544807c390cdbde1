"""Announcing what is best effort: not from the outbox, not persistent, never waited for.

For what loses its worth within minutes, as `hold.*` for live seat maps. While RabbitMQ is away, or
slower than we are, the oldest announcements are dropped.
"""

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import Final

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection, AbstractExchange

from cinema_shared.events.envelope import CONTENT_TYPE, Notice
from cinema_shared.messaging import topology
from cinema_shared.messaging.connection import asked_to_end, connect

log = structlog.get_logger(__name__)

_WAITING_AT_MOST: Final = 10_000
_ANSWER_S: Final = 5.0
_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


class Announcer:
    """One a process. `say` costs its caller nothing but an append."""

    def __init__(self, rabbitmq_url: str, name: str) -> None:
        self._rabbitmq_url = rabbitmq_url
        self._name = name
        self._waiting: deque[Notice] = deque(maxlen=_WAITING_AT_MOST)
        self._wake = asyncio.Event()

    def say(self, notice: Notice) -> None:
        self._waiting.append(notice)
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        pause = _PAUSE_S
        while True:
            started = time.monotonic()
            try:
                await self._publish()
            except (Exception, asyncio.CancelledError) as error:
                if asked_to_end(error):
                    raise
                log.warning("announcer_lost", error=repr(error))
                lasted = time.monotonic() - started
                pause = _PAUSE_S if lasted > _LONGEST_PAUSE_S else min(_LONGEST_PAUSE_S, pause * 2)
                await asyncio.sleep(pause)

    async def _publish(self) -> None:
        """Until the connection is lost, which raises."""
        connection: AbstractConnection = await connect(self._rabbitmq_url, self._name)
        try:
            # Unconfirmed and not mandatory: where nobody listens, nothing need arrive.
            async with asyncio.timeout(_ANSWER_S):
                channel = await connection.channel(publisher_confirms=False)
                exchange = await channel.get_exchange(topology.EVENTS, ensure=True)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    async with asyncio.timeout(_ANSWER_S):
                        await self._send(exchange, self._waiting.popleft())
        finally:
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.close()

    @staticmethod
    async def _send(exchange: AbstractExchange, notice: Notice) -> None:
        await exchange.publish(
            aio_pika.Message(
                notice.model_dump_json(exclude_none=True).encode(),
                content_type=CONTENT_TYPE,
                delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
                message_id=str(notice.id),
                type=notice.type,
            ),
            notice.routing_key,
            mandatory=False,
        )
