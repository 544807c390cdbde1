"""Selling seats: lock in Redis, book in PostgreSQL, then tell Redis that they are sold.

A crash between any two of these leaves a lock that ends by itself, or a sold seat that Redis hears
of by event while the lock is still there. Who owns the seat is never in doubt: PostgreSQL knows.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from cinema_shared.database import Database
from cinema_shared.problems import Conflict, Problem, ServiceUnavailable
from cinema_shared.tokens import Principal
from pydantic import TypeAdapter
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.holds.locks import CLAIM, Held, HoldExpired, Seat, SeatLocks, keep_until
from ticketing_service.holds.scripts import SeatsUnreachable
from ticketing_service.holds.service import Holds
from ticketing_service.idempotency.once import Answer, Once, Recalled
from ticketing_service.screenings.programme import Programme, Screening
from ticketing_service.tickets import booking, errors, service
from ticketing_service.tickets.schemas import TicketView

log = structlog.get_logger(__name__)

# A session that staff is changing is sold again, or gone, within this time as a rule.
_CHANGE_ATTEMPTS: Final = 10
_CHANGE_PAUSE_S: Final = 0.05

_views = TypeAdapter(list[TicketView])
# Of a hold's seats, these can only mean that the hold has lost them.
_HOLD_IS_OVER: Final = (
    HoldExpired,
    errors.SessionNotFound,
    errors.NoSuchSeat,
    errors.TooLate,
    errors.SeatTaken,
)


class Selling:
    def __init__(
        self,
        database: Database,
        programme: Programme,
        locks: SeatLocks,
        holds: Holds,
        sales_end: timedelta,
    ) -> None:
        self._database = database
        self._programme = programme
        self._locks = locks
        self._holds = holds
        self._sales_end = sales_end

    async def sell_seat(self, once: Once, screening_id: int, seat: Seat, user_id: int) -> Answer:
        """One seat, without a hold or out of one's own."""
        await once.recall()
        screening = await self._programme.get(screening_id)
        if screening is None:
            raise errors.SessionNotFound
        if not screening.has(*seat):
            raise errors.NoSuchSeat
        try:
            held = await self._locks.claim(screening, user_id, seat, self._programme.clock.now())
            if held is None:
                raise errors.SeatTaken
            return await self._sell(once, screening, held, user_id, one=True)
        except Conflict as refusal:
            await once.keep_refusal(refusal)
            raise

    async def sell_hold(self, once: Once, name: str, user_id: int) -> Answer:
        """All seats of a hold, or none."""
        await once.recall()
        try:
            return await self._sell_what_is_held(once, name, user_id)
        except errors.LockLapsed:
            await self._holds.show(name, user_id)  # or it has expired
            raise
        except _HOLD_IS_OVER as error:
            # This request's twin may have booked it meanwhile.
            await once.recall()
            raise HoldExpired from error

    async def pay(self, once: Once, ticket_id: int, caller: Principal) -> Answer:
        await once.recall()
        try:
            async with once.transaction() as transaction:
                ticket = await service.pay(transaction, ticket_id, caller, self._sales_end)
                body = TicketView.of(ticket).model_dump_json().encode()
                return await once.keep(transaction, Answer(200, body))
        except Conflict as refusal:
            await once.keep_refusal(refusal)
            raise

    async def cancel(self, ticket_id: int, caller: Principal) -> None:
        """Give a booked seat back, for the next at once."""
        async with self._database.transaction() as transaction:
            ticket = await service.cancel(transaction, ticket_id, caller)
        await self._try(
            self._locks.mark(
                ticket.screening_id,
                keep_until(ticket.starts_at),
                (ticket.row_no, ticket.seat_no),
                ticket.id,
                ticket.user_id,
                live=False,
            )
        )

    async def _sell_what_is_held(self, once: Once, name: str, user_id: int) -> Answer:
        """A seat that is booked by itself meanwhile leaves the hold; the others are still held."""
        for _ in range(_CHANGE_ATTEMPTS):
            screening, held = await self._holds.begin_booking(name, user_id)
            with suppress(errors.SeatTaken):
                return await self._sell(once, screening, held, user_id, one=False)
            await asyncio.sleep(_CHANGE_PAUSE_S)
        # Redis has it from before it lost its data. It is over, and must be so for whoever asks.
        await self._holds.release(name, user_id)
        raise HoldExpired

    async def _sell(
        self, once: Once, screening: Screening, held: Held, user_id: int, *, one: bool
    ) -> Answer:
        try:
            tickets, answer = await self._book(once, screening, held, user_id, one=one)
        except (Recalled, Problem) as outcome:
            # Where nobody knows what became of the booking, the lock is left to end by itself.
            if not isinstance(outcome, ServiceUnavailable) or isinstance(
                outcome, errors.SessionBeingChanged | errors.LockLapsed
            ):
                known = not isinstance(outcome, errors.SeatTaken)
                await self._try(self._locks.unclaim(screening.id, held, known=known))
            raise
        sold = [((ticket.row_no, ticket.seat_no), ticket.id) for ticket in tickets]
        await self._try(self._locks.settle(screening, user_id, held, sold))
        return answer

    async def _book(
        self, once: Once, screening: Screening, held: Held, user_id: int, *, one: bool
    ) -> tuple[Sequence[Row[Any]], Answer]:
        async def book(transaction: AsyncConnection) -> tuple[Sequence[Row[Any]], Answer]:
            tickets = await booking.book(
                transaction,
                screening_id=screening.id,
                seats=held.seats,
                user_id=user_id,
                valid_until=held.expires_at,
                sales_end=self._sales_end,
            )
            views = [TicketView.of(ticket) for ticket in tickets]
            body = views[0].model_dump_json().encode() if one else _views.dump_json(views)
            return tickets, await once.keep(transaction, Answer(201, body))

        deadline = asyncio.get_running_loop().time() + CLAIM.total_seconds()
        for _ in range(_CHANGE_ATTEMPTS):
            try:
                async with asyncio.timeout_at(deadline), once.transaction() as transaction:
                    return await book(transaction)
            except errors.SessionBeingChanged:
                await asyncio.sleep(_CHANGE_PAUSE_S)
        raise errors.SessionBeingChanged

    async def _try(self, telling: Any) -> None:
        """The booking stands, or does not; that Redis cannot be told now is no reason to fail."""
        try:
            await telling
        except SeatsUnreachable:
            log.warning("seats_not_told")
