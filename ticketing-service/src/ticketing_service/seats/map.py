"""Which seats of a screening are gone, and a version that grows with every change of that."""

from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.screenings.tables import screenings
from ticketing_service.seats.schemas import SeatMap, TakenSeat
from ticketing_service.tickets.errors import SessionNotFound
from ticketing_service.tickets.states import LIVE
from ticketing_service.tickets.tables import tickets


async def read(transaction: AsyncConnection, screening_id: int, user_id: int | None) -> SeatMap:
    screening = (
        await transaction.execute(
            select(
                screenings.c.row_count,
                screenings.c.seat_count,
                # Every ticket starts with version 1 and counts up with each of its changes.
                select(func.coalesce(func.sum(tickets.c.version), 0))
                .where(tickets.c.screening_id == screening_id)
                .scalar_subquery()
                .label("version"),
            ).where(screenings.c.id == screening_id, screenings.c.state != "removed")
        )
    ).one_or_none()
    if screening is None:
        raise SessionNotFound
    sold = await transaction.execute(
        select(tickets.c.row_no, tickets.c.seat_no, tickets.c.user_id)
        .where(tickets.c.screening_id == screening_id, tickets.c.status.in_(LIVE))
        .order_by(tickets.c.row_no, tickets.c.seat_no)
    )
    return SeatMap(
        session=screening_id,
        row_count=screening.row_count,
        seat_count=screening.seat_count,
        version=screening.version,
        taken=[_taken(seat, user_id) for seat in sold],
    )


def _taken(seat: Row[Any, Any, Any], user_id: int | None) -> TakenSeat:
    return TakenSeat(
        row=seat.row_no,
        seat=seat.seat_no,
        state="sold",
        mine=True if user_id is not None and seat.user_id == user_id else None,
    )
