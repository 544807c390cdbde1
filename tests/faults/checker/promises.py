"""What each acknowledged hold promises: its seats, from when on, and until when at least."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.faults.checker.facts import TOLERANCE_S, Facts, Operation
from tests.faults.history import Call, Seat

_ACTIONS: Final = ("hold", "extend", "show_hold")


@dataclass
class Promise:
    """A hold as its owner knows it.

    `until` says, for each seat, until when nobody else may have it: the owner did not give it up,
    Redis did not lose it, and it has not expired by the latest expiry that was acknowledged.
    """

    id: str
    made: Operation
    until: dict[Seat, float]
    # It may have been extended to this by a call that went unanswered.
    expires_at_most: float
    uses: list[Operation] = field(default_factory=list)
    # Bookings of single seats of it, by its owner.
    singly: list[Operation] = field(default_factory=list)

    @property
    def since(self) -> float:
        return self.made.end

    @property
    def holds_something_until(self) -> float:
        return max(self.until.values())

    @property
    def calls(self) -> list[Call]:
        return [call for operation in (self.made, *self.uses) for call in operation.calls]


def promises(facts: Facts) -> list[Promise]:
    bookings: dict[tuple[int, int, Seat], list[Operation]] = defaultdict(list)
    for operation in facts.operations("book"):
        if operation.may_have_worked:
            bookings[operation.user, operation.session, operation.seats[0]].append(operation)
    return [
        _promise(facts, made, bookings) for made in facts.operations("hold") if made.outcome == "ok"
    ]


def _promise(
    facts: Facts, made: Operation, bookings: dict[tuple[int, int, Seat], list[Operation]]
) -> Promise:
    name = made.answer["id"]
    uses = [use for use in facts.on_hold[name] if use.user == made.user]
    end = _expiry(made, uses)
    lost = facts.redis_lost(made.start, end)
    if lost is not None:
        end = min(end, lost)
    given_up = [
        use.start for use in uses if use.action in ("release", "book_hold") and use.may_have_worked
    ]
    end = min([end, *given_up])
    until = {}
    singly: list[Operation] = []
    for seat in made.seats:
        # One's own held seat can be booked by itself, and then leaves the hold.
        taken = [
            booking
            for booking in bookings[made.user, made.session, seat]
            if booking.end > made.start
        ]
        until[seat] = min([end, *(booking.start for booking in taken)])
        singly += taken
    return Promise(name, made, until, _latest_expiry(made, uses), uses, singly)


def _expiry(made: Operation, uses: list[Operation]) -> float:
    """Until when the hold is good for certain: extensions count that were heard of in time."""
    expires: float = made.answer["expires"]
    for use in uses:
        if use.action == "extend" and use.outcome == "ok":
            expires = max(expires, use.answer["expires"])
    return expires - TOLERANCE_S


def _latest_expiry(made: Operation, uses: list[Operation]) -> float:
    first: float = made.answer["expires"]
    length = first - made.start
    latest = first
    for use in uses:
        if use.outcome == "ok" and use.action in _ACTIONS:
            latest = max(latest, use.answer["expires"])
        elif use.action == "extend" and use.outcome == "unknown":
            latest = max(latest, use.final.end + length)
    return latest
