"""What somebody who keeps a copy asks of its owner, page by page. Not events: request and reply."""

from typing import Literal

from pydantic import Field

from cinema_shared.events.catalog import SessionData
from cinema_shared.events.envelope import EventData, EventTime


class NextPage(EventData):
    """The rows whose ids come after this one, in the order of their ids. None: that was all."""

    after: int
    limit: int = Field(default=500, ge=1, le=1000)


class TicketState(EventData):
    """A ticket as far as seats are concerned, and the version of which this is true."""

    id: int
    version: int
    session: int
    row: int
    seat: int
    status: Literal["booked", "paid", "cancelled", "expired"]
    changed_at: EventTime


class TicketPage(EventData):
    tickets: tuple[TicketState, ...]


class SessionState(EventData):
    """`changing`: ticketing may have been asked to close it, as of this version."""

    version: int
    changing: bool
    session: SessionData


class SessionPage(EventData):
    sessions: tuple[SessionState, ...]
