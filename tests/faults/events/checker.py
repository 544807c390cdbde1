"""Holds what was published and what was done against what was committed."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import aio_pika
import asyncpg
from aio_pika.abc import AbstractIncomingMessage
from cinema_shared.messaging import topology

from tests.faults.events.workers import QUEUE, source_of

_SILENCE_S: Final = 5.0


@dataclass
class Published:
    """The stream: each event's first appearance, in order, and how often each appeared."""

    first: list[tuple[str, str, int]] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)


@dataclass
class Verdict:
    committed: int
    rolled_back: int
    published: int
    repeated: int
    effects: int
    violations: list[str]

    def __str__(self) -> str:
        lines = [
            f"committed    {self.committed}",
            f"rolled back  {self.rolled_back}",
            f"published    {self.published} events, {self.repeated} of them more than once",
            f"effects      {self.effects}",
            f"violations   {len(self.violations)}",
        ]
        return "\n".join(lines + [f"  {violation}" for violation in self.violations[:20]])


async def check(database_url: str, rabbitmq_url: str) -> Verdict:
    connection = await asyncpg.connect(database_url)
    try:
        attempted = {str(row[0]) for row in await connection.fetch("SELECT * FROM attempted")}
        committed = {str(row[0]) for row in await connection.fetch("SELECT * FROM committed")}
        effects = Counter(str(row[0]) for row in await connection.fetch("SELECT * FROM effects"))
        left = await connection.fetchval("SELECT count(*) FROM outbox")
    finally:
        await connection.close()
    published, dead = await _read(rabbitmq_url, source_of(database_url), len(committed))
    rolled_back = attempted - committed
    return Verdict(
        committed=len(committed),
        rolled_back=len(rolled_back),
        published=len(published.times),
        repeated=sum(times > 1 for times in published.times.values()),
        effects=effects.total(),
        violations=[
            *(f"committed and not published: {one}" for one in committed - published.times.keys()),
            *(f"rolled back and published: {one}" for one in rolled_back & published.times.keys()),
            *(f"published by nobody: {one}" for one in published.times.keys() - attempted),
            *_out_of_order(published),
            *(f"no effect: {one}" for one in committed - effects.keys()),
            *(f"{times} effects: {one}" for one, times in effects.items() if times > 1),
            *(f"an effect of what was rolled back: {one}" for one in effects.keys() - committed),
            *([f"{left} rows left in the outbox"] if left else []),
            *([f"{dead} dead letters"] if dead else []),
        ],
    )


def _out_of_order(published: Published) -> list[str]:
    """An event may be repeated later; but first comes what is older."""
    newest: Counter[str] = Counter()
    violations = []
    for identifier, subject, version in published.first:
        if version < newest[subject]:
            violations.append(f"{subject} {version} after {newest[subject]}: {identifier}")
        newest[subject] = max(newest[subject], version)
    return violations


async def _read(rabbitmq_url: str, source: str, expected: int) -> tuple[Published, int]:
    published = Published()
    arrivals: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1000)
        log = await channel.get_queue(topology.LOG)
        await log.consume(arrivals.put, arguments={"x-stream-offset": "first"})
        while True:
            # What is missing might still come; what is too much, too.
            silence = 1.0 if len(published.times) >= expected else _SILENCE_S
            try:
                async with asyncio.timeout(silence):
                    message = await arrivals.get()
            except TimeoutError:
                break
            await message.ack()
            event = json.loads(message.body)
            if event["source"] != source:
                continue
            if event["id"] not in published.times:
                published.first.append((event["id"], event["subject"], event["subjectversion"]))
            published.times[event["id"]] += 1
        dead = await channel.declare_queue(QUEUE.dead, passive=True)
        return published, dead.declaration_result.message_count or 0
