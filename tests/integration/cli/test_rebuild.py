"""Copies made anew: as if nothing had happened to them, and while everything goes on."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aio_pika.abc import AbstractChannel
from catalog_service.screenings import announcements, seats
from catalog_service.screenings import snapshots as catalog_snapshots
from catalog_service.screenings.rebuild import TICKETS
from cinema_shared.copies import rebuild as rebuilding
from cinema_shared.copies.rebuild import Copy, Outcome, Row
from cinema_shared.database import Database, is_outage
from cinema_shared.events.catalog import HallData
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.messaging.consumer import Consumer
from cinema_shared.messaging.relay import Relay
from cinema_shared.messaging.worker import consume, make_broker
from cinema_shared.problems import ServiceUnavailable
from sqlalchemy import text
from ticketing_service.screenings import consumers, service
from ticketing_service.screenings.rebuild import SCREENINGS
from ticketing_service.tickets import booking, transitions
from ticketing_service.tickets import snapshots as ticketing_snapshots

from tests.integration.cli.conftest import Cinema, publish, running, until
from tests.integration.ticketing.conftest import session_data
from tests.support import databases


@dataclass(frozen=True)
class Side:
    """One service: its database, and whatever of its worker a test lets run."""

    url: str
    database: Database
    rabbitmq_url: str

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as transaction:
            result = await transaction.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    def relaying(self) -> Any:
        return running(Relay(self.database, self.url, self.rabbitmq_url).run())

    def answering(self, snapshots: Any) -> Any:
        broker = make_broker(self.rabbitmq_url, "test")
        snapshots.answer(broker, self.database)
        return running(consume(broker, self.rabbitmq_url))

    def hearing(self, queue: topology.Queue, effect: Any) -> Any:
        return running(Consumer(self.database, self.rabbitmq_url, queue, effect).run())

    async def rebuilt(self, copy: Copy, *, check: bool = False) -> Outcome:
        return await rebuilding.rebuild(copy, self.url, self.rabbitmq_url, check=check)


async def _side(service: str, postgres_url: str, rabbitmq_url: str) -> AsyncIterator[Side]:
    url = await databases.create(postgres_url, service)
    await databases.migrate(f"{service}_service", url)
    database = Database(url, application="test")
    yield Side(url, database, rabbitmq_url)
    await database.close()


@pytest.fixture
async def catalog(
    postgres_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> AsyncIterator[Side]:
    async for side in _side("catalog", postgres_url, rabbitmq_url):
        yield side


@pytest.fixture
async def ticketing(
    postgres_url: str, rabbitmq_url: str, channel: AbstractChannel
) -> AsyncIterator[Side]:
    async for side in _side("ticketing", postgres_url, rabbitmq_url):
        yield side


async def book(ticketing: Side, seat: int, *, session: int = 1) -> int:
    async with ticketing.database.transaction() as transaction:
        [ticket] = await booking.book(
            transaction,
            screening_id=session,
            seats=[(1 + seat // 30, 1 + seat % 30)],
            user_id=1,
            valid_until=datetime.now(UTC) + timedelta(minutes=1),
            sales_end=timedelta(hours=2),
        )
        return int(ticket.id)


async def put_on_sale(ticketing: Side) -> None:
    async with ticketing.database.transaction() as transaction:
        hall = HallData(id=1, name="Field", row_count=100, seat_count=30)
        await service.apply(transaction, session_data(1, hall=hall), 1)


async def forget_log(channel: AbstractChannel) -> None:
    """It no longer reaches back. One that is quite empty would take seconds to find so."""
    await channel.queue_delete(topology.LOG)
    await topology.declare(channel)
    await publish(channel, b"{}", "movie.created.v1")


def slow(copy: Copy, arrived: asyncio.Event, go_on: asyncio.Event) -> Copy:
    """The same, whose owner takes its time with each page."""

    async def page_after(commands: CommandClient, after: int) -> Sequence[Row]:
        arrived.set()
        await go_on.wait()
        return await copy.page_after(commands, after)

    return replace(copy, page_after=page_after)


# --- catalog: the tickets of ticketing

COPIED = 'SELECT ticket_id, screening_id, "row", seat, version, taken FROM tickets ORDER BY 1'
OWNED = """
    SELECT id, screening_id, row_no, seat_no, version, status IN (1, 2) FROM tickets ORDER BY 1
