"""The HTTP API of catalog."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.tokens import AuthServiceSource, Trust, TrustSource, Verifier
from fastapi import FastAPI

from catalog_service.halls.router import router as halls
from catalog_service.movies.router import router as movies
from catalog_service.screenings.changes import Changes
from catalog_service.screenings.router import router as sessions
from catalog_service.settings import Settings


def create(settings: Settings | None = None, trust_source: TrustSource | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.catalog_database_url,
            application="catalog-api",
            pool_size=settings.database_pool_size,
        )
        # Not a check of readiness: without RabbitMQ all but the change of a session goes on.
        commands = CommandClient(settings.rabbitmq_url, "catalog-api")
        trust = Trust(trust_source or AuthServiceSource(settings.auth_url))

        process.app.state.database = database
        process.app.state.changes = Changes(database, commands, settings)
        process.app.state.verifier = Verifier(
            trust, issuer=settings.token_issuer, audience=settings.token_audience
        )
        process.checks["database"] = database.ping
        process.checks["keys"] = trust.check
        process.run("trust", trust.run())
        yield
        await commands.close()
        await database.close()

    return create_app("catalog-api", settings, start=start, routers=[halls, movies, sessions])
