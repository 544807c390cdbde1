"""The life of each ticket: booked, then paid, cancelled or expired; nothing made up or lost."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.checker.facts import TOLERANCE_S, Facts, Operation
from tests.faults.checker.violations import Violation

_BECOMES = {"pay": "paid", "cancel": "cancelled"}
# The refusals that only an earlier change of the ticket can explain.
_EXPLAINED_BY = {
    "already_paid_error": "pay",
    "delete_paid_ticket_error": "pay",
    "ticket_ended": "cancel",
}


def check(facts: Facts) -> Iterator[Violation]:
    for number, booking in facts.booking.items():
        if number not in facts.state.tickets:
            yield Violation("lost", f"ticket {number} was acknowledged and is gone", booking.calls)
    for number in facts.state.tickets:
        yield from _ends(facts, number)
    for number, operations in facts.on_ticket.items():
        for operation in operations:
            yield from _refusal(facts, number, operation)
    yield from _unasked(facts)


def _ends(facts: Facts, number: int) -> Iterator[Violation]:
    row = facts.state.tickets[number]
    leaves = list(facts.leaves(number))
    closes = facts.state.closes.get(row.session, float("inf"))
    acknowledged = [leave for leave in leaves if leave.outcome == "ok"]
    booking = facts.booking.get(number)
    calls = [call for leave in leaves for call in leave.calls]
    calls += booking.calls if booking else []
    if len(acknowledged) > 1:
        what = " and ".join(_BECOMES[leave.action] for leave in acknowledged)
        yield Violation("state", f"ticket {number} became {what}", calls)
    for leave in acknowledged:
        if row.status != _BECOMES[leave.action]:
            what = f"ticket {number} was {_BECOMES[leave.action]}, and is {row.status}"
            yield Violation("state", what, calls)
        if leave.user != row.user:
            yield Violation("not yours", f"{leave.action} of ticket {number}", calls)
        if leave.action == "pay" and leave.start > closes + TOLERANCE_S:
            yield Violation("too late", f"ticket {number} was paid after {closes:.3f}", calls)
    if row.status in ("paid", "cancelled") and not any(
        _BECOMES[leave.action] == row.status for leave in leaves
    ):
        yield Violation("state", f"ticket {number} is {row.status}, and nobody asked for it", calls)
    if row.booked > closes + TOLERANCE_S:
        yield Violation("too late", f"ticket {number} was booked after {closes:.3f}", calls)
    if row.status == "expired" and row.ended is not None and row.ended < closes - TOLERANCE_S:
        yield Violation("state", f"ticket {number} lapsed before {closes:.3f}", calls)


def _refusal(facts: Facts, number: int, operation: Operation) -> Iterator[Violation]:
    if operation.outcome != "refused":
        return
    code, said = operation.final.code, operation.final
    booking = facts.booking.get(number)
    calls = [*(booking.calls if booking else []), *operation.calls]
    if said.status == 404:
        if booking and booking.user == operation.user and booking.end < said.start:
            yield Violation("lost", f"ticket {number} is not found by its owner", calls)
        return
    cause = _EXPLAINED_BY.get(code)
    if cause is None:
        return
    row = facts.state.tickets.get(number)
    lapsed = code == "ticket_ended" and row is not None and row.status == "expired"
    earlier = (
        leave
        for leave in facts.leaves(number)
        if leave is not operation and leave.action == cause and leave.start < said.end
    )
    if not lapsed and next(earlier, None) is None:
        yield Violation("state", f"ticket {number}: {code} without a reason", calls)


def _unasked(facts: Facts) -> Iterator[Violation]:
    """Each ticket is one that was acknowledged, or the effect of a booking that went unanswered."""
    doubtful: dict[tuple[int, int, int, int], list[Operation]] = defaultdict(list)
    for operation in facts.operations("book", "book_hold"):
        if operation.outcome == "unknown":
            for row, seat in operation.seats:
                doubtful[operation.user, operation.session, row, seat].append(operation)
    unknown = [row for row in facts.state.tickets.values() if row.id not in facts.booking]
    for row in sorted(unknown, key=lambda row: row.booked):
        candidates = doubtful[row.user, row.session, *row.seat]
        cause = next((o for o in candidates if o.start <= row.booked + TOLERANCE_S), None)
        if cause is not None:
            candidates.remove(cause)
            continue
        tried = [
            call
            for operation in facts.operations("book", "book_hold")
            if operation.user == row.user
            and operation.session == row.session
            and row.seat in operation.seats
            and operation.start <= row.booked + TOLERANCE_S
            for call in operation.calls
        ]
        what = f"ticket {row.id} for {row.user} was booked at {row.booked:.3f} without an answer"
        yield Violation("unasked", what, tried[-6:])
