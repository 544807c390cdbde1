"""Word of tickets for Redis, in case whoever sold or cancelled one could not tell it himself."""

from cinema_shared.events.envelope import Event
from cinema_shared.events.ticketing import TicketData
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.holds.locks import SeatLocks, keep_until
from ticketing_service.tickets.states import LIVE, Status


class SeatMarks:
    def __init__(self, locks: SeatLocks) -> None:
        self._locks = locks

    async def on_ticket(self, _: AsyncConnection, event: Event) -> None:
        ticket = TicketData.model_validate(event.data)
        await self._locks.mark(
            ticket.session,
            keep_until(ticket.started_at),
            (ticket.row, ticket.seat),
            ticket.id,
            ticket.user,
            live=Status[ticket.status.upper()] in LIVE,
        )
