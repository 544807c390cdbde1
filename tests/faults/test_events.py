"""Events under kills, in short; `make events` is the long run. And each half taken out once."""

from collections.abc import Iterator

import pytest

from tests.faults.events import run
from tests.faults.private import Suite

Servers = tuple[Suite, dict[str, str]]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with run.servers() as started:
        yield started


async def test_no_event_is_lost_made_up_reordered_or_handled_twice(servers: Servers) -> None:
    verdict = await run.prove(*servers, seed=2, events=2_000, kills=10)
    assert not verdict.violations, str(verdict)
    assert verdict.committed >= 2_000
    assert verdict.rolled_back > 0


async def test_without_the_outbox_it_would_be_seen(servers: Servers) -> None:
    verdict = await run.prove(*servers, seed=4, events=500, kills=0, without="outbox")
    rules = {violation.partition(":")[0] for violation in verdict.violations}
    assert "rolled back and published" in rules


async def test_without_the_inbox_it_would_be_seen(servers: Servers) -> None:
    verdict = await run.prove(
        *servers, seed=4, events=1_000, kills=8, shares={"relay": 1}, without="inbox"
    )
    assert any("effects: " in violation for violation in verdict.violations), str(verdict)
