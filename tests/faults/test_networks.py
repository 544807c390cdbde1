"""Slow networks, and networks that swallow, cut off and refuse: what is answered, how soon, and
that all is whole again afterwards.
"""

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aio_pika
import asyncpg
import pytest

from tests.faults.history import Call, Seat
from tests.faults.network import Network, network
from tests.faults.private import Suite
from tests.faults.programme import SEATS
from tests.faults.stage import Stage, whole_afterwards
from tests.faults.test_outages import eventually, unavailable
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

SLOW_S: Final = 0.3
LONGEST_S: Final = 5.0
# What a busy machine may add.
SLACK_S: Final = 1.0
WHOLE_WITHIN_S: Final = 10.0
# Of the pools of both replicas.
CONNECTIONS: Final = 20

HOWS: Final = ("swallows", "is slow", "cuts", "refuses")
TESTS: Final = 19


@pytest.fixture(scope="module")
async def net(faulty_suite: Suite) -> AsyncIterator[Network]:
    async with network(faulty_suite) as between:
        yield between


@pytest.fixture(scope="module")
async def shared_stage(faulty_suite: Suite, net: Network) -> AsyncIterator[Stage]:
    async with whole_afterwards(faulty_suite, sessions=TESTS // 2 + 1) as on:
        yield on


@pytest.fixture(scope="module")
def halves(shared_stage: Stage) -> Iterator[Sequence[Seat]]:
    """Of the halls of one session after the other."""

    def of_all() -> Iterator[Sequence[Seat]]:
        middle = len(SEATS) // 2
        while True:
            yield SEATS[:middle]
            yield SEATS[middle:]
            shared_stage.next_session()

    return of_all()


@pytest.fixture
def seats(halves: Iterator[Sequence[Seat]]) -> Iterator[Seat]:
    """Free ones, that no other test has."""
    return itertools.cycle(next(halves))


@pytest.fixture
def on(shared_stage: Stage, seats: object) -> Stage:
    return shared_stage


@asynccontextmanager
async def spoilt(how: str, *proxies: Proxy) -> AsyncIterator[None]:
    for between in proxies:
        match how:
            case "swallows":
                between.freeze()
            case "is slow":
                between.delay_s = SLOW_S
            case "cuts":
                between.halves = True
            case "refuses":
                await between.stop()
    try:
        yield
    finally:
        for between in proxies:
            between.thaw()
            between.delay_s, between.halves = 0.0, False
            if how == "refuses":
                await between.start()


def known(calls: Sequence[Call], within: float = LONGEST_S) -> None:
    """Done, or 503; in time."""
    for call in calls:
        assert call.outcome == "ok" or call.status == 503, call
        assert call.end - call.start < within + SLACK_S, call


def all_ok(calls: Sequence[Call], within: float = LONGEST_S) -> None:
    known(calls, within)
    assert {call.outcome for call in calls} == {"ok"}, calls


async def pools_are_whole(on: Stage) -> None:
    """As many requests as both replicas have connections are in PostgreSQL at once."""
    connection = await asyncpg.connect(on.suite.settings["TICKETING_DATABASE_URL"])
    try:
        async with asyncio.timeout(WHOLE_WITHIN_S):
            while not await _all_get_there(on, connection):
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _all_get_there(on: Stage, connection: Any) -> bool:
    async with connection.transaction():
        await connection.execute("LOCK TABLE tickets")
        calls = [asyncio.create_task(on.anna.tickets()) for _ in range(CONNECTIONS)]
        waiting = 0
        with suppress(TimeoutError):
            # As long as they wait for a lock.
            async with asyncio.timeout(1.5):
                while waiting < CONNECTIONS:
                    await asyncio.sleep(0.05)
                    waiting = await connection.fetchval(_WAITING)
    answers = await asyncio.gather(*calls)
    return waiting == CONNECTIONS and {call.outcome for call in answers} == {"ok"}


_WAITING: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'ticketing-api' AND wait_event_type = 'Lock'"
)


# From ticketing to its servers ---------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
async def test_postgres(on: Stage, net: Network, seats: Iterator[Seat], how: str) -> None:
    hold = await on.carl.hold(next(seats))
    ticket = await on.anna.sold(next(seats))
    async with spoilt(how, net.postgres, net.workers_postgres):
        calls = await asyncio.gather(
            on.carl.book_hold(hold),
            on.anna.pay(ticket),
            on.anna.tickets(),
            *(on.anna.book(next(seats)) for _ in range(3)),
            on.anna.programme(),
        )
        # Those of others go on.
        all_ok(calls[-1:])
        known(calls)
        if how == "refuses":
            unavailable(calls[:-1], within=1.0)
        elif how != "is slow":
            unavailable(calls[:-1], within=4.0)
    await eventually(on.bert, seats, WHOLE_WITHIN_S)
    await pools_are_whole(on)


async def test_a_lock_that_nobody_gives_back(
    faulty_suite: Suite, on: Stage, seats: Iterator[Seat]
) -> None:
    ticket = await on.anna.sold(next(seats))
    connection = await asyncpg.connect(faulty_suite.settings["TICKETING_DATABASE_URL"])
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE tickets")
            calls = await asyncio.gather(
                on.anna.pay(ticket),
                on.anna.tickets(),
                *(on.bert.book(next(seats)) for _ in range(3)),
                on.anna.programme(),
            )
    finally:
        await connection.close()
    all_ok(calls[-1:])
    unavailable(calls[:-1], within=4.0)
    await eventually(on.bert, seats, WHOLE_WITHIN_S)
    await pools_are_whole(on)


