"""The short run: one fault of each important kind, and no violation."""

import pytest

from tests.faults import schedule, summary
from tests.faults.checker import check
from tests.faults.private import Suite
from tests.faults.run import Shape, run

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(300)]

SEED = 11
SECONDS = 42.0
KINDS = (
    ("kill", "ticketing-api"),
    ("freeze", "ticketing-api"),
    ("kill", "ticketing-worker"),
    ("flush", "redis"),
    ("kill", "redis"),
    ("kill", "rabbitmq"),
    ("kill", "postgres"),
    ("freeze", "postgres"),
    ("kill", "gateway"),
)


async def test_no_fault_sells_a_seat_twice(faulty_suite: Suite) -> None:
    plan = schedule.plan(SEED, SECONDS, 2, KINDS, pause=(1.0, 3.0))
    print(f"seed {SEED}", *plan, sep="\n")
    history, state = await run(faulty_suite, Shape(SEED, SECONDS), plan)
    violations = check(history, state)
    print(summary.text(history, violations, seed=SEED, minutes=SECONDS / 60))
    assert violations == []
    found = summary.numbers(history)
    assert found.contended > 300
    assert len(history.faults) >= 6


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert schedule.plan(5, 600, 3) == schedule.plan(5, 600, 3)
    assert schedule.plan(5, 600, 3) != schedule.plan(6, 600, 3)
    assert len(schedule.plan(5, 1200, 3)) >= 100
