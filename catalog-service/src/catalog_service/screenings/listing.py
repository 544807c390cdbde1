"""Reading the programme: sessions with the seats that are taken, in one query a page."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cinema_shared.problems import invalid
from sqlalchemy import ColumnElement, Row, Select, func, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.halls.tables import halls
from catalog_service.screenings.errors import SessionNotFound
from catalog_service.screenings.rules import OpeningHours
from catalog_service.screenings.schemas import ScreeningQuery
from catalog_service.screenings.tables import screenings, tickets

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


async def page(
    transaction: AsyncConnection, wanted: ScreeningQuery, hours: OpeningHours
) -> Sequence[Row[Any]]:
    """One page, and one row more where there is a next page."""
    query = select(screenings).order_by(screenings.c.starts_at, screenings.c.id)
    if not wanted.include_past:
        query = query.where(screenings.c.starts_at > func.now())
    if wanted.hall is not None:
        query = query.where(screenings.c.hall_id == wanted.hall)
    if wanted.movie is not None:
        query = query.where(screenings.c.movie_id == wanted.movie)
    if wanted.since is not None:
        query = query.where(screenings.c.starts_at >= hours.instant(wanted.since))
    if wanted.until is not None:
        query = query.where(screenings.c.starts_at < hours.instant(wanted.until))
    if wanted.date is not None:
        start, end = hours.day(wanted.date)
        query = query.where(screenings.c.starts_at >= start, screenings.c.starts_at < end)
    if after := wanted.after(2):
        key = tuple_(screenings.c.starts_at, screenings.c.id)
        query = query.where(key > tuple_(_from_microseconds(after[0]), after[1]))
    shown = _shown(query.limit(wanted.limit + 1), with_tickets=wanted.tickets)
    found: Sequence[Row[Any]] = (await transaction.execute(shown)).all()
    return found


async def read(transaction: AsyncConnection, screening_id: int) -> Row[Any]:
    """One that is named is shown, also when it is over."""
    query = _shown(select(screenings).where(screenings.c.id == screening_id), with_tickets=True)
    screening: Row[Any] | None = (await transaction.execute(query)).one_or_none()
    if screening is None:
        raise SessionNotFound
    return screening


def key(screening: Row[Any]) -> tuple[int, int]:
    """What the list is in order of."""
    return (screening.starts_at - _EPOCH) // _MICROSECOND, screening.id


def _from_microseconds(value: int) -> datetime:
    try:
        return _EPOCH + value * _MICROSECOND
    except OverflowError:
        raise invalid("cursor", "take it from the Link header of the page before") from None


def _shown(page: Select[Any], *, with_tickets: bool) -> Select[Any]:
    """The page's rows with their seats. The page is cut first: seats are read for its rows only."""
    shown = page.subquery("shown")
    # One seat may stand twice for a moment: a ticket's end and the next one's booking are events
    # of two subjects, and may arrive in either order. Straight from the index, so it costs nothing.
    seat = (
        select(tickets.c.row, tickets.c.seat)
        .where(tickets.c.screening_id == shown.c.id, tickets.c.taken)
        .distinct()
        .order_by(tickets.c.row, tickets.c.seat)
        .correlate(shown)
        .lateral("seat")
    )
    columns: list[ColumnElement[Any]] = [func.count().label("seats_taken")]
    if with_tickets:
        columns += [
            func.array_agg(seat.c.row).label("rows"),
            func.array_agg(seat.c.seat).label("seats"),
        ]
    taken = select(*columns).select_from(seat).correlate(shown).lateral("taken")
    return (
        select(
            shown.c.id,
            shown.c.hall_id,
            shown.c.movie_id,
            shown.c.starts_at,
            shown.c.price_minor,
            (halls.c.row_count * halls.c.seat_count).label("seats_total"),
            taken,
        )
        .join(halls, halls.c.id == shown.c.hall_id)
        .join(taken, true())
        .order_by(shown.c.starts_at, shown.c.id)
    )
