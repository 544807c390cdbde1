"""What auth does in the background: relays its events, and prunes. It listens to nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cinema_shared import metrics
from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.messaging.backlog import Backlog
from cinema_shared.messaging.relay import Relay
from cinema_shared.periodic import every
from fastapi import FastAPI

from auth_service import pruning
from auth_service.settings import WorkerSettings


def create(settings: WorkerSettings | None = None) -> FastAPI:
    settings = settings or WorkerSettings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.auth_database_url,
            application="auth-worker",
            pool_size=settings.database_pool_size,
        )
        relay = Relay(database, settings.auth_database_url, settings.rabbitmq_url)
        backlog = Backlog(metrics.expose(process.app), database, settings.rabbitmq_url)

        async def prune() -> None:
            await pruning.prune(database, settings.access_lifetime)

        process.checks["database"] = database.ping
        process.run("relay", relay.run())
        process.run("backlog", every(10, "backlog", backlog.look))
        process.run("pruning", every(pruning.EVERY_S, "prune", prune))
        yield
        await database.close()

    return create_app("auth-worker", settings, start=start)
