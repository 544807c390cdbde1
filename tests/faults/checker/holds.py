"""Holds: a seat that is promised to one is nobody else's, and a hold that has ended stays ended."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.checker import ownership
from tests.faults.checker.facts import TOLERANCE_S, Facts, Operation
from tests.faults.checker.promises import Promise, promises
from tests.faults.checker.violations import Violation
from tests.faults.history import Seat

Place = tuple[int, Seat]


def check(facts: Facts) -> Iterator[Violation]:
    made = promises(facts)
    by_place: dict[Place, list[Promise]] = defaultdict(list)
    for promise in made:
        for seat in promise.until:
            by_place[promise.made.session, seat].append(promise)
        yield from _uses(facts, promise)
        yield from _booked(promise)
    yield from _strangers(facts, made)
    yield from _intruders(facts, by_place)
    yield from _sold(facts, made)


def _intruders(facts: Facts, by_place: dict[Place, list[Promise]]) -> Iterator[Violation]:
    """Somebody else's hold, or booking, of a seat that was promised all the while."""
    acquired = _acquired(facts)
    for place, promised in by_place.items():
        for promise in promised:
            for begin, end, other in acquired[place]:
                if other is promise.made or not promise.since < begin <= end:
                    continue
                if end < promise.until[place[1]]:
                    verb = "held" if other.action == "hold" else "booked"
                    where = f"seat {place[1][0]}-{place[1][1]} of session {place[0]}"
                    what = f"{where} was {verb} by another while hold {promise.id[:8]} was good"
                    yield Violation("promise", what, [*promise.calls, *other.calls])


def _acquired(facts: Facts) -> dict[Place, list[tuple[float, float, Operation]]]:
    """By seat: what was acknowledged to somebody, and between which times it was given."""
    acquired: dict[Place, list[tuple[float, float, Operation]]] = defaultdict(list)
    for operation in facts.operations("hold", "book", "book_hold"):
        if operation.outcome != "ok":
            continue
        if operation.action == "hold":
            for seat in operation.seats:
                acquired[operation.session, seat].append(
                    (operation.start, operation.end, operation)
                )
        else:
            for ticket in operation.answer:
                begin = max(operation.start, ticket["booked"] - TOLERANCE_S)
                place = (ticket["session"], (ticket["seat"][0], ticket["seat"][1]))
                acquired[place].append((begin, operation.end, operation))
    return acquired


def _uses(facts: Facts, promise: Promise) -> Iterator[Violation]:
    ended: float | None = None
    for use in promise.uses:
        if use.outcome == "refused":
            call = use.final
            if call.code == "idempotency_in_flight":
                continue
            # All or none: a seat that leaves just then takes the whole basket out of reach.
            leaving = use.action == "book_hold" and any(
                booking.start < call.end and use.start < booking.end for booking in promise.singly
            )
            good = promise.since < use.start and call.end < promise.holds_something_until
            if good and not leaving:
                what = f"hold {promise.id[:8]} was good, and is refused"
                yield Violation("hold ended early", what, promise.calls)
        elif (
            use.outcome == "ok"
            and ended is not None
            and use.start > ended
            # A Redis that comes back with an old snapshot knows old holds.
            and facts.redis_lost(promise.made.start, use.end) is None
        ):
            what = f"hold {promise.id[:8]} had ended, and was used again"
            yield Violation("hold revived", what, promise.calls)
        over = use.action in ("release", "book_hold") and use.outcome == "ok"
        if over or (use.outcome == "refused" and use.final.status == 410):
            ended = min(ended or use.final.end, use.final.end)


def _booked(promise: Promise) -> Iterator[Violation]:
    """In time, and whole: all seats that had not left the hold by a booking of their own."""
    for use in promise.uses:
        if use.action != "book_hold" or use.outcome != "ok":
            continue
        late = max(ticket["booked"] for ticket in use.answer)
        if late > promise.expires_at_most + TOLERANCE_S:
            seconds = late - promise.expires_at_most
            what = f"hold {promise.id[:8]} was booked {seconds:.3f} s after its end"
            yield Violation("time fence", what, promise.calls)
        seats = {(ticket["seat"][0], ticket["seat"][1]) for ticket in use.answer}
        whole = set(promise.until)
        left = {
            seat for booking in promise.singly if booking.start < use.end for seat in booking.seats
        }
        if not whole - left <= seats <= whole:
            what = f"hold {promise.id[:8]} was booked as {sorted(seats)}"
            yield Violation("all or none", what, promise.calls)


def _strangers(facts: Facts, made: list[Promise]) -> Iterator[Violation]:
    for promise in made:
        for use in facts.on_hold[promise.id]:
            if use.user != promise.made.user and use.outcome == "ok":
                what = f"hold {promise.id[:8]} obeyed user {use.user}"
                yield Violation("not yours", what, [*promise.made.calls, *use.calls])


def _sold(facts: Facts, made: list[Promise]) -> Iterator[Violation]:
    """A hold of a seat that was sold before, and sold all the while."""
    there = ownership.stays(facts)
    for promise in made:
        for seat in promise.until:
            for stay in there.get((promise.made.session, seat), []):
                owned = stay.latest < promise.made.start and promise.made.end < stay.leaves
                if owned and facts.redis_lost(stay.earliest, promise.made.end) is None:
                    what = f"seat {seat[0]}-{seat[1]} was held, and is of ticket {stay.ticket}"
                    calls = [*promise.calls, *stay.calls]
                    yield Violation("held when sold", what, calls)
