"""A disk or a memory that is full: writes are refused, reads are served, and all is whole again
when there is room.
"""

import asyncio
import itertools
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import redis.asyncio

from tests.faults import calm, plans
from tests.faults.history import Seat
from tests.faults.plans import amended, planned
from tests.faults.private import Suite
from tests.faults.programme import SEATS
from tests.faults.small_disk import MB, SmallDisk, small_disk
from tests.faults.stage import Actor, Stage, whole_afterwards
from tests.faults.test_outages import eventually, unavailable

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

# What a database may grow by before its disk is full.
ROOM_MB: Final = 24
# Long enough for the page of a table that has room left.
MOST_WRITES: Final = 400
# The supervisor tries ever less often while a server cannot start: each 8 s in the end.
BACK_WITHIN_S: Final = 40.0
DRAINED_WITHIN_S: Final = 30.0
CTL: Final = "/usr/lib/rabbitmq/bin/rabbitmqctl"


@pytest.fixture(scope="module")
async def shared_stage(faulty_suite: Suite) -> AsyncIterator[Stage]:
    async with whole_afterwards(faulty_suite, sessions=4) as on:
        yield on


@pytest.fixture
def on(shared_stage: Stage) -> Iterator[Stage]:
    yield shared_stage
    shared_stage.next_session()


async def reads_are_served(actor: Actor) -> None:
    for call in (await actor.look(), await actor.tickets()):
        assert call.outcome == "ok", call


# PostgreSQL --------------------------------------------------------------------------------


@asynccontextmanager
async def postgres_on_a_small_disk(suite: Suite) -> AsyncIterator[SmallDisk]:
    """The suite's own is moved there, and back in the end."""
    home = suite.folder / "run/postgres"
    data = home / "data"
    with small_disk(home / "small", size_mb(data) + ROOM_MB) as disk:
        small = disk.folder / "data"
        command = plans.plan_of(suite, "postgres")["command"]
        command[command.index(str(data))] = str(small)

        def elsewhere(plan: dict[str, Any]) -> None:
            plan["command"] = command

        async with planned(suite, {"postgres": plans.away}):
            copy(data, small)
            try:
                async with planned(suite, {"postgres": elsewhere}):
                    assert await calm.until_ready(suite) == []
                    yield disk
                    disk.make_room()
            finally:
                shutil.rmtree(data)
                copy(small, data)
    assert await calm.until_ready(suite) == []


def size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MB


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


async def test_postgres(faulty_suite: Suite, on: Stage) -> None:
    free = itertools.cycle(SEATS)
    sold = next(free)
    await on.bert.sold(sold)
    async with postgres_on_a_small_disk(faulty_suite) as disk:
        ticket = await on.anna.sold(next(free))
        disk.fill()
        await until_no_table_can_grow(on, sold)
        await reads_are_served(on.anna)

        # Its log cannot grow either: it gives up, and cannot even recover.
        await write_log_until_it_panics(faulty_suite)
        for _ in range(10):
            call = await on.anna.pay(ticket)
            assert call.outcome == "ok" or call.status == 503, call
            await asyncio.sleep(0.1)

        disk.make_room()
        await eventually(on.carl, free, within=BACK_WITHIN_S)
        assert (await on.anna.pay(ticket)).code in ("", "already_paid_error")
        await reads_are_served(on.anna)


async def until_no_table_can_grow(on: Stage, sold: Seat) -> None:
    """Each of these refusals is kept for its key, until there is no room for one more."""
    for _ in range(MOST_WRITES):
        call = await on.anna.book(sold, key=uuid.uuid4().hex)
        if call.status == 503:
            unavailable([call], within=1.0)
            return
        assert call.code == "wrong_seat_error", call
    pytest.fail("the disk is not full")


async def write_log_until_it_panics(suite: Suite) -> None:
    connection = await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])
    try:
        with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
            # 800 MB, all in all.
            await connection.execute(
                "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 8000000))"
                " FROM generate_series(1, 100)"
            )
    finally:
        connection.terminate()
    assert "PANIC" in (suite.logs / "postgres.log").read_text()


# Redis -------------------------------------------------------------------------------------


async def test_redis_cannot_save(faulty_suite: Suite, on: Stage) -> None:
    """It takes no more writes then, until it can."""
    free = itertools.cycle(SEATS)
    tickets = [await on.anna.sold(next(free)) for _ in range(2)]
    seat = next(free)
    with small_disk(faulty_suite.folder / "run/redis/small", megabytes=4) as disk:

        def saves_there(plan: dict[str, Any]) -> None:
            plan["command"] += ["--dir", str(disk.folder), "--save", "1", "1"]

        async with amended(faulty_suite, {"redis": saves_there}):
            disk.fill()
            async with asyncio.timeout(BACK_WITHIN_S):
                while (hold := await on.bert.hold(seat)).outcome == "ok":
                    await on.bert.release(hold)
                    await asyncio.sleep(0.2)
            await selling_alone_stops(on, seat, *tickets)
            disk.make_room()
            await save_now(faulty_suite)
            await eventually(on.bert, free, within=BACK_WITHIN_S)


async def save_now(suite: Suite) -> None:
    """By itself it would try again after 5 s."""
    client = redis.asyncio.Redis.from_url(suite.settings["REDIS_URL"])
    await client.save()
    await client.aclose()


async def test_redis_has_no_memory_left(faulty_suite: Suite, on: Stage) -> None:
    free = itertools.cycle(SEATS)
    tickets = [await on.anna.sold(next(free)) for _ in range(2)]
    hold = await on.bert.hold(next(free))
    client = redis.asyncio.Redis.from_url(faulty_suite.settings["REDIS_URL"])
    try:
        await client.config_set("maxmemory", 1)
        await selling_alone_stops(on, next(free), *tickets)
    finally:
        await client.config_set("maxmemory", 0)
        await client.aclose()
    # What it knows it has kept.
    assert (await on.bert.book_hold(hold)).outcome == "ok"
    await eventually(on.bert, free, within=10.0)


async def selling_alone_stops(on: Stage, seat: Seat, first: int, second: int) -> None:
    unavailable([await on.bert.hold(seat), await on.bert.book(seat)], within=1.0)
    await reads_are_served(on.anna)
    assert (await on.anna.pay(first)).outcome == "ok"
    assert (await on.anna.cancel(second)).outcome == "ok"


# RabbitMQ ----------------------------------------------------------------------------------


async def test_rabbitmq_raises_its_disk_alarm(faulty_suite: Suite, on: Stage) -> None:
    """It reads nothing more from whoever publishes; every call succeeds, and all is told later."""
    connection = await asyncpg.connect(faulty_suite.settings["TICKETING_DATABASE_URL"])
    try:
        # More than any disk has.
        await rabbitmqctl(faulty_suite, "set_disk_free_limit", str(10**15))
        try:
            for seat in SEATS[:6]:
                ticket = await on.anna.sold(seat)
                assert (await on.anna.pay(ticket)).outcome == "ok"
            # One may have been on its way when the alarm reached its connection.
            assert await connection.fetchval(_WAITING) >= 2 * 6 - 1
        finally:
            await rabbitmqctl(faulty_suite, "set_disk_free_limit", str(200 * 10**6))
        async with asyncio.timeout(DRAINED_WITHIN_S):
            while await connection.fetchval(_WAITING):
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


_WAITING: Final = "SELECT count(*) FROM outbox"


async def rabbitmqctl(suite: Suite, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        CTL,
        "--quiet",
        *command,
        env=plans.plan_of(suite, "rabbitmq")["environment"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
