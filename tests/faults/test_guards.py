"""Each guard taken out, one after the other: the checker must say so, and nothing while it is in.

The stories are ones that need the guard: without it they end in a violation every time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.faults.history import Fault
from tests.faults.injector import Injector, freeze
from tests.faults.private import Suite
from tests.faults.run import HOLD_S
from tests.faults.schedule import Planned
from tests.faults.stage import Stage, stage

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(300)]

SEAT = (2, 3)
_INDEX = "tickets_one_live_per_seat"


async def sold_and_forgotten(on: Stage) -> None:
    """Redis loses its word of a sale, and with it all that stands before the unique index."""
    await on.anna.book(SEAT)
    injector = Injector(on.suite, on.history)
    await injector.inflict(Planned(on.history.now(), "flush", "redis"))
    await on.bert.book(SEAT)


async def changed_twice(on: Stage) -> None:
    """A ticket leaves the state of being booked once."""
    for seat, change in ((SEAT, on.anna.cancel), ((2, 4), on.anna.pay)):
        [ticket] = (await on.anna.book(seat)).answer
        await change(ticket["id"])
        await change(ticket["id"])


async def frozen_past_the_end(on: Stage) -> None:
    """PostgreSQL freezes just before the hold ends, and books when it goes on, after the end."""
    pid = on.suite.pid("postgres")
    hold = await on.anna.hold(SEAT)
    await on.until(hold.answer["expires"] - 0.6)
    begin = on.history.now()
    frozen = asyncio.create_task(freeze(pid, 1.5))
    await asyncio.sleep(0.1)
    await on.anna.book_hold(hold)
    await frozen
    on.history.inflicted(Fault("postgres", "freeze", begin, on.history.now()))


async def settled_by_a_stale_replica(on: Stage) -> None:
    """A replica wakes, and takes its lock off a seat that has come to somebody else meanwhile."""
    booking = asyncio.create_task(on.anna.book(SEAT))
    while not (found := (await on.anna.tickets()).answer):
        await asyncio.sleep(0.1)
    await on.anna.cancel(found[0]["id"])
    await Injector(on.suite, on.history).inflict(Planned(on.history.now(), "flush", "redis"))
    hold = await on.bert.hold(SEAT)
    await booking
    await on.bert.book_hold(hold)


Story = Callable[[Stage], Awaitable[None]]
GUARDS: dict[str, tuple[Story, str]] = {
    "index": (sold_and_forgotten, "double sale"),
    "state": (changed_twice, "state"),
    "fence": (frozen_past_the_end, "time fence"),
    "token": (settled_by_a_stale_replica, "hold ended early"),
}


# What else the story needs, with its guard and without.
CIRCUMSTANCES = {"token": "pause"}


async def told(suite: Suite, guard: str) -> set[str]:
    """The rules that the checker says were broken in this guard's story."""
    story, _ = GUARDS[guard]
    async with stage(suite) as on:
        await story(on)
        found = await on.violations()
        print(*on.history.calls, *found, sep="\n")
    return {violation.rule for violation in found}


@asynccontextmanager
async def without(suite: Suite, guard: str) -> AsyncIterator[None]:
    if guard == "index":
        async with _without_index(suite):
            yield
        return
    suite.sabotage.write_text(f"{guard} {CIRCUMSTANCES.get(guard, '')}")
    try:
        yield
    finally:
        suite.sabotage.write_text("")


@asynccontextmanager
async def _without_index(suite: Suite) -> AsyncIterator[None]:
    connection = await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])
    definition = await connection.fetchval(
        "SELECT indexdef FROM pg_indexes WHERE indexname = $1", _INDEX
    )
    await connection.execute(f"DROP INDEX {_INDEX}")
    try:
        yield
    finally:
        await connection.execute(
            "DELETE FROM tickets t USING tickets u WHERE t.id > u.id AND t.status IN (1, 2)"
            " AND u.status IN (1, 2) AND (t.screening_id, t.row_no, t.seat_no)"
            " = (u.screening_id, u.row_no, u.seat_no)"
        )
        await connection.execute(definition)
        await connection.close()


@pytest.mark.parametrize("guard", GUARDS)
async def test_nothing_is_found_with_the_guard(faulty_suite: Suite, guard: str) -> None:
    faulty_suite.sabotage.write_text(CIRCUMSTANCES.get(guard, ""))
    assert await told(faulty_suite, guard) == set()


@pytest.mark.parametrize("guard", GUARDS)
async def test_the_checker_finds_what_happens_without(faulty_suite: Suite, guard: str) -> None:
    _, rule = GUARDS[guard]
    async with without(faulty_suite, guard):
        assert rule in await told(faulty_suite, guard)


def test_holds_are_short_enough_for_these_stories(faulty_suite: Suite) -> None:
    assert float(faulty_suite.settings["HOLD_DURATION_S"]) == HOLD_S
