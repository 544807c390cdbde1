"""What ticketing does in the background: listens, answers catalog, relays, sweeps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cinema_shared import inbox, metrics
from cinema_shared.app import Process, create_app
from cinema_shared.database import Database
from cinema_shared.messaging import topology
from cinema_shared.messaging.announcer import Announcer
from cinema_shared.messaging.backlog import Backlog
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from cinema_shared.messaging.worker import consume, make_broker
from cinema_shared.periodic import every
from fastapi import FastAPI

from ticketing_service.api import seat_locks
from ticketing_service.holds import scripts
from ticketing_service.holds.consumers import SeatMarks
from ticketing_service.holds.ends import HoldEnds
from ticketing_service.holds.news import tell_of_ended
from ticketing_service.idempotency import once
from ticketing_service.screenings import consumers
from ticketing_service.settings import Settings
from ticketing_service.tickets import snapshots, sweeper


def create(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def start(process: Process) -> AsyncIterator[None]:
        database = Database(
            settings.ticketing_database_url,
            application="ticketing-worker",
            pool_size=settings.database_pool_size,
        )
        broker = make_broker(settings.rabbitmq_url, "ticketing-worker")
        redis = scripts.connect(settings.redis_url)
        consumers.answer_commands(broker, database)
        snapshots.answer(broker, database)
        programme = Consumer(
            database, settings.rabbitmq_url, topology.TICKETING_SCREENINGS, consumers.on_session
        )
        marks = SeatMarks(seat_locks(redis, settings))
        seats = Consumer(database, settings.rabbitmq_url, topology.TICKETING_SEATS, marks.on_ticket)
        ends = HoldEnds(redis, settings.hold_secret)
        announcer = Announcer(settings.rabbitmq_url, "ticketing-holds")
        relay = Relay(database, settings.ticketing_database_url, settings.rabbitmq_url)
        queues = [topology.TICKETING_SCREENINGS, topology.TICKETING_SEATS]
        registry = metrics.expose(process.app)
        backlog = Backlog(registry, database, settings.rabbitmq_url, queues)
        closes = settings.sales_end_before_start

        process.checks["database"] = database.ping
        process.run("relay", relay.run())
        process.run("commands", consume(broker, settings.rabbitmq_url))
        process.run("programme", programme.run())
        process.run("seats", seats.run())
        process.run("announcer", announcer.run())
        process.run("holds", every(0.5, "ended_holds", lambda: tell_of_ended(ends, announcer)))
        process.run("sweeper", every(1, "expire", lambda: sweeper.expire_unpaid(database, closes)))
        process.run("backlog", every(10, "backlog", backlog.look))
        process.run("inbox", every(600, "prune_inbox", lambda: inbox.prune(database)))
        process.run("keys", every(600, "prune_keys", lambda: once.prune(database)))
        yield
        await process.stop()
        await redis.aclose()
        await database.close()

    return create_app("ticketing-worker", settings, start=start)
