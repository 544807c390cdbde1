"""Catalog's API on a real PostgreSQL, with a double of ticketing behind a real RabbitMQ."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from catalog_service import api
from catalog_service.settings import Settings
from cinema_shared.database import Database
from cinema_shared.messaging.worker import declare_topology
from sqlalchemy import text

from tests.integration.catalog.ticketing_double import TicketingDouble
from tests.support import databases, http
from tests.support.tokens import Issuer


@dataclass
class Catalog:
    """A running catalog service, seen from a client and from its database."""

    url: str
    database: Database
    issuer: Issuer
    settings: Settings
    client: aiohttp.ClientSession
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def call(
        self, method: str, path: str, body: Any = None, *, role: str = "staff", **kwargs: Any
    ) -> tuple[int, Any]:
        """Status and body, as somebody of that role: staff, customer or anybody."""
        status, answer, _ = await self.exchange(method, path, body, role=role, **kwargs)
        return status, answer

    async def exchange(
        self, method: str, path: str, body: Any = None, *, role: str = "staff", **kwargs: Any
    ) -> tuple[int, Any, Any]:
        """Status, body and headers."""
        headers = {} if role == "anybody" else self.issuer.bearer(1, is_staff=role == "staff")
        headers |= kwargs.pop("headers", {})
        if body is not None:
            kwargs["json"] = body
        async with self.client.request(
            method, f"{self.url}/{path}", headers=headers, **kwargs
        ) as response:
            json = response.content_type.endswith("json") and method != "HEAD"
            return response.status, await response.json() if json else None, response.headers

    async def made(self, path: str, **body: Any) -> Any:
        status, answer = await self.call("POST", path, body)
        assert status == 201, answer
        return answer

    async def hall(self, **values: Any) -> int:
        """The id of a new hall."""
        name = f"Hall {next(self.numbers)}"
        hall = await self.made(
            "hall/", **{"name": name, "row_count": 10, "seat_count": 30, **values}
        )
        return int(hall["id"])

    async def movie(self, **values: Any) -> int:
        """The id of a new movie."""
        name = f"Movie {next(self.numbers)}"
        movie = await self.made("movie/", **{"name": name, "duration": "01:30:00", **values})
        return int(movie["id"])

    async def session(self, **values: Any) -> Any:
        """A new session, in a hall and of a movie of its own unless they are named."""
        return await self.made(
            "session/",
            **{
                "hall": values.get("hall") or await self.hall(),
                "movie": values.get("movie") or await self.movie(),
                "started_at": at(),
                "price": "9.50",
                **values,
            },
        )

    async def end(self, session: int) -> None:
        """Let a session be over, for 23 days."""
        await self.sql(
            "UPDATE screenings SET starts_at = starts_at - interval '30 days',"
            " ends_at = ends_at - interval '30 days', busy_until = busy_until - interval '30 days'"
            " WHERE id = :id",
            id=session,
        )

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as transaction:
            result = await transaction.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    async def events(self, subject: str) -> list[tuple[str, int]]:
        """What the outbox holds of a subject: short names and versions, oldest first."""
        rows = await self.sql(
            "SELECT type, (body::json->>'subjectversion')::int AS version FROM outbox"
            " WHERE subject = :subject ORDER BY id",
            subject=subject,
        )
        return [(row.type.split(".")[2], row.version) for row in rows]

    async def data(self, subject: str) -> Any:
        """The data of the latest event of a subject."""
        [row] = await self.sql(
            "SELECT body::json->'data' AS data FROM outbox WHERE subject = :subject"
            " ORDER BY id DESC LIMIT 1",
            subject=subject,
        )
        return row.data


def at(clock: str = "12:00", *, days: int = 7) -> str:
    """A time of a coming day, UTC."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}T{clock}:00Z"


async def until(ask: Callable[[], Awaitable[Any]], answer: Any) -> None:
    """Within the two seconds that the contract gives a change to be seen elsewhere."""
    async with asyncio.timeout(2):
        while await ask() != answer:
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
async def settings(postgres_url: str, rabbitmq_url: str) -> Settings:
    url = await databases.create(postgres_url, "catalog")
    await databases.migrate("catalog_service", url)
    return Settings(catalog_database_url=url, rabbitmq_url=rabbitmq_url)


@pytest.fixture(scope="session")
async def catalog(settings: Settings) -> AsyncIterator[Catalog]:
    issuer = Issuer()
    database = Database(settings.catalog_database_url, application="test", pool_size=20)
    async with (
        http.serve(api.create(settings, issuer)) as url,
        aiohttp.ClientSession() as client,
    ):
        service = Catalog(url, database, issuer, settings, client)
        while (await service.call("GET", "readyz", role="anybody"))[0] != 200:
            pass
        yield service
    await database.close()


@pytest.fixture(scope="session")
async def _ticketing(rabbitmq_url: str) -> AsyncIterator[TicketingDouble]:
    await declare_topology(rabbitmq_url)
    async with TicketingDouble(rabbitmq_url) as double:
        yield double


@pytest.fixture
async def ticketing(_ticketing: TicketingDouble) -> TicketingDouble:
    """Closes whatever it is asked to close, until told otherwise."""
    _ticketing.reset()
    return _ticketing
