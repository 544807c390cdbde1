"""What waits: events for the relay, and dead letters for a person."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import func, select

from cinema_shared.database import Database
from cinema_shared.messaging.connection import asked_to_end, connect
from cinema_shared.messaging.topology import Queue
from cinema_shared.outbox import outbox

_ANSWER_S: Final = 5.0


class Backlog:
    """Of one service, as metrics. What cannot be found out is not a number, or not there."""

    def __init__(
        self,
        registry: CollectorRegistry,
        database: Database,
        rabbitmq_url: str,
        queues: Sequence[Queue] = (),
    ) -> None:
        self._database = database
        self._rabbitmq_url = rabbitmq_url
        self._queues = queues
        self._depth = Gauge(
            "cinema_outbox_depth", "Committed events that wait to be published.", registry=registry
        )
        self._oldest = Gauge(
            "cinema_outbox_oldest_seconds", "How long the oldest has waited.", registry=registry
        )
        self._dead = Gauge(
            "cinema_dead_letters", "Messages that wait for a person.", ["queue"], registry=registry
        )

    async def look(self) -> None:
        """Find out anew. With RabbitMQ away, the outbox is what one wants to know of."""
        try:
            await self._look_at_outbox()
        except BaseException:
            self._depth.set(math.nan)
            self._oldest.set(math.nan)
            raise
        finally:
            await self._look_at_dead_letters()

    async def _look_at_outbox(self) -> None:
        waited = func.extract("epoch", func.now() - func.min(outbox.c.created_at))
        query = select(func.count(), func.coalesce(waited, 0)).select_from(outbox)
        async with self._database.transaction() as transaction:
            depth, oldest = (await transaction.execute(query)).one()
        self._depth.set(depth)
        self._oldest.set(float(oldest))

    async def _look_at_dead_letters(self) -> None:
        if not self._queues:
            return
        self._dead.clear()
        connection = await connect(self._rabbitmq_url, "backlog")
        try:
            async with asyncio.timeout(_ANSWER_S):
                channel = await connection.channel()
                for queue in self._queues:
                    dead = await channel.declare_queue(queue.dead, passive=True)
                    depth = dead.declaration_result.message_count or 0
                    self._dead.labels(queue.name).set(depth)
        except asyncio.CancelledError as error:
            if asked_to_end(error):
                raise
            raise ConnectionResetError("the connection to RabbitMQ was lost") from None
        finally:
            # A frozen broker does not answer the farewell either.
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.close()
