"""One server away, frozen or back again, in a story each: what goes on, and how soon all does."""

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import pytest

from tests.faults import calm
from tests.faults.history import Call, Seat
from tests.faults.private import Suite
from tests.faults.processes import children, has_connection_from
from tests.faults.programme import SEATS
from tests.faults.stage import Actor, Stage, stage

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

# The contract's times, and what a busy machine may add to each.
_SLACK_S = 1.0
_RELAY_LOCK = 7_461_001


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    stopped = [one for pid in pids for one in (pid, *children(pid))]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def whole_afterwards(suite: Suite) -> AsyncIterator[Stage]:
    """A stage; in the end the checker finds nothing."""
    async with stage(suite) as on:
        yield on
        assert await calm.until_ready(suite) == []
        found = await on.violations()
        assert found == [], "\n".join(map(str, found))


def pid_of(suite: Suite, name: str) -> int:
    pid, _ = suite.processes()[name]
    assert pid
    return pid


async def connect(suite: Suite) -> Any:
    return await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])


def unavailable(calls: Sequence[Call], within: float) -> None:
    for call in calls:
        assert (call.status, call.code) == (503, "service_unavailable"), call
        assert call.end - call.start < within + _SLACK_S, call


async def sold(actor: Actor, seat: Seat) -> int:
    """The ticket."""
    call = await actor.book(seat)
    assert call.outcome == "ok", call
    return int(call.answer[0]["id"])


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
        ticket = await sold(on.anna, next(seats))
        pid = pid_of(faulty_suite, "postgres")
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
        first, second = [await sold(on.anna, next(seats)) for _ in range(2)]
        with frozen(pid_of(faulty_suite, "redis")):
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
        ticket = await sold(on.anna, SEATS[0])
        os.kill(pid_of(faulty_suite, "redis"), signal.SIGKILL)
        assert (await on.anna.pay(ticket)).outcome == "ok"
        await eventually(on.bert, iter(SEATS[1:] * 10), within=10.0)
        # The other replica may notice a little later than this one.
        async with asyncio.timeout(10.0):
            while (again := await on.bert.book(SEATS[0])).status == 503:
                await asyncio.sleep(0.1)
        assert again.code == "wrong_seat_error"


async def test_rabbitmq_killed_and_emptied(faulty_suite: Suite) -> None:
    """Every call succeeds; what the outbox has gathered is heard when the broker is back, though
    it has come back without any exchange or queue.
    """
    async with whole_afterwards(faulty_suite) as on:
        # Nobody's events are on their way: those would be lost with it.
        assert await on.violations() == []
        os.kill(pid_of(faulty_suite, "rabbitmq"), signal.SIGKILL)
        for _ in range(20):  # it is already starting again
            shutil.rmtree(faulty_suite.folder / "run/rabbitmq/data", ignore_errors=True)
            await asyncio.sleep(0.02)
        for seat in SEATS[:10]:
            ticket = await sold(on.anna, seat)
            assert (await on.anna.pay(ticket)).outcome == "ok"


async def test_rabbitmq_frozen(faulty_suite: Suite) -> None:
    async with whole_afterwards(faulty_suite) as on:
        with frozen(pid_of(faulty_suite, "rabbitmq")):
            for seat in SEATS[:10]:
                ticket = await sold(on.anna, seat)
                assert (await on.anna.cancel(ticket)).outcome == "ok"
                await asyncio.sleep(1.2)


async def test_a_worker_frozen_in_the_middle_of_relaying(faulty_suite: Suite) -> None:
    """The database takes the relay's lock from it, and another worker goes on."""
    async with whole_afterwards(faulty_suite) as on:
        connection = await connect(faulty_suite)
        try:
            with frozen(pid_of(faulty_suite, "rabbitmq")):
                await on.anna.book(SEATS[0])
                worker = await _who_relays(faulty_suite, connection)
                os.kill(worker, signal.SIGSTOP)
            try:
                async with asyncio.timeout(25):
                    while await connection.fetchval("SELECT count(*) FROM outbox"):
                        await asyncio.sleep(0.2)
            finally:
                os.kill(worker, signal.SIGCONT)
        finally:
            await connection.close()


async def _who_relays(suite: Suite, connection: Any) -> int:
    workers = [
        pid
        for name, (pid, _) in suite.processes().items()
        if name.startswith("ticketing-worker") and pid
    ]
    async with asyncio.timeout(15):
        while True:
            port = await connection.fetchval(
                "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND objid = $1",
                _RELAY_LOCK,
            )
            for pid in workers if port else ():
                if has_connection_from(pid, port):
                    return pid
            await asyncio.sleep(0.02)
