"""Word of tickets for Redis, in case whoever sold or cancelled one could not tell it himself."""

from cinema_shared.events.envelope import Event
from cinema_shared.events.ticketing import TicketData
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.holds.locks import SeatLocks, keep_until
from ticketing_service.tickets.states import LIVE
from ticketing_service.tickets.tables import tickets


class SeatMarks:
    def __init__(self, locks: SeatLocks) -> None:
        self._locks = locks

    async def on_ticket(self, transaction: AsyncConnection, event: Event) -> None:
        ticket = TicketData.model_validate(event.data)
        # Not what it says: it may come long after the ticket has ended, to a Redis that was told
        # of that and has lost it since.
        status = await transaction.scalar(select(tickets.c.status).where(tickets.c.id == ticket.id))
        await self._locks.mark(
            ticket.session,
            keep_until(ticket.started_at),
            (ticket.row, ticket.seat),
            ticket.id,
            ticket.user,
            live=status in LIVE,
        )
