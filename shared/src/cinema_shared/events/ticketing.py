"""What ticketing publishes.

`ticket.booked paid cancelled expired`, subject `ticket/{id}`; `hold.created released expired`,
subject `hold/{id}`.
"""

from typing import Literal

from cinema_shared.events.envelope import EventCurrency, EventData, EventMoney, EventTime

SOURCE = "/ticketing"


class Named(EventData):
    id: int
    name: str


class TicketData(EventData):
    """A ticket as it is after the change, with all that a listener would otherwise have to ask."""

    id: int
    user: int
    session: int
    status: Literal["booked", "paid", "cancelled", "expired"]
    row: int
    seat: int
    price: EventMoney
    currency: EventCurrency
    booked_at: EventTime
    paid_at: EventTime | None
    movie: Named
    hall: Named
    started_at: EventTime


class Place(EventData):
    row: int
    seat: int


class HoldData(EventData):
    """A hold, for live seat maps: best effort. A booking of it is told by its tickets' events."""

    id: str
    session: int
    seats: tuple[Place, ...]
    expires_at: EventTime