"""
DAMAGE = """
    DELETE FROM tickets WHERE ticket_id % 5 = 1;
    UPDATE tickets SET seat = seat + 1 WHERE ticket_id % 5 = 2;
    UPDATE tickets SET version = 99, taken = NOT taken WHERE ticket_id % 5 = 3;
    INSERT INTO tickets SELECT 1000 + n, 1, 1, n, 1, true FROM generate_series(1, 3) n;
"""


async def damage(side: Side, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        await side.sql(statement)


async def sell(ticketing: Side, catalog: Side) -> list[Any]:
    """30 tickets, of which some are paid and some cancelled; catalog's copy of them."""
    await put_on_sale(ticketing)
    for seat in range(30):
        ticket = await book(ticketing, seat)
        async with ticketing.database.transaction() as transaction:
            if seat % 3 == 0:
                await transitions.pay(transaction, ticket, timedelta(hours=2))
            if seat % 3 == 1:
                await transitions.cancel(transaction, ticket)
    truth = await ticketing.sql(OWNED)
    async with (
        ticketing.relaying(),
        catalog.hearing(topology.CATALOG_TICKETS, seats.on_ticket),
    ):
        await until(lambda: catalog.sql(COPIED), truth)
    return truth


@pytest.mark.parametrize("reaches_back", [True, False])
async def test_catalog_s_copy_is_as_it_was(
    catalog: Side, ticketing: Side, channel: AbstractChannel, *, reaches_back: bool
) -> None:
    truth = await sell(ticketing, catalog)
    if not reaches_back:
        await forget_log(channel)
    await publish(channel, b"rubbish", "ticket.torn.v1")
    await publish(channel, b"{}", "session.created.v1")
    async with ticketing.answering(ticketing_snapshots):
        assert (await catalog.rebuilt(TICKETS, check=True)).was_the_same
        await damage(catalog, DAMAGE)
        damaged = await catalog.sql(COPIED)

        checked = await catalog.rebuilt(TICKETS, check=True)
        assert await catalog.sql(COPIED) == damaged
        outcome = await catalog.rebuilt(TICKETS)
        assert await catalog.sql(COPIED) == truth
        assert (await catalog.rebuilt(TICKETS)).was_the_same
    assert outcome == replace(checked, after=30)
    assert outcome == Outcome(
        before=27,
        after=30,
        differing=12,
        missing=6,
        surplus=3,
        left_alone=0,
        events_read=51 if reaches_back else 1,
        events_not_understood=1,
        rows_of_owner=30,
    )


async def test_a_ticket_that_ended_long_ago_needs_no_row(
    catalog: Side, ticketing: Side, channel: AbstractChannel
) -> None:
    """Its row was dropped in due course, and is neither missing nor made again."""
    await forget_log(channel)
    await put_on_sale(ticketing)
    for seat in range(2):
        ticket = await book(ticketing, seat)
        async with ticketing.database.transaction() as transaction:
            await transitions.cancel(transaction, ticket)
    await ticketing.sql(
        "UPDATE tickets SET booked_at = now() - interval '40 days',"
        " ended_at = now() - interval '31 days' WHERE id = 1"
    )
    async with ticketing.answering(ticketing_snapshots):
        outcome = await catalog.rebuilt(TICKETS)
        assert (outcome.missing, outcome.after) == (1, 1)
        assert (await catalog.rebuilt(TICKETS)).was_the_same
    [[changed_at]] = await catalog.sql("SELECT changed_at FROM tickets WHERE ticket_id = 2")
    [[ended_at]] = await ticketing.sql("SELECT ended_at FROM tickets WHERE id = 2")
    assert changed_at == ended_at


async def test_catalog_s_copy_while_tickets_are_sold(catalog: Side, ticketing: Side) -> None:
    """Five rebuilds, of a copy that is damaged each time, in the midst of it all."""
    await sell(ticketing, catalog)
    chance = random.Random(7)
    selling = True

    async def go_on_selling() -> None:
        seat = 30
        while selling:
            ticket = await book(ticketing, seat)
            seat += 1
            if chance.random() < 0.5:
                async with ticketing.database.transaction() as transaction:
                    await transitions.cancel(transaction, ticket)
            await asyncio.sleep(0.005)

    async with (
        ticketing.relaying(),
        ticketing.answering(ticketing_snapshots),
        catalog.hearing(topology.CATALOG_TICKETS, seats.on_ticket),
    ):
        seller = asyncio.create_task(go_on_selling())
        for _ in range(5):
            await damage(catalog, DAMAGE)
            assert not (await catalog.rebuilt(TICKETS)).was_the_same
        selling = False
        await seller
        truth = await ticketing.sql(OWNED)
        assert len(truth) > 40, "nothing was sold meanwhile"
        await until(lambda: catalog.sql(COPIED), truth)


