"""What may be done with holds, and by whom."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog
from cinema_shared.problems import NotFound

from ticketing_service.holds.identity import HoldId
from ticketing_service.holds.loading import SoldSeats
from ticketing_service.holds.locks import Held, HoldExpired, NotLoaded, Seat, SeatLocks
from ticketing_service.holds.news import HoldNews
from ticketing_service.holds.scripts import SeatsUnreachable
from ticketing_service.screenings.programme import Programme, Screening
from ticketing_service.tickets import errors

log = structlog.get_logger(__name__)


class HoldNotFound(NotFound):
    detail = "There is no such hold."


class Holds:
    def __init__(
        self,
        locks: SeatLocks,
        sold_seats: SoldSeats,
        programme: Programme,
        news: HoldNews,
        secret: str,
    ) -> None:
        self._locks = locks
        self._sold_seats = sold_seats
        self._programme = programme
        self._news = news
        self._secret = secret
        self._afterwards: set[asyncio.Task[Any]] = set()

    async def create(
        self,
        screening_id: int,
        seats: Sequence[Seat],
        user_id: int,
        *,
        key: str | None,
        fingerprint: str,
    ) -> tuple[str, Held]:
        """The hold's name and its seats; all of them or none. Asks no database as a rule."""
        screening = await self._programme.get(screening_id)
        if screening is None:
            raise errors.SessionNotFound
        if not all(screening.has(row, seat) for row, seat in seats):
            raise errors.NoSuchSeat
        if key is not None:
            await self._locks.reserve_key(user_id, key, fingerprint)
        hold = HoldId.new(screening_id, user_id)
        held = await self._create(screening, hold, seats, key)
        # The token is another's where the answer is an earlier one, to the same key.
        name = replace(hold, token=held.token).sealed(self._secret)
        self._news.created(name, screening_id, held)
        return name, held

    async def show(self, name: str, user_id: int) -> tuple[HoldId, Held]:
        hold = await self.find(name, user_id)
        return hold, await self._locks.show(hold)

    async def extend(self, name: str, user_id: int) -> tuple[HoldId, Held]:
        hold = await self.find(name, user_id)
        screening = await self._screening(hold)
        return hold, await self._locks.extend(screening, hold)

    async def begin_booking(self, name: str, user_id: int) -> tuple[Screening, Held]:
        hold = await self.find(name, user_id)
        screening = await self._screening(hold)
        return screening, await self._locks.begin_booking(hold, self._programme.clock.now())

    async def release(self, name: str, user_id: int) -> None:
        hold = await self.find(name, user_id)
        self._news.released(name, hold.screening_id, await self._locks.release(hold))

    async def find(self, name: str, user_id: int) -> HoldId:
        """Whose hold and where, by its name; somebody else's is as if it were not there."""
        hold = HoldId.opened(name, self._secret)
        if hold is None or hold.user_id != user_id:
            raise HoldNotFound
        await self._screening(hold)
        return hold

    async def _screening(self, hold: HoldId) -> Screening:
        screening = await self._programme.get(hold.screening_id)
        if screening is None:  # removed, and its holds with it
            raise HoldExpired
        return screening

    async def _create(
        self, screening: Screening, hold: HoldId, seats: Sequence[Seat], key: str | None
    ) -> Held:
        try:
            try:
                held = await self._locks.create(screening, hold, seats, key)
            except NotLoaded:
                await self._sold_seats.load(screening)
                held = await self._locks.create(screening, hold, seats, key)
        except NotLoaded as error:  # lost again at once
            raise SeatsUnreachable from error
        except SeatsUnreachable:
            if key is None:
                self._release_later(hold)
            raise
        if held is None:
            raise errors.TooLate
        return held

    def _release_later(self, hold: HoldId) -> None:
        """No answer came, but the hold may have been made, and nobody knows its name."""

        async def release() -> None:
            await asyncio.sleep(1)
            try:
                await self._locks.release(hold)
            except (SeatsUnreachable, HoldExpired):
                log.info("unanswered_hold_left_to_expire", session=hold.screening_id)

        task = asyncio.create_task(release())
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)
