"""How soon after each fault 99 % of the requests succeed again."""

import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.history import Fault, History

_SUCCESS: Final = 0.99
_WINDOW_S: Final = 1.0
_STEP_S: Final = 0.1
_FEWEST_CALLS: Final = 10


@dataclass(frozen=True)
class Recovery:
    """Seconds until whole, counted from the fault's begin and from its end."""

    fault: Fault
    from_begin: float
    from_end: float


def recoveries(history: History) -> list[Recovery]:
    """Of the faults that no other fault disturbed."""
    calls = sorted(history.calls, key=lambda call: call.start)
    starts = [call.start for call in calls]
    failed = [call.outcome == "unknown" for call in calls]
    # How many of the calls before the n-th failed.
    failures = [0]
    for failure in failed:
        failures.append(failures[-1] + failure)
    last = starts[-1] if starts else 0.0

    def whole_at(since: float) -> float | None:
        at = since
        while at + _WINDOW_S <= last:
            first, end = bisect_left(starts, at), bisect_left(starts, at + _WINDOW_S)
            bad = failures[end] - failures[first]
            if end - first >= _FEWEST_CALLS and bad <= (1 - _SUCCESS) * (end - first):
                return at
            at += _STEP_S
        return None

    found = []
    for fault in history.faults:
        # A kill fails what is in flight: look from just after it, not from before.
        begin, end = whole_at(fault.begin), whole_at(fault.end)
        if begin is None or end is None or _is_disturbed(fault, end, history.faults):
            continue
        found.append(Recovery(fault, begin - fault.begin, end - fault.end))
    return found


def _is_disturbed(fault: Fault, whole: float, faults: Sequence[Fault]) -> bool:
    return any(
        other is not fault and other.begin < whole + _WINDOW_S and fault.begin < other.end + 2
        for other in faults
    )


def table(history: History) -> list[str]:
    by_name: dict[str, list[Recovery]] = defaultdict(list)
    for recovery in recoveries(history):
        by_name[recovery.fault.name].append(recovery)
    counts: dict[str, int] = defaultdict(int)
    for fault in history.faults:
        counts[fault.name] += 1
    lines = [f"{'fault':28}{'times':>6}{'alone':>6}{'99 % again after':>18}{'at most':>9}   s"]
    for name in sorted(counts):
        measured = [recovery.from_end for recovery in by_name[name]]
        figures = (
            f"{statistics.median(measured):18.1f}{max(measured):9.1f}" if measured else f"{'-':>18}"
        )
        lines.append(f"{name:28}{counts[name]:6}{len(measured):6}{figures}")
    return lines
