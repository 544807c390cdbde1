"""Clocks an hour fast or slow: holds may end early or late, and no seat is ever sold twice."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.faults.checker import State, answers
from tests.faults.checker.facts import Facts
from tests.faults.history import Call, Seat
from tests.faults.plans import amended
from tests.faults.private import Suite
from tests.faults.programme import SEATS
from tests.faults.stage import Actor, Stage, stage

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

CLOCKS = ("ticketing-api-1", "redis", "postgres")
HOURS = (1, -1)
# Of a clock that is read once a second, and a busy machine.
NOTICED_WITHIN_S = 5.0


def library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "No libfaketime is installed here: deploy/local/bootstrap.sh faketime"
    # Redis' own malloc asks for the time before that library can tell it. With glibc's it starts.
    [malloc] = Path("/lib").glob("*/libc_malloc_debug.so.0")
    return f"{malloc} {found[0]}"


class Clock:
    """What one process, its children too, takes for the time of day."""

    def __init__(self, suite: Suite, name: str) -> None:
        self._file = suite.folder / f"clock-of-{name}"
        self.set(0)

    def watch(self, plan: dict[str, Any]) -> None:
        """The process goes by this clock."""
        command = plan["command"]
        # Not what only changes the account: as root it would make what PostgreSQL cannot open.
        at = command.index("--") + 1 if "--" in command else 0
        command[at:at] = [
            "/usr/bin/env",
            f"LD_PRELOAD={library()}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            # Nobody sets that one: it counts since the machine was started.
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def set(self, hours: int) -> None:
        self._file.write_text(f"{hours * 3600:+d}")


@pytest.fixture(scope="module")
async def clocks(faulty_suite: Suite) -> AsyncIterator[dict[str, Clock]]:
    made = {name: Clock(faulty_suite, name) for name in CLOCKS}
    async with amended(faulty_suite, {name: clock.watch for name, clock in made.items()}):
        yield made


@pytest.fixture(scope="module")
async def shared_stage(faulty_suite: Suite, clocks: object) -> AsyncIterator[Stage]:
    async with stage(faulty_suite, sessions=len(CLOCKS)) as on:
        yield on


@pytest.fixture
def on(shared_stage: Stage) -> Iterator[Stage]:
    yield shared_stage
    shared_stage.next_session()


@pytest.mark.parametrize("name", CLOCKS)
async def test_a_wrong_clock_sells_no_seat_twice(
    on: Stage, clocks: dict[str, Clock], name: str
) -> None:
    seats = iter(SEATS)
    first = len(on.history.calls)
    try:
        for hours in (*HOURS, 0):
            held = list(itertools.islice(seats, 2))
            holds = [await on.anna.hold(seat) for seat in held]
            clocks[name].set(hours)
            # What was promised by the clock as it was is kept, or has ended.
            await asyncio.gather(*(on.anna.book_hold(hold) for hold in holds))
            await rivals(on, held)
            # And what begins now goes on.
            await a_new_token_is_good(on)
            await sells(on.bert, next(seats))
            await sells_a_hold(on.carl, next(seats))
            await rivals(on, list(itertools.islice(seats, 2)))
    finally:
        clocks[name].set(0)
    calls = on.history.calls[first:]
    assert list(answers.check(Facts(on.history, State()))) == []
    sold = [ticket for call in calls if call.action.startswith("book") for ticket in tickets(call)]
    assert max(Counter(tuple(ticket["seat"]) for ticket in sold).values()) == 1
    assert {ticket["id"] for ticket in sold} <= await in_the_table(on)


async def a_new_token_is_good(on: Stage) -> None:
    """At both replicas, neither of which has seen it before."""
    token = (await on.log_in()).answer
    for call in await asyncio.gather(*(on.tickets(token) for _ in range(6))):
        assert call.outcome == "ok", call


async def rivals(on: Stage, seats: Sequence[Seat]) -> None:
    """Everybody wants them all, at once and at both replicas."""
    crowd = [on.anna, on.bert, on.carl]
    await asyncio.gather(*(who.book(seat) for seat in seats for who in crowd * 2))


async def sells(actor: Actor, seat: Seat) -> None:
    async with asyncio.timeout(NOTICED_WITHIN_S):
        while (await actor.book(seat)).outcome != "ok":
            await asyncio.sleep(0.1)


async def sells_a_hold(actor: Actor, seat: Seat) -> None:
    async with asyncio.timeout(NOTICED_WITHIN_S):
        hold = await actor.hold(seat)
        assert hold.outcome == "ok", hold
        while (await actor.book_hold(hold)).outcome != "ok":
            await asyncio.sleep(0.1)


def tickets(call: Call) -> list[dict[str, Any]]:
    return call.answer if call.outcome == "ok" else []


async def in_the_table(on: Stage) -> set[object]:
    connection = await asyncpg.connect(on.suite.settings["TICKETING_DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "SELECT id FROM tickets WHERE screening_id = $1 AND status IN (1, 2)", on.session
        )
    finally:
        await connection.close()
    return {row["id"] for row in rows}
