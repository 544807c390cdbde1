"""Answering commands (`commands.py` asks them): FastStream's broker, kept running."""

import asyncio
from typing import Final

import structlog
from faststream.rabbit import RabbitBroker

from cinema_shared.messaging import topology
from cinema_shared.messaging.connection import asked_to_end, connect, with_heartbeat

log = structlog.get_logger(__name__)

_RETRY_S: Final = 1.0
_GRACE_S: Final = 10.0


def make_broker(rabbitmq_url: str, application: str) -> RabbitBroker:
    """FastStream's broker, for commands. Events are the `Consumer`'s and the `Relay`'s."""
    return RabbitBroker(
        with_heartbeat(rabbitmq_url),
        app_id=application,
        # RabbitMQ may come up after us.
        fail_fast=False,
        reconnect_interval=_RETRY_S,
        graceful_timeout=_GRACE_S,
        logger=None,
    )


async def declare_topology(rabbitmq_url: str) -> None:
    """Wait for the broker, and bring it into shape."""
    while True:
        try:
            connection = await connect(rabbitmq_url, "topology")
            try:
                async with asyncio.timeout(10):
                    await topology.declare(await connection.channel())
            finally:
                await connection.close()
        except (Exception, asyncio.CancelledError) as error:
            # A broker that is away or starting fails in many ways.
            if asked_to_end(error):
                raise
            log.warning("rabbitmq_unavailable", error=repr(error))
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def consume(broker: RabbitBroker, rabbitmq_url: str) -> None:
    """Run the broker's subscribers until cancelled; what runs then is finished first."""
    await declare_topology(rabbitmq_url)
    await broker.start()
    log.info("consuming", queues=[str(s) for s in broker.subscribers])
    try:
        await asyncio.Event().wait()
    finally:
        await broker.stop()
