"""The gateway as it is served, before a service that is a double."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import pytest
from gateway.protocol import EdgeProtocol
from gateway.settings import Settings
from yarl import URL

from gateway import api
from tests.integration.gateway.double import Double
from tests.support import http
from tests.support.tokens import Issuer

ORIGIN = "https://tickets.example"


@dataclass
class Entrance:
    """A running gateway, what stands behind it, and a client at its door."""

    url: str
    service: Double
    issuer: Issuer
    client: aiohttp.ClientSession

    def ask(
        self, method: str, target: str, **options: object
    ) -> "aiohttp.client._RequestContextManager":
        return self.client.request(method, URL(self.url + target, encoded=True), **options)  # type: ignore[arg-type]

    async def raw(self, request: bytes, *, within_s: float = 5.0) -> bytes:
        """All that is answered until the gateway closes; for what HTTP clients do not send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.url).port)
        try:
            writer.write(request)
            async with asyncio.timeout(within_s):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def entrance(service: Double, issuer: Issuer, **settings: str) -> AsyncIterator[Entrance]:
    """A gateway with all its upstreams played by `service`, or as the settings say."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(http.serve(service))
        urls = {"auth_url": url, "catalog_url": url, "ticketing_url": url}
        app = api.create(Settings.model_validate(urls | settings), issuer)
        gateway = await stack.enter_async_context(
            http.serve(app, http=EdgeProtocol, proxy_headers=False, server_header=False)
        )
        client = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), skip_auto_headers=["Content-Type"]
            )
        )
        yield Entrance(gateway, service, issuer, client)


@pytest.fixture(autouse=True)
def _no_surprises(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client or a service does, nothing of ours raises what it did not mean to."""
    yield
    surprises = [record for record in caplog.get_records("call") if record.exc_info]
    assert not surprises


@pytest.fixture(scope="session")
async def _running() -> AsyncIterator[Entrance]:
    async with entrance(Double(), Issuer(), cors_origins=ORIGIN) as gateway:
        yield gateway


@pytest.fixture
def gateway(_running: Entrance) -> Entrance:
    """One gateway for all tests that leave it as it was."""
    _running.service.behaviour = None
    _running.service.requests.clear()
    return _running
