"""Booking a seat: one statement decides, and its event goes with it."""

from datetime import timedelta
from typing import Any

from cinema_shared import outbox
from sqlalchemy import BigInteger, Integer, Interval, Row, bindparam, func, literal, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.screenings.tables import screenings
from ticketing_service.tickets import errors
from ticketing_service.tickets.events import ticket_event
from ticketing_service.tickets.states import Status
from ticketing_service.tickets.tables import IS_LIVE, tickets


def _book() -> Any:
    """Insert the ticket if the screening sells that seat and nobody has it; tell all that was seen.

    FOR KEY SHARE waits for a change of the screening that is under way, and then sees its result
    (`screenings.service.close`). A rival's insert of the same seat is waited for by the index.
    """
    row, seat = bindparam("row", type_=Integer), bindparam("seat", type_=Integer)
    screening = (
        select(
            screenings,
            (
                screenings.c.starts_at - bindparam("sales_end", type_=Interval)
                <= func.clock_timestamp()
            ).label("too_late"),
        )
        .where(screenings.c.id == bindparam("screening_id", type_=BigInteger))
        .with_for_update(read=True, key_share=True)
        .cte("screening")
    )
    new = {
        "screening_id": screening.c.id,
        "user_id": bindparam("user_id", type_=BigInteger),
        "row_no": row,
        "seat_no": seat,
        "status": literal(int(Status.BOOKED)),
        "price_minor": screening.c.price_minor,
        "version": literal(1),
        "booked_at": func.clock_timestamp(),
    }
    booked = (
        insert(tickets)
        .from_select(
            list(new),
            select(*new.values()).where(
                screening.c.state == "on_sale",
                ~screening.c.too_late,
                row.between(1, screening.c.row_count),
                seat.between(1, screening.c.seat_count),
            ),
        )
        .on_conflict_do_nothing(
            index_elements=[tickets.c.screening_id, tickets.c.row_no, tickets.c.seat_no],
            index_where=IS_LIVE,
        )
        .returning(*tickets.c)
        .cte("booked")
    )
    seen = [column for column in screening.c if column.name not in ("id", "version", "price_minor")]
    return select(*seen, *booked.c).select_from(screening.outerjoin(booked, true()))


_BOOK = _book()


async def book(
    transaction: AsyncConnection,
    *,
    screening_id: int,
    row: int,
    seat: int,
    user_id: int,
    sales_end: timedelta,
) -> Row[Any]:
    """The new ticket. Refuses with the errors of `errors.py`, the first that applies."""
    result = await transaction.execute(
        _BOOK,
        {
            "screening_id": screening_id,
            "row": row,
            "seat": seat,
            "user_id": user_id,
            "sales_end": sales_end,
        },
    )
    found = result.one_or_none()
    if found is None or found.state == "removed":
        raise errors.SessionNotFound
    if not (1 <= row <= found.row_count and 1 <= seat <= found.seat_count):
        raise errors.NoSuchSeat
    if found.state == "closed":
        raise errors.SessionBeingChanged
    if found.too_late:
        raise errors.TooLate
    if found.id is None:
        raise errors.SeatTaken
    await outbox.publish(transaction, ticket_event(found))
    return found
