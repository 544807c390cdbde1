"""PostgreSQL or Redis away, frozen or back again: what goes on, and how soon all does."""

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
import pytest

from tests.faults.history import Call, Seat
from tests.faults.private import Suite
from tests.faults.processes import frozen
from tests.faults.programme import SEATS
from tests.faults.stage import Actor, whole_afterwards

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

# The contract's times, and what a busy machine may add to each.
_SLACK_S = 1.0


async def connect(suite: Suite) -> Any:
    return await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])


def unavailable(calls: Sequence[Call], within: float) -> None:
    for call in calls:
        assert (call.status, call.code) == (503, "service_unavailable"), call
        assert call.end - call.start < within + _SLACK_S, call


async def book_them(actor: Actor, seats: Sequence[Seat]) -> list[Call]:
    return await asyncio.gather(*(actor.book(seat) for seat in seats))


async def eventually(actor: Actor, seats: Iterator[Seat], within: float) -> None:
    """Booking works again."""
    async with asyncio.timeout(within):
        while (await actor.book(next(seats))).outcome != "ok":
            await asyncio.sleep(0.1)


async def test_postgres_frozen(faulty_suite: Suite) -> None:
    async with whole_afterwards(faulty_suite) as on:
        seats = itertools.cycle(SEATS)
        hold = await on.carl.hold(SEATS[-1])
        ticket = await on.anna.sold(next(seats))
        pid = faulty_suite.pid("postgres")
        with frozen(pid):
            calls = [await on.carl.book_hold(hold)]
            # More than the pools of both replicas have, and again when all are in use.
            for _ in range(2):
                calls += await asyncio.gather(
                    *(on.anna.book(next(seats)) for _ in range(6)),
                    *(on.anna.pay(ticket) for _ in range(20)),
                )
            unavailable(calls, within=4.0)
        await eventually(on.bert, seats, within=10.0)
        free = await book_them(on.bert, SEATS[:-1])
        assert {call.outcome for call in free} <= {"ok", "refused"}
        await _no_transaction_is_left_open(faulty_suite)


async def _no_transaction_is_left_open(suite: Suite) -> None:
    connection = await connect(suite)
    try:
        stuck = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticketing-api'"
            " AND state <> 'idle' AND now() - state_change > interval '5 s'"
        )
    finally:
        await connection.close()
    assert stuck == 0


async def test_redis_frozen(faulty_suite: Suite) -> None:
    async with whole_afterwards(faulty_suite) as on:
        seats = iter(SEATS)
        first, second = [await on.anna.sold(next(seats)) for _ in range(2)]
        with frozen(faulty_suite.pid("redis")):
            calls = await asyncio.gather(*(on.bert.hold(seat) for seat in SEATS[5:15]))
            calls += await book_them(on.bert, SEATS[5:15])
            unavailable(calls, within=1.0)
            # Reading, paying and cancelling go on.
            assert (await on.anna.look()).outcome == "ok"
            assert (await on.anna.tickets()).outcome == "ok"
            assert (await on.anna.pay(first)).outcome == "ok"
            assert (await on.anna.cancel(second)).outcome == "ok"
        await eventually(on.bert, seats, within=10.0)


async def test_redis_killed(faulty_suite: Suite) -> None:
    async with whole_afterwards(faulty_suite) as on:
        ticket = await on.anna.sold(SEATS[0])
        os.kill(faulty_suite.pid("redis"), signal.SIGKILL)
        assert (await on.anna.pay(ticket)).outcome == "ok"
        await eventually(on.bert, iter(SEATS[1:] * 10), within=10.0)
        assert (await on.bert.book(SEATS[0])).code == "wrong_seat_error"
