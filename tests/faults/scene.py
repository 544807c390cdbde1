"""What the clients of a run share: users, sessions on sale, habits."""

from dataclasses import dataclass, field

from tests.faults.api import Api
from tests.faults.programme import Programme


@dataclass(frozen=True)
class Habits:
    """What all clients have in common."""

    hold_s: float
    # The part of what can have an Idempotency-Key that has one.
    keyed: float = 0.4
    # How long a client looks at its seats before it goes on.
    pause_s: float = 0.02


@dataclass
class Account:
    """A user, shared by a few clients."""

    id: int
    token: str
    # Sessions in which a booking went unanswered: there may be a ticket that nobody knows.
    doubtful: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Scene:
    """What all clients share."""

    api: Api
    programme: Programme
    habits: Habits
