"""The history in the terms of the checks: operations, tickets by id, holds by id."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.checker.state import State
from tests.faults.history import Call, History, Outcome

# By how much two stamps of one machine's clock may disagree.
TOLERANCE_S: Final = 0.05
_CATCHES_UP_S: Final = 30.0
# The first request with the same key is still under way: no answer yet.
IN_FLIGHT: Final = "idempotency_in_flight"


@dataclass
class Operation:
    """One intention: a call, or all the calls with one key up to the first final answer.

    Its effect, if it has one, comes after `start`; if it was acknowledged, before `end`.
    """

    calls: list[Call]

    def __post_init__(self) -> None:
        final = next((call for call in self.calls if is_final(call)), None)
        self.final: Call = final or self.calls[-1]
        self.outcome: Outcome = self.final.outcome if final else "unknown"
        self.start: float = self.calls[0].start
        self.end: float = self.final.end if self.outcome == "ok" else float("inf")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.calls[0], name)

    @property
    def may_have_worked(self) -> bool:
        return self.outcome != "refused"

    @property
    def answer(self) -> Any:
        return self.final.answer if self.outcome == "ok" else None


def is_final(call: Call) -> bool:
    """Whether the same key gets this answer again."""
    return call.outcome != "unknown" and call.code != IN_FLIGHT


class Facts:
    def __init__(self, history: History, state: State) -> None:
        self.history = history
        self.state = state
        self.keyed: dict[tuple[int, str, str], list[Call]] = defaultdict(list)
        operations: list[Operation] = []
        for call in history.calls:
            if call.key is None:
                operations.append(Operation([call]))
            else:
                self.keyed[call.user, call.action, call.key].append(call)
        operations += [Operation(calls) for calls in self.keyed.values()]
        operations.sort(key=lambda operation: operation.start)

        self.by_action: dict[str, list[Operation]] = defaultdict(list)
        self.on_ticket: dict[int, list[Operation]] = defaultdict(list)
        self.on_hold: dict[str, list[Operation]] = defaultdict(list)
        # The booking that a ticket was acknowledged by.
        self.booking: dict[int, Operation] = {}
        for operation in operations:
            self.by_action[operation.action].append(operation)
            if operation.ticket is not None:
                self.on_ticket[operation.ticket].append(operation)
            if operation.hold is not None:
                self.on_hold[operation.hold].append(operation)
            if operation.action in ("book", "book_hold") and operation.outcome == "ok":
                for ticket in operation.answer:
                    self.booking.setdefault(ticket["id"], operation)

    def operations(self, *actions: str) -> list[Operation]:
        return [operation for action in actions for operation in self.by_action[action]]

    def redis_lost(self, start: float, end: float) -> float | None:
        """When Redis first lost what it knew since `start`, if it did before `end`."""
        losses = (
            fault.begin
            for fault in self.history.faults
            if fault.loses_holds and fault.end >= start and fault.begin <= end
        )
        return min(losses, default=None)

    def redis_troubled(self, at: float) -> bool:
        """Whether Redis may still lack word of a change: that comes by event, once it is back."""
        return any(
            fault.target == "redis" and fault.begin <= at <= fault.end + _CATCHES_UP_S
            for fault in self.history.faults
        )

    def leaves(self, ticket: int) -> Iterable[Operation]:
        """What may have ended the ticket's being booked."""
        return (
            operation
            for operation in self.on_ticket[ticket]
            if operation.action in ("pay", "cancel") and operation.may_have_worked
        )
