"""Ticketing's copy of the programme made anew: as it was, and while everything goes on."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from aio_pika.abc import AbstractChannel
from catalog_service.screenings import announcements, snapshots
from cinema_shared.database import is_outage
from cinema_shared.messaging import topology
from sqlalchemy import text
from ticketing_service.screenings import consumers, service
from ticketing_service.screenings.rebuild import SCREENINGS

from tests.integration.cli.conftest import until
from tests.integration.cli.copies.side import Side, book, damage, forget_log, slow
from tests.integration.ticketing.conftest import session_data

PROGRAMME: Final = """
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
    async with catalog.answering(snapshots):
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
    async with catalog.answering(snapshots):
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
        catalog.answering(snapshots),
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
        catalog.answering(snapshots),
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
