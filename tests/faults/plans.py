"""Processes of a suite, run in another way for a while: by plans that `deploy/local/launch.py`
reads at each start.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.faults import calm
from tests.faults.private import Suite
from tests.faults.processes import is_there

Change = Callable[[dict[str, Any]], None]

_STOPS_WITHIN_S: Final = 20.0
# Servers put their data away; PostgreSQL's TERM would wait for every client.
_STOP: Final = {"postgres": signal.SIGINT, "redis": signal.SIGTERM, "rabbitmq": signal.SIGTERM}


def told(**settings: str) -> Change:
    """Something else by its environment."""

    def change(plan: dict[str, Any]) -> None:
        plan["environment"] |= settings

    return change


def away(plan: dict[str, Any]) -> None:
    """Nothing of it runs."""
    plan["command"] = ["/bin/sleep", "infinity"]


@asynccontextmanager
async def amended(suite: Suite, changes: Mapping[str, Change]) -> AsyncIterator[None]:
    """The processes named run by changed plans; afterwards as before."""
    async with planned(suite, changes):
        await until_ready(suite)
        yield
    await until_ready(suite)


@asynccontextmanager
async def planned(suite: Suite, changes: Mapping[str, Change]) -> AsyncIterator[None]:
    """The same, without waiting until they are ready."""
    before = {name: _file(suite, name).read_text() for name in changes}
    try:
        for name, change in changes.items():
            plan = json.loads(before[name])
            change(plan)
            _file(suite, name).write_text(json.dumps(plan))
        await _start_again(suite, changes)
        yield
    finally:
        for name, text in before.items():
            _file(suite, name).write_text(text)
        await _start_again(suite, changes)


def plan_of(suite: Suite, name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(_file(suite, name).read_text())
    return plan


def _file(suite: Suite, name: str) -> Path:
    return suite.folder / "run/programs" / f"{name}.json"


async def _start_again(suite: Suite, names: Iterable[str]) -> None:
    """End them; the supervisor starts them as their plans say by now."""
    running = await _pids(suite, names)
    for name, pid in running.items():
        with suppress(ProcessLookupError):
            os.kill(pid, _STOP.get(name, signal.SIGKILL))
    async with asyncio.timeout(_STOPS_WITHIN_S):
        while any(map(is_there, running.values())):
            await asyncio.sleep(0.02)
    await _pids(suite, names)


async def _pids(suite: Suite, names: Iterable[str]) -> dict[str, int]:
    """Waits for those that are between two lives."""
    while True:
        processes = await asyncio.to_thread(suite.processes)
        found = {name: pid for name in names if (pid := processes[name][0])}
        if len(found) == len(list(names)):
            return found
        await asyncio.sleep(0.1)


async def until_ready(suite: Suite) -> None:
    missing = await calm.until_ready(suite)
    assert not missing, f"not ready: {', '.join(missing)}"
