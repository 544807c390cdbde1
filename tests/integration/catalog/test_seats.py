"""Catalog's copy of the tickets: whatever order events arrive in, and however often."""

import itertools
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractExchange
from catalog_service import worker
from catalog_service.screenings import seats
from catalog_service.settings import Settings
from cinema_shared.events import ticketing
from cinema_shared.events.envelope import Event, event
from cinema_shared.events.ticketing import Named, TicketData
from cinema_shared.messaging import topology

from tests.integration.catalog.conftest import Catalog, until
from tests.support import http

_numbers = itertools.count(1)


class Ticket:
    """One ticket, as ticketing tells of it."""

    def __init__(self, session: int, row: int, seat: int) -> None:
        self.id = next(_numbers)
        self.session, self.row, self.seat = session, row, seat
        self.version = 0

    def becomes(self, status: Any) -> Event:
        self.version += 1
        now = datetime.now(UTC)
        data = TicketData(
            id=self.id,
            user=1,
            session=self.session,
            status=status,
            row=self.row,
            seat=self.seat,
            price="9.50",
            currency="EUR",
            booked_at=now,
            paid_at=None,
            movie=Named(id=1, name="Metropolis"),
            hall=Named(id=1, name="Red hall"),
            started_at=now,
        )
        return event(ticketing.SOURCE, f"ticket.{status}", f"ticket/{self.id}", self.version, data)


async def apply(catalog: Catalog, *events: Event) -> None:
    for each in events:
        async with catalog.database.transaction() as transaction:
            await seats.on_ticket(transaction, each)


async def taken(catalog: Catalog, session: int) -> list[tuple[int, int]]:
    _, shown = await catalog.call("GET", f"session/{session}")
    assert shown["seats_taken"] == len(shown["tickets"])
    return [(ticket["row"], ticket["seat"]) for ticket in shown["tickets"]]


async def test_booked_and_paid_are_taken(catalog: Catalog) -> None:
    session = (await catalog.session())["id"]
    one, two, three = (Ticket(session, 2, seat) for seat in (9, 1, 30))
    await apply(catalog, *(ticket.becomes("booked") for ticket in (one, two, three)))
    assert await taken(catalog, session) == [(2, 1), (2, 9), (2, 30)]
    await apply(catalog, one.becomes("paid"), two.becomes("cancelled"), three.becomes("expired"))
    assert await taken(catalog, session) == [(2, 9)]
    # In the list as by its id.
    _, [listed] = await catalog.call("GET", f"session/?movie={await movie(catalog, session)}")
    assert (listed["tickets"], listed["seats_taken"]) == ([{"row": 2, "seat": 9}], 1)


async def movie(catalog: Catalog, session: int) -> int:
    return int((await catalog.call("GET", f"session/{session}"))[1]["movie"])


async def test_in_any_order_and_again_and_again(catalog: Catalog) -> None:
    """60 tickets, all orders shuffled, each event up to three times: the last word stands."""
    session = (await catalog.session())["id"]
    chance = random.Random(5)
    events: list[Event] = []
    expected = set()
    for seat in range(1, 61):
        ticket = Ticket(session, 1, seat)
        life = chance.choice(
            [["booked"], ["booked", "paid"], ["booked", "cancelled"], ["booked", "expired"]]
        )
        if life[-1] in {"booked", "paid"}:
            expected.add((1, seat))
        for status in life:
            events += [ticket.becomes(status)] * chance.randint(1, 3)
    chance.shuffle(events)
    await apply(catalog, *events)
    assert set(await taken(catalog, session)) == expected


async def test_a_seat_that_changes_hands_is_shown_once(catalog: Catalog) -> None:
    """The next one's booking may arrive before the end of the ticket before it."""
    session = (await catalog.session())["id"]
    first, second = Ticket(session, 1, 1), Ticket(session, 1, 1)
    await apply(catalog, first.becomes("booked"))
    cancelled = first.becomes("cancelled")
    await apply(catalog, second.becomes("booked"))
    assert await taken(catalog, session) == [(1, 1)]
    await apply(catalog, cancelled)
    assert await taken(catalog, session) == [(1, 1)]


async def test_what_ended_long_ago_is_forgotten(catalog: Catalog) -> None:
    session = (await catalog.session())["id"]
    held, ended, lately = (Ticket(session, 3, seat) for seat in (1, 2, 3))
    await apply(catalog, *(ticket.becomes("booked") for ticket in (held, ended, lately)))
    await apply(catalog, ended.becomes("cancelled"), lately.becomes("cancelled"))
    await catalog.sql(
        "UPDATE tickets SET changed_at = now() - interval '31 days' WHERE ticket_id = ANY(:ids)",
        ids=[held.id, ended.id],
    )
    await seats.forget_ended(catalog.database)
    rows = await catalog.sql(
        "SELECT ticket_id FROM tickets WHERE screening_id = :id ORDER BY ticket_id", id=session
    )
    assert [row.ticket_id for row in rows] == [held.id, lately.id]


@pytest.fixture
async def events(rabbitmq_url: str) -> AsyncIterator[AbstractExchange]:
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        await topology.declare(channel)
        await (await channel.get_queue(topology.CATALOG_TICKETS.name)).purge()
        yield await channel.get_exchange(topology.EVENTS)


async def test_the_worker_listens_relays_and_ends_what_was_abandoned(
    catalog: Catalog, settings: Settings, events: AbstractExchange
) -> None:
    # What other tests left would be published first.
    await catalog.sql("DELETE FROM outbox")
    async with http.serve(worker.create(settings)) as url:
        session = (await catalog.session())["id"]
        for each in [Ticket(session, 4, 4).becomes("booked")] * 2:
            await events.publish(
                aio_pika.Message(each.model_dump_json().encode()), each.routing_key
            )
        await until(lambda: taken(catalog, session), [(4, 4)])
        await until(lambda: catalog.events(f"session/{session}"), [])
        await catalog.sql(
            "UPDATE screenings SET change_id = gen_random_uuid(),"
            " change_started_at = now() - interval '11 s' WHERE id = :id",
            id=session,
        )
        query = "SELECT change_id, version FROM screenings WHERE id = :id"
        await until(lambda: catalog.sql(query, id=session), [(None, 2)])
        async with catalog.client.get(f"{url}/readyz") as response:
            assert response.status == 200
    assert await catalog.sql(
        "SELECT count(*) FROM inbox WHERE consumer = :queue", queue=topology.CATALOG_TICKETS.name
    ) == [(1,)]
