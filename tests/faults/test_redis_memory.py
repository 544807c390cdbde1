"""What Redis believes of sold seats, after it came back with old data or heard old word."""

import asyncio
import os
import signal

import pytest
import redis.asyncio

from tests.faults.history import Seat
from tests.faults.private import Suite
from tests.faults.programme import SEATS
from tests.faults.stage import Actor, stage, whole_afterwards

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

FREE, SOLD = SEATS[:2]


async def can_hold(actor: Actor, seat: Seat) -> bool:
    """Once Redis is there."""
    async with asyncio.timeout(15):
        while (call := await actor.hold(seat)).outcome == "unknown":
            await asyncio.sleep(0.2)
    if call.outcome == "ok":
        await actor.release(call)
    return call.outcome == "ok"


async def test_redis_back_with_an_old_snapshot(faulty_suite: Suite) -> None:
    """As after a failover to a replica that lagged behind: what is sold is asked of PostgreSQL."""
    async with stage(faulty_suite) as on:
        ticket = await on.anna.sold(FREE)
        client = redis.asyncio.Redis.from_url(faulty_suite.settings["REDIS_URL"])
        await client.save()
        await client.aclose()
        pid = faulty_suite.pid("redis")
        assert (await on.anna.cancel(ticket)).outcome == "ok"
        await on.bert.sold(SOLD)
        # Their events have arrived too: nobody will tell Redis again.
        assert [v for v in await on.violations() if v.rule == "outbox"] == []
        await asyncio.sleep(1)
        os.kill(pid, signal.SIGKILL)
        assert await can_hold(on.carl, FREE)
        assert not await can_hold(on.carl, SOLD)
        assert (await on.carl.book(SOLD)).code == "wrong_seat_error"
        await on.carl.sold(FREE)


async def test_word_of_a_sale_that_comes_after_all_else(faulty_suite: Suite) -> None:
    """A replica pauses after a sale; it is cancelled, and Redis flushed, before it goes on."""
    async with whole_afterwards(faulty_suite) as on:
        faulty_suite.sabotage.write_text("pause")
        try:
            booking = asyncio.create_task(on.anna.book(FREE))
            while not (found := (await on.anna.tickets()).answer):
                await asyncio.sleep(0.1)
        finally:
            faulty_suite.sabotage.write_text("")
        assert (await on.anna.cancel(found[0]["id"])).outcome == "ok"
        await asyncio.sleep(0.7)  # until the event of that has come, too
        client = redis.asyncio.Redis.from_url(faulty_suite.settings["REDIS_URL"])
        await client.flushall()
        await client.aclose()
        assert await can_hold(on.bert, FREE)
        assert (await booking).outcome == "ok"
        assert await can_hold(on.bert, FREE)
