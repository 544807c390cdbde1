"""The relay: moves committed events from the outbox to RabbitMQ, at least once, in order.

One batch is one transaction: take the relay's lock, read the oldest rows, publish them, delete
those that the broker has confirmed. A crash anywhere leaves the rows, and they go out again.

* Order: events of one subject go one after the other; different subjects side by side. A row that
  commits late is not skipped: rows are read until none is left, from no position on.
* Any number of workers: one has the lock (of the transaction, so PgBouncer may stand between),
  the others wait for it to be free.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection, AbstractExchange
from sqlalchemy import Row, delete, select, text

from cinema_shared.database import Database
from cinema_shared.events.envelope import CONTENT_TYPE, routing_key
from cinema_shared.messaging import topology
from cinema_shared.messaging.connection import asked_to_end, connect
from cinema_shared.notifications import listen
from cinema_shared.outbox import CHANNEL, outbox

log = structlog.get_logger(__name__)

_LOCK: Final = 7_461_001
_BATCH: Final = 500
_IN_FLIGHT: Final = 250
# The longest that a batch may hold its transaction; below the database's own limit for an idle one.
_PUBLISH_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 5.0


class Relay:
    """Runs in each worker of a service that publishes."""

    def __init__(self, database: Database, database_url: str, rabbitmq_url: str) -> None:
        self._database = database
        self._database_url = database_url
        self._rabbitmq_url = rabbitmq_url
        self._wake = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def run(self) -> None:
        """Relay until cancelled."""
        listener = asyncio.create_task(
            listen(self._database_url, CHANNEL, self._wake), name="outbox-listen"
        )
        pause = 0.0
        try:
            while True:
                try:
                    moved = await self._drain()
                    pause = 0.0
                except (Exception, asyncio.CancelledError) as error:
                    if asked_to_end(error):
                        raise
                    pause = min(_LONGEST_PAUSE_S, pause * 2 or 0.1)
                    log.warning("relay_failed", error=repr(error), retry_in_s=pause)
                    await self._disconnect()
                    await asyncio.sleep(pause)
                    continue
                if moved == 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_S)
        finally:
            listener.cancel()
            await self._disconnect()

    async def _drain(self) -> int:
        """Move one batch; the number of events moved."""
        exchange = await self._connected()
        self._wake.clear()
        async with self._database.transaction() as transaction:
            locked = await transaction.scalar(
                text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}
            )
            if not locked:
                return 0
            rows = (
                await transaction.execute(select(outbox).order_by(outbox.c.id).limit(_BATCH))
            ).all()
            if not rows:
                return 0
            confirmed, failure = await self._publish(exchange, rows)
            if confirmed:
                await transaction.execute(delete(outbox).where(outbox.c.id.in_(confirmed)))
        if failure is not None:
            raise failure
        return len(confirmed)

    async def _publish(
        self, exchange: AbstractExchange, rows: Sequence[Row[Any]]
    ) -> tuple[list[int], BaseException | None]:
        """The ids that the broker has confirmed, and the first failure if there was one."""
        confirmed: list[int] = []
        chains: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            chains[row.subject].append(row)
        in_flight = asyncio.Semaphore(_IN_FLIGHT)

        async def publish_chain(chain: list[Row[Any]]) -> None:
            for row in chain:
                async with in_flight:
                    # Mandatory, on a channel that raises for a returned message.
                    await exchange.publish(_message(row), routing_key(row.type))
                confirmed.append(row.id)

        tasks = [asyncio.create_task(publish_chain(chain)) for chain in chains.values()]
        try:
            done, pending = await asyncio.wait(tasks, timeout=_PUBLISH_TIMEOUT_S)
        finally:
            # What timed out is unknown: it may have arrived, and will be sent again.
            for task in tasks:
                task.cancel()
        failure: BaseException | None = TimeoutError("publish") if pending else None
        for task in done:
            if task.cancelled():
                failure = failure or ConnectionError("the broker's connection was lost")
            else:
                failure = failure or task.exception()
        return confirmed, failure

    async def _connected(self) -> AbstractExchange:
        if self._exchange is None or self._connection is None or self._connection.is_closed:
            await self._disconnect()
            self._connection = await connect(self._rabbitmq_url, "relay")
            channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
                await topology.declare(channel)
                self._exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
        return self._exchange

    async def _disconnect(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            # A frozen broker does not answer the farewell either.
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.close()


def _message(row: Row[Any]) -> aio_pika.Message:
    return aio_pika.Message(
        row.body.encode(),
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(row.event_id),
        type=row.type,
    )
