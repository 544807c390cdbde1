"""One request overtakes another between two of its steps: what either was told stays true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from ticketing_service.holds.locks import SeatLocks
from ticketing_service.holds.scripts import SeatsUnreachable
from ticketing_service.holds.service import Holds
from ticketing_service.tickets import booking, selling
from ticketing_service.tickets.selling import Selling

from tests.integration.ticketing.conftest import Ticketing
from tests.integration.ticketing.test_idempotency import new_key

Answer = tuple[int, Any]


@asynccontextmanager
async def asleep(target: Any, name: str, call: Any) -> AsyncIterator["asyncio.Task[Answer]"]:
    """The call, asleep where it was about to do `name`; it wakes when the block ends."""
    ours, arrived, go = getattr(target, name), asyncio.Event(), asyncio.Event()

    async def first_sleep(*args: Any, **kwargs: Any) -> Any:
        setattr(target, name, ours)
        arrived.set()
        await go.wait()
        return await ours(*args, **kwargs)

    setattr(target, name, first_sleep)
    task = asyncio.create_task(call)
    await arrived.wait()
    yield task
    go.set()
    await task


async def is_free(ticketing: Ticketing, session: int) -> bool:
    """Whether somebody else can have the seat, and is promised that he can book it."""
    status, answer = await ticketing.hold(session, (1, 1), user=2)
    assert status == 201 or answer["code"] == "seats_unavailable"
    return status == 201


async def test_a_claim_is_not_given_back_under_the_same_customers_other_request(
    ticketing: Ticketing,
) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    body = {"session": session, "row": 1, "seat": 1}

    def book() -> Any:
        return ticketing.call("POST", "/book", user=1, key=key, json=body)

    async with asleep(booking, "book", book()) as first:
        assert (await book())[1]["code"] == "idempotency_in_flight"
        assert not await is_free(ticketing, session)
    assert first.result()[0] == 201
    # What both had claimed went with the booking: cancelled, the seat is free at once.
    await ticketing.call("DELETE", f"/ticket/{first.result()[1]['id']}", user=1)
    assert await is_free(ticketing, session)


async def test_seats_of_a_released_hold_are_locked_while_it_may_be_booked(
    ticketing: Ticketing,
) -> None:
    for of_a_hold in (True, False):
        session = await ticketing.put_on_sale()
        _, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
        body = {"hold": hold["id"]} if of_a_hold else {"session": session, "row": 1, "seat": 1}
        book = ticketing.call("POST", "/book", user=1, json=body)
        async with asleep(Selling, "_book", book) as first:
            assert (await ticketing.call("DELETE", f"/hold/{hold['id']}", user=1))[0] == 204
            assert not await is_free(ticketing, session)
            # It counts no more against the limit, and what nobody books is free.
            seats = [(2, n) for n in range(1, 11)]
            assert (await ticketing.hold(session, *seats, user=1))[0] == 201
            status, _ = await ticketing.hold(session, (1, 2), user=3)
            assert status == (409 if of_a_hold else 201)
        assert first.result()[0] == 201


async def test_an_expired_hold_that_is_released_frees_nothing_early(hasty: Ticketing) -> None:
    """A booking that began in time may still commit."""
    session = await hasty.put_on_sale()
    _, hold = await hasty.hold(session, (1, 1), user=1)
    await asyncio.sleep(1.05)
    assert (await hasty.call("DELETE", f"/hold/{hold['id']}", user=1))[0] == 410
    assert not await is_free(hasty, session)


async def test_a_seat_that_postgresql_knows_to_be_sold_is_not_promised_again(
    ticketing: Ticketing, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seller died before he told Redis, and no event came either."""

    async def die(*_: object) -> None:
        raise SeatsUnreachable

    session = await ticketing.put_on_sale()
    assert await ticketing.taken(session) == []
    with monkeypatch.context() as patch:
        patch.setattr(SeatLocks, "settle", die)
        assert (await ticketing.book(session, 1, 1, user=1))[0] == 201
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(f"{{session:{session}}}:held")
    assert (await ticketing.book(session, 1, 1, user=1))[1]["code"] == "wrong_seat_error"
    assert not await is_free(ticketing, session)
    assert [seat["state"] for seat in await ticketing.taken(session)] == ["sold"]


async def test_a_hold_that_the_same_request_has_booked_meanwhile(ticketing: Ticketing) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    _, hold = await ticketing.hold(session, (1, 1), user=1)

    def book() -> Any:
        return ticketing.call("POST", "/book", user=1, key=key, json={"hold": hold["id"]})

    async with asleep(Holds, "begin_booking", book()) as first:
        second = await book()
    assert second[0] == 201
    assert first.result() == second


async def test_a_booking_that_takes_too_long_is_given_up(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selling, "CLAIM", timedelta(seconds=0.2))
    session = await ticketing.put_on_sale()
    body = {"session": session, "row": 1, "seat": 1}
    async with asleep(booking, "book", ticketing.call("POST", "/book", user=1, json=body)) as slow:
        await asyncio.wait_for(asyncio.shield(slow), 2)
    assert slow.result()[0] == 503
    assert await ticketing.call("GET", f"/ticket?session={session}", user=1) == (200, [])


async def test_a_seat_booked_by_itself_meanwhile_does_not_end_the_hold_of_the_others(
    ticketing: Ticketing,
) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
    book = ticketing.call("POST", "/book", user=1, json={"hold": hold["id"]})
    async with asleep(Selling, "_book", book) as basket:
        assert (await ticketing.book(session, 1, 1, user=1))[0] == 201
    status, tickets = basket.result()
    assert (status, [ticket["seat"] for ticket in tickets]) == (201, [2])


async def test_a_hold_from_before_redis_lost_its_data_is_over_for_whoever_asks(
    ticketing: Ticketing, redis_url: str
) -> None:
    """Its seat is sold to another, and only PostgreSQL knows."""
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
    async with Redis.from_url(redis_url) as redis:
        saved = {key: await redis.dump(key) for key in await redis.keys(f"{{session:{session}}}*")}
        await redis.delete(*saved)
        assert (await ticketing.book(session, 1, 1, user=2))[0] == 201
        for key, value in saved.items():
            assert value
            await redis.restore(key, 0, value, replace=True)
    for _ in range(2):
        status, answer = await ticketing.call("POST", "/book", user=1, json={"hold": hold["id"]})
        assert (status, answer["code"]) == (410, "hold_expired")
        status, _ = await ticketing.call("GET", f"/hold/{hold['id']}", user=1)
        assert status == 410
