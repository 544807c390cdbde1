"""A Redis that comes back with old news: from its disk, or as a replica that lagged behind."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.e2e.conftest import free_port
from tests.integration.ticketing.conftest import Ticketing, running


class Server:
    """It saves to its disk when it is told to, and not otherwise."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        server = shutil.which("redis-server") or shutil.which("valkey-server")
        assert server, "no redis-server is installed here"
        options = f"--bind 127.0.0.1 --port {self.port} --appendonly no".split()
        self._process = subprocess.Popen(
            [server, *options, "--save", "", "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        while True:
            try:
                self.ask("PING")
            except RedisError:
                continue
            return

    def ask(self, *command: str) -> Any:
        with Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with started(Server(tmp_path)) as server:
        yield server


@contextmanager
def started(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def service(ticketing: Ticketing, server: Server) -> AsyncIterator[Ticketing]:
    url = f"redis://127.0.0.1:{server.port}"
    settings = ticketing.settings.model_copy(update={"redis_url": url})
    async with running(settings, ticketing.issuer, ticketing.database) as service:
        yield service


async def test_what_was_sold_and_cancelled_since_the_last_save(
    service: Ticketing, server: Server
) -> None:
    session = await service.put_on_sale()
    assert await service.taken(session) == []
    _, cancelled = await service.book(session, 1, 1, user=1)
    server.ask("SAVE")
    assert (await service.call("DELETE", f"/ticket/{cancelled['id']}", user=1))[0] == 204
    assert (await service.book(session, 1, 2, user=1))[0] == 201
    _, before = await service.call("GET", f"/session/{session}/seats")
    server.kill()
    server.start()
    assert (await service.book(session, 1, 1, user=2))[0] == 201
    status, problem = await service.hold(session, (1, 2), (1, 3), user=2)
    assert (status, problem["seats"]) == (409, [{"row": 1, "seat": 2}])
    _, seats = await service.call("GET", f"/session/{session}/seats")
    assert [(seat["seat"], seat["state"]) for seat in seats["taken"]] == [(1, "sold"), (2, "sold")]
    assert seats["version"] > before["version"]


async def test_no_connection_to_the_server_that_died_is_used(
    service: Ticketing, server: Server
) -> None:
    session = await service.put_on_sale()

    async def crowd(row: int) -> list[int]:
        holds = (service.hold(session, (row, n), user=row * 100 + n) for n in range(1, 21))
        return [status for status, _ in await asyncio.gather(*holds)]

    assert await crowd(1) == [201] * 20
    server.kill()
    server.start()
    assert await crowd(2) == [201] * 20
