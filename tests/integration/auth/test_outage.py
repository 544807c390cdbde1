"""Without its database auth says so, soon, and starts all the same."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from auth_service import api
from auth_service.settings import ApiSettings
from cryptography.fernet import Fernet
from pydantic import SecretStr

from tests.support import http


@pytest.fixture(params=["closed", "silent"])
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An address that nobody listens on, or one where nobody ever answers."""

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if request.param == "closed":
        server.close()
    yield f"postgresql://auth:x@127.0.0.1:{port}/auth"
    server.close()


async def test_it_answers_503_within_two_seconds(database_url: str) -> None:
    settings = ApiSettings(
        auth_database_url=database_url,
        auth_keys_secret=SecretStr(Fernet.generate_key().decode()),
    )
    registration = {"username": "greta", "email": "greta@b.at", "password": "testing321"}
    async with http.serve(api.create(settings)) as url, aiohttp.ClientSession(url) as client:
        for method, path, body in (
            ("POST", "/register", registration),
            ("POST", "/token", {"username": "greta", "password": "testing321"}),
            ("POST", "/token/refresh", {"refresh": "rubbish"}),
            ("POST", "/token/revoke", {"refresh": "rubbish"}),
            ("GET", "/.well-known/jwks.json", None),
            ("GET", "/internal/revocations", None),
        ):
            started = time.monotonic()
            async with client.request(method, path, json=body) as answer:
                problem = await answer.json()
            assert (path, answer.status) == (path, 503)
            assert problem["code"] == "service_unavailable"
            assert "Retry-After" in answer.headers
            assert time.monotonic() - started < 2
        async with client.get("/readyz") as answer:
            assert (answer.status, "database" in (await answer.json())["missing"]) == (503, True)
        async with client.get("/livez") as answer:
            assert answer.status == 200
