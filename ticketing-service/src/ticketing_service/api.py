"""The HTTP API of ticketing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.tokens import AuthServiceSource, Trust, TrustSource, Verifier
from fastapi import FastAPI

from ticketing_service.seats.router import router as seats
from ticketing_service.settings import Settings
from ticketing_service.tickets.router import router as tickets


def create(settings: Settings | None = None, trust_source: TrustSource | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.ticketing_database_url,
            application="ticketing-api",
            pool_size=settings.database_pool_size,
        )
        trust = Trust(trust_source or AuthServiceSource(settings.auth_url))
        process.app.state.database = database
        process.app.state.verifier = Verifier(
            trust, issuer=settings.token_issuer, audience=settings.token_audience
        )
        process.checks["database"] = database.ping
        process.checks["keys"] = trust.check
        process.run("trust", trust.run())
        yield
        await database.close()

    return create_app("ticketing-api", settings, start=start, routers=[tickets, seats])
