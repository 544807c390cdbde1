"""A database with an outbox and an inbox, and a broker with the suite's topology."""

from collections.abc import AsyncIterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from cinema_shared import inbox, outbox
from cinema_shared.database import Database
from cinema_shared.messaging import topology

from tests.support import databases


@pytest.fixture
async def database_url(postgres_url: str) -> str:
    return await databases.create(postgres_url, "messaging")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, application="test")
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(outbox.DDL)
        await driver.execute(inbox.DDL)
        await driver.execute("CREATE TABLE effects (subject text, version integer)")
    yield database
    await database.close()


@pytest.fixture
async def channel(rabbitmq_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel on a broker whose queues are empty."""
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        await topology.declare(channel)
        for queue in (topology.CATALOG_TICKETS, topology.TICKETING_SCREENINGS):
            for name in (queue.name, queue.dead):
                await (await channel.get_queue(name)).purge()
        yield channel
