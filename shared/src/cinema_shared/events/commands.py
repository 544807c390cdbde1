"""What one service asks of another over RabbitMQ, request and reply. Not events."""

from typing import Literal

from cinema_shared.events.catalog import SessionData
from cinema_shared.events.envelope import EventData


class CloseScreening(EventData):
    """Catalog asks ticketing to stop selling a session, so that it may be changed or removed.

    Carries the session as catalog knows it, so that ticketing may answer for one whose event has
    not arrived yet.
    """

    session: SessionData
    version: int


class CloseScreeningReply(EventData):
    """`closed`: nobody buys until a `session.*` event of a higher version says so.

    `has_tickets`: it has booked or paid tickets, and stays on sale.
    `outdated`: ticketing has seen a higher version already; the question came too late.
    """

    outcome: Literal["closed", "has_tickets", "outdated"]
