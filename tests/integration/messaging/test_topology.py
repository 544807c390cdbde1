"""What is declared, and what is gone on with where somebody has declared it otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed
from cinema_shared.messaging import topology
from cinema_shared.settings import Settings
from structlog.testing import CapturingLogger


@pytest.fixture
async def channel(
    channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AbstractChannel]:
    """What a test declares otherwise is gone afterwards."""
    yield channel
    monkeypatch.undo()
    for name in (topology.LOG, topology.CATALOG_TICKETS.dead):
        await channel.queue_delete(name)
    await topology.declare(channel)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    logger = CapturingLogger()
    monkeypatch.setattr(topology, "log", logger)
    return logger


async def declared_with(rabbitmq_url: str, name: str, **arguments: str) -> bool:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        wanted: dict[str, Any] = {
            f"x-{key.replace('_', '-')}": value for key, value in arguments.items()
        }
        try:
            await channel.declare_queue(name, durable=True, arguments=wanted)
        except ChannelPreconditionFailed:
            return False
        return True


async def test_how_long_the_log_is_kept_is_a_setting(
    rabbitmq_url: str,
    channel: AbstractChannel,
    said: CapturingLogger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await declared_with(rabbitmq_url, topology.LOG, queue_type="stream", max_age="7D")
    await channel.queue_delete(topology.LOG)
    monkeypatch.setenv("EVENT_LOG_MAX_AGE", "3h")
    await topology.declare(channel)
    assert await declared_with(rabbitmq_url, topology.LOG, queue_type="stream", max_age="3h")
    assert said.calls == []


@pytest.mark.parametrize("age", ["", "7", "D", "-1D", "0D", "7 D", "1W", "7D\n"])
async def test_ages_that_rabbitmq_does_not_know(age: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_LOG_MAX_AGE", age)
    with pytest.raises(ValueError, match="event_log_max_age"):
        Settings()


async def test_a_log_that_is_kept_for_another_time_is_gone_on_with(
    rabbitmq_url: str,
    channel: AbstractChannel,
    said: CapturingLogger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVENT_LOG_MAX_AGE", "30D")
    await topology.declare(channel)
    assert await declared_with(rabbitmq_url, topology.LOG, queue_type="stream", max_age="7D")
    [warning] = said.calls
    assert (warning.method_name, warning.kwargs["queue"]) == ("warning", topology.LOG)
    assert "max-age" in warning.kwargs["change_it_with"]
    # The refusal has closed another channel, not this one; and the rest is declared.
    await channel.get_queue(topology.TICKETING_SNAPSHOTS.name)


async def test_dead_letters_of_an_older_suite_are_kept(
    rabbitmq_url: str, channel: AbstractChannel, said: CapturingLogger
) -> None:
    name = topology.CATALOG_TICKETS.dead
    await channel.queue_delete(name)
    dead = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    await channel.default_exchange.publish(aio_pika.Message(b"old"), name)
    await topology.declare(channel)
    assert [call.kwargs["queue"] for call in said.calls] == [name]
    exchange = await channel.get_exchange(topology.DEAD_LETTERS)
    await exchange.publish(aio_pika.Message(b"new"), topology.CATALOG_TICKETS.name)
    assert [(await dead.get()).body, (await dead.get()).body] == [b"old", b"new"]