async def test_a_rebuild_that_fails_changes_nothing(catalog: Side, ticketing: Side) -> None:
    await sell(ticketing, catalog)
    await damage(catalog, DAMAGE)
    damaged = await catalog.sql(COPIED)
    pages = 0

    async def dies(commands: CommandClient, after: int) -> Sequence[Row]:
        nonlocal pages
        pages += 1
        if pages == 1:
            return await TICKETS.page_after(commands, after)
        raise ServiceUnavailable

    async with ticketing.answering(ticketing_snapshots):
        with pytest.raises(ServiceUnavailable):
            await catalog.rebuilt(replace(TICKETS, page_after=dies))
        assert pages > 2, "a page is asked for again"
        for copy in (
            replace(TICKETS, repair=[*TICKETS.repair, "SELECT 1 / 0"]),
            # What does not make the copy as it should be is not committed either.
            replace(TICKETS, repair=TICKETS.repair[:1]),
        ):
            with pytest.raises((asyncpg.DivisionByZeroError, rebuilding.NotMendedError)):
                await catalog.rebuilt(copy)
    assert await catalog.sql(COPIED) == damaged


async def test_readers_go_on_and_writers_wait(catalog: Side, ticketing: Side) -> None:
    truth = await sell(ticketing, catalog)
    await damage(catalog, DAMAGE)
    damaged = await catalog.sql(COPIED)
    arrived, go_on = asyncio.Event(), asyncio.Event()
    async with ticketing.answering(ticketing_snapshots):
        work = asyncio.create_task(catalog.rebuilt(slow(TICKETS, arrived, go_on)))
        await arrived.wait()
        assert await catalog.sql(COPIED) == damaged
        with pytest.raises(Exception) as caught:
            await catalog.sql("UPDATE tickets SET seat = 1 WHERE ticket_id = 4")
        assert is_outage(caught.value), "the consumer would bury it"
        go_on.set()
        await work
    assert await catalog.sql(COPIED) == truth


# --- ticketing: the sessions of catalog

PROGRAMME = """
    SELECT id, version, state, hall_id, hall_name, row_count, seat_count, movie_id, movie_name,
        starts_at, price_minor, currency
    FROM screenings ORDER BY id
"""


async def schedule(catalog: Side, how_many: int) -> None:
    """Sessions 1 to n, with their events in the outbox."""
    [[hall]] = await catalog.sql("SELECT min(id) FROM halls")
    await catalog.sql("INSERT INTO movies (name, duration) VALUES ('Metropolis', '02:30:00')")
    async with catalog.database.transaction() as transaction:
        for number in range(how_many):
            start = datetime.now(UTC) + timedelta(days=1 + number)
            end = start + timedelta(hours=2)
            await transaction.execute(
                text(
                    "INSERT INTO screenings"
                    " (hall_id, movie_id, starts_at, ends_at, busy_until, price_minor, currency)"
                    " VALUES (:hall, 1, :start, :end, :end, 950, 'EUR')"
                ),
                {"hall": hall, "start": start, "end": end},
            )
        made = await announcements.snapshots(transaction, range(1, how_many + 1))
        await announcements.publish(transaction, "created", *made)


async def remove(catalog: Side, session: int) -> None:
    async with catalog.database.transaction() as transaction:
        [last] = await announcements.snapshots(transaction, [session])
        await transaction.execute(text("DELETE FROM screenings WHERE id = :id"), {"id": session})
        await announcements.publish(transaction, "removed", replace(last, version=last.version + 1))


