"""Reads a history, and the state that it ended in, and finds what should not have happened."""

from tests.faults.checker import answers, ending, holds, keys, life, ownership
from tests.faults.checker.facts import Facts
from tests.faults.checker.state import State
from tests.faults.checker.violations import Violation
from tests.faults.history import History

__all__ = ["State", "Violation", "check"]


def check(history: History, state: State) -> list[Violation]:
    """All violations, by the time of what shows them."""
    facts = Facts(history, state)
    found = [
        violation
        for part in (answers, keys, ownership, life, holds, ending)
        for violation in part.check(facts)
    ]
    return sorted(found, key=lambda violation: violation.at)
