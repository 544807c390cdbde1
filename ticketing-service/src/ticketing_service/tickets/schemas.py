"""What clients send and see of tickets."""

from typing import Annotated, Any, Self

from cinema_shared.http.fields import Body, Id, MoneyOut, TimeOut, View, refuse_bool
from cinema_shared.http.pages import PageQuery
from pydantic import BeforeValidator, Field
from sqlalchemy import Row

from ticketing_service.tickets.states import Status

# Any number may be asked for: whether there is such a seat, the hall knows.
SeatNumber = Annotated[int, BeforeValidator(refuse_bool), Field(ge=-(2**31), lt=2**31)]


class BookRequest(Body):
    session: Id
    row: SeatNumber
    seat: SeatNumber
    user: Id | None = Field(default=None, description="Another user's id: staff only")


class NoBody(Body):
    """An endpoint that takes no fields; `{}` will do."""


class StatusView(View):
    id: int
    name: str

    @classmethod
    def of(cls, status: int) -> Self:
        return cls(id=status, name=Status(status).word)


class TicketView(View):
    id: int
    user: int
    session: int
    ticket_status: StatusView
    row: int
    seat: int
    price: MoneyOut
    booked_at: TimeOut
    paid_at: TimeOut | None

    @classmethod
    def of(cls, ticket: Row[Any]) -> Self:
        return cls(
            id=ticket.id,
            user=ticket.user_id,
            session=ticket.screening_id,
            ticket_status=StatusView.of(ticket.status),
            row=ticket.row_no,
            seat=ticket.seat_no,
            price=ticket.price_minor,
            booked_at=ticket.booked_at,
            paid_at=ticket.paid_at,
        )


class TicketQuery(PageQuery):
    """Without `status`, the live ones: booked and paid."""

    status: Annotated[str | None, Field(pattern="^(booked|paid|cancelled|expired)$")] = None
    session: Id | None = None
    user: Id | None = None
