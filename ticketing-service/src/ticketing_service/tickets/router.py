"""Tickets over HTTP: parse, call, show."""

from typing import Annotated

from cinema_shared.database import Transaction
from cinema_shared.http.fields import Id, NoBody
from cinema_shared.http.pages import link_next
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import CurrentUser, OptionalUser
from fastapi import APIRouter, Path, Query, Request, Response

from ticketing_service.idempotency.once import Answer, IdempotencyKey, Once
from ticketing_service.tickets import errors, service
from ticketing_service.tickets.schemas import (
    BookHold,
    Booking,
    StatusView,
    TicketQuery,
    TicketView,
)
from ticketing_service.tickets.selling import Selling
from ticketing_service.tickets.states import Status

router = APIRouter(route_class=StrictRoute, tags=["tickets"])

TicketId = Annotated[Id, Path()]


def _final(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media_type)


@router.post("/book", status_code=201, response_model=TicketView | list[TicketView])
async def book(
    request: Request, wanted: Booking, caller: CurrentUser, key: IdempotencyKey = None
) -> Response:
    """One seat, or all seats of a hold."""
    state = request.app.state
    selling: Selling = state.selling
    body = wanted.model_dump_json().encode()
    once = Once(state.database, request, caller.user_id, key, body)
    if isinstance(wanted, BookHold):
        return _final(await selling.sell_hold(once, wanted.hold, caller.user_id))
    user_id = wanted.user or caller.user_id
    if user_id != caller.user_id and not caller.is_staff:
        raise errors.NotYourself
    seat = (wanted.row, wanted.seat)
    return _final(await selling.sell_seat(once, wanted.session, seat, user_id))


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
async def cancel_ticket(request: Request, ticket_id: TicketId, caller: CurrentUser) -> None:
    """Gives a booked seat back; it is free at once."""
    selling: Selling = request.app.state.selling
    await selling.cancel(ticket_id, caller)


@router.patch("/pay/{ticket_id}", response_model=TicketView)
async def pay(
    request: Request,
    ticket_id: TicketId,
    caller: CurrentUser,
    key: IdempotencyKey = None,
    _: NoBody | None = None,
) -> Response:
    state = request.app.state
    selling: Selling = state.selling
    return _final(
        await selling.pay(
            Once(state.database, request, caller.user_id, key, b""), ticket_id, caller
        )
    )


@router.get("/ticket_status")
async def list_statuses(_: OptionalUser) -> list[StatusView]:
    return [StatusView.of(status) for status in Status]
