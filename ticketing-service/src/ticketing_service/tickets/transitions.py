"""The arrows of `states.py`: each one guarded statement, whose row count decides.

The guard stands in the statement, so that of two transitions at once exactly one finds the
ticket still booked. Each returns the changed tickets with their screenings' columns, for the event.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cinema_shared import outbox
from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.screenings.tables import screenings
from ticketing_service.tickets.events import ticket_event
from ticketing_service.tickets.states import Status
from ticketing_service.tickets.tables import tickets

_SCREENING = [
    screenings.c.hall_id,
    screenings.c.hall_name,
    screenings.c.movie_id,
    screenings.c.movie_name,
    screenings.c.starts_at,
    screenings.c.currency,
]


def _too_late(sales_end: timedelta) -> ColumnElement[bool]:
    return screenings.c.starts_at - sales_end <= func.clock_timestamp()


async def _leave_booked(
    transaction: AsyncConnection,
    to: Status,
    *guards: ColumnElement[bool],
    **stamps: ColumnElement[Any],
) -> Sequence[Row[Any]]:
    result = await transaction.execute(
        update(tickets)
        .where(
            tickets.c.status == Status.BOOKED,
            screenings.c.id == tickets.c.screening_id,
            *guards,
        )
        .values(status=int(to), version=tickets.c.version + 1, **stamps)
        .returning(*tickets.c, *_SCREENING)
    )
    changed = result.all()
    await outbox.publish(transaction, *map(ticket_event, changed))
    return changed


async def pay(
    transaction: AsyncConnection, ticket_id: int, sales_end: timedelta
) -> Row[Any] | None:
    """Booked → paid, while it is not too late."""
    changed = await _leave_booked(
        transaction,
        Status.PAID,
        tickets.c.id == ticket_id,
        ~_too_late(sales_end),
        paid_at=func.clock_timestamp(),
    )
    return changed[0] if changed else None


async def cancel(transaction: AsyncConnection, ticket_id: int) -> Row[Any] | None:
    """Booked → cancelled."""
    changed = await _leave_booked(
        transaction,
        Status.CANCELLED,
        tickets.c.id == ticket_id,
        ended_at=func.clock_timestamp(),
    )
    return changed[0] if changed else None


async def expire(
    transaction: AsyncConnection, sales_end: timedelta, limit: int
) -> Sequence[Row[Any]]:
    """Booked → expired, for up to `limit` tickets whose time to pay is over.

    Tickets that another sweeper, or a customer, has in hand just now are left to them.
    """
    due = (
        select(tickets.c.id)
        .join(screenings, screenings.c.id == tickets.c.screening_id)
        .where(tickets.c.status == Status.BOOKED, _too_late(sales_end))
        .limit(limit)
        .with_for_update(skip_locked=True, of=tickets)
    )
    return await _leave_booked(
        transaction,
        Status.EXPIRED,
        tickets.c.id.in_(due),
        _too_late(sales_end),
        ended_at=func.clock_timestamp(),
    )
