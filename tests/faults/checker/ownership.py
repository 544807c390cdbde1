"""Each seat is a register: one live ticket owns it at a time, in some order that fits the calls."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.checker.facts import TOLERANCE_S, Facts, Operation
from tests.faults.checker.violations import Violation
from tests.faults.history import Call, Seat

_NEVER: Final = float("inf")
_MOST_TRIES: Final = 20_000


@dataclass
class Stay:
    """A ticket's time on its seat: begins within [earliest, latest], ends at `leaves` or later.

    `gone` is when it has left for certain; both are infinite while it is live.
    """

    ticket: int
    earliest: float
    latest: float
    leaves: float = _NEVER
    gone: float = _NEVER
    calls: list[Call] = field(default_factory=list)


def check(facts: Facts) -> Iterator[Violation]:
    seats = stays(facts)
    for (session, seat), there in seats.items():
        clash = _clash(there) or (None if fit(there) else there)
        if clash:
            where = f"session {session}, seat {seat[0]}-{seat[1]}"
            names = ", ".join(str(stay.ticket) for stay in clash)
            calls = [call for stay in clash for call in stay.calls]
            yield Violation("double sale", f"{where} belonged to tickets {names} at once", calls)
    yield from _maps(facts, seats)


def stays(facts: Facts) -> dict[tuple[int, Seat], list[Stay]]:
    """By seat: one for each ticket that was acknowledged, or is in the table."""
    found: dict[tuple[int, Seat], list[Stay]] = defaultdict(list)
    for number, booking in facts.booking.items():
        if number not in facts.state.tickets:  # lost, but it was promised
            answer = next(ticket for ticket in booking.answer if ticket["id"] == number)
            seat = (answer["seat"][0], answer["seat"][1])
            found[answer["session"], seat].append(_stay(facts, number, booking, answer["booked"]))
    for row in facts.state.tickets.values():
        stay = _stay(facts, row.id, facts.booking.get(row.id), row.booked)
        if row.is_live:
            stay.leaves = stay.gone = _NEVER
        elif row.ended is not None:
            stay.leaves = max(stay.leaves if stay.leaves < _NEVER else 0, row.ended - TOLERANCE_S)
        found[row.session, row.seat].append(stay)
    return found


def _stay(facts: Facts, number: int, booking: Operation | None, booked: float) -> Stay:
    # The stamp is set before the commit, so that is when it can have begun at the earliest.
    stay = Stay(number, booked - TOLERANCE_S, _NEVER)
    if booking is not None:
        stay.earliest = max(stay.earliest, booking.start)
        stay.latest = booking.end
        stay.calls += booking.calls
    for leave in facts.leaves(number):
        stay.calls += leave.calls
        if leave.action == "cancel":
            stay.leaves = min(stay.leaves, leave.start)
            stay.gone = min(stay.gone, leave.end)
    return stay


def fit(there: Sequence[Stay]) -> bool:
    """Whether the stays can have been one after the other.

    Tries all orders that may do, up to a limit, and gives the benefit of the doubt beyond it.
    """
    tries = 0

    def place(now: float, rest: list[Stay]) -> bool:
        nonlocal tries
        tries += 1
        if not rest or tries > _MOST_TRIES:
            return True
        for stay in sorted(rest, key=lambda s: (s.leaves, s.latest)):
            begin = max(now, stay.earliest)
            if begin > stay.latest:
                return False  # and it only gets later
            end = max(begin, stay.leaves)
            others = [other for other in rest if other is not stay]
            if all(end <= other.latest for other in others) and place(end, others):
                return True
        return False

    # Those that have all gone before the others come are a matter of their own: short groups.
    ordered = sorted(there, key=lambda s: s.earliest)
    group: list[Stay] = []
    for stay in ordered:
        if group and all(max(s.latest, s.leaves) <= stay.earliest for s in group):
            if not place(-_NEVER, group):
                return False
            group = []
        group.append(stay)
    return place(-_NEVER, group)


def _clash(there: Sequence[Stay]) -> Sequence[Stay] | None:
    """Two that cannot be put into any order."""

    def before(first: Stay, second: Stay) -> bool:
        return max(first.earliest, first.leaves) <= second.latest

    for n, one in enumerate(there):
        for other in there[n + 1 :]:
            if not before(one, other) and not before(other, one):
                return [one, other]
    return None


def _maps(facts: Facts, seats: dict[tuple[int, Seat], list[Stay]]) -> Iterator[Violation]:
    """A map shows as sold what surely was, and nothing that surely was not."""
    by_session: dict[int, dict[Seat, list[Stay]]] = defaultdict(dict)
    for (session, seat), there in seats.items():
        by_session[session][seat] = there
    for look in facts.operations("map"):
        call = look.final
        if look.outcome != "ok" or facts.redis_troubled(call.end):
            continue
        sold = {(row, seat) for row, seat, state, _ in call.answer if state == "sold"}
        possible = set()
        for seat, there in by_session[look.session].items():
            for stay in there:
                if stay.earliest <= call.end and call.start <= stay.gone:
                    possible.add(seat)
                if stay.latest < call.start and call.end < stay.leaves and seat not in sold:
                    what = f"seat {seat[0]}-{seat[1]} is shown as free: ticket {stay.ticket} has it"
                    yield Violation("map", what, [call, *stay.calls])
        for row, number in sold - possible:
            yield Violation("map", f"seat {row}-{number} is shown as sold, and is not", [call])
