"""Catalog's copy of the tickets: how it comes about, and how it goes wrong."""

from datetime import timedelta
from typing import Any, Final

from catalog_service.screenings import seats
from cinema_shared.events.catalog import HallData
from cinema_shared.messaging import topology
from ticketing_service.screenings import service
from ticketing_service.tickets import transitions

from tests.integration.cli.conftest import until
from tests.integration.cli.copies.side import Side, book
from tests.integration.ticketing.conftest import session_data

COPIED: Final = (
    'SELECT ticket_id, screening_id, "row", seat, version, taken FROM tickets ORDER BY 1'
)
OWNED: Final = """
    SELECT id, screening_id, row_no, seat_no, version, status IN (1, 2) FROM tickets ORDER BY 1
"""
DAMAGE: Final = """
    DELETE FROM tickets WHERE ticket_id % 5 = 1;
    UPDATE tickets SET seat = seat + 1 WHERE ticket_id % 5 = 2;
    UPDATE tickets SET version = 99, taken = NOT taken WHERE ticket_id % 5 = 3;
    INSERT INTO tickets SELECT 1000 + n, 1, 1, n, 1, true FROM generate_series(1, 3) n;
"""


async def put_on_sale(ticketing: Side) -> None:
    async with ticketing.database.transaction() as transaction:
        hall = HallData(id=1, name="Field", row_count=100, seat_count=30)
        await service.apply(transaction, session_data(1, hall=hall), 1)


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
