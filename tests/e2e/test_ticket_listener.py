"""The listeners of examples/ticket-listener, as somebody outside would run them."""

import ast
import asyncio
import os
import random
import secrets
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from tests.e2e.conftest import Client, Suite
from tests.support.node import EXAMPLE

pytestmark = pytest.mark.own_suite

KILLS_IN_THE_PAST, KILLS = 5, 15
SELLERS = 3
SECONDS_TO_CATCH_UP = 60

Sales = dict[tuple[int, str], tuple[str, int, int]]


@asynccontextmanager
async def running(
    suite: Suite, *command: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Listening; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | {"RABBITMQ_URL": suite.settings["RABBITMQ_URL"]} | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            assert await line_of(process) == "listening"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


def in_report(path: Path) -> Sales:
    with closing(sqlite3.connect(path)) as report:
        rows = report.execute("SELECT movie, currency, name, tickets, cents FROM sales")
        return {(movie, currency): tuple(rest) for movie, currency, *rest in rows}


def knows_the_past(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as report:
        return bool(report.execute("SELECT is_known FROM past").fetchone()[0])


async def in_database(suite: Suite) -> Sales:
    database = await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])
    try:
        rows = await database.fetch(
            "SELECT s.movie_id, s.currency, s.movie_name, count(*), sum(t.price_minor)::bigint"
            " FROM tickets t JOIN screenings s ON s.id = t.screening_id"
            " WHERE t.paid_at IS NOT NULL GROUP BY s.movie_id, s.currency, s.movie_name"
        )
    finally:
        await database.close()
    return {(movie, currency): tuple(rest) for movie, currency, *rest in rows}


async def agrees(suite: Suite, report: Path) -> None:
    async with asyncio.timeout(SECONDS_TO_CATCH_UP):
        while (told := in_report(report)) != (sold := await in_database(suite)):
            assert all(told[film][1:] <= sold[film][1:] for film in told), "counted twice"
            await asyncio.sleep(0.2)


async def sell(customer: Client, session: int, row: int, seat: int) -> None:
    place = {"session": session, "row": row, "seat": seat}
    status, ticket = await customer.call("POST", "book/", place)
    assert status == 201, ticket
    assert (await customer.call("PATCH", f"pay/{ticket['id']}/"))[0] == 200


async def seats_of_two_films(staff: Client) -> Iterator[tuple[int, int, int]]:
    """More than can be sold meanwhile."""
    sessions = []
    for name, price in (("Sunrise", "9.50"), ("Metropolis", "12.25")):
        body = {"name": f"{name} {secrets.token_hex(3)}", "duration": "00:05:00"}
        _, movie = await staff.call("POST", "movie/", body)
        sessions += [await staff.session(movie=movie["id"], price=price) for _ in range(5)]
    return (
        (session, row, seat)
        for row in range(1, 11)
        for seat in range(1, 31)
        for session in sessions
    )


@asynccontextmanager
async def repeater(suite: Suite) -> AsyncIterator[None]:
    """Publishes every tenth message again, as a relay does that died before it could note it."""
    async with await aio_pika.connect(suite.settings["RABBITMQ_URL"]) as connection:
        channel = await connection.channel()
        events = await channel.get_exchange("cinema.events", ensure=False)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(events, "ticket.paid.v1")

        async def repeat() -> None:
            async with queue.iterator(no_ack=True) as messages:
                number = 0
                async for message in messages:
                    number += not message.headers
                    if number % 10 == 1 and not message.headers:
                        again = aio_pika.Message(
                            message.body, message_id=message.message_id, headers={"again": True}
                        )
                        await events.publish(again, "ticket.paid.v1")

        repeating = asyncio.create_task(repeat())
        yield
        repeating.cancel()
        with suppress(asyncio.CancelledError):
            await repeating


async def test_killed_twenty_times_it_misses_nothing_and_counts_nothing_twice(
    suite: Suite, staff: Client, customer: Client, tmp_path: Path
) -> None:
    chance = random.Random(20)
    report = tmp_path / "report.db"
    command = (sys.executable, str(EXAMPLE / "listener.py"))
    seats = await seats_of_two_films(staff)
    # Before it ever ran: it can only know of these from the log.
    for _ in range(30):
        await sell(customer, *next(seats))
    selling = True

    async def keep_selling() -> int:
        sold = 0
        for place in seats:
            if not selling:
                break
            await sell(customer, *place)
            sold += 1
            await asyncio.sleep(0.02)
        return sold

    async def live_and_die(times: int) -> None:
        for _ in range(times):
            async with running(suite, *command, REPORT=str(report)):
                before = in_report(report)
                async with asyncio.timeout(SECONDS_TO_CATCH_UP):
                    while in_report(report) == before:
                        await asyncio.sleep(0.01)
                # In the middle of its work.
                await asyncio.sleep(chance.uniform(0, 0.1))

    async with repeater(suite):
        sellers = [asyncio.create_task(keep_selling()) for _ in range(SELLERS)]
        await live_and_die(KILLS_IN_THE_PAST)
        async with running(suite, *command, REPORT=str(report)):
            async with asyncio.timeout(SECONDS_TO_CATCH_UP):
                while not knows_the_past(report):
                    await asyncio.sleep(0.1)
        # From now on its queue is all that it has.
        await live_and_die(KILLS)
        selling = False
        sold = sum(await asyncio.gather(*sellers))
        print(f"{sold} tickets sold meanwhile")
        assert sold > 5 * KILLS, "too little was sold to show anything"
        async with running(suite, *command, REPORT=str(report)):
            await agrees(suite, report)


async def test_the_same_in_javascript(
    suite: Suite, staff: Client, customer: Client, node_example: Path
) -> None:
    session = await staff.session()
    command = ("node", str(node_example / "listener.mjs"))
    async with running(suite, *command) as process:
        await sell(customer, session, 7, 8)
        async with asyncio.timeout(20):
            heard = [await line_of(process) for _ in range(2)]
        ticket = heard[0].partition(" ")[0]
        what = f"user {customer.id}, Short film in Red hall at"
        for line, version, word in zip(heard, (1, 2), ("booked", "paid"), strict=True):
            assert line.startswith(f"{ticket} v{version}: {word}, {what} ")
            assert line.endswith(", row 7, seat 8, 9.50 EUR")
    # While it is away, its queue is not.
    await sell(customer, session, 7, 9)
    async with running(suite, *command) as process, asyncio.timeout(20):
        while "row 7, seat 9" not in await line_of(process):
            pass


def test_the_example_needs_nothing_of_ours() -> None:
    tree = ast.parse((EXAMPLE / "listener.py").read_text())
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert modules - sys.stdlib_module_names == {"aio_pika"}
