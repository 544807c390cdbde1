"""The real thing, held against its model: one replica, a screening, a hand on its clocks."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import aiohttp
import pytest
from cinema_shared import context
from cinema_shared.events.catalog import HallData
from cinema_shared.events.envelope import Event
from redis.asyncio import Redis
from sqlalchemy import text
from ticketing_service import api
from ticketing_service.holds import locks
from ticketing_service.holds.consumers import SeatMarks
from ticketing_service.tickets import sweeper
from ticketing_service.tickets.selling import Selling

from tests.integration.ticketing.conftest import Ticketing
from tests.integration.ticketing.model import CLAIM, ROWS, SEATS, Answer
from tests.support import http

USERS: Final = (1, 2, 3)
STAFF: Final = 9
SALES_END: Final = timedelta(hours=2)
ON_SALE_FOR: Final = 50_000.0

_EARLIER = text(
    "UPDATE screenings SET starts_at = starts_at - CAST(:span AS interval) WHERE id = :id"
)
_EVENTS = text("SELECT body FROM outbox WHERE id > :since AND type LIKE 'cinema.ticket.%'")


class World:
    """The real thing: one replica, a screening, and a hand on its clocks."""

    def __init__(self, service: Ticketing, app: Any, redis: Any) -> None:
        self.service = service
        self.app = app
        self.redis = redis
        self.marks = SeatMarks(app.state.selling._locks)
        self.session = 0
        self.since = 0
        self.aged = 0.0
        self.gates: dict[str, asyncio.Event] = {}
        self.asleep: dict[str, asyncio.Event] = {}
        self._bearers = {
            user: service.issuer.bearer(user, is_staff=user == STAFF) for user in (*USERS, STAFF)
        }

    async def open(self) -> float:
        """Put a new screening on sale; when its sales end."""
        self.aged = 0.0
        async with self.service.database.transaction() as transaction:
            self.since = await transaction.scalar(text("SELECT coalesce(max(id), 0) FROM outbox"))
        starts = datetime.now(UTC) + SALES_END + timedelta(seconds=ON_SALE_FOR)
        hall = HallData(id=1, name="Small hall", row_count=ROWS, seat_count=SEATS)
        self.session = await self.service.put_on_sale(hall=hall, started_at=starts)
        return (starts - SALES_END).timestamp()

    async def call(
        self, user: int, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        sent = self._bearers[user] | {name.replace("_", "-"): v for name, v in headers.items()}
        async with self.service.client.request(
            method, self.service.url + path, json=body, headers=sent
        ) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def fall_asleep(self, name: str, call: Coroutine[Any, Any, Answer]) -> Any:
        """Start a booking that waits before its transaction; its task, or an earlier answer."""
        self.gates[name], self.asleep[name] = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(call)
        arrived = asyncio.create_task(self.asleep[name].wait())
        await asyncio.wait([task, arrived], return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        return task

    async def let_time_pass(self, seconds: float) -> None:
        """All that is stored as a time moves towards the past, in Redis and in PostgreSQL.

        But not when Redis forgets a key: nothing may depend on that.
        """
        prefix, ms = f"{{session:{self.session}}}", int(seconds * 1000)
        changes = self.redis.pipeline()
        for key in await self.redis.keys(f"{prefix}:hold:*"):
            for name in ("created", "expires"):
                changes.hincrby(key, name, -ms)
        for seat, value in (await self.redis.hgetall(f"{prefix}:held")).items():
            token, user, *times = value.split("|")
            aged = "|".join([token, user, *(str(int(time) - ms) for time in times)])
            changes.hset(f"{prefix}:held", seat, aged)
        for user in USERS:
            key = f"{prefix}:user:{user}"
            for seat in await self.redis.zrange(key, 0, -1):
                changes.zincrby(key, -ms, seat)
        await changes.execute()
        self.aged += seconds
        async with self.service.database.transaction() as transaction:
            await transaction.execute(
                _EARLIER, {"span": timedelta(seconds=seconds), "id": self.session}
            )
        await self.app.state.selling._programme.refresh()

    async def lose_redis(self) -> None:
        for key in await self.redis.keys(f"{{session:{self.session}}}:*"):
            await self.redis.delete(key)

    async def sweep(self, order: int) -> None:
        """With word of all tickets since the start, in any order, as a worker may hear it."""
        database = self.service.database
        await sweeper.expire_unpaid(database, SALES_END)
        async with database.transaction() as transaction:
            rows = list(await transaction.execute(_EVENTS, {"since": self.since}))
            Random(order).shuffle(rows)
            for row in rows:
                await self.marks.on_ticket(transaction, Event.model_validate_json(row.body))


@asynccontextmanager
async def opened(
    ticketing: Ticketing, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """Claims last longer here, so that the test need not hurry."""
    monkeypatch.setattr(locks, "CLAIM", timedelta(seconds=CLAIM))
    app = api.create(ticketing.settings, ticketing.issuer)
    async with (
        http.serve(app) as url,
        aiohttp.ClientSession() as client,
        Redis.from_url(redis_url, decode_responses=True) as redis,
        readiness(client, url),
    ):
        world = World(replace(ticketing, url=url, client=client), app, redis)
        book = Selling._book

        async def book_later(
            self: Selling, once: Any, screening: Any, held: Any, *args: Any, **kwargs: Any
        ) -> Any:
            name = context.request_id.get()
            if name in world.gates:
                since = world.aged
                world.asleep[name].set()
                await world.gates[name].wait()
                passed = timedelta(seconds=world.aged - since)
                held = replace(held, expires_at=held.expires_at - passed)
            return await book(self, once, screening, held, *args, **kwargs)

        monkeypatch.setattr(Selling, "_book", book_later)
        yield world


@asynccontextmanager
async def readiness(client: aiohttp.ClientSession, url: str) -> AsyncIterator[None]:
    while (await client.get(f"{url}/readyz")).status != 200:
        await asyncio.sleep(0.02)
    yield