async def programme(catalog: Side, ticketing: Side, rows: int) -> list[Any]:
    """Ticketing's copy, when all has arrived."""
    async with (
        catalog.relaying(),
        ticketing.hearing(topology.TICKETING_SCREENINGS, consumers.on_session),
    ):
        await until(lambda: catalog.sql("SELECT 1 FROM outbox"), [])
        await until(
            lambda: ticketing.sql("SELECT count(*), sum(version) FROM screenings"),
            [(rows, rows + 1)],
        )
    return await ticketing.sql(PROGRAMME)


@pytest.mark.parametrize("reaches_back", [True, False])
async def test_ticketing_s_copy_is_as_it_was(
    catalog: Side, ticketing: Side, channel: AbstractChannel, *, reaches_back: bool
) -> None:
    """Also of a session that is no more, which only the log tells of."""
    await schedule(catalog, 6)
    await remove(catalog, 6)
    truth = await programme(catalog, ticketing, 6)
    assert [row.state for row in truth] == ["on_sale"] * 5 + ["removed"]
    if not reaches_back:
        await forget_log(channel)
    async with catalog.answering(catalog_snapshots):
        assert (await ticketing.rebuilt(SCREENINGS)).was_the_same
        await damage(
            ticketing,
            """
            DELETE FROM screenings WHERE id = 1;
            UPDATE screenings SET row_count = 99, movie_name = 'Other' WHERE id = 2;
            UPDATE screenings SET version = 99, state = 'removed' WHERE id = 3;
            UPDATE screenings SET state = 'closed' WHERE id = 4;
            UPDATE screenings SET state = 'on_sale', version = 1 WHERE id = 6;
            INSERT INTO screenings SELECT 77, 5, state, hall_id, hall_name, row_count, seat_count,
                movie_id, movie_name, starts_at, price_minor, currency FROM screenings WHERE id = 5
            """,
        )
        found = await ticketing.rebuilt(SCREENINGS)
        now = await ticketing.sql(PROGRAMME)
        assert (await ticketing.rebuilt(SCREENINGS)).was_the_same
    assert now[:5] == truth[:5]
    # The event's version is in the log alone; what nobody names is removed, and keeps its own.
    version_of_removed = 2 if reaches_back else 1
    assert [(row.id, row.version, row.state) for row in now[5:]] == [
        (6, version_of_removed, "removed"),
        (77, 5, "removed"),
    ]
    surplus = 1 if reaches_back else 2
    assert (found.before, found.after, found.missing, found.surplus) == (6, 7, 1, surplus)
    assert found.differing == 5 - surplus


async def test_closed_is_kept_while_catalog_changes_the_session(
    catalog: Side, ticketing: Side
) -> None:
    """Or a ticket could be sold that catalog was promised would not be."""
    await schedule(catalog, 6)
    await remove(catalog, 6)
    await programme(catalog, ticketing, 6)
    await ticketing.sql("UPDATE screenings SET state = 'closed' WHERE id IN (1, 2, 3)")
    # 3 is being removed just now: its event is on its way, the log still says that it is on sale.
    await catalog.sql("DELETE FROM screenings WHERE id = 3")
    await catalog.sql(
        "UPDATE screenings SET change_id = gen_random_uuid(), change_started_at = now()"
        " WHERE id IN (1, 4)"
    )
    await ticketing.sql("UPDATE screenings SET version = 99 WHERE id = 1")
    await ticketing.sql("DELETE FROM screenings WHERE id = 4")
    async with catalog.answering(catalog_snapshots):
        outcome = await ticketing.rebuilt(SCREENINGS)
    states = {row.id: (row.version, row.state) for row in await ticketing.sql(PROGRAMME)}
    assert states == {
        1: (1, "closed"),
        2: (1, "on_sale"),
        3: (1, "removed"),
        5: (1, "on_sale"),
        6: (2, "removed"),
    }
    assert (outcome.left_alone, outcome.missing, outcome.was_the_same) == (1, 0, False)
    # The event that ends the change opens it.
    async with catalog.database.transaction() as transaction:
        await announcements.republish(transaction, [1, 4], change_id=None, change_started_at=None)
    async with (
        catalog.relaying(),
        ticketing.hearing(topology.TICKETING_SCREENINGS, consumers.on_session),
    ):
        await until(
            lambda: ticketing.sql("SELECT version, state FROM screenings WHERE id IN (1, 4)"),
            [(2, "on_sale"), (2, "on_sale")],
        )


