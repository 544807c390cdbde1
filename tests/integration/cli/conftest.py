"""The operators' command as its users start it, on a broker with nothing in its log."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aio_pika
import pytest
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from cinema.__main__ import main
from cinema_shared.messaging import topology
from cinema_shared.messaging.connection import connect


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Of JSON, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Cinema:
    """`cinema`, with settings of its own."""

    environment: dict[str, str]

    async def __call__(self, *arguments: str, **settings: str) -> Ended:
        """In a thread of this process: a new one takes most of a second to start."""
        out, err = io.StringIO(), io.StringIO()

        def run() -> int:
            with (
                patch.dict(os.environ, self.environment | settings, clear=True),
                patch.object(sys, "argv", ["cinema", *arguments]),
                patch.object(sys, "stdin", io.StringIO()),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                logging = structlog.get_config()
                try:
                    main()
                except SystemExit as end:
                    return int(end.code or 0)
                finally:
                    structlog.configure(**logging)
                return 0

        async with asyncio.timeout(30):
            code = await asyncio.to_thread(run)
        return Ended(code, out.getvalue(), err.getvalue())

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """As a process of its own."""
        return await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "cinema"),
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@pytest.fixture
def cinema(rabbitmq_url: str, tmp_path: Path) -> Cinema:
    return Cinema(
        {
            "PATH": os.environ["PATH"],
            "CINEMA_ENV_FILE": str(tmp_path / "no.env"),
            "RABBITMQ_URL": rabbitmq_url,
        }
    )


@pytest.fixture
async def connection(rabbitmq_url: str) -> AsyncIterator[AbstractConnection]:
    connection = await connect(rabbitmq_url, "test")
    yield connection
    await connection.close()


@pytest.fixture
async def channel(connection: AbstractConnection) -> AbstractChannel:
    """On a broker whose queues and whose log are empty."""
    channel = await connection.channel(on_return_raises=True)
    # Made anew, as what is there with other arguments would be kept.
    for name in (topology.LOG, *(queue.dead for queue in topology.WITH_DEAD_LETTERS)):
        await channel.queue_delete(name)
    await topology.declare(channel)
    for queue in topology.WITH_DEAD_LETTERS:
        await (await channel.get_queue(queue.name)).purge()
    return channel


async def depth(channel: AbstractChannel, name: str) -> int:
    queue = await channel.declare_queue(name, passive=True)
    return queue.declaration_result.message_count or 0


async def until(ask: Callable[[], Awaitable[Any]], answer: Any) -> None:
    async with asyncio.timeout(10):
        while await ask() != answer:
            await asyncio.sleep(0.02)


async def publish(channel: AbstractChannel, body: bytes, key: str, **properties: Any) -> None:
    """As the relay does."""
    exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
    await exchange.publish(aio_pika.Message(body, **properties), key)
