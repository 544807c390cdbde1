"""What a run shows, in lines for a person."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults import recovery
from tests.faults.checker.violations import Violation
from tests.faults.history import Call, History, Seat

# What tries to get a seat.
ATTEMPTS: Final = ("hold", "book", "book_hold")
_RIVAL_WITHIN_S: Final = 1.0
_SHOWN: Final = 20


@dataclass
class Numbers:
    attempts: int
    contended: int
    answered: int
    longest: Call | None


def numbers(history: History) -> Numbers:
    attempts = [call for call in history.calls if call.action in ATTEMPTS]
    reached = [call for call in history.calls if call.code != "no_connection"]
    longest = max(reached, key=lambda call: call.end - call.start, default=None)
    return Numbers(
        attempts=len(attempts),
        contended=_contended(attempts),
        answered=sum(call.outcome != "unknown" for call in attempts),
        longest=longest,
    )


def _contended(attempts: Sequence[Call]) -> int:
    """Attempts at a seat that another user tried for within a second of it, and were answered."""
    tries: dict[tuple[int | None, Seat], list[Call]] = defaultdict(list)
    for call in attempts:
        for seat in call.seats:
            tries[call.session, seat].append(call)
    contended: set[int] = set()
    for calls in tries.values():
        calls.sort(key=lambda call: call.start)
        starts = [call.start for call in calls]
        for call in calls:
            first = bisect_left(starts, call.start - _RIVAL_WITHIN_S)
            end = bisect_left(starts, call.end + _RIVAL_WITHIN_S)
            if any(rival.user != call.user for rival in calls[first:end]):
                contended.add(call.n)
    return sum(call.n in contended and call.outcome != "unknown" for call in attempts)


def outcomes(history: History) -> list[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for call in history.calls:
        counts[call.action][_said(call)] += 1
    lines = []
    for action in sorted(counts, key=lambda name: -counts[name].total()):
        total = counts[action].total()
        parts = ", ".join(f"{said} {n}" for said, n in counts[action].most_common())
        lines.append(f"{action:12}{total:8}  {parts}")
    return lines


def _said(call: Call) -> str:
    if call.outcome == "ok":
        return "ok"
    if call.outcome == "refused":
        return call.code or str(call.status)
    return f"? {call.status or call.code}"


def text(history: History, violations: Sequence[Violation], *, seed: int, minutes: float) -> str:
    found = numbers(history)
    longest = found.longest
    spent = max((call.end for call in history.calls), default=0.0)
    lines = [
        "",
        f"seed {seed}, {minutes:g} minutes",
        f"requests   {len(history.calls)}, {len(history.calls) / max(spent, 1):.0f} a second",
        f"attempts   {found.attempts} at a seat, {found.answered} answered",
        f"contended  {found.contended} of these",
        f"faults     {len(history.faults)}",
        "",
        *recovery.table(history),
        "",
        *outcomes(history),
        "",
    ]
    if longest:
        lines.append(f"longest request  {longest.end - longest.start:.2f} s: {longest}")
    lines += ["", f"violations {len(violations)}"]
    rules = Counter(violation.rule for violation in violations)
    lines += [f"    {rule} {count}" for rule, count in rules.most_common()]
    lines += [f"\n{violation}" for violation in violations[:_SHOWN]]
    return "\n".join(lines)
