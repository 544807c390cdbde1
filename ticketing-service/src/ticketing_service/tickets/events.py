"""Ticketing's events about tickets."""

from typing import Any

from cinema_shared.events.envelope import Event, event
from cinema_shared.events.ticketing import SOURCE, Named, TicketData
from cinema_shared.http.fields import format_money
from sqlalchemy import Row

from ticketing_service.tickets.states import Status


def ticket_event(ticket: Row[Any]) -> Event:
    """The event that says what the ticket has become; the row has its screening's columns too."""
    word = Status(ticket.status).word
    return event(
        SOURCE,
        f"ticket.{word}",
        f"ticket/{ticket.id}",
        ticket.version,
        TicketData(
            id=ticket.id,
            user=ticket.user_id,
            session=ticket.screening_id,
            status=word,
            row=ticket.row_no,
            seat=ticket.seat_no,
            price=format_money(ticket.price_minor),
            currency=ticket.currency,
            booked_at=ticket.booked_at,
            paid_at=ticket.paid_at,
            movie=Named(id=ticket.movie_id, name=ticket.movie_name),
            hall=Named(id=ticket.hall_id, name=ticket.hall_name),
            started_at=ticket.starts_at,
        ),
    )