async def test_bookings_go_on_while_the_programme_is_rebuilt(
    catalog: Side, ticketing: Side
) -> None:
    """Neither the lock nor the new rows keep them waiting; closing a session waits."""
    await schedule(catalog, 6)
    await remove(catalog, 6)
    truth = await programme(catalog, ticketing, 6)
    await ticketing.sql("UPDATE screenings SET seat_count = seat_count + 1")
    arrived, go_on = asyncio.Event(), asyncio.Event()
    copy = slow(SCREENINGS, arrived, go_on)
    # All rows are written by then, and none is committed.
    gate = "SELECT pg_advisory_xact_lock(7)"
    async with (
        catalog.answering(catalog_snapshots),
        ticketing.database.engine.connect() as keeper,
    ):
        await keeper.execute(text("SELECT pg_advisory_lock(7)"))
        work = asyncio.create_task(ticketing.rebuilt(replace(copy, repair=[*copy.repair, gate])))
        await arrived.wait()
        await book(ticketing, 1)
        with pytest.raises(Exception) as caught:
            async with ticketing.database.transaction() as transaction:
                await service.close(transaction, session_data(2), 1)
        assert is_outage(caught.value)
        [[before]] = await ticketing.sql("SELECT clock_timestamp()")
        go_on.set()
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: ticketing.sql(waits), [(1,)])
        await book(ticketing, 2)
        await keeper.execute(text("SELECT pg_advisory_unlock(7)"))
        await work
    assert await ticketing.sql(PROGRAMME) == truth
    # Programmes in memory look for rows by this, and not far into the past.
    [[changed_at]] = await ticketing.sql("SELECT min(changed_at) FROM screenings")
    assert changed_at > before


async def test_ticketing_s_copy_while_sessions_change(catalog: Side, ticketing: Side) -> None:
    await schedule(catalog, 6)
    await remove(catalog, 6)
    await programme(catalog, ticketing, 6)
    changing = True

    async def go_on_changing() -> None:
        number = 0
        while changing:
            number += 1
            async with catalog.database.transaction() as transaction:
                await announcements.republish(
                    transaction, [1 + number % 5], price_minor=900 + number
                )
            await asyncio.sleep(0.005)

    async with (
        catalog.relaying(),
        catalog.answering(catalog_snapshots),
        ticketing.hearing(topology.TICKETING_SCREENINGS, consumers.on_session),
    ):
        changer = asyncio.create_task(go_on_changing())
        for _ in range(5):
            await damage(
                ticketing,
                "DELETE FROM screenings WHERE id = 2;"
                "UPDATE screenings SET version = 9999, price_minor = 1 WHERE id = 3",
            )
            await ticketing.rebuilt(SCREENINGS)
        changing = False
        await changer
        query = "SELECT id, version, price_minor FROM screenings WHERE id <= 5 ORDER BY id"
        truth = await catalog.sql(query)
        assert min(row.version for row in truth) > 5, "nothing was changed meanwhile"
        await until(lambda: ticketing.sql(query), truth)


# --- as an operator has it


async def test_the_command(
    cinema: Cinema, catalog: Side, ticketing: Side, capfd: pytest.CaptureFixture[str]
) -> None:
    await sell(ticketing, catalog)
    await damage(catalog, DAMAGE)
    url = {"CATALOG_DATABASE_URL": catalog.url}

    async def ended(*arguments: str, **settings: str) -> tuple[int, str, str]:
        code = (await cinema("events", "rebuild", "catalog", *arguments, **url | settings)).code
        return code, *capfd.readouterr()

    async with ticketing.answering(ticketing_snapshots):
        # A log of another age is worth a warning, which is none of the output.
        code, out, err = await ended("--check", "--json", EVENT_LOG_MAX_AGE="9D")
        assert (code, json.loads(out.splitlines()[-1])["missing"]) == (1, 6), err
        assert "queue_kept_as_it_is" in err
        assert "queue_kept_as_it_is" not in out
        code, out, err = await ended()
        assert (code, "The copy was mended." in out) == (0, True), err
    code, out, err = await ended(RABBITMQ_URL="amqp://cinema:hush@127.0.0.1:1")
    assert (code, "Nothing was changed" in err, "hush" in out + err) == (3, True, False), err
    del url["CATALOG_DATABASE_URL"]
    code, out, err = await ended()
    assert (code, "CATALOG_DATABASE_URL: Field required" in err) == (2, True), err
