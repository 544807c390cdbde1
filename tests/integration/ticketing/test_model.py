"""Ticketing against a plain model of it: `model.py` says what must come of what `lives.py` does.

SEED=… chooses other lives, EXAMPLES=… more of them (a failure prints the steps that led to it).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.ticketing.conftest import Ticketing
from tests.integration.ticketing.lives import Lives
from tests.integration.ticketing.world import World, opened


@pytest.fixture
async def world(
    ticketing: Ticketing, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    async with opened(ticketing, redis_url, monkeypatch) as world:
        yield world


async def test_three_customers_in_a_small_hall(world: World) -> None:
    seed = int(os.environ.get("SEED", "1"))
    machine = hypothesis.seed(seed)(
        type("Lives", (Lives,), {"world": world, "loop": asyncio.get_running_loop()})
    )
    before = Lives.steps
    chosen = settings(
        max_examples=int(os.environ.get("EXAMPLES", "10")),
        stateful_step_count=40,
        deadline=None,
        database=None,
        phases=_phases(),
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)
    print(f"seed {seed}: {Lives.steps - before} steps")


def _phases() -> Collection[Phase]:
    """Looking for fewer steps that fail as well takes minutes: SHRINK=1."""
    return [Phase.generate, Phase.shrink] if os.environ.get("SHRINK") else [Phase.generate]
