"""When all is quiet again: nothing is left over, nothing is stuck, and everybody has heard."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.faults.checker.facts import Facts
from tests.faults.checker.violations import Violation

# The contract: a booking that has lapsed shows it within this time.
_LAPSES_WITHIN_S: Final = 10.0


def check(facts: Facts) -> Iterator[Violation]:
    yield from _tickets(facts)
    yield from _events(facts)
    for (session, (row, seat)), answer in facts.state.stuck.items():
        yield Violation("stuck", f"seat {row}-{seat} of session {session} is free: {answer}")
    for name in facts.state.unready:
        yield Violation("unready", f"{name} did not become ready again")


def _tickets(facts: Facts) -> Iterator[Violation]:
    state = facts.state
    owners: dict[object, list[int]] = defaultdict(list)
    for row in state.tickets.values():
        if row.is_live:
            owners[row.session, row.seat].append(row.id)
        closes = state.closes.get(row.session, float("inf"))
        if row.status == "booked" and closes + _LAPSES_WITHIN_S < state.at:
            yield Violation("lapse", f"ticket {row.id} is still booked, and its time is over")
    for where, tickets in owners.items():
        if len(tickets) > 1:
            calls = [call for t in tickets if t in facts.booking for call in facts.booking[t].calls]
            yield Violation("double sale", f"{where} has the live tickets {tickets}", calls)


def _events(facts: Facts) -> Iterator[Violation]:
    state = facts.state
    for service, left in state.outbox.items():
        if left:
            yield Violation("outbox", f"{left} events of {service} were not published")
    if state.projected is not None:
        live = {row.id for row in state.tickets.values() if row.is_live}
        if missing := sorted(live - state.projected):
            yield Violation("projection", f"catalog does not show the live tickets {missing[:10]}")
        if extra := sorted(state.projected - live):
            yield Violation("projection", f"catalog shows as live the tickets {extra[:10]}")
