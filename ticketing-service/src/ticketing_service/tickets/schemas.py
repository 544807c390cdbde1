"""What clients send and see of tickets."""

from typing import Annotated, Any, Self

from cinema_shared.http.fields import Body, Id, MoneyOut, TimeOut, View
from cinema_shared.http.pages import PageQuery
from pydantic import Discriminator, Field, Tag
from sqlalchemy import Row

from ticketing_service.holds.schemas import SeatNumber
from ticketing_service.tickets.states import Status


class BookSeat(Body):
    session: Id
    row: SeatNumber
    seat: SeatNumber
    user: Id | None = Field(default=None, description="Another user's id: staff only")


class BookHold(Body):
    hold: str = Field(max_length=200, description="All its seats are booked, or none")


# The part in <> names a variant, not a field: error messages leave it out.
Booking = Annotated[
    Annotated[BookSeat, Tag("<seat>")] | Annotated[BookHold, Tag("<hold>")],
    Discriminator(lambda body: "<hold>" if _names_a_hold(body) else "<seat>"),
]


def _names_a_hold(body: object) -> bool:
    return isinstance(body, BookHold) or (isinstance(body, dict) and "hold" in body)


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
