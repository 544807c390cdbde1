"""Telling others, on request, of all tickets as they are: for those who make their copy anew."""

from cinema_shared.database import Database
from cinema_shared.events.snapshots import NextPage, TicketPage, TicketState
from cinema_shared.messaging import topology
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from sqlalchemy import func, select

from ticketing_service.tickets.states import Status
from ticketing_service.tickets.tables import tickets


def answer(broker: RabbitBroker, database: Database) -> None:
    @broker.subscriber(
        RabbitQueue(topology.TICKETING_SNAPSHOTS.name, declare=False),
        channel=Channel(prefetch_count=1),
        ack_policy=AckPolicy.REJECT_ON_ERROR,
    )
    async def all_tickets(wanted: NextPage) -> TicketPage:
        changed_at = func.greatest(tickets.c.booked_at, tickets.c.paid_at, tickets.c.ended_at)
        page = (
            select(tickets, changed_at.label("changed_at"))
            .where(tickets.c.id > wanted.after)
            .order_by(tickets.c.id)
            .limit(wanted.limit)
        )
        async with database.transaction() as transaction:
            found = (await transaction.execute(page)).all()
        return TicketPage(
            tickets=tuple(
                TicketState(
                    id=ticket.id,
                    version=ticket.version,
                    session=ticket.screening_id,
                    row=ticket.row_no,
                    seat=ticket.seat_no,
                    status=Status(ticket.status).word,
                    changed_at=ticket.changed_at,
                )
                for ticket in found
            )
        )
