"""What catalog publishes: `hall.*`, `movie.*`, `session.*`, each `created changed removed`."""

from cinema_shared.events.envelope import (
    EventCurrency,
    EventData,
    EventDuration,
    EventMoney,
    EventTime,
)

SOURCE = "/catalog"


class HallData(EventData):
    """`seat_count` is seats per row."""

    id: int
    name: str
    row_count: int
    seat_count: int


class MovieData(EventData):
    """`duration` is `"HH:MM:SS"`."""

    id: int
    name: str
    duration: EventDuration


class SessionData(EventData):
    """All that selling a session needs. `ends_at` is the film's end, turnaround not counted.

    `price` is a decimal string, `"9.50"`, in `currency` (ISO 4217).
    """

    id: int
    hall: HallData
    movie: MovieData
    started_at: EventTime
    ends_at: EventTime
    price: EventMoney
    currency: EventCurrency
