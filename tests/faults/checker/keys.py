"""Idempotency-Key: the first final answer again, whatever died in between."""

from collections.abc import Iterator

from tests.faults.checker.facts import Facts, is_final
from tests.faults.checker.violations import Violation
from tests.faults.history import Call


def check(facts: Facts) -> Iterator[Violation]:
    for calls in facts.keyed.values():
        first, *others = [call for call in calls if is_final(call)] or [calls[0]]
        differing = [call for call in others if _said(call) != _said(first)]
        if not differing:
            continue
        # The answers to `hold/` are kept where the holds are.
        if first.action == "hold" and facts.redis_lost(first.start, differing[-1].end) is not None:
            continue
        yield Violation("key", "the same key got another answer", calls)


def _said(call: Call) -> object:
    return call.status, call.code, call.answer
