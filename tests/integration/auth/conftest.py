"""Auth's API on a real PostgreSQL, seen from a client and from its database."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from auth_service import api
from auth_service.migrate import prepare
from auth_service.settings import ApiSettings, MigrateSettings
from cinema_shared.database import Database
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import bindparam, text

from tests.support import databases, http

STAFF_PASSWORD = "Vienna-Filmmuseum"
PASSWORD = "testing321"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """Of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.body["code"])


@dataclass
class Auth:
    """Two API processes' worth of auth on one database; calls go to them in turn."""

    urls: list[str]
    database: Database
    settings: MigrateSettings
    client: aiohttp.ClientSession

    def __post_init__(self) -> None:
        self._turn = itertools.cycle(self.urls)

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **kwargs: Any
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= kwargs.pop("headers", {})
        if body is not None:
            kwargs["json"] = body
        url = next(self._turn) + path
        async with self.client.request(method, url, headers=headers, **kwargs) as response:
            content = await response.read()
            return Answer(
                response.status, await response.json() if content else None, response.headers
            )

    async def register(self, username: str | None = None, **changes: Any) -> Answer:
        username = username or new_name()
        body = {"username": username, "email": f"{username}@example.com", "password": PASSWORD}
        return await self.call("POST", "/register/", body | changes)

    async def log_in(
        self, username: str, password: str = PASSWORD, *, address: str = "192.0.2.1"
    ) -> Answer:
        return await self.call(
            "POST",
            "/token/",
            {"username": username, "password": password},
            headers={"X-Forwarded-For": address},
        )

    async def new_user(self) -> tuple[int, str, dict[str, str]]:
        """A registered user: id, name and tokens."""
        registered = await self.register()
        assert registered.status == 201, registered
        name = registered.body["username"]
        return registered.body["id"], name, (await self.log_in(name)).body

    async def staff_token(self) -> str:
        answer = await self.log_in("staff", STAFF_PASSWORD)
        assert answer.status == 200, answer
        return str(answer.body["access"])

    async def refresh(self, token: str) -> Answer:
        return await self.call("POST", "/token/refresh/", {"refresh": token})

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as transaction:
            # Typed by their values: now() - :age is otherwise taken for a difference of times.
            typed = text(statement).bindparams(*(bindparam(k, v) for k, v in values.items()))
            result = await transaction.execute(typed)
            return list(result.all()) if result.returns_rows else []

    async def events(self, user_id: int) -> list[tuple[str, Any]]:
        """What the outbox says of a user, oldest first: the type and the whole event."""
        rows = await self.sql(
            "SELECT type, body::json AS body FROM outbox WHERE subject = :subject ORDER BY id",
            subject=f"user/{user_id}",
        )
        return [(row.type, row.body) for row in rows]


def new_name() -> str:
    return f"visitor{next(_numbers)}"


@asynccontextmanager
async def running(postgres_url: str, **changes: Any) -> AsyncIterator[Auth]:
    """Auth on a database of its own."""
    url = await databases.create(postgres_url, "auth")
    await databases.migrate("auth_service", url)
    keys_secret = SecretStr(Fernet.generate_key().decode())
    settings = MigrateSettings(
        auth_database_url=url,
        auth_keys_secret=keys_secret,
        staff_username="staff",
        staff_password=SecretStr(STAFF_PASSWORD),
    )
    await prepare(settings)
    api_settings = ApiSettings(auth_database_url=url, auth_keys_secret=keys_secret, **changes)
    async with AsyncExitStack() as stack:
        urls = [
            await stack.enter_async_context(http.serve(api.create(api_settings))) for _ in range(2)
        ]
        database = Database(url, application="test", pool_size=20)
        stack.push_async_callback(database.close)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        auth = Auth(urls, database, settings, client)
        for _ in urls:
            while (await auth.call("GET", "/readyz")).status != 200:
                pass
        yield auth


@pytest.fixture(scope="session")
async def auth(postgres_url: str) -> AsyncIterator[Auth]:
    async with running(postgres_url) as auth:
        yield auth


@pytest.fixture
async def own_auth(postgres_url: str) -> AsyncIterator[Auth]:
    """For tests that change what all others rely on."""
    async with running(postgres_url) as auth:
        yield auth
