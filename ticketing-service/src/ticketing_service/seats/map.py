"""Which seats of a screening are gone, and a version that grows with every change of that."""

from cinema_shared.database import Database
from sqlalchemy import select

from ticketing_service.holds.loading import SoldSeats
from ticketing_service.holds.locks import NotLoaded, SeatLocks
from ticketing_service.holds.locks import TakenSeat as Taken
from ticketing_service.holds.scripts import SeatsUnreachable
from ticketing_service.screenings.programme import Programme, Screening
from ticketing_service.seats.schemas import SeatMap, TakenSeat
from ticketing_service.tickets.errors import SessionNotFound
from ticketing_service.tickets.states import LIVE
from ticketing_service.tickets.tables import tickets


class SeatMaps:
    def __init__(
        self, database: Database, programme: Programme, locks: SeatLocks, sold_seats: SoldSeats
    ) -> None:
        self._database = database
        self._programme = programme
        self._locks = locks
        self._sold_seats = sold_seats

    async def read(self, screening_id: int, user_id: int | None) -> SeatMap:
        screening = await self._programme.get(screening_id)
        if screening is None:
            raise SessionNotFound
        version, taken = await self._taken(screening)
        return SeatMap(
            session=screening_id,
            row_count=screening.row_count,
            seat_count=screening.seat_count,
            version=version,
            taken=[
                TakenSeat(
                    row=seat.row,
                    seat=seat.seat,
                    state=seat.state,
                    mine=True if seat.user_id == user_id else None,
                )
                for seat in taken
            ],
        )

    async def _taken(self, screening: Screening) -> tuple[int, list[Taken]]:
        try:
            try:
                return await self._locks.view(screening.id)
            except NotLoaded:
                await self._sold_seats.load(screening)
                return await self._locks.view(screening.id)
        except (SeatsUnreachable, NotLoaded):
            # Reading goes on without Redis: what is sold, under no version of the map.
            return 0, await self._sold(screening.id)

    async def _sold(self, screening_id: int) -> list[Taken]:
        async with self._database.transaction() as transaction:
            rows = await transaction.execute(
                select(tickets.c.row_no, tickets.c.seat_no, tickets.c.user_id)
                .where(tickets.c.screening_id == screening_id, tickets.c.status.in_(LIVE))
                .order_by(tickets.c.row_no, tickets.c.seat_no)
            )
            return [Taken(row.row_no, row.seat_no, "sold", row.user_id) for row in rows]
