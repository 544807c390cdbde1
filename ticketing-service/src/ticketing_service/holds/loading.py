"""Telling Redis which seats of a screening are sold: once, and again after it lost its data."""

import asyncio
from typing import Final

from cinema_shared.database import Database
from sqlalchemy import select

from ticketing_service.holds.locks import Seat, SeatLocks
from ticketing_service.holds.scripts import SeatsUnreachable
from ticketing_service.screenings.programme import Screening
from ticketing_service.tickets.states import LIVE
from ticketing_service.tickets.tables import tickets

_ATTEMPTS: Final = 5


class SoldSeats:
    """From PostgreSQL to Redis; however many ask for a screening at once, it is read once."""

    def __init__(self, database: Database, locks: SeatLocks) -> None:
        self._database = database
        self._locks = locks
        self._loading: dict[int, asyncio.Task[None]] = {}

    async def load(self, screening: Screening) -> None:
        task = self._loading.get(screening.id)
        if task is None:
            task = asyncio.create_task(self._load(screening))
            self._loading[screening.id] = task
            task.add_done_callback(lambda _: self._loading.pop(screening.id))
        # Whoever leaves takes nobody with him.
        await asyncio.shield(task)

    async def _load(self, screening: Screening) -> None:
        for _ in range(_ATTEMPTS):
            token = await self._locks.begin_loading(screening.id)
            if token is None:
                return
            if await self._locks.load(screening, token, await self._live(screening.id)):
                return
        raise SeatsUnreachable

    async def _live(self, screening_id: int) -> list[tuple[Seat, int, int]]:
        async with self._database.transaction() as transaction:
            rows = await transaction.execute(
                select(tickets.c.row_no, tickets.c.seat_no, tickets.c.id, tickets.c.user_id).where(
                    tickets.c.screening_id == screening_id, tickets.c.status.in_(LIVE)
                )
            )
            return [((row.row_no, row.seat_no), row.id, row.user_id) for row in rows]
