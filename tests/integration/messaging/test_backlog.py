"""What waits, as metrics of a worker."""

import asyncio
import math
from collections.abc import Mapping

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractChannel
from catalog_service import worker
from catalog_service.settings import Settings
from cinema_shared.database import Database
from cinema_shared.messaging import topology
from cinema_shared.messaging.backlog import Backlog
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tests.support import databases, http

# Of a type that nobody takes, so that the relay leaves it.
_WAITING = (
    "INSERT INTO outbox (event_id, type, subject, body, created_at) VALUES (gen_random_uuid(),"
    " 'cinema.nowhere.heard.v1', 'nowhere/1', '{}', now() - interval '1 minute')"
)
_DEAD = {"queue": topology.CATALOG_TICKETS.name}


async def put_aside(channel: AbstractChannel) -> None:
    exchange = await channel.get_exchange(topology.DEAD_LETTERS)
    await exchange.publish(aio_pika.Message(b"poison"), topology.CATALOG_TICKETS.name)


def values(exposed: str) -> Mapping[str, float]:
    """By name, and where there is one the queue's name."""
    return {
        sample.name + sample.labels.get("queue", ""): sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
    }


async def test_a_worker_tells_what_waits(
    postgres_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    url = await databases.create(postgres_url, "catalog")
    await databases.migrate("catalog_service", url)
    database = Database(url, application="test")
    async with database.transaction() as transaction:
        await transaction.execute(text("DELETE FROM outbox"))  # the first halls'
        await transaction.execute(text(_WAITING))
    await put_aside(channel)
    settings = Settings(catalog_database_url=url, rabbitmq_url=rabbitmq_url)
    async with (
        http.serve(worker.create(settings)) as address,
        aiohttp.ClientSession() as client,
        asyncio.timeout(20),
    ):
        told: Mapping[str, float] = {}
        while "cinema_dead_letters" + topology.CATALOG_TICKETS.name not in told:
            async with client.get(f"{address}/metrics") as response:
                assert response.status == 200
                told = values(await response.text())
    await database.close()
    assert told["cinema_dead_letters" + topology.CATALOG_TICKETS.name] == 1
    assert told["cinema_outbox_depth"] == 1
    assert 60 <= told["cinema_outbox_oldest_seconds"] < 120


async def test_what_is_not_known_is_not_told(
    database: Database, rabbitmq_url: str, channel: AbstractChannel
) -> None:
    """With RabbitMQ away the outbox is told of all the same; and no number outlives its truth."""
    registry = CollectorRegistry()
    queues = [topology.CATALOG_TICKETS]
    backlog = Backlog(registry, database, rabbitmq_url, queues)
    await backlog.look()
    assert registry.get_sample_value("cinema_outbox_depth") == 0
    assert registry.get_sample_value("cinema_outbox_oldest_seconds") == 0
    assert registry.get_sample_value("cinema_dead_letters", _DEAD) == 0

    async with database.transaction() as transaction:
        await transaction.execute(text(_WAITING))
    backlog._rabbitmq_url = "amqp://nobody:x@127.0.0.1:1"
    with pytest.raises(OSError, match="Connect call failed"):
        await backlog.look()
    assert registry.get_sample_value("cinema_outbox_depth") == 1
    assert registry.get_sample_value("cinema_dead_letters", _DEAD) is None

    backlog._rabbitmq_url = rabbitmq_url
    async with database.transaction() as transaction:
        await transaction.execute(text("ALTER TABLE outbox RENAME TO inaccessible"))
    with pytest.raises(Exception, match="outbox"):
        await backlog.look()
    assert math.isnan(registry.get_sample_value("cinema_outbox_depth") or 0)
    assert registry.get_sample_value("cinema_dead_letters", _DEAD) == 0
