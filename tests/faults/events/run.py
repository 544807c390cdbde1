"""One run: writers, relays, consumers and the broker, killed by a schedule drawn from a seed.

python -m tests.faults.events.run --events 100000 --kills 200 --seed 1
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import aio_pika
import asyncpg
from cinema_shared import logs
from cinema_shared.messaging.worker import declare_topology

from tests.faults.events import checker, tables, workers
from tests.faults.events.checker import Verdict
from tests.faults.private import Suite
from tests.support import databases

# Of twenty kills. The broker takes several seconds to come back.
SHARES: Final = {"relay": 9, "consumer": 8, "writer": 1, "rabbitmq": 2}
_CREWS: Final = {"writer": 2, "relay": 2, "consumer": 2}
_PAUSE_S: Final = (0.2, 1.5)
_QUIET_WITHIN_S: Final = 600.0
_PROGRESS_EVERY_S: Final = 5.0


@dataclass(frozen=True)
class Kill:
    """After a pause, one of these."""

    pause: float
    role: str
    which: int

    def __str__(self) -> str:
        return f"{self.pause:5.2f} s  {self.role} {self.which}"


def plan(seed: int, kills: int, shares: Mapping[str, int]) -> list[Kill]:
    """The same seed gives the same list."""
    chance = random.Random(seed)
    bag = [role for role, share in shares.items() for _ in range(share)]
    drawn: list[str] = []
    while len(drawn) < kills:
        chance.shuffle(bag)
        drawn += bag
    return [
        Kill(round(chance.uniform(*_PAUSE_S), 2), role, chance.randrange(_CREWS.get(role, 1)))
        for role in drawn[:kills]
    ]


@dataclass
class Crew:
    """The forked processes; one that was killed has a successor at once."""

    database_url: str
    rabbitmq_url: str
    without: str
    members: dict[tuple[str, int], ForkServerProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(["tests.faults.events.workers"])

    def start(self, role: str, which: int) -> None:
        member = self._forks.Process(
            target=workers.start,
            args=(role, self.database_url, self.rabbitmq_url, self.without),
            daemon=True,
        )
        member.start()
        self.members[role, which] = member

    def kill(self, role: str, which: int) -> None:
        member = self.members.pop((role, which))
        member.kill()
        member.join()

    def disband(self, role: str) -> None:
        for which in range(_CREWS[role]):
            if (role, which) in self.members:
                self.kill(role, which)


@contextmanager
def servers() -> Iterator[tuple[Suite, dict[str, str]]]:
    """PostgreSQL and RabbitMQ of our own, under a supervisor that starts them again."""
    with tempfile.TemporaryDirectory(prefix="cinema-events-") as folder:
        suite = Suite(Path(folder), replicas=1)
        try:
            started = suite.run("servers")
            yield suite, dict(line.split("=", 1) for line in started.splitlines())
        finally:
            suite.run("down")


async def prove(
    suite: Suite,
    urls: dict[str, str],
    *,
    seed: int,
    events: int,
    kills: int,
    shares: Mapping[str, int] = SHARES,
    without: str = "",
    progress: bool = False,
) -> Verdict:
    """Until there are as many events and kills; then until all is quiet; then the check."""
    rabbitmq_url = urls["TEST_RABBITMQ_URL"]
    database_url = await databases.create(urls["TEST_POSTGRES_URL"], "events")
    await tables.create(database_url)
    await declare_topology(rabbitmq_url)
    await _empty(rabbitmq_url)
    crew = Crew(database_url, rabbitmq_url, without)
    diary = await asyncpg.connect(database_url)
    told = asyncio.create_task(_progress(database_url)) if progress else None
    try:
        for role, size in _CREWS.items():
            for which in range(size):
                crew.start(role, which)
        killed = await _kill(suite, crew, plan(seed, kills, shares))
        while await diary.fetchval("SELECT count(*) FROM committed") < events:
            await asyncio.sleep(0.2)
        crew.disband("writer")
        await _quiet(diary)
    finally:
        if told:
            told.cancel()
        for role in _CREWS:
            crew.disband(role)
        await diary.close()
    if progress:
        print("killed       " + ", ".join(f"{role} {n}" for role, n in sorted(killed.items())))
    return await checker.check(database_url, rabbitmq_url)


async def _kill(suite: Suite, crew: Crew, kills: Sequence[Kill]) -> Counter[str]:
    killed: Counter[str] = Counter()
    for kill in kills:
        await asyncio.sleep(kill.pause)
        if kill.role == "rabbitmq":
            await _kill_broker(suite, crew.rabbitmq_url)
        else:
            crew.kill(kill.role, kill.which)
            crew.start(kill.role, kill.which)
        killed[kill.role] += 1
    return killed


async def _kill_broker(suite: Suite, rabbitmq_url: str) -> None:
    """And wait for its return: to kill it while it starts would show nothing more."""
    os.kill(await asyncio.to_thread(suite.pid, "rabbitmq"), signal.SIGKILL)
    await asyncio.sleep(1)
    await declare_topology(rabbitmq_url)


async def _empty(rabbitmq_url: str) -> None:
    """Nothing of an earlier run in the queue. In the stream the source tells them apart."""
    async with await aio_pika.connect(rabbitmq_url) as connection:
        queue = await (await connection.channel()).get_queue(workers.QUEUE.name)
        await queue.purge()


async def _quiet(diary: asyncpg.Connection) -> None:
    """Until nothing waits any more; or until it takes too long, which the checker will see."""
    deadline = time.monotonic() + _QUIET_WITHIN_S
    settled = """
        SELECT NOT EXISTS (SELECT FROM outbox)
           AND NOT EXISTS (SELECT event_id FROM committed EXCEPT SELECT event_id FROM effects)
    """
    while not await diary.fetchval(settled) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)


async def _progress(diary_url: str) -> None:
    diary = await asyncpg.connect(diary_url)
    started = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        row = await diary.fetchrow(
            "SELECT (SELECT count(*) FROM committed), (SELECT count(*) FROM outbox),"
            " (SELECT count(*) FROM effects)"
        )
        committed, waiting, effects = row
        print(
            f"{time.monotonic() - started:6.0f} s  {committed:7} committed"
            f"  {waiting:6} in the outbox  {effects:7} effects",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.events.run", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn from the clock")
    parser.add_argument("--without", choices=["outbox", "inbox"], default="")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else int(time.time()) % 1_000_000
    logs.configure("events", "console", "ERROR")
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it tells of each kill of the broker
    print(f"seed {seed}: {asked.events} events, {asked.kills} kills", flush=True)
    with servers() as (suite, urls):
        verdict = asyncio.run(
            prove(
                suite,
                urls,
                seed=seed,
                events=asked.events,
                kills=asked.kills,
                without=asked.without,
                progress=True,
            )
        )
    print(f"\nseed {seed}, {asked.kills} kills\n{verdict}")
    sys.exit(1 if verdict.violations else 0)


if __name__ == "__main__":
    main()
