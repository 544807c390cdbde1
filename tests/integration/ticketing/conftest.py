"""Ticketing's API on a real PostgreSQL, with screenings put on sale by event."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from cinema_shared.database import Database
from cinema_shared.events.catalog import HallData, MovieData, SessionData
from redis.asyncio import Redis
from ticketing_service import api
from ticketing_service.screenings import service
from ticketing_service.settings import Settings

from tests.support import databases, http
from tests.support.tokens import Issuer

_ids = itertools.count(1)


def session_data(session_id: int, **changes: Any) -> SessionData:
    starts = datetime.now(UTC) + timedelta(days=1)
    return SessionData(
        **{
            "id": session_id,
            "hall": HallData(id=1, name="Red hall", row_count=10, seat_count=30),
            "movie": MovieData(id=7, name="Metropolis", duration="02:33:00"),
            "started_at": starts,
            "ends_at": starts + timedelta(hours=2, minutes=33),
            "price": "9.50",
            "currency": "EUR",
            **changes,
        }
    )


@dataclass
class Ticketing:
    """A running ticketing service, seen from a client and from its database."""

    url: str
    database: Database
    issuer: Issuer
    settings: Settings
    client: aiohttp.ClientSession
    users: Any = field(default_factory=lambda: itertools.count(1000))

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: int | None = None,
        staff: bool = False,
        key: str | None = None,
        **kwargs: Any,
    ) -> tuple[int, Any]:
        headers = self.issuer.bearer(user, is_staff=staff) if user is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.client.request(
            method, self.url + path, headers=headers, **kwargs
        ) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def put_on_sale(self, **changes: Any) -> int:
        """The id of a new screening."""
        session_id = next(_ids)
        async with self.database.transaction() as transaction:
            await service.apply(transaction, session_data(session_id, **changes), 1)
        return session_id

    async def book(
        self, session: int, row: int = 1, seat: int = 1, *, user: int | None = None, **body: Any
    ) -> tuple[int, Any]:
        user = user or next(self.users)
        return await self.call(
            "POST",
            "/book/",
            user=user,
            json={"session": session, "row": row, "seat": seat, **body},
        )

    async def hold(
        self, session: int, *seats: tuple[int, int], user: int, key: str | None = None
    ) -> tuple[int, Any]:
        body = {"session": session, "seats": [{"row": row, "seat": seat} for row, seat in seats]}
        return await self.call("POST", "/hold/", user=user, key=key, json=body)

    async def taken(self, session: int, user: int | None = None) -> list[dict[str, Any]]:
        """What the map shows as taken."""
        status, seats = await self.call("GET", f"/session/{session}/seats", user=user)
        assert status == 200
        taken: list[dict[str, Any]] = seats["taken"]
        return taken

    async def events(self) -> list[str]:
        """The types in the outbox, oldest first."""
        async with self.database.transaction() as transaction:
            rows = await transaction.exec_driver_sql("SELECT type FROM outbox ORDER BY id")
            return [row.type for row in rows]


@pytest.fixture(scope="session")
async def ticketing(postgres_url: str, redis_url: str) -> AsyncIterator[Ticketing]:
    url = await databases.create(postgres_url, "ticketing")
    await databases.migrate("ticketing_service", url)
    settings = Settings(
        ticketing_database_url=url,
        rabbitmq_url="amqp://nowhere",
        redis_url=redis_url,
        hold_secret="x" * 32,
    )
    # Screenings are numbered anew in each run, and so meet those of an earlier one in Redis.
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    database = Database(url, application="test", pool_size=20)
    async with running(settings, Issuer(), database) as service:
        yield service
    await database.close()


@pytest.fixture(scope="session")
async def hasty(ticketing: Ticketing) -> AsyncIterator[Ticketing]:
    """The same, of replicas where a hold lasts one second, and two at most."""
    settings = ticketing.settings.model_copy(update={"hold_duration_s": 1.0, "hold_longest_s": 2.0})
    async with running(settings, ticketing.issuer, ticketing.database) as service:
        yield service


@asynccontextmanager
async def running(
    settings: Settings, issuer: Issuer, database: Database
) -> AsyncIterator[Ticketing]:
    async with (
        http.serve(api.create(settings, issuer)) as base_url,
        aiohttp.ClientSession() as client,
    ):
        service = Ticketing(base_url, database, issuer, settings, client)
        while (await service.call("GET", "/readyz"))[0] != 200:
            pass
        yield service
