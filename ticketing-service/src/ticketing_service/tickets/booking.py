"""Booking seats: one statement decides, and the events go with it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cinema_shared import outbox
from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Integer,
    Interval,
    Row,
    bindparam,
    column,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.holds.locks import Seat
from ticketing_service.screenings.tables import screenings
from ticketing_service.tickets import errors
from ticketing_service.tickets.events import ticket_event
from ticketing_service.tickets.states import Status
from ticketing_service.tickets.tables import tickets


def _book() -> Any:
    """Insert a ticket a seat, if the screening sells it and nobody has it; tell all that was seen.

    FOR KEY SHARE waits for a change of the screening that is under way, and then sees its result
    (`screenings.service.close`). A rival's insert of the same seat is waited for by the index.
    `valid_until` is the fence: the end of the lock in Redis, judged by the database's own clock.
    """
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
    wanted = (
        func.unnest(
            bindparam("rows", type_=ARRAY(Integer)), bindparam("seats", type_=ARRAY(Integer))
        )
        .table_valued(column("row_no", Integer), column("seat_no", Integer), name="wanted")
        .render_derived()
    )
    in_time = func.clock_timestamp() < bindparam("valid_until", type_=DateTime(timezone=True))
    new = {
        "screening_id": screening.c.id,
        "user_id": bindparam("user_id", type_=BigInteger),
        "row_no": wanted.c.row_no,
        "seat_no": wanted.c.seat_no,
        "status": literal(int(Status.BOOKED)),
        "price_minor": screening.c.price_minor,
        "version": literal(1),
        "booked_at": func.clock_timestamp(),
    }
    booked = (
        insert(tickets)
        .from_select(
            list(new),
            select(*new.values())
            .select_from(screening.join(wanted, true()))
            .where(
                screening.c.state == "on_sale",
                ~screening.c.too_late,
                wanted.c.row_no.between(1, screening.c.row_count),
                wanted.c.seat_no.between(1, screening.c.seat_count),
                in_time,
            ),
        )
        .on_conflict_do_nothing()
        .returning(*tickets.c)
        .cte("booked")
    )
    seen = [column for column in screening.c if column.name not in ("id", "version", "price_minor")]
    return select(*seen, (~in_time).label("lapsed"), *booked.c).select_from(
        screening.outerjoin(booked, true())
    )


_BOOK = _book()


async def book(
    transaction: AsyncConnection,
    *,
    screening_id: int,
    seats: Sequence[Seat],
    user_id: int,
    valid_until: datetime,
    sales_end: timedelta,
) -> Sequence[Row[Any]]:
    """The new tickets: all of them, or an error of `errors.py`, the first that applies."""
    # In one order for everybody: two baskets that overlap wait for each other one way only.
    rows, numbers = zip(*sorted(seats), strict=True)
    result = await transaction.execute(
        _BOOK,
        {
            "screening_id": screening_id,
            "rows": rows,
            "seats": numbers,
            "user_id": user_id,
            "valid_until": valid_until,
            "sales_end": sales_end,
        },
    )
    found = result.all()
    if not found or found[0].state == "removed":
        raise errors.SessionNotFound
    screening = found[0]
    if not all(
        1 <= row <= screening.row_count and 1 <= seat <= screening.seat_count for row, seat in seats
    ):
        raise errors.NoSuchSeat
    if screening.state == "closed":
        raise errors.SessionBeingChanged
    if screening.too_late:
        raise errors.TooLate
    booked = [ticket for ticket in found if ticket.id is not None]
    if len(booked) < len(seats):
        raise errors.LockLapsed if screening.lapsed else errors.SeatTaken
    await outbox.publish(transaction, *map(ticket_event, booked))
    return booked
