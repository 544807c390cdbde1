"""What the checker reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.history import Call

_LONGEST_EXCERPT = 30


@dataclass(frozen=True)
class Violation:
    """`rule` is its short name; the calls are the part of the history that shows it."""

    rule: str
    what: str
    calls: Sequence[Call] = field(default=())

    @property
    def at(self) -> float:
        return min((call.start for call in self.calls), default=float("inf"))

    def __str__(self) -> str:
        shown = sorted(self.calls, key=lambda call: call.start)
        lines = [f"{self.rule}: {self.what}", *(f"    {call}" for call in shown)]
        if len(lines) > _LONGEST_EXCERPT:
            lines[_LONGEST_EXCERPT:] = [f"    and {len(lines) - _LONGEST_EXCERPT} more"]
        return "\n".join(lines)
