"""What catalog does in the background: listens, relays, ends what was abandoned, forgets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cinema_shared import inbox, metrics
from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.messaging import topology
from cinema_shared.messaging.backlog import Backlog
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from cinema_shared.messaging.worker import consume, make_broker
from cinema_shared.periodic import every
from fastapi import FastAPI

from catalog_service.screenings import changes, seats, snapshots
from catalog_service.settings import Settings


def create(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.catalog_database_url,
            application="catalog-worker",
            pool_size=settings.database_pool_size,
        )
        tickets = Consumer(
            database, settings.rabbitmq_url, topology.CATALOG_TICKETS, seats.on_ticket
        )
        broker = make_broker(settings.rabbitmq_url, "catalog-worker")
        snapshots.answer(broker, database)
        relay = Relay(database, settings.catalog_database_url, settings.rabbitmq_url)
        registry = metrics.expose(process.app)
        backlog = Backlog(registry, database, settings.rabbitmq_url, [topology.CATALOG_TICKETS])

        process.checks["database"] = database.ping
        process.run("relay", relay.run())
        process.run("tickets", tickets.run())
        process.run("snapshots", consume(broker, settings.rabbitmq_url))
        process.run("changes", every(1, "reopen", lambda: changes.reopen_abandoned(database)))
        process.run("backlog", every(10, "backlog", backlog.look))
        process.run("inbox", every(600, "prune_inbox", lambda: inbox.prune(database)))
        process.run("seats", every(600, "prune_seats", lambda: seats.forget_ended(database)))
        yield
        await process.stop()
        await database.close()

    return create_app("catalog-worker", settings, start=start)
