"""Catalog's copy of the tickets made anew: as it was, and while everything goes on."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest
from aio_pika.abc import AbstractChannel
from catalog_service.screenings import seats
from catalog_service.screenings.rebuild import TICKETS
from cinema_shared.copies import rebuild as rebuilding
from cinema_shared.copies.rebuild import Outcome, Row
from cinema_shared.database import is_outage
from cinema_shared.messaging import topology
from cinema_shared.messaging.commands import CommandClient
from cinema_shared.problems import ServiceUnavailable
from ticketing_service.tickets import snapshots, transitions

from tests.integration.cli.conftest import publish, until
from tests.integration.cli.copies.side import Side, book, damage, forget_log, slow
from tests.integration.cli.copies.tickets import COPIED, DAMAGE, OWNED, put_on_sale, sell


@pytest.mark.parametrize("reaches_back", [True, False])
async def test_catalog_s_copy_is_as_it_was(
    catalog: Side, ticketing: Side, channel: AbstractChannel, *, reaches_back: bool
) -> None:
    truth = await sell(ticketing, catalog)
    if not reaches_back:
        await forget_log(channel)
    await publish(channel, b"rubbish", "ticket.torn.v1")
    await publish(channel, b"{}", "session.created.v1")
    async with ticketing.answering(snapshots):
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
    async with ticketing.answering(snapshots):
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
        ticketing.answering(snapshots),
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

    async with ticketing.answering(snapshots):
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
    async with ticketing.answering(snapshots):
        work = asyncio.create_task(catalog.rebuilt(slow(TICKETS, arrived, go_on)))
        await arrived.wait()
        assert await catalog.sql(COPIED) == damaged
        with pytest.raises(Exception) as caught:
            await catalog.sql("UPDATE tickets SET seat = 1 WHERE ticket_id = 4")
        assert is_outage(caught.value), "the consumer would bury it"
        go_on.set()
        await work
    assert await catalog.sql(COPIED) == truth
