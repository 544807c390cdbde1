"""Every message that others may rely on: the documents, their check and the tests go by this table.

An event goes to the topic exchange `cinema.events` under its routing key; a command to a queue.
"""

from dataclasses import dataclass
from typing import Final

from cinema_shared.events import auth, catalog, ticketing
from cinema_shared.events.auth import UserData
from cinema_shared.events.catalog import HallData, MovieData, SessionData
from cinema_shared.events.commands import CloseScreening, CloseScreeningReply
from cinema_shared.events.envelope import EventData, full_type, routing_key
from cinema_shared.events.snapshots import NextPage, SessionPage, TicketPage
from cinema_shared.events.ticketing import HoldData, TicketData


@dataclass(frozen=True)
class EventType:
    """One row: an event by its short name, as `ticket.booked`, in one version of its schema."""

    name: str
    data: type[EventData]
    source: str
    when: str
    version: int = 1
    # Persistent, published if and only if its change is committed, in the log, and numbered by
    # `subjectversion`. What is not lasting is best effort.
    lasting: bool = True

    @property
    def type(self) -> str:
        """`cinema.ticket.booked.v1`."""
        return full_type(self.name, self.version)

    @property
    def routing_key(self) -> str:
        """`ticket.booked.v1`."""
        return routing_key(self.type)

    @property
    def subject(self) -> str:
        """`ticket`, of subjects like `ticket/42`."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class CommandType:
    """A question that one service puts into another's queue, and the answer to it."""

    name: str
    queue: str
    request: type[EventData]
    reply: type[EventData]
    asked_by: str
    answered_by: str
    when: str
    version: int = 1

    @property
    def type(self) -> str:
        """`cinema.close_screening.v1`. The message does not say so: its queue has no other."""
        return full_type(self.name, self.version)


EVENTS: Final = (
    EventType("user.registered", UserData, auth.SOURCE, "An account is made."),
    EventType("user.changed", UserData, auth.SOURCE, "An account's role or state changes."),
    EventType("hall.created", HallData, catalog.SOURCE, "A hall is added."),
    EventType("hall.changed", HallData, catalog.SOURCE, "A hall's name or size changes."),
    EventType("hall.removed", HallData, catalog.SOURCE, "A hall is removed; as it last was."),
    EventType("movie.created", MovieData, catalog.SOURCE, "A film is added."),
    EventType("movie.changed", MovieData, catalog.SOURCE, "A film's name or duration changes."),
    EventType("movie.removed", MovieData, catalog.SOURCE, "A film is removed; as it last was."),
    EventType("session.created", SessionData, catalog.SOURCE, "A session is scheduled."),
    EventType(
        "session.changed",
        SessionData,
        catalog.SOURCE,
        "A session changes, its hall or film is renamed, or an attempt to change it was refused.",
    ),
    EventType("session.removed", SessionData, catalog.SOURCE, "A session is off; as it last was."),
    EventType("ticket.booked", TicketData, ticketing.SOURCE, "A seat is booked."),
    EventType("ticket.paid", TicketData, ticketing.SOURCE, "A booked ticket is paid."),
    EventType(
        "ticket.cancelled",
        TicketData,
        ticketing.SOURCE,
        "A booking is cancelled; its seat is free.",
    ),
    EventType(
        "ticket.expired",
        TicketData,
        ticketing.SOURCE,
        "Nobody paid in time; the booking has lapsed, and its seat is free.",
    ),
    EventType("hold.created", HoldData, ticketing.SOURCE, "Seats are held.", lasting=False),
    EventType(
        "hold.released",
        HoldData,
        ticketing.SOURCE,
        "A hold is given back before its time; its seats are free.",
        lasting=False,
    ),
    EventType(
        "hold.expired",
        HoldData,
        ticketing.SOURCE,
        "A hold has run out; its seats are free.",
        lasting=False,
    ),
)

COMMANDS: Final = (
    CommandType(
        "close_screening",
        "ticketing.commands",
        CloseScreening,
        CloseScreeningReply,
        catalog.SOURCE,
        ticketing.SOURCE,
        "A session is to be changed or removed, which only one without tickets may be.",
    ),
    CommandType(
        "next_sessions",
        "catalog.snapshots",
        NextPage,
        SessionPage,
        ticketing.SOURCE,
        catalog.SOURCE,
        "Ticketing makes its copy of the programme anew.",
    ),
    CommandType(
        "next_tickets",
        "ticketing.snapshots",
        NextPage,
        TicketPage,
        catalog.SOURCE,
        ticketing.SOURCE,
        "Catalog makes its copy of the seats sold anew.",
    ),
)
