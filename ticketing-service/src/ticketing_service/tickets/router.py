"""Tickets over HTTP: parse, call, show."""

import asyncio
from typing import Annotated, Final

from cinema_shared.database import Database, Transaction
from cinema_shared.http.fields import Id
from cinema_shared.http.pages import link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import CurrentUser, OptionalUser
from fastapi import APIRouter, Path, Query, Request, Response

from ticketing_service.settings import Settings
from ticketing_service.tickets import booking, errors, service
from ticketing_service.tickets.schemas import (
    BookRequest,
    NoBody,
    StatusView,
    TicketQuery,
    TicketView,
)
from ticketing_service.tickets.states import Status

router = APIRouter(route_class=StrictRoute, tags=["tickets"])

TicketId = Annotated[Id, Path()]

# A session that staff is changing is sold again, or gone, within this time as a rule.
_CHANGE_ATTEMPTS: Final = 10
_CHANGE_PAUSE_S: Final = 0.05


@router.post("/book", status_code=201)
async def book(request: Request, wanted: BookRequest, caller: CurrentUser) -> TicketView:
    user_id = wanted.user or caller.user_id
    if user_id != caller.user_id and not caller.is_staff:
        raise errors.NotYourself
    database: Database = request.app.state.database
    settings: Settings = request.app.state.settings
    for attempt in range(_CHANGE_ATTEMPTS):
        try:
            async with database.transaction() as transaction:
                ticket = await booking.book(
                    transaction,
                    screening_id=wanted.session,
                    row=wanted.row,
                    seat=wanted.seat,
                    user_id=user_id,
                    sales_end=settings.sales_end_before_start,
                )
        except errors.SessionBeingChanged:
            if attempt == _CHANGE_ATTEMPTS - 1:
                raise
            await asyncio.sleep(_CHANGE_PAUSE_S)
        else:
            break
    return TicketView.of(ticket)


@router.get("/ticket")
async def list_tickets(
    request: Request,
    response: Response,
    transaction: Transaction,
    caller: CurrentUser,
    wanted: Annotated[TicketQuery, Query()],
) -> list[TicketView]:
    found = await service.find(transaction, wanted, caller)
    page = link_next(request, response, found, wanted.limit, lambda ticket: (ticket.id,))
    return [TicketView.of(ticket) for ticket in page]


@router.get("/ticket/{ticket_id}")
async def show_ticket(
    ticket_id: TicketId, transaction: Transaction, caller: CurrentUser
) -> TicketView:
    return TicketView.of(await service.read(transaction, ticket_id, caller))


@router.delete("/ticket/{ticket_id}", status_code=204)
async def cancel_ticket(ticket_id: TicketId, transaction: Transaction, caller: CurrentUser) -> None:
    await service.cancel(transaction, ticket_id, caller)


@router.patch("/pay/{ticket_id}")
async def pay(
    request: Request,
    ticket_id: TicketId,
    transaction: Transaction,
    caller: CurrentUser,
    _: NoBody | None = None,
) -> TicketView:
    settings: Settings = request.app.state.settings
    return TicketView.of(
        await service.pay(transaction, ticket_id, caller, settings.sales_end_before_start)
    )


@router.get("/ticket_status")
async def list_statuses(_: OptionalUser) -> list[StatusView]:
    return [StatusView.of(status) for status in Status]