@pytest.mark.parametrize("how", HOWS)
async def test_redis(on: Stage, net: Network, seats: Iterator[Seat], how: str) -> None:
    first, second = [await on.anna.sold(next(seats)) for _ in range(2)]
    async with spoilt(how, net.redis):
        calls = await asyncio.gather(
            *(on.bert.hold(next(seats)) for _ in range(3)),
            *(on.bert.book(next(seats)) for _ in range(3)),
        )
        if how == "is slow":
            known(calls)
        else:
            unavailable(calls, within=1.0)
        all_ok(
            [
                await on.anna.look(),
                await on.anna.tickets(),
                await on.anna.pay(first),
                await on.anna.cancel(second),
            ]
        )
    await eventually(on.carl, seats, WHOLE_WITHIN_S)
    await pools_are_whole(on)


@pytest.mark.parametrize("how", HOWS)
async def test_rabbitmq(
    faulty_suite: Suite, on: Stage, net: Network, seats: Iterator[Seat], how: str
) -> None:
    """Every call succeeds; each event is told once at least, and in its order."""
    async with listening(faulty_suite) as heard:
        async with spoilt(how, net.rabbitmq):
            tickets = [await on.anna.sold(next(seats)) for _ in range(3)]
            all_ok([await on.anna.pay(ticket) for ticket in tickets])
            # Until what is under way has failed.
            await asyncio.sleep(1.5)
        async with asyncio.timeout(30):
            for ticket in tickets:
                while [*dict.fromkeys(heard.get(ticket, []))] != [1, 2]:
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(suite: Suite) -> AsyncIterator[dict[int, list[int]]]:
    """The versions of each ticket that were told, in their order."""
    heard: dict[int, list[int]] = {}

    async def hear(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        heard.setdefault(event["data"]["id"], []).append(event["subjectversion"])

    connection = await aio_pika.connect(suite.settings["RABBITMQ_URL"])
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind("cinema.events", "ticket.#")
        await queue.consume(hear, no_ack=True)
        yield heard


@pytest.mark.parametrize("arrives", [True, False], ids=["arrives", "is lost"])
async def test_a_commit_that_nobody_hears_of_is_settled_by_the_key(
    on: Stage, net: Network, seats: Iterator[Seat], arrives: bool
) -> None:
    def lose(after: str) -> None:
        net.postgres.lose_commit(after=after.encode(), arrives=arrives)

    async def settled(call: Callable[[str], Awaitable[Call]], event: str) -> Any:
        key = uuid.uuid4().hex
        lose(event)
        unavailable([await call(key)], within=1.0)
        assert net.postgres.lost_commit is None
        again, once_more = await call(key), await call(key)
        all_ok([again, once_more])
        assert again.answer == once_more.answer
        return again.answer

    seat, *held = itertools.islice(seats, 3)
    before = {who: len((await who.tickets()).answer) for who in (on.anna, on.bert)}
    [ticket] = await settled(lambda key: on.anna.book(seat, key), "ticket.booked")
    await settled(lambda key: on.anna.pay(ticket["id"], key), "ticket.paid")
    hold = await on.bert.hold(*held)
    await settled(lambda key: on.bert.book_hold(hold, key), "ticket.booked")
    for who, more in ((on.anna, 1), (on.bert, len(held))):
        assert len((await who.tickets()).answer) == before[who] + more


# From the gateway to the services -----------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
async def test_a_replica_of_ticketing_and_the_other_services(
    on: Stage, net: Network, seats: Iterator[Seat], how: str
) -> None:
    """Selling needs none of them: at most what is in flight fails, and one replica is enough."""
    async with spoilt(how, net.ticketing[0], net.auth, net.catalog):
        asked = asyncio.gather(on.log_in(), on.anna.programme())
        calls = await asyncio.gather(*(on.anna.look() for _ in range(CONNECTIONS)))
        for call in calls:
            assert call.outcome in ("ok", "unknown"), call
            assert call.end - call.start < LONGEST_S + SLACK_S, call
        if how in ("refuses", "is slow"):
            all_ok(calls)
        else:
            await until_it_is_left_out(on)
        ticket = await on.bert.sold(next(seats))
        all_ok([await on.bert.pay(ticket), await on.bert.look(), await on.bert.tickets()])
        theirs = await asked
    match how:
        case "is slow":
            all_ok(theirs)
        case "cuts":  # an answer that has begun cannot become another
            assert {call.outcome for call in theirs} == {"unknown"}, theirs
        case _:
            unavailable(theirs, within=LONGEST_S)
    for ask in (on.log_in, on.anna.programme):
        async with asyncio.timeout(WHOLE_WITHIN_S):
            while (await ask()).outcome != "ok":
                await asyncio.sleep(0.1)
    await eventually(on.bert, seats, WHOLE_WITHIN_S)
    await pools_are_whole(on)


async def until_it_is_left_out(on: Stage) -> None:
    """Ten requests in a row succeed."""
    async with asyncio.timeout(LONGEST_S + SLACK_S):
        row = 0
        while row < 10:
            row = row + 1 if (await on.carl.look()).outcome == "ok" else 0
