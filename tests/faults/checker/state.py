"""What the servers hold when the run is over and all is quiet again."""

from dataclasses import dataclass, field

from tests.faults.history import Seat


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A row of ticketing's own table; the stamps are in seconds of the run."""

    id: int
    session: int
    user: int
    seat: Seat
    status: str
    booked: float
    ended: float | None = None

    @property
    def is_live(self) -> bool:
        return self.status in ("booked", "paid")


@dataclass
class State:
    """Read at `at`, in seconds of the run."""

    at: float = 0.0
    tickets: dict[int, TicketRow] = field(default_factory=dict)
    # When selling ends, by session.
    closes: dict[int, float] = field(default_factory=dict)
    # By service: events that were still not published when there had been ample time.
    outbox: dict[str, int] = field(default_factory=dict)
    # The tickets that catalog shows as taken; None where it was not looked at.
    projected: set[int] | None = None
    # Free seats that could not be held, and what was answered.
    stuck: dict[tuple[int, Seat], str] = field(default_factory=dict)
    # Processes that did not become ready again.
    unready: list[str] = field(default_factory=list)
