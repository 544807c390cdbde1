"""Catalog and ticketing, each with its own database, and a broker with nothing in its log."""

from collections.abc import AsyncIterator

import pytest
from aio_pika.abc import AbstractChannel

from tests.integration.cli.copies.side import Side, opened


@pytest.fixture
async def catalog(
    postgres_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> AsyncIterator[Side]:
    async with opened("catalog", postgres_url, rabbitmq_url) as side:
        yield side


@pytest.fixture
async def ticketing(
    postgres_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> AsyncIterator[Side]:
    async with opened("ticketing", postgres_url, rabbitmq_url) as side:
        yield side
