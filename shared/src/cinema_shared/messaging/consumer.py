"""Consuming: each event has its effect once, in one transaction with its inbox row.

What has arrived is handled together: one transaction, one acknowledgement. A passing fault (the
database is away) is waited for with the messages in hand, so that order and the delivery limit are
kept. Anything else is poison: the messages are then handled one by one, and the one that fails
again goes to the dead letters. Nothing is acknowledged on an exception.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from cinema_shared import context
from cinema_shared.database import Database, is_outage
from cinema_shared.events.envelope import Event
from cinema_shared.inbox import first_times
from cinema_shared.messaging import topology
from cinema_shared.messaging.connection import asked_to_end, connect
from cinema_shared.messaging.dead_letters import bury
from cinema_shared.messaging.topology import Queue
from cinema_shared.problems import ServiceUnavailable

log = structlog.get_logger(__name__)

_TOGETHER: Final = 50
_GRACE_S: Final = 10.0
_ANSWER_S: Final = 5.0
_LOOK_EVERY_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 5.0

Effect = Callable[[AsyncConnection, Event], Awaitable[None]]
# None: the channel is lost, and nothing more will come from it.
_Arrivals = asyncio.Queue[AbstractIncomingMessage | None]


class Consumer:
    """Gives each event of a queue to `effect`, once. Any number of workers may share the queue."""

    def __init__(self, database: Database, rabbitmq_url: str, queue: Queue, effect: Effect) -> None:
        self._database = database
        self._rabbitmq_url = rabbitmq_url
        self._queue = queue
        self._effect = effect
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Consume until cancelled. What is being handled then is finished first."""
        pause = 0.0
        while True:
            try:
                await self._consume()
            except (Exception, asyncio.CancelledError) as error:
                if asked_to_end(error):
                    raise
                pause = min(_LONGEST_PAUSE_S, pause * 2 or 0.1)
                log.warning("consumer_lost", queue=self._queue.name, error=repr(error))
                await asyncio.sleep(pause)

    async def _consume(self) -> None:
        """Until the connection is lost, which raises."""
        connection = await connect(self._rabbitmq_url, self._queue.name)
        try:
            arrivals: _Arrivals = asyncio.Queue()
            async with asyncio.timeout(_ANSWER_S):
                channel = await self._subscribe(connection, arrivals)
            log.info("consuming", queue=self._queue.name)
            while True:
                batch = await self._next(channel, arrivals)
                await self._finish(self._handle(channel, batch))
        finally:
            # A frozen broker does not answer the farewell either.
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.close()

    async def _subscribe(
        self, connection: AbstractConnection, arrivals: _Arrivals
    ) -> AbstractChannel:
        channel = await connection.channel()
        await topology.declare(channel)
        await channel.set_qos(prefetch_count=self._queue.prefetch)
        queue = await channel.get_queue(self._queue.name, ensure=False)
        channel.close_callbacks.add(lambda *_: arrivals.put_nowait(None))
        await queue.consume(arrivals.put)
        return channel

    async def _next(
        self, channel: AbstractChannel, arrivals: _Arrivals
    ) -> list[AbstractIncomingMessage]:
        """What has arrived, or the next to arrive."""
        batch: list[AbstractIncomingMessage] = []
        while not batch or (len(batch) < _TOGETHER and not arrivals.empty()):
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    message = await arrivals.get()
            except TimeoutError:
                await self._look_at_ourselves(channel)
                continue
            if message is None:
                raise ConnectionResetError("the channel was closed")
            batch.append(message)
        return batch

    async def _look_at_ourselves(self, channel: AbstractChannel) -> None:
        """A queue that was deleted and made again knows nothing of us."""
        async with asyncio.timeout(_ANSWER_S):
            queue = await channel.declare_queue(self._queue.name, passive=True)
        if not queue.declaration_result.consumer_count:
            raise ConnectionResetError("the broker knows no consumer of this queue")

    async def _finish(self, work: Awaitable[None]) -> None:
        """Do `work`; a cancellation meanwhile ends the waits in it, but not the work."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stopping.set()
            await asyncio.wait([task], timeout=_GRACE_S)
            task.cancel()
            raise

    async def _handle(
        self, channel: AbstractChannel, batch: Sequence[AbstractIncomingMessage]
    ) -> None:
        readable: list[tuple[AbstractIncomingMessage, Event]] = []
        for message in batch:
            try:
                readable.append((message, Event.model_validate_json(message.body)))
            except ValidationError as error:
                await bury(channel, message, self._queue, error)
        if not readable:
            return
        try:
            await self._patiently([event for _, event in readable])
        except Exception as error:
            if self._is_passing(error):
                raise
            await self._handle_each(channel, readable)
        else:
            await readable[-1][0].ack(multiple=True)

    async def _handle_each(
        self,
        channel: AbstractChannel,
        readable: Sequence[tuple[AbstractIncomingMessage, Event]],
    ) -> None:
        """One of them is poison."""
        for message, event in readable:
            try:
                await self._patiently([event])
            except Exception as error:
                if self._is_passing(error):
                    raise
                await bury(channel, message, self._queue, error)
            else:
                await message.ack()

    async def _patiently(self, events: Sequence[Event]) -> None:
        """Repeat through an outage, with growing pauses; let any other error out."""
        pause = 0.1
        while True:
            try:
                return await self._apply(events)
            except Exception as error:
                if not self._is_passing(error) or self._stopping.is_set():
                    raise
                log.warning(
                    "waiting_for_dependency", queue=self._queue.name, error=type(error).__name__
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(_LONGEST_PAUSE_S, pause * 2)

    async def _apply(self, events: Sequence[Event]) -> None:
        async with self._database.transaction() as transaction:
            for event in await first_times(transaction, events, self._queue.name):
                context.traceparent.set(event.traceparent)
                await self._effect(transaction, event)

    @staticmethod
    def _is_passing(error: Exception) -> bool:
        return is_outage(error) or isinstance(error, ServiceUnavailable)
