"""The gateway as a process: `python -m gateway api`."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
from starlette.types import Receive, Send

from tests.integration.gateway.double import Double, Sent, answer, read
from tests.support import http
from tests.support.tokens import Issuer


class Suite(Double):
    """All services in one, with what a gateway asks of auth, and a request that takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = Issuer()
        self.behaviour = self._behave
        self.slow = asyncio.Event()

    async def _behave(self, sent: Sent, receive: Receive, send: Send) -> None:
        await read(receive)
        if sent.path == "/.well-known/jwks.json":
            (key,) = await self.issuer.keys()
            content = f'{{"keys": [{str(key).replace(chr(39), chr(34))}]}}'
        elif sent.path == "/internal/revocations":
            now = datetime.now(UTC).isoformat()
            content = f'{{"as_of": "{now}", "ended_families": [], "users": []}}'
        elif sent.path == "/movie/":
            self.slow.set()
            await asyncio.sleep(1.5)
            content = "[]"
        else:
            content = "{}"
        await answer(send, 200, content.encode(), [(b"content-type", b"application/json")])


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def process(**environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "api"),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_it_leaves_without_losing_a_request() -> None:
    suite = Suite()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        http.serve(suite) as services,
        process(
            AUTH_URL=services,
            CATALOG_URL=services,
            TICKETING_URL=services,
            PORT=str(port),
            DRAIN_SECONDS="0.5",
        ) as child,
        aiohttp.ClientSession() as client,
    ):
        await _until_ready(client, url)
        forged = {"X-Forwarded-For": "203.0.113.9", **suite.issuer.bearer(1)}
        async with client.get(f"{url}/ticket/", headers=forged) as response:
            assert response.status == 200
        assert suite.last.one("x-forwarded-for") == "127.0.0.1"

        async def ask() -> tuple[int, str]:
            async with client.get(f"{url}/movie/") as response:
                return response.status, await response.text()

        pending = asyncio.create_task(ask())
        await suite.slow.wait()
        child.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        async with client.get(f"{url}/readyz") as response:
            assert (response.status, await response.json()) == (503, {"status": "stopping"})
            assert response.headers["Connection"] == "close"
        async with client.get(f"{url}/hall/") as response:
            assert response.status == 200

        assert await pending == (200, "[]")
        async with asyncio.timeout(3):
            await child.wait()


async def _until_ready(client: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                async with client.get(f"{url}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def test_it_says_what_it_was_not_told() -> None:
    async with process(AUTH_URL="http://127.0.0.1:1") as child:
        output, _ = await child.communicate()

    assert child.returncode != 0
    assert b"catalog_url" in output.lower()
