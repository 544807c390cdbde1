"""Holds: all or none, whose they are, how they end, and what becomes of their seats."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from ticketing_service.holds import locks
from ticketing_service.holds.identity import HoldId
from ticketing_service.holds.locks import SeatLocks
from ticketing_service.screenings import service

from tests.integration.ticketing.conftest import Ticketing, session_data


def lasts(hold: dict[str, Any]) -> float:
    """Seconds from now."""
    return (datetime.fromisoformat(hold["expires_at"]) - datetime.now(UTC)).total_seconds()


async def test_a_hold_is_made_shown_and_mapped(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    status, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
    assert status == 201
    assert hold == {
        "id": hold["id"],
        "session": session,
        "seats": [{"row": 1, "seat": 1}, {"row": 1, "seat": 2}],
        "expires_at": hold["expires_at"],
    }
    assert 595 < lasts(hold) <= 601
    assert await ticketing.call("GET", f"/hold/{hold['id']}/", user=1) == (200, hold)
    assert await ticketing.taken(session, user=1) == [
        {"row": 1, "seat": 1, "state": "held", "mine": True},
        {"row": 1, "seat": 2, "state": "held", "mine": True},
    ]
    assert await ticketing.taken(session) == [
        {"row": 1, "seat": 1, "state": "held"},
        {"row": 1, "seat": 2, "state": "held"},
    ]


async def test_all_of_them_or_none(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    await ticketing.hold(session, (1, 2), user=1)
    await ticketing.book(session, 1, 3, user=1)
    for user in (1, 2):  # one's own are as unavailable as others'
        status, problem = await ticketing.hold(session, (1, 1), (1, 2), (1, 3), user=user)
        assert (status, problem["code"]) == (409, "seats_unavailable")
        assert problem["seats"] == [{"row": 1, "seat": 2}, {"row": 1, "seat": 3}]
    assert len(await ticketing.taken(session)) == 2


async def test_a_hold_is_booked_as_a_whole(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (2, 2), (2, 1), user=1)
    status, tickets = await ticketing.call("POST", "/book/", user=1, json={"hold": hold["id"]})
    assert status == 201
    assert sorted((ticket["row"], ticket["seat"]) for ticket in tickets) == [(2, 1), (2, 2)]
    assert {seat["state"] for seat in await ticketing.taken(session)} == {"sold"}
    for method, path, body in (
        ("GET", f"/hold/{hold['id']}", None),
        ("PATCH", f"/hold/{hold['id']}", None),
        ("DELETE", f"/hold/{hold['id']}", None),
        ("POST", "/book", {"hold": hold["id"]}),
    ):
        status, problem = await ticketing.call(method, path, user=1, json=body)
        assert (status, problem["code"]) == (410, "hold_expired"), method


async def test_released_seats_are_free_at_once(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), user=1)
    assert await ticketing.call("DELETE", f"/hold/{hold['id']}/", user=1) == (204, None)
    assert (await ticketing.hold(session, (1, 1), user=2))[0] == 201
    status, problem = await ticketing.call("DELETE", f"/hold/{hold['id']}/", user=1)
    assert (status, problem["code"]) == (410, "hold_expired")
    # And that did not free the next one's seat.
    assert (await ticketing.hold(session, (1, 1), user=3))[0] == 409


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_anothers_hold_is_as_if_it_were_not_there(ticketing: Ticketing, method: str) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), user=1)
    forged = HoldId(session, 2, "0" * 32).sealed("not the secret, but one as long as it is")
    for name in (hold["id"], forged, "rubbish", hold["id"][:-4] + "AAAA", "%00"):
        status, problem = await ticketing.call(method, f"/hold/{name}/", user=2)
        assert (status, problem["code"]) == (404, "not_found"), name
    status, problem = await ticketing.call("POST", "/book", user=2, json={"hold": hold["id"]})
    assert (status, problem["code"]) == (404, "not_found")
    assert await ticketing.call("GET", f"/hold/{hold['id']}/", user=1) == (200, hold)


async def test_booking_without_a_hold_respects_others_and_uses_ones_own(
    ticketing: Ticketing,
) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
    status, problem = await ticketing.book(session, 1, 1, user=2)
    assert (status, problem["code"]) == (409, "wrong_seat_error")
    assert (await ticketing.book(session, 1, 1, user=1))[0] == 201
    _, shown = await ticketing.call("GET", f"/hold/{hold['id']}", user=1)
    assert shown["seats"] == [{"row": 1, "seat": 2}]
    assert (await ticketing.book(session, 1, 2, user=1))[0] == 201
    assert (await ticketing.call("GET", f"/hold/{hold['id']}", user=1))[0] == 410


async def test_ten_seats_of_a_session_at_a_time(ticketing: Ticketing) -> None:
    session, another = await ticketing.put_on_sale(), await ticketing.put_on_sale()
    seats = [(1, seat) for seat in range(1, 12)]
    status, problem = await ticketing.hold(session, *seats, user=1)
    assert (status, problem["code"]) == (409, "hold_limit_exceeded")
    _, first = await ticketing.hold(session, *seats[:6], user=1)
    assert (await ticketing.hold(session, *seats[6:11], user=1))[0] == 409
    assert (await ticketing.hold(session, *seats[6:10], user=1))[0] == 201
    assert (await ticketing.hold(another, *seats[:10], user=1))[0] == 201
    await ticketing.call("DELETE", f"/hold/{first['id']}", user=1)
    assert (await ticketing.hold(session, seats[0], user=1))[0] == 201


async def test_the_limit_is_exact_when_asked_for_40_at_once(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    answers = await asyncio.gather(
        *(ticketing.hold(session, (row, seat), user=1) for row in (1, 2) for seat in range(1, 21))
    )
    assert sorted(status for status, _ in answers) == [201] * 10 + [409] * 30


async def test_100_baskets_that_overlap(ticketing: Ticketing) -> None:
    """Whoever got a hold got all of it, and no seat has two."""
    session = await ticketing.put_on_sale()
    answers = await asyncio.gather(
        *(
            ticketing.hold(session, *[(1, 1 + (user + n) % 20) for n in range(3)], user=user)
            for user in range(1, 101)
        )
    )
    held = [
        (seat["row"], seat["seat"])
        for status, hold in answers
        if status == 201
        for seat in hold["seats"]
    ]
    assert {status for status, _ in answers} == {201, 409}
    assert len(held) == len(set(held)) == len(await ticketing.taken(session))


@pytest.mark.parametrize(
    ("seats", "code"),
    [
        ([(1, 31)], "wrong_seat_error"),
        ([(0, 1)], "wrong_seat_error"),
        ([(1, 1), (1, 1)], "validation_error"),
        ([], "validation_error"),
    ],
)
async def test_baskets_that_make_no_sense(
    ticketing: Ticketing, seats: list[tuple[int, int]], code: str
) -> None:
    session = await ticketing.put_on_sale()
    status, problem = await ticketing.hold(session, *seats, user=1)
    assert (status, problem["code"]) == (422, code)


async def test_what_cannot_be_held(ticketing: Ticketing) -> None:
    status, problem = await ticketing.hold(10**9, (1, 1), user=1)
    assert (status, problem["code"]) == (404, "session_not_found")
    soon = datetime.now(UTC) + timedelta(hours=2)
    late = await ticketing.put_on_sale(started_at=soon - timedelta(seconds=1))
    status, problem = await ticketing.hold(late, (1, 1), user=1)
    assert (status, problem["code"]) == (409, "book_too_late_error")
    # A hold never outlives the sale.
    ends = await ticketing.put_on_sale(started_at=soon + timedelta(seconds=90))
    _, hold = await ticketing.hold(ends, (1, 1), user=1)
    assert 80 < lasts(hold) <= 91


async def test_the_holds_of_a_removed_session(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    _, hold = await ticketing.hold(session, (1, 1), user=1)
    async with ticketing.database.transaction() as transaction:
        assert await service.close(transaction, session_data(session), 1) == "closed"
        await service.apply(transaction, session_data(session), 2, removed=True)
    async with asyncio.timeout(2):
        while (await ticketing.call("GET", f"/hold/{hold['id']}", user=1))[0] != 410:
            await asyncio.sleep(0.02)
    for method in ("PATCH", "DELETE"):
        assert (await ticketing.call(method, f"/hold/{hold['id']}", user=1))[0] == 410
    assert (await ticketing.call("POST", "/book", user=1, json={"hold": hold["id"]}))[0] == 410


async def test_a_hold_ends_by_itself(hasty: Ticketing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MARGIN", timedelta(seconds=1.5))
    session = await hasty.put_on_sale()
    _, hold = await hasty.hold(session, (1, 1), user=1)
    assert (await hasty.call("GET", f"/hold/{hold['id']}", user=1))[0] == 200
    await asyncio.sleep(1.05)
    for method, path, body in (
        ("GET", f"/hold/{hold['id']}", None),
        ("PATCH", f"/hold/{hold['id']}", None),
        ("POST", "/book", {"hold": hold["id"]}),
        ("DELETE", f"/hold/{hold['id']}", None),
    ):
        status, problem = await hasty.call(method, path, user=1, json=body)
        assert (status, problem["code"]) == (410, "hold_expired"), method
    async with asyncio.timeout(2):
        while await hasty.taken(session):
            await asyncio.sleep(0.1)


async def test_extending_up_to_the_cap(hasty: Ticketing) -> None:
    session = await hasty.put_on_sale()
    _, hold = await hasty.hold(session, (1, 1), user=1)
    made = datetime.fromisoformat(hold["expires_at"]) - timedelta(seconds=1)
    ends = []
    for _ in range(3):
        await asyncio.sleep(0.6)
        status, hold = await hasty.call("PATCH", f"/hold/{hold['id']}/", user=1)
        assert status == 200
        ends.append((datetime.fromisoformat(hold["expires_at"]) - made).total_seconds())
    assert 1.5 < ends[0] < ends[1] == ends[2] == 2.0


async def test_the_database_refuses_a_hold_that_has_ended(
    hasty: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that slept between Redis' answer and its own question to PostgreSQL."""
    begin = SeatLocks.begin_booking

    async def begin_and_sleep(self: SeatLocks, hold: HoldId, now: datetime) -> Any:
        held = await begin(self, hold, now)
        await asyncio.sleep(1.1)
        return held

    monkeypatch.setattr(SeatLocks, "begin_booking", begin_and_sleep)
    session = await hasty.put_on_sale()
    _, hold = await hasty.hold(session, (1, 1), user=1)
    status, problem = await hasty.call("POST", "/book", user=1, json={"hold": hold["id"]})
    assert (status, problem["code"]) == (410, "hold_expired")
    assert await hasty.call("GET", f"/ticket/?session={session}", user=1) == (200, [])


async def test_redis_loses_everything(ticketing: Ticketing, redis_url: str) -> None:
    """Seats may be free early; none is sold twice, and a hold that is gone is 410."""
    session = await ticketing.put_on_sale()
    _, lost = await ticketing.hold(session, (1, 1), user=1)
    _, sold = await ticketing.book(session, 1, 2, user=1)
    before = (await ticketing.call("GET", f"/session/{session}/seats"))[1]["version"]
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
    assert (await ticketing.call("GET", f"/hold/{lost['id']}", user=1))[0] == 410
    assert (await ticketing.call("POST", "/book", user=1, json={"hold": lost["id"]}))[0] == 410
    assert (await ticketing.hold(session, (1, 2), user=2))[1]["code"] == "seats_unavailable"
    assert (await ticketing.book(session, 1, 2, user=2))[0] == 409
    assert (await ticketing.hold(session, (1, 1), user=2))[0] == 201
    _, seats = await ticketing.call("GET", f"/session/{session}/seats")
    assert [(seat["seat"], seat["state"]) for seat in seats["taken"]] == [(1, "held"), (2, "sold")]
    assert seats["version"] > before
    assert (await ticketing.call("GET", f"/ticket/{sold['id']}", user=1))[0] == 200
