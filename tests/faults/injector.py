"""Inflicts faults on the processes of one private suite, and on no others."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import redis.asyncio

from tests.faults.history import Fault, History
from tests.faults.private import Suite
from tests.faults.processes import children
from tests.faults.schedule import Planned

# How supervisord stops each: PostgreSQL's TERM would wait for every client.
_STOP: Final = {"postgres": signal.SIGINT}


class Injector:
    def __init__(self, suite: Suite, history: History) -> None:
        self._suite = suite
        self._history = history
        self._busy: set[str] = set()

    async def follow(self, plan: Sequence[Planned]) -> None:
        """Inflict the planned faults, each at its time; frozen processes are thawed in any case."""
        async with asyncio.TaskGroup() as under_way:
            for planned in plan:
                await asyncio.sleep(max(0.0, planned.at - self._history.now()))
                under_way.create_task(self.inflict(planned))

    async def inflict(self, planned: Planned) -> None:
        target = planned.target
        if target in self._busy:
            return
        self._busy.add(target)
        try:
            if planned.kind == "flush":
                await self._flush(planned)
                return
            pid = await self._pid(target)
            begin = self._history.now()
            if planned.kind == "freeze":
                await freeze(pid, planned.seconds)
            else:
                stop = _STOP.get(target, signal.SIGTERM)
                os.kill(pid, signal.SIGKILL if planned.kind == "kill" else stop)
            self._history.inflicted(Fault(target, planned.kind, begin, self._history.now()))
        finally:
            self._busy.discard(target)

    async def _pid(self, name: str) -> int:
        """Waits for a process that is between two lives."""
        while True:
            pid, _ = (await asyncio.to_thread(self._suite.processes))[name]
            if pid:
                return pid
            await asyncio.sleep(0.2)

    async def _flush(self, planned: Planned) -> None:
        begin = self._history.now()
        client = redis.asyncio.Redis.from_url(
            self._suite.settings["REDIS_URL"], socket_timeout=10, socket_connect_timeout=1
        )
        # Where Redis is away just now it may have happened all the same: it counts as a loss.
        with suppress(redis.exceptions.RedisError, OSError):
            await client.flushall()
        await client.aclose()
        self._history.inflicted(Fault(planned.target, "flush", begin, self._history.now()))


async def freeze(pid: int, seconds: float) -> None:
    """Stop a process and its children, as PostgreSQL's are its sessions; let them go on after."""
    os.kill(pid, signal.SIGSTOP)
    stopped = [pid]
    try:
        for child in children(pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
                stopped.append(child)
        await asyncio.sleep(seconds)
    finally:
        for one in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)
