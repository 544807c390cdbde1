"""What may be done with tickets, and by whom."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cinema_shared.tokens import Principal
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.tickets import errors, transitions
from ticketing_service.tickets.schemas import TicketQuery
from ticketing_service.tickets.states import LIVE, Status
from ticketing_service.tickets.tables import tickets


async def read(transaction: AsyncConnection, ticket_id: int, caller: Principal) -> Row[Any]:
    """A ticket that the caller may see; somebody else's is as if it were not there."""
    query = select(tickets).where(tickets.c.id == ticket_id)
    if not caller.is_staff:
        query = query.where(tickets.c.user_id == caller.user_id)
    ticket = (await transaction.execute(query)).one_or_none()
    if ticket is None:
        raise errors.TicketNotFound
    return ticket


async def find(
    transaction: AsyncConnection, wanted: TicketQuery, caller: Principal
) -> Sequence[Row[Any]]:
    """One page, and one row more where there is a next page."""
    statuses = [Status[wanted.status.upper()]] if wanted.status else LIVE
    query = select(tickets).where(tickets.c.status.in_([int(status) for status in statuses]))
    if not caller.is_staff:
        query = query.where(tickets.c.user_id == caller.user_id)
    if wanted.user is not None:
        query = query.where(tickets.c.user_id == wanted.user)
    if wanted.session is not None:
        query = query.where(tickets.c.screening_id == wanted.session)
    if after := wanted.after(1):
        query = query.where(tickets.c.id > after[0])
    return (await transaction.execute(query.order_by(tickets.c.id).limit(wanted.limit + 1))).all()


async def pay(
    transaction: AsyncConnection, ticket_id: int, caller: Principal, sales_end: timedelta
) -> Row[Any]:
    await read(transaction, ticket_id, caller)
    paid = await transitions.pay(transaction, ticket_id, sales_end)
    if paid is None:
        ticket = await read(transaction, ticket_id, caller)
        if ticket.status == Status.PAID:
            raise errors.AlreadyPaid
        raise errors.TooLate if ticket.status == Status.BOOKED else errors.TicketEnded
    return paid


async def cancel(transaction: AsyncConnection, ticket_id: int, caller: Principal) -> Row[Any]:
    await read(transaction, ticket_id, caller)
    cancelled = await transitions.cancel(transaction, ticket_id)
    if cancelled is None:
        ticket = await read(transaction, ticket_id, caller)
        raise errors.PaidCannotBeDeleted if ticket.status == Status.PAID else errors.TicketEnded
    return cancelled
