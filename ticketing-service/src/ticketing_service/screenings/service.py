"""Keeping the copy of the programme, and closing a screening so that catalog may change it."""

from typing import Any, Literal

from cinema_shared.events.catalog import SessionData
from cinema_shared.http.fields import parse_money
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.screenings.tables import screenings
from ticketing_service.tickets.states import LIVE
from ticketing_service.tickets.tables import tickets

Outcome = Literal["closed", "has_tickets", "outdated"]


async def apply(
    transaction: AsyncConnection, session: SessionData, version: int, *, removed: bool = False
) -> None:
    """Take over catalog's newer word on a screening; an older one, or a repeated one, is nothing.

    A newer word also reopens a screening that was closed for that change.
    """
    values: dict[str, Any] = {
        "version": version,
        "state": "removed" if removed else "on_sale",
        "hall_id": session.hall.id,
        "hall_name": session.hall.name,
        "row_count": session.hall.row_count,
        "seat_count": session.hall.seat_count,
        "movie_id": session.movie.id,
        "movie_name": session.movie.name,
        "starts_at": session.started_at,
        "price_minor": parse_money(session.price),
        "currency": session.currency,
        "changed_at": func.now(),
    }
    statement = insert(screenings).values(id=session.id, **values)
    await transaction.execute(
        statement.on_conflict_do_update(
            index_elements=[screenings.c.id],
            set_=values,
            where=screenings.c.version < version,
        )
    )


async def close(transaction: AsyncConnection, session: SessionData, version: int) -> Outcome:
    """Stop selling a screening, unless it has live tickets.

    FOR UPDATE conflicts with the FOR KEY SHARE that a booking takes: bookings under way are
    waited for and then counted; later ones wait for us and then find it closed. There is no
    third case, and so never a ticket on a screening that catalog then removes.
    """
    await apply(transaction, session, version)
    screening = (
        await transaction.execute(
            select(screenings.c.version, screenings.c.state)
            .where(screenings.c.id == session.id)
            .with_for_update()
        )
    ).one()
    if screening.version != version or screening.state == "removed":
        return "outdated"
    live = await transaction.scalar(
        select(func.count())
        .select_from(tickets)
        .where(tickets.c.screening_id == session.id, tickets.c.status.in_(LIVE))
    )
    if live:
        return "has_tickets"
    await transaction.execute(
        update(screenings)
        .where(screenings.c.id == session.id)
        .values(state="closed", changed_at=func.now())
    )
    return "closed"
