"""The HTTP API of ticketing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cinema_shared.app import Process, create_app
from cinema_shared.database import API_IDLE_TIMEOUT_MS, Database
from cinema_shared.messaging.announcer import Announcer
from cinema_shared.periodic import every
from cinema_shared.tokens import AuthServiceSource, Trust, TrustSource, Verifier
from fastapi import FastAPI

from ticketing_service.holds import scripts
from ticketing_service.holds.ends import HoldEnds
from ticketing_service.holds.loading import SoldSeats
from ticketing_service.holds.locks import SeatLocks
from ticketing_service.holds.news import FLUSH_EVERY_S, HoldNews
from ticketing_service.holds.router import router as holds
from ticketing_service.holds.service import Holds
from ticketing_service.idempotency import replay
from ticketing_service.screenings.programme import Programme
from ticketing_service.seats.map import SeatMaps
from ticketing_service.seats.router import router as seats
from ticketing_service.settings import Settings
from ticketing_service.tickets.router import router as tickets
from ticketing_service.tickets.selling import Selling


def create(settings: Settings | None = None, trust_source: TrustSource | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.ticketing_database_url,
            application="ticketing-api",
            pool_size=settings.database_pool_size,
            idle_timeout_ms=API_IDLE_TIMEOUT_MS,
        )
        redis = scripts.connect(settings.redis_url)
        sales_end = settings.sales_end_before_start
        programme = Programme(database, settings.ticketing_database_url, sales_end)
        locks = seat_locks(redis, settings)
        sold_seats = SoldSeats(database, locks)
        trust = Trust(trust_source or AuthServiceSource(settings.auth_url))

        state = process.app.state
        state.database = database
        state.verifier = Verifier(
            trust, issuer=settings.token_issuer, audience=settings.token_audience
        )
        announcer = Announcer(settings.rabbitmq_url, "ticketing-holds")
        news = HoldNews(HoldEnds(redis, settings.hold_secret), announcer)
        state.holds = Holds(locks, sold_seats, programme, news, settings.hold_secret)
        state.selling = Selling(database, programme, locks, state.holds, sales_end)
        state.seat_maps = SeatMaps(database, programme, locks, sold_seats)

        # Not Redis: without it, reading, paying and cancelling go on.
        process.checks["database"] = database.ping
        process.checks["keys"] = trust.check
        process.run("trust", trust.run())
        process.run("programme", programme.run())
        process.run("announcer", announcer.run())
        process.run("hold-news", every(FLUSH_EVERY_S, "hold_news", news.flush))
        yield
        await process.stop()
        await redis.aclose()
        await database.close()

    app = create_app("ticketing-api", settings, start=start, routers=[tickets, holds, seats])
    replay.install(app)
    return app


def seat_locks(redis: scripts.Client, settings: Settings) -> SeatLocks:
    return SeatLocks(
        redis,
        duration=timedelta(seconds=settings.hold_duration_s),
        longest=timedelta(seconds=settings.hold_longest_s),
    )
