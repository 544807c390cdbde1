"""Consuming: each event has its effect once, in one transaction with its inbox row.

A passing fault (the database is away) is waited for with the message in hand, so that order and
the delivery limit are kept; anything else is poison, and goes to the dead letters with its cause
in the log. Nothing is acknowledged on an exception.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue
from sqlalchemy.ext.asyncio import AsyncConnection

from cinema_shared import context
from cinema_shared.database import Database, is_outage
from cinema_shared.events.envelope import Event
from cinema_shared.inbox import first_time
from cinema_shared.messaging.connection import with_heartbeat
from cinema_shared.messaging.topology import Queue
from cinema_shared.problems import ServiceUnavailable

log = structlog.get_logger(__name__)

_GRACE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 5.0
# Of one queue. After an outage there are as many at hand as the broker gives us: all at once they
# would wait for the pool's few connections, time out, and leave none for the relay.
_AT_ONCE: Final = 4

Effect = Callable[[AsyncConnection, Event], Awaitable[None]]


def make_broker(rabbitmq_url: str, application: str) -> RabbitBroker:
    """FastStream's broker, for consuming and for commands; events are the relay's to publish."""
    return RabbitBroker(
        with_heartbeat(rabbitmq_url),
        app_id=application,
        # RabbitMQ may come up after us.
        fail_fast=False,
        reconnect_interval=1.0,
        graceful_timeout=_GRACE_S,
        logger=None,
    )


def subscribe(broker: RabbitBroker, database: Database, queue: Queue, effect: Effect) -> None:
    """Give each event of the queue to `effect`, once."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def apply(event: Event) -> None:
        async with turns, database.transaction() as transaction:
            if await first_time(transaction, event, queue.name):
                await effect(transaction, event)

    @broker.subscriber(
        RabbitQueue(queue.name, declare=False),
        channel=Channel(prefetch_count=queue.prefetch),
        ack_policy=AckPolicy.REJECT_ON_ERROR,
        no_reply=True,
    )
    async def consume(message: RabbitMessage) -> None:
        try:
            event = Event.model_validate_json(message.body)
            context.traceparent.set(event.traceparent)
            await patiently(lambda: apply(event), event.type)
        except Exception:
            log.exception("dead_lettered", queue=queue.name, message_id=message.message_id)
            raise


async def patiently(attempt: Callable[[], Awaitable[None]], what: str) -> None:
    """Repeat through an outage, with growing pauses; let any other error out."""
    pause = 0.1
    while True:
        try:
            await attempt()
        except Exception as error:
            if not (is_outage(error) or isinstance(error, ServiceUnavailable)):
                raise
            log.warning("waiting_for_dependency", what=what, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 2)
        else:
            return
