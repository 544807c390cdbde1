"""Catalog's own copy of the seats that are taken, fed by `ticket.*` events."""

from cinema_shared.database import Database
from cinema_shared.events.envelope import Event
from cinema_shared.events.ticketing import TicketData
from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog_service.screenings.tables import tickets


async def on_ticket(transaction: AsyncConnection, event: Event) -> None:
    """Take over what is newer; events that come late, or twice, change nothing."""
    ticket = TicketData.model_validate(event.data)
    values = {
        "screening_id": ticket.session,
        "row": ticket.row,
        "seat": ticket.seat,
        "version": event.subjectversion,
        "taken": ticket.status in ("booked", "paid"),
    }
    await transaction.execute(
        insert(tickets)
        .values(ticket_id=ticket.id, **values)
        .on_conflict_do_update(
            index_elements=[tickets.c.ticket_id],
            set_={**values, "changed_at": func.now()},
            where=tickets.c.version < event.subjectversion,
        )
    )


async def forget_ended(database: Database) -> None:
    """Drop the marks of tickets that ended so long ago that no event of theirs is on its way."""
    async with database.transaction() as transaction:
        await transaction.execute(
            delete(tickets).where(
                ~tickets.c.taken, tickets.c.changed_at < func.now() - text("interval '30 days'")
            )
        )
